"""The server's side of the index process: states, restarts, a loop that is never held."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from lsp_server.context.index.client import MOST_RESTARTS, IndexClient, RootState, index_command
from lsp_server.context.index.messages import Failed, IndexEvent, Ready, Updated
from tests.context.indexing import SECONDS, command


class Listener:
    """Remembers events, and waits for them."""

    def __init__(self) -> None:
        self.events: list[IndexEvent] = []
        self._arrived = asyncio.Event()

    def __call__(self, event: IndexEvent) -> None:
        self.events.append(event)
        self._arrived.set()

    def count(self, kind: type[IndexEvent]) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    async def until(self, kind: type[IndexEvent], count: int = 1) -> IndexEvent:
        async with asyncio.timeout(SECONDS):
            while self.count(kind) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return [event for event in self.events if isinstance(event, kind)][count - 1]


def client_of(run: Sequence[str], listener: Listener) -> IndexClient:
    return IndexClient(run, listener, restart_seconds=0.01)


def folder(tmp_path: Path, name: str = "folder") -> Path:
    root = tmp_path / name
    root.mkdir()
    (root / "a.py").write_text("class A: ...\n")
    return root


async def test_states_from_waiting_to_ready(tmp_path: Path) -> None:
    root, listener = folder(tmp_path), Listener()
    client = client_of(command(tmp_path / "cache", tmp_path / "log"), listener)
    assert client.states == {}
    before = client.pid
    await client.start([str(root)])
    assert client.states == {str(root): RootState()}
    assert before is None
    ready = await listener.until(Ready)
    assert isinstance(ready, Ready)
    state = client.states[str(root)]
    assert (state.phase, state.files, state.generation) == ("ready", 1, ready.generation)
    (root / "a.py").write_text("class B: ...\n")
    client.changed([str(root / "a.py")])
    assert await listener.until(Updated) == Updated([str(root / "a.py")])
    assert client.pid is not None
    process = psutil.Process(client.pid)
    await client.close()
    assert not process.is_running()


async def test_folders_come_and_go(tmp_path: Path) -> None:
    first, second, listener = folder(tmp_path, "one"), folder(tmp_path, "two"), Listener()
    client = client_of(command(tmp_path / "cache", tmp_path / "log"), listener)
    await client.start([str(first)])
    await listener.until(Ready)
    client.set_roots([str(second)])
    ready = await listener.until(Ready, 2)
    assert isinstance(ready, Ready)
    assert ready.root == str(second)
    assert list(client.states) == [str(second)]
    client.rescan()
    await listener.until(Ready, 3)
    await client.close()


async def test_a_name_that_is_no_text_fails_alone(tmp_path: Path) -> None:
    root, listener = folder(tmp_path), Listener()
    odd = str(tmp_path / os.fsdecode(b"odd\xff"))
    client = client_of(command(tmp_path / "cache", tmp_path / "log"), listener)
    await client.start([odd, str(root)])
    client.changed([odd])
    await listener.until(Ready)
    assert client.states[odd].phase == "failed"
    assert "not valid Unicode" in client.states[odd].message
    await client.close()


async def test_a_process_that_was_killed_is_started_again(tmp_path: Path) -> None:
    root, listener = folder(tmp_path), Listener()
    client = client_of(command(tmp_path / "cache", tmp_path / "log"), listener)
    await client.start([str(root)])
    # Every scan that is done in between makes up for one death.
    for count in range(1, MOST_RESTARTS + 3):
        await listener.until(Ready, count)
        assert client.pid is not None
        os.kill(client.pid, signal.SIGKILL)
    await listener.until(Ready, MOST_RESTARTS + 3)
    assert listener.count(Failed) == 0
    await client.close()


async def test_a_process_that_never_works_is_given_up(tmp_path: Path) -> None:
    listener = Listener()
    client = client_of((sys.executable, "-c", "raise SystemExit(3)"), listener)
    await client.start([str(tmp_path)])
    failed = await listener.until(Failed)
    assert isinstance(failed, Failed)
    assert "status 3" in failed.message
    assert client.states[str(tmp_path)].phase == "failed"
    client.changed([str(tmp_path / "a.py")])
    await client.close()
    assert listener.events == [failed]


async def test_a_command_that_cannot_be_run(tmp_path: Path) -> None:
    listener = Listener()
    client = client_of((str(tmp_path / "none"),), listener)
    await client.start([str(tmp_path)])
    failed = await listener.until(Failed)
    assert isinstance(failed, Failed)
    assert "cannot be started" in failed.message
    await client.close()


async def test_a_deaf_process_holds_nobody_and_is_ended(tmp_path: Path) -> None:
    listener = Listener()
    client = client_of((sys.executable, "-c", "import time; time.sleep(600)"), listener)
    await client.start([str(tmp_path)])
    while client.pid is None:
        await asyncio.sleep(0)
    # Far more than a pipe holds.
    for number in range(2000):
        client.changed([f"{tmp_path}/{'x' * 200}{number}"])
        await asyncio.sleep(0)
    process = psutil.Process(client.pid)
    await client.close()
    assert not process.is_running()


async def test_what_is_no_event_is_passed_over(tmp_path: Path) -> None:
    program = (
        'import sys; print(\'hello\'); print(\'{"type": "Updated", "paths": ["x"]}\');'
        "sys.stdout.flush(); sys.stdin.read()"
    )
    listener = Listener()
    client = client_of((sys.executable, "-c", program), listener)
    await client.start([])
    await listener.until(Updated)
    await client.close()
    assert listener.events == [Updated(["x"])]


async def test_closing_what_was_never_started() -> None:
    client = client_of(("none",), Listener())
    await client.close()


def test_the_command_imports_nothing_from_the_current_folder(tmp_path: Path) -> None:
    run = index_command("lsp_server.completion.indexing", tmp_path)
    assert run[:-2] == (
        sys.executable, "-P", "-m", "lsp_server.completion.indexing", "--cache", str(tmp_path),
    )  # fmt: skip
