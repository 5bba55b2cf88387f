"""Start processes in a way that can be given up.

Python's asyncio waits for ever for a process whose start was cancelled half-way, before its pipes
were connected, and a server that is told to end just then never does. So a start is always seen
through, which takes milliseconds; what it has started is ended then. Knows nothing about what runs.
"""

import asyncio
import contextlib
from typing import Any

_END_SECONDS = 2.0
"""Time that a process that was killed may take to be gone."""


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
            await _end(starting.result())
        raise


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _END_SECONDS)
