"""Starting a process can be given up at any moment."""

import asyncio
import sys

import pytest

from lsp_server.processes import start_process

COMMAND = (sys.executable, "-c", "import sys; sys.stdin.read()")


@pytest.mark.parametrize("turns", range(6))
async def test_a_start_that_is_cancelled_ends(turns: int) -> None:
    pipe = asyncio.subprocess.PIPE
    starting = asyncio.create_task(start_process(*COMMAND, stdin=pipe, stdout=pipe))
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await starting


async def test_what_cannot_be_started_says_so() -> None:
    with pytest.raises(OSError, match="No such file"):
        await start_process("/nowhere/nothing")
