"""Editors that do not behave, over bare pipes."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

COMMAND = (sys.executable, "-m", "lsp_server.cli.main", "serve", "--stdio", "--engine", "scripted")
EVERYTHING = {"workspace": {"configuration": True}, "window": {"workDoneProgress": True}}


@dataclass
class Wire:
    """One end of the pipes."""

    process: asyncio.subprocess.Process

    def send_bytes(self, body: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def send(self, **message: Any) -> None:
        self.send_bytes(json.dumps({"jsonrpc": "2.0", **message}).encode())

    async def receive(self) -> dict[str, Any]:
        assert self.process.stdout
        length = 0
        while (line := await self.process.stdout.readline()) != b"\r\n":
            assert line, "the server closed its output"
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(await self.process.stdout.readexactly(length))
        return message

    async def until(self, **wanted: Any) -> dict[str, Any]:
        """Read, and answer nothing, until a message has all of `wanted`."""
        async with asyncio.timeout(60):
            while True:
                message = await self.receive()
                if wanted.items() <= message.items():
                    return message

    async def status(self, state: str) -> None:
        while (await self.until(method="fimbul/status"))["params"]["state"] != state:
            pass

    async def start(self, capabilities: dict[str, Any]) -> None:
        params = {"capabilities": capabilities, "processId": None, "rootUri": None}
        self.send(id=1, method="initialize", params=params)
        await self.until(id=1)
        self.send(method="initialized", params={})

    def open(self, text: str) -> None:
        document = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": text}
        self.send(method="textDocument/didOpen", params={"textDocument": document})

    async def ask(self, number: int, character: int) -> dict[str, Any]:
        self.send(
            id=number,
            method="textDocument/inlineCompletion",
            params={
                "textDocument": {"uri": "file:///a.py"},
                "position": {"line": 0, "character": character},
                "context": {"triggerKind": 2},
            },
        )
        return await self.until(id=number)


@contextlib.asynccontextmanager
async def wire(*command: str) -> AsyncIterator[Wire]:
    process = await asyncio.create_subprocess_exec(
        *(command or COMMAND),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Wire(process)
    finally:
        if process.stdin:
            process.stdin.close()
        async with asyncio.timeout(20):
            await process.wait()


async def test_one_that_never_answers_is_served_all_the_same() -> None:
    async with wire() as editor:
        await editor.start(EVERYTHING)
        await editor.status("ready")
        editor.open("x = ")
        answer = await editor.ask(7, 4)
        assert answer["result"]["items"][0]["insertText"] == "scripted()"


async def test_one_that_answers_late_is_heard() -> None:
    async with wire() as editor:
        await editor.start(EVERYTHING)
        question = await editor.until(method="workspace/configuration")
        await editor.status("ready")
        editor.send(id=question["id"], result=[{"completion": {"enable": False}}])
        editor.open("x = ")
        answer = await editor.ask(7, 4)
        assert answer["result"]["items"] == []


async def test_one_without_any_capability_is_served() -> None:
    async with wire() as editor:
        await editor.start({})
        await editor.status("ready")
        editor.open("x = ")
        assert (await editor.ask("word", 4))["result"]["items"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {}}',
        b'{"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": 1}}',
        b'{"jsonrpc": "2.0", "method": "nonsense/notify", "params": {}}',
        b'{"jsonrpc": "2.0", "id": 99, "method": "nonsense/ask", "params": {}}',
        b'{"jsonrpc": "2.0", "id": 99, "method": "fimbul/lastOutcome", "params": [1]}',
        b'{"jsonrpc": "2.0", "id": 99, "method": "fimbul/lastOutcome"}',
        b'{"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 12345}}',
    ],
)
async def test_nonsense_does_not_end_the_server(body: bytes) -> None:
    async with wire() as editor:
        await editor.start({})
        await editor.status("ready")
        editor.send_bytes(body)
        editor.open("x = ")
        assert (await editor.ask(7, 4))["result"]["items"]


async def test_one_that_vanishes_leaves_nothing_running() -> None:
    async with wire() as editor:
        await editor.start({})
        await editor.status("ready")
        children = psutil.Process(editor.process.pid).children(recursive=True)
        assert children
        assert editor.process.stdin
        editor.process.stdin.close()
        async with asyncio.timeout(20):
            await editor.process.wait()
            while any(child.is_running() and child.status() != "zombie" for child in children):
                await asyncio.sleep(0.05)


BROKEN = """
from lsp_server.config.paths import Paths
from lsp_server.server.handlers import create_server
from lsp_server.server.stdio import run_on_stdio

def choose(settings):
    raise RuntimeError("text of a document")

run_on_stdio(create_server("0", Paths.of_user(), choose, ("nothing",)))
"""


async def test_a_fault_of_our_own_while_loading_is_told() -> None:
    async with wire(sys.executable, "-c", BROKEN) as editor:
        await editor.start({})
        message = await editor.until(method="window/showMessage")
        assert "RuntimeError" in message["params"]["message"]
        assert "text of a document" not in message["params"]["message"]
        await editor.status("failed")
        editor.open("x = ")
        assert (await editor.ask(7, 4))["result"]["items"] == []


async def test_one_that_leaves_politely_gets_status_zero() -> None:
    async with wire() as editor:
        await editor.start({})
        editor.send(id=2, method="shutdown")
        assert (await editor.until(id=2))["result"] is None
        editor.send(method="exit")
        async with asyncio.timeout(20):
            assert await editor.process.wait() == 0
