"""Start processes in a way that can be given up.

Python's asyncio waits for ever for a process whose start was cancelled half-way, before its pipes
were connected, and a server that is told to end just then never does. So a start is always seen
through, which takes milliseconds; what it has started is ended then. Knows nothing about what runs.
"""

import asyncio
import contextlib
from typing import Any


async def start_process(*command: str, **options: Any) -> asyncio.subprocess.Process:
    """Start `command` as `asyncio.create_subprocess_exec` does; see there for `options`.

    Raises OSError.
    """
    starting = asyncio.ensure_future(asyncio.create_subprocess_exec(*command, **options))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting})
        if not starting.cancelled() and starting.exception() is None:
            with contextlib.suppress(ProcessLookupError):
                starting.result().kill()
        raise
