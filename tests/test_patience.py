"""Work that a disk holds up is waited for only so long."""

import asyncio
import threading

import pytest

from lsp_server.patience import Patience, Stalled


async def test_the_outcome_is_returned() -> None:
    assert await Patience(60.0).wait_for("folder", lambda: 7) == 7
    assert await Patience().wait_for("folder", lambda: 7) == 7


async def test_an_error_is_raised() -> None:
    def fail() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await Patience(60.0).wait_for("folder", fail)


async def test_what_stalls_is_given_up_and_not_begun_again_until_it_is_over() -> None:
    patience, over, begun = Patience(0.05), threading.Event(), []

    def stall() -> None:
        begun.append(1)
        over.wait(60.0)

    for _ in range(3):
        with pytest.raises(Stalled):
            await patience.wait_for("folder", stall)
    assert begun == [1]
    patience.seconds = 60.0
    assert await patience.wait_for("another folder", lambda: "there") == "there"
    over.set()
    async with asyncio.timeout(60):
        assert await patience.wait_for("folder", lambda: "again") == "again"


async def test_who_is_cancelled_leaves_the_work_alone() -> None:
    patience, over = Patience(60.0), threading.Event()
    waiting = asyncio.create_task(patience.wait_for("folder", lambda: over.wait(60.0)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await patience.wait_for("folder", lambda: 1) == 1
    over.set()
