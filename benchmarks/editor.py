"""An editor as small as can be: a real `fimbul serve` child, spoken to over LSP.

Declares no abilities of its own, so the server asks nothing of it but what it may always ask.
"""

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from lsp_server.syntax.languages import language_of_path
from lsp_server.types import Position

COMMAND = (sys.executable, "-P", "-m", "lsp_server.cli.main", "serve")
ANSWER_SECONDS = 120.0
ENDING_SECONDS = 10.0
NOT_REMEMBERED: Mapping[str, Any] = MappingProxyType({"feedback": {"enable": False}})
"""What a benchmark asks is nothing that a user was shown."""


@dataclass
class Editor:
    """One editor with its server."""

    process: asyncio.subprocess.Process
    _reader: asyncio.Task[None] | None = None
    _waiting: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _versions: dict[str, int] = field(default_factory=dict)
    said: list[tuple[str, Any]] = field(default_factory=list)
    """Notifications of the server, with their parameters."""

    async def ask(self, method: str, params: Any = None) -> Any:
        """Send a request and return the result. Raises RuntimeError if it is refused."""
        number = next(self._numbers)
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._send({"id": number, "method": method, "params": params})
        return await asyncio.wait_for(answer, ANSWER_SECONDS)

    def tell(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def open(self, path: Path, text: str) -> str:
        """Open a file with some text and say that the cursor is at its top; return its URI."""
        uri = path.as_uri()
        language = language_of_path(path.name)
        self._versions[uri] = 1
        item = {"uri": uri, "languageId": language.name if language else "", "version": 1}
        self.tell("textDocument/didOpen", {"textDocument": {**item, "text": text}})
        return uri

    def insert(self, uri: str, at: Position, text: str, *, delete: int = 0) -> None:
        """Put `text` in the place of the next `delete` characters of a line."""
        self._versions[uri] += 1
        start = {"line": at.line, "character": at.column}
        end = {"line": at.line, "character": at.column + delete}
        changes = [{"range": {"start": start, "end": end}, "text": text}]
        document = {"uri": uri, "version": self._versions[uri]}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": changes})

    async def complete(self, uri: str, at: Position) -> str:
        """Return what is suggested as one types at a place; an empty text is nothing."""
        position = {"line": at.line, "character": at.column}
        params = {"textDocument": {"uri": uri}, "position": position}
        found = await self.ask(
            "textDocument/inlineCompletion", {**params, "context": {"triggerKind": 2}}
        )
        items = found["items"] if isinstance(found, dict) else found or []
        return str(items[0]["insertText"]) if items else ""

    def processes(self) -> list[psutil.Process]:
        """Return the server's process and all below it."""
        server = psutil.Process(self.process.pid)
        return [server, *server.children(recursive=True)]

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while head := await self.process.stdout.readline():
            length = int(head.split(b":")[1])
            while (await self.process.stdout.readline()).strip():
                pass
            self._take(json.loads(await self.process.stdout.readexactly(length)))

    def _take(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            answer = self._waiting.pop(message["id"], None)
            if answer is None or answer.done():
                return
            if "error" in message:
                answer.set_exception(RuntimeError(message["error"]["message"]))
            else:
                answer.set_result(message.get("result"))
        elif "id" in message:
            self._send({"id": message["id"], "result": None})
        else:
            self.said.append((message["method"], message.get("params")))


@contextlib.asynccontextmanager
async def editor(
    folder: Path,
    command: Sequence[str] = COMMAND,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, Any] = NOT_REMEMBERED,
) -> AsyncIterator[Editor]:
    """Run a server with the workspace `folder` until the block ends.

    `environment` is what is set besides what this process has.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=pipe,
        stdout=pipe,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    here = Editor(process)
    here._reader = asyncio.create_task(here._read())
    try:
        root = {"uri": folder.as_uri(), "name": folder.name}
        await here.ask(
            "initialize",
            {
                "processId": None,
                "capabilities": {},
                "workspaceFolders": [root],
                "initializationOptions": dict(options),
            },
        )
        here.tell("initialized", {})
        yield here
        await here.ask("shutdown")
        here.tell("exit", None)
        await asyncio.wait_for(process.wait(), ENDING_SECONDS)
    finally:
        here._reader.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
