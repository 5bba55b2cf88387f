"""Drive a language server as an editor would: a child process, spoken to over its pipes.

Asks for one inline completion per item, in a document of its own. Knows nothing about metrics,
models or how the server works.
"""

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, TypeVar
from urllib.parse import quote

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.io_ import run_async
from pygls.lsp.client import LanguageClient

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.items import Item
from lsp_server.text import split_lines

SERVER_COMMAND = (sys.executable, "-P", "-m", "lsp_server.cli.main", "serve")
"""The server of this installation."""

READY_SECONDS = 600.0
"""Longest wait for the model; its first self-test on a machine is part of it."""
ANSWER_SECONDS = 300.0
"""Longest wait for one answer: a cold prompt on a busy machine takes tens of seconds."""
EXIT_SECONDS = 10.0
"""Longest wait for the server to end by itself."""

_STDERR_CHARACTERS = 2_000
_STATUS = "fimbul/status"
_LAST_OUTCOME = "fimbul/lastOutcome"

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one item."""

    text: str
    """What would be inserted at the cursor; empty if there was no suggestion."""
    reason: str = ""
    """Why there was none."""
    milliseconds: float = 0.0
    """From request to answer, as the editor sees it."""
    prompt_tokens: int = 0
    reused_tokens: int = 0
    """Tokens of the prompt that were not evaluated again."""


class Server:
    """An asynchronous context: inside it the server runs and its model is loaded."""

    def __init__(
        self, command: Sequence[str] = SERVER_COMMAND, options: Mapping[str, Any] | None = None
    ) -> None:
        """Take the `command` that starts the server and its `options`, section by section."""
        self.model = ""
        """Name of the model, as the server gave it."""
        self.messages: list[str] = []
        """What the server showed to its user."""
        self._command = tuple(command)
        self._options = dict(options or {})
        self._encoding: lsp.PositionEncodingKind | str = lsp.PositionEncodingKind.Utf16
        self._opened = 0

    async def __aenter__(self) -> "Server":
        """Start the server and wait for its model.

        Raises EvaluationError if it does not start, or has no model to serve.
        """
        self._status: asyncio.Future[dict[str, Any]] = asyncio.Future()
        self._client = LanguageClient("fimbul-models", "0.1.0")
        self._register()
        self._process = await _ChildProcess.start(self._command, self._client)
        try:
            await self._initialize()
        except BaseException:
            await self._process.end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ask the server to end, and end it if it does not."""
        try:
            with contextlib.suppress(EvaluationError):
                await self._process.ask(self._client.shutdown_async(None), EXIT_SECONDS)
                self._client.exit(None)
        finally:
            await self._process.end()

    async def complete(self, item: Item) -> Answer:
        """Open `item` as a document, ask for a completion at its cursor, close it again.

        Raises EvaluationError if the server ends, gives an error or takes too long.
        """
        self._opened += 1
        uri = f"file:///fimbul-evaluation/{self._opened}/{quote(item.path)}"
        document = lsp.TextDocumentItem(uri, item.language, 1, item.prefix + item.suffix)
        self._client.text_document_did_open(lsp.DidOpenTextDocumentParams(document))
        started = time.perf_counter()
        question = self._client.text_document_inline_completion_async(self._params(uri, item))
        result = await self._process.ask(question, ANSWER_SECONDS)
        milliseconds = (time.perf_counter() - started) * 1000
        question = self._client.protocol.send_request_async(_LAST_OUTCOME, {"uri": uri})
        outcome = _plain(await self._process.ask(question, ANSWER_SECONDS))
        closed = lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri))
        self._client.text_document_did_close(closed)
        return _answer(_inserted(result), outcome, milliseconds)

    async def _initialize(self) -> None:
        question = self._client.initialize_async(
            lsp.InitializeParams(
                capabilities=_CAPABILITIES,
                process_id=os.getpid(),
                client_info=lsp.ClientInfo("fimbul-models"),
                initialization_options=self._options,
            )
        )
        result = await self._process.ask(question, READY_SECONDS)
        self._encoding = result.capabilities.position_encoding or self._encoding
        self._client.initialized(lsp.InitializedParams())
        status = await self._process.ask(self._status, READY_SECONDS)
        if status.get("state") != "ready":
            raise EvaluationError(
                f"The server has no model to serve ({status.get('state')}): {status.get('message')}"
            )
        self.model = str(status.get("model") or "")

    def _params(self, uri: str, item: Item) -> lsp.InlineCompletionParams:
        lines = split_lines(item.prefix)
        return lsp.InlineCompletionParams(
            context=lsp.InlineCompletionContext(lsp.InlineCompletionTriggerKind.Invoked),
            text_document=lsp.TextDocumentIdentifier(uri),
            position=lsp.Position(len(lines) - 1, _units(lines[-1], self._encoding)),
        )

    def _register(self) -> None:
        def status(params: Any) -> None:
            values = _plain(params)
            if values.get("state") != "loading" and not self._status.done():
                self._status.set_result(values)

        def configuration(params: lsp.ConfigurationParams) -> list[Any]:
            return [self._section(item.section or "") for item in params.items]

        def show_message(params: lsp.ShowMessageParams) -> None:
            self.messages.append(params.message)

        handlers: dict[str, Callable[[Any], Any]] = dict.fromkeys(_ACCEPTED, _accept)
        handlers[_STATUS] = status
        handlers[lsp.WORKSPACE_CONFIGURATION] = configuration
        handlers[lsp.WINDOW_SHOW_MESSAGE] = show_message
        for method, handler in handlers.items():
            self._client.feature(method)(handler)

    def _section(self, section: str) -> Any:
        name, _, inner = section.partition(".")
        if name not in ("", "fimbul"):
            return None
        return self._options.get(inner) if inner else self._options


class _ChildProcess:
    """A running server and the task that reads what it says."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.Task[None], stderr: IO[bytes]
    ) -> None:
        self._process = process
        self._reader = reader
        self._stderr = stderr
        self._exited = asyncio.create_task(process.wait())

    @classmethod
    async def start(cls, command: Sequence[str], client: LanguageClient) -> "_ChildProcess":
        # A file, not a pipe: a pipe that nobody reads would stop the server once it is full.
        stderr = tempfile.TemporaryFile()  # noqa: SIM115  # It lives as long as the process.
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
            )
        except OSError as error:
            stderr.close()
            raise EvaluationError(f"{command[0]} does not start: {error}.") from error
        if process.stdin is None or process.stdout is None:
            raise EvaluationError(f"{command[0]} was started without pipes.")
        client.protocol.set_writer(process.stdin)
        reading = run_async(threading.Event(), process.stdout, client.protocol, _log)
        return cls(process, asyncio.create_task(reading), stderr)

    async def ask(self, answer: Awaitable[_Result], seconds: float) -> _Result:
        """Wait for `answer`; raise EvaluationError if the process ends or time runs out first."""
        task = asyncio.ensure_future(answer)
        try:
            await asyncio.wait(
                {task, self._exited}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if task.done():
                return task.result()
        except JsonRpcException as error:
            raise EvaluationError(f"The server answered with an error: {error}") from error
        finally:
            task.cancel()
        if self._exited.done():
            raise EvaluationError(
                f"The server ended (exit status {self._exited.result()}). Its last words:\n"
                f"{self._last_words()}"
            )
        raise EvaluationError(f"The server gave no answer within {seconds:.0f} s.")

    async def end(self) -> None:
        """Wait for the process to end, or end it; then stop reading."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        for stop in (self._process.terminate, self._process.kill):
            await asyncio.wait({self._exited}, timeout=EXIT_SECONDS)
            if self._exited.done():
                break
            stop()
        await self._exited
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError, asyncio.IncompleteReadError):
            await self._reader
        self._stderr.close()

    def _last_words(self) -> str:
        self._stderr.seek(0)
        text = self._stderr.read().decode("utf-8", errors="replace").strip()
        return text[-_STDERR_CHARACTERS:] or "(none)"


_CAPABILITIES = lsp.ClientCapabilities(
    workspace=lsp.WorkspaceClientCapabilities(configuration=True),
    window=lsp.WindowClientCapabilities(work_done_progress=True),
    text_document=lsp.TextDocumentClientCapabilities(
        synchronization=lsp.TextDocumentSyncClientCapabilities(),
        inline_completion=lsp.InlineCompletionClientCapabilities(),
    ),
    general=lsp.GeneralClientCapabilities(
        position_encodings=[lsp.PositionEncodingKind.Utf32, lsp.PositionEncodingKind.Utf16]
    ),
)

# What is only announced or logged needs no answer but must not be an error either.
_ACCEPTED = (
    lsp.CLIENT_REGISTER_CAPABILITY,
    lsp.WINDOW_WORK_DONE_PROGRESS_CREATE,
    lsp.PROGRESS,
    lsp.WINDOW_LOG_MESSAGE,
)


def _accept(_: Any) -> None:
    """Take note of nothing."""


def _answer(text: str, outcome: Mapping[str, Any], milliseconds: float) -> Answer:
    return Answer(
        text=text,
        reason="" if text else str(outcome.get("reason") or "unknown"),
        milliseconds=milliseconds,
        prompt_tokens=int(outcome.get("promptTokens") or 0),
        reused_tokens=int(outcome.get("reusedTokens") or 0),
    )


def _inserted(
    result: lsp.InlineCompletionList | Sequence[lsp.InlineCompletionItem] | None,
) -> str:
    """Return what the first item inserts; empty if there is none."""
    items = result.items if isinstance(result, lsp.InlineCompletionList) else result or ()
    for item in items:
        return item.insert_text if isinstance(item.insert_text, str) else item.insert_text.value
    return ""


def _plain(params: Any) -> dict[str, Any]:
    """Return the members of an object that pygls has no type for; empty for null."""
    if isinstance(params, Mapping):
        return dict(params)
    return dict(params._asdict()) if params is not None else {}


def _units(text: str, encoding: lsp.PositionEncodingKind | str) -> int:
    """Return the length of `text` as `encoding` counts it."""
    if encoding == lsp.PositionEncodingKind.Utf32:
        return len(text)
    if encoding == lsp.PositionEncodingKind.Utf8:
        return len(text.encode())
    return len(text.encode("utf-16-le")) // 2
