"""An editor for tests: pytest-lsp's client around a real `fimbul serve` process."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

URI = "file:///workspace/a.py"
MARK = "█"

ENCODED_WIDTH = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


@dataclass
class Editor:
    """One session, initialized."""

    client: LanguageClient
    result: lsp.InitializeResult
    statuses: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    longer: list[dict[str, Any]] = field(default_factory=list)
    """What came for requests that were answered with a part."""
    version: int = 1

    @property
    def encoding(self) -> str:
        return str(self.result.capabilities.position_encoding or "utf-16")

    @property
    def messages(self) -> list[str]:
        return [message.message for message in self.client.messages]

    async def until(self, state: str, count: int = 1) -> dict[str, Any]:
        """Wait until the server has come into `state` `count` times."""
        async with asyncio.timeout(60):
            while True:
                # It also tells when something else changes, such as the last reason.
                found = [
                    status
                    for before, status in pairwise([{"state": ""}, *self.statuses])
                    if status["state"] == state != before["state"]
                ]
                if len(found) >= count:
                    return found[count - 1]
                last = self.statuses[-1] if self.statuses else {"state": ""}
                assert state != "ready" or last["state"] not in ("failed", "no-model"), last
                self.changed.clear()
                await self.changed.wait()

    def open(self, text: str, uri: str = URI, language: str = "python") -> lsp.Position:
        """Open a document whose cursor is marked; return the cursor's position."""
        before, _, after = text.partition(MARK)
        item = lsp.TextDocumentItem(uri, language, self.version, before + after)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        line = before.count("\n")
        codec, width = ENCODED_WIDTH[self.encoding]
        return lsp.Position(line, len(before.rpartition("\n")[2].encode(codec)) // width)

    def change(self, text: str, start: lsp.Position, end: lsp.Position, uri: str = URI) -> None:
        """Replace a range of a document."""
        self.version += 1
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(self.version, uri),
                [lsp.TextDocumentContentChangePartial(lsp.Range(start, end), text)],
            )
        )

    def params(
        self,
        position: lsp.Position,
        uri: str = URI,
        *,
        kind: lsp.InlineCompletionTriggerKind = lsp.InlineCompletionTriggerKind.Automatic,
        selected: lsp.SelectedCompletionInfo | None = None,
    ) -> lsp.InlineCompletionParams:
        return lsp.InlineCompletionParams(
            context=lsp.InlineCompletionContext(kind, selected),
            text_document=lsp.TextDocumentIdentifier(uri),
            position=position,
        )

    async def ask(
        self, position: lsp.Position, uri: str = URI, **more: Any
    ) -> list[lsp.InlineCompletionItem]:
        """Ask for a completion; the answer must be a list, never null."""
        params = self.params(position, uri, **more)
        answer = await self.client.text_document_inline_completion_async(params)
        assert isinstance(answer, lsp.InlineCompletionList)
        return list(answer.items)

    def ask_later(
        self, position: lsp.Position, uri: str = URI, message_id: str | None = None
    ) -> "asyncio.Task[Any]":
        """Send a request now and await its answer later."""
        protocol: Any = self.client.protocol
        return asyncio.ensure_future(
            protocol.send_request_async(
                lsp.TEXT_DOCUMENT_INLINE_COMPLETION, self.params(position, uri), msg_id=message_id
            )
        )

    async def ask_menu(
        self, position: lsp.Position, uri: str = URI, *, letter: bool = True
    ) -> lsp.CompletionList:
        """Ask for the items of the completion menu, as editors do after a `letter`."""
        answer = await self.ask_menu_later(position, uri, letter=letter)
        assert isinstance(answer, lsp.CompletionList)
        return answer

    def ask_menu_later(
        self,
        position: lsp.Position,
        uri: str = URI,
        message_id: str | None = None,
        *,
        letter: bool = True,
    ) -> "asyncio.Task[Any]":
        """Send a request of the completion menu now and await its answer later."""
        kinds = lsp.CompletionTriggerKind
        kind = kinds.Invoked if letter else kinds.TriggerForIncompleteCompletions
        params = lsp.CompletionParams(
            lsp.TextDocumentIdentifier(uri), position, lsp.CompletionContext(kind)
        )
        protocol: Any = self.client.protocol
        return asyncio.ensure_future(
            protocol.send_request_async(lsp.TEXT_DOCUMENT_COMPLETION, params, msg_id=message_id)
        )

    async def request(self, method: str, **params: Any) -> dict[str, Any] | None:
        protocol: Any = self.client.protocol
        found: dict[str, Any] | None = plain(await protocol.send_request_async(method, params))
        return found

    def rests_at(self, position: lsp.Position, uri: str = URI) -> None:
        """Say where the cursor has come to rest."""
        protocol: Any = self.client.protocol
        place = {"line": position.line, "character": position.character}
        protocol.notify("fimbul/cursor", {"textDocument": {"uri": uri}, "position": place})

    async def reason(self, uri: str = URI) -> str:
        """Why the last request for a document led to nothing."""
        outcome = await self.request("fimbul/lastOutcome", uri=uri)
        assert outcome is not None
        return str(outcome["reason"])


def plain(value: Any) -> Any:
    """JSON, where pygls made objects of it."""
    if hasattr(value, "_asdict"):
        return {key: plain(inner) for key, inner in value._asdict().items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def capabilities(
    encodings: Sequence[str], *, progress: bool, inline: bool = True
) -> lsp.ClientCapabilities:
    found = client_capabilities("visual-studio-code")
    assert found.text_document
    if inline:
        found.text_document.inline_completion = lsp.InlineCompletionClientCapabilities()
    found.general = lsp.GeneralClientCapabilities(
        position_encodings=[lsp.PositionEncodingKind(name) for name in encodings]
    )
    found.notebook_document = lsp.NotebookDocumentClientCapabilities(
        lsp.NotebookDocumentSyncClientCapabilities()
    )
    found.window = lsp.WindowClientCapabilities(work_done_progress=progress)
    return found


@contextlib.asynccontextmanager
async def editor(
    *arguments: str,
    script: Path | None = None,
    options: Mapping[str, Any] | None = None,
    configuration: Mapping[str, Any] | None = None,
    encodings: Sequence[str] = ("utf-16",),
    folders: Sequence[Path] = (),
    progress: bool = False,
    inline: bool = True,
    name: str = "a test",
    ready: bool = True,
) -> AsyncIterator[Editor]:
    """Start a server and initialize a session with it; wait for its model unless told not to."""
    command = [sys.executable, "-m", "lsp_server.cli.main", "serve", *arguments]
    if not arguments:
        command += ["--engine", "scripted"]
    if script is not None:
        command += ["--script", str(script)]
    config = ClientServerConfig(server_command=command, server_env=dict(os.environ))
    client: Any = await config.start()
    statuses: list[dict[str, Any]] = []
    changed = asyncio.Event()

    def on_status(params: Any) -> None:
        statuses.append(plain(params))
        changed.set()

    client.feature("fimbul/status")(on_status)
    longer: list[dict[str, Any]] = []
    client.feature("fimbul/longer")(lambda params: longer.append(plain(params)))

    if configuration is not None:
        client.set_configuration({"fimbul": dict(configuration)})
    result = await client.initialize_session(
        lsp.InitializeParams(
            capabilities=capabilities(encodings, progress=progress, inline=inline),
            client_info=lsp.ClientInfo(name),
            process_id=os.getpid(),
            initialization_options=options,
            workspace_folders=[
                lsp.WorkspaceFolder(folder.as_uri(), folder.name) for folder in folders
            ],
        )
    )
    session = Editor(client, result, statuses, changed, longer)
    try:
        if ready:
            await session.until("ready")
        yield session
    finally:
        if client.stopped:
            await client.stop()
        else:
            await client.shutdown_session()


def write_script(folder: Path, *rules: Mapping[str, Any], **more: Any) -> Path:
    """Write a script of the scripted engine."""
    lines = [f"{key} = {toml(value)}" for key, value in more.items()]
    for rule in rules:
        lines.append("[[rules]]")
        lines += [f"{key} = {toml(value)}" for key, value in rule.items()]
    path = folder / "script.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def toml(value: Any) -> str:
    """TOML writes these values as JSON does, but knows no surrogate pairs."""
    return json.dumps(value, ensure_ascii=False)
