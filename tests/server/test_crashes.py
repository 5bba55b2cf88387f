"""A native crash is not a server crash."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest
from lsprotocol import types as lsp

from tests.server.editor import Editor, editor, write_script

FAULTS = {"after": "crash", "fault": "crash"}, {"after": "exit", "fault": "exit"}


def workers() -> list[psutil.Process]:
    """The worker processes below this test's own process."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if any("lsp_server.inference.worker" in part for part in process.cmdline())
    ]


async def completes(session: Editor, line: int) -> str:
    async with asyncio.timeout(30):
        while not (items := await session.ask(lsp.Position(line, 99))):
            await asyncio.sleep(0.05)
    return str(items[0].insert_text)


@pytest.mark.parametrize("fault", ["crash", "exit"])
async def test_a_dead_worker_is_replaced_and_the_user_told_once(fault: str, tmp_path: Path) -> None:
    script = write_script(tmp_path, *FAULTS, {"answer": "alive"})
    async with editor(script=script) as session:
        session.open("crash\nexit\nx\n")
        for _ in range(2):
            position = lsp.Position(("crash", "exit").index(fault), 9)
            assert await session.ask(position) == []
            assert await session.reason() == "engine-failed"
            assert await completes(session, 2) == "alive"
        (message,) = session.messages
        assert "is being restarted" in message


async def test_a_worker_killed_while_idle_is_replaced(tmp_path: Path) -> None:
    async with editor() as session:
        session.open("x\n")
        (worker,) = workers()
        os.kill(worker.pid, signal.SIGKILL)
        await session.until("ready", 2)
        assert await completes(session, 0) == "scripted()"


async def test_a_worker_that_keeps_crashing_is_given_up_and_the_server_lives(
    tmp_path: Path,
) -> None:
    script = write_script(tmp_path, {"answer": "x"})
    async with editor(script=script) as session:
        session.open("x\n")
        write_script(tmp_path, {"answer": "x"}, load_fault="crash")
        (worker,) = workers()
        os.kill(worker.pid, signal.SIGKILL)
        status = await session.until("failed")
        assert "keeps crashing" in status["message"]
        assert await session.ask(lsp.Position(0, 1)) == []
        assert await session.reason() == "engine-failed"


async def test_a_machine_that_needs_plain_buffers_gets_them(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"answer": "slow"}, crash_with_extra_buffers=True)
    async with editor(script=script) as session:
        assert await completes_at_once(session) == "slow"
        (message,) = session.messages
        assert "plain buffers" in message
        assert "fimbul doctor" in message


async def completes_at_once(session: Editor) -> str:
    (item,) = await session.ask(session.open("x = █"))
    return str(item.insert_text)


async def test_a_failing_engine_is_a_reason_not_an_error(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"after": "= ", "fault": "fail"})
    async with editor(script=script) as session:
        assert await session.ask(session.open("x = █")) == []
        assert await session.reason() == "engine-failed"


async def test_no_worker_outlives_its_server(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"after": "x", "answer": "a", "token_ms": 100_000})
    async with editor(script=script) as session:
        pending = session.ask_later(session.open("x█"))
        await asyncio.sleep(0.2)
        (worker,) = workers()
        server = worker.parent()
        assert server is not None
        server.kill()
        pending.cancel()
        async with asyncio.timeout(10):
            while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.05)
        await asyncio.gather(pending, return_exceptions=True)
