"""Drive a language server as an editor would: a child process, spoken to over its pipes.

Opens each item where it belongs, in a folder of its project if there is one, perhaps types up to
its place, and asks for one inline completion there. Knows nothing about metrics, models or how
the server works.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.caching import evaluations
from fimbul_models.evaluation.child import EXIT_SECONDS, ChildProcess
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.reaching import Change, Typing, way_to
from lsp_server.text import split_lines

SERVER_COMMAND = (
    sys.executable,
    "-P",
    "-m",
    "lsp_server.cli.main",
    "serve",
    "--without-references",
)
"""The server of this installation."""

READY_SECONDS = 600.0
"""Longest wait for the model; its first self-test on a machine is part of it."""
ANSWER_SECONDS = 300.0
"""Longest wait for one answer: a cold prompt on a busy machine takes tens of seconds."""
INDEX_SECONDS = 900.0
"""Longest wait until the server has read the workspace folders."""
POLL_SECONDS = 0.2
"""Pause between two questions whether it has."""

HINT = "hint"
"""Stands among the sources of an answer for a comment above the current line."""

_STATUS = "fimbul/status"
_LAST_OUTCOME = "fimbul/lastOutcome"
_STATISTICS = "fimbul/statistics"

_ENGINE_TIMES = ("prefill", "decode")


Suggestions = lsp.InlineCompletionList | Sequence[lsp.InlineCompletionItem] | None
"""What a server answers."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Log probabilities of an answer, see `lsp_server.types.Generation`."""

    logprobs: tuple[float, ...]
    ends: tuple[int, ...]
    end_logprob: float | None
    typed_logprob: float


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
    context_tokens: int = 0
    """Tokens of the prompt that come from other places than around the cursor."""
    sources: tuple[str, ...] = ()
    """Which sources of context those came from, and ``hint`` for a comment above the line."""
    engine_milliseconds: float = 0.0
    """Time that the engine took for the prompt, also where it was kept from an earlier run."""
    generated: bool = True
    """Whether the engine ran; False if the answer to the prompt was known, or there was none."""
    replaced: int = 0
    """Code points right of the cursor that the text takes the place of."""
    surface: str = ""
    """What kind of suggestion it is."""
    chance: float | None = None
    """The server's estimate of how likely the first line is right; None if it gave none."""
    likelihood: Likelihood | None = None
    """How likely the model found its answer; None if the server did not say."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an editor has around the document."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    """Workspace folders by the name of their project."""
    typing: Typing | None = None
    """How places are reached; None opens the documents there."""
    kept_answers: Path | None = None
    """File that grows with every prompt that the engine evaluates, if there is one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the server; empty is that of this process."""


class Server:
    """An asynchronous context: inside it the server runs and its model is loaded."""

    def __init__(
        self,
        command: Sequence[str] = SERVER_COMMAND,
        options: Mapping[str, Any] | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        """Take the `command` that starts the server and its `options`, section by section."""
        self.model = ""
        """Name of the model, as the server gave it."""
        self.index: dict[str, Any] = {}
        """What the server said of its index, once it was ready; empty if it has none."""
        self.messages: list[str] = []
        """What the server showed to its user."""
        self._command = tuple(command)
        self._options = _whole(options or {})
        self._around = surroundings or Surroundings()
        self._encoding: lsp.PositionEncodingKind | str = lsp.PositionEncodingKind.Utf16
        self._opened = 0

    async def __aenter__(self) -> "Server":
        """Start the server and wait for its model.

        Raises EvaluationError if it does not start, or has no model to serve.
        """
        self._status: asyncio.Future[dict[str, Any]] = asyncio.Future()
        self._client = LanguageClient("fimbul-models", "0.1.0")
        self._register()
        self._process = await ChildProcess.start(
            self._command, self._client, self._around.environment
        )
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
        """Open `item` as a document, go to its place, ask for a completion, close it again.

        Raises EvaluationError if the server ends, gives an error or takes too long.
        """
        uri = self._uri(item)
        way = way_to(item.prefix, self._around.typing)
        document = lsp.TextDocumentItem(uri, item.language, 1, way.start + item.suffix)
        self._client.text_document_did_open(lsp.DidOpenTextDocumentParams(document))
        if way.changes:
            await self._ask(uri, way.start, lsp.InlineCompletionTriggerKind.Automatic)
            await self._type(uri, way.start, way.changes)
        evaluated = evaluations(self._around.kept_answers)
        started = time.perf_counter()
        result = await self._ask(uri, item.prefix, lsp.InlineCompletionTriggerKind.Invoked)
        milliseconds = (time.perf_counter() - started) * 1000
        outcome = await self._request(_LAST_OUTCOME, {"uri": uri})
        if way.changes:
            self._take_back(uri, way.start, item.prefix, len(way.changes) + 2)
        closed = lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri))
        self._client.text_document_did_close(closed)
        generated = evaluated is None or evaluated != evaluations(self._around.kept_answers)
        answer = _answer(_inserted(result), outcome, milliseconds, generated=generated)
        return replace(answer, replaced=self._replaced(result, item))

    def _uri(self, item: Item) -> str:
        folder = self._around.folders.get(item.project)
        if folder is not None:
            return (folder / item.path).as_uri()
        self._opened += 1
        return f"file:///fimbul-evaluation/{self._opened}/{quote(item.path)}"

    async def _ask(self, uri: str, prefix: str, kind: lsp.InlineCompletionTriggerKind) -> Any:
        params = lsp.InlineCompletionParams(
            context=lsp.InlineCompletionContext(kind),
            text_document=lsp.TextDocumentIdentifier(uri),
            position=self._end(prefix),
        )
        question = self._client.text_document_inline_completion_async(params)
        return await self._process.ask(question, ANSWER_SECONDS)

    async def _type(self, uri: str, before: str, changes: Sequence[Change]) -> None:
        for version, change in enumerate(changes, start=2):
            cursor = self._end(before)
            event = lsp.TextDocumentContentChangePartial(lsp.Range(cursor, cursor), change.text)
            self._change(uri, event, version)
            before += change.text
            if change.asks:
                await self._ask(uri, before, lsp.InlineCompletionTriggerKind.Automatic)

    def _take_back(self, uri: str, start: str, prefix: str, version: int) -> None:
        """Remove what was typed, so that no later item is shown what was edited for this one."""
        typed = lsp.Range(self._end(start), self._end(prefix))
        self._change(uri, lsp.TextDocumentContentChangePartial(typed, ""), version)

    def _change(self, uri: str, event: lsp.TextDocumentContentChangePartial, version: int) -> None:
        document = lsp.VersionedTextDocumentIdentifier(version=version, uri=uri)
        params = lsp.DidChangeTextDocumentParams(document, [event])
        self._client.text_document_did_change(params)

    async def _request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        question = self._client.protocol.send_request_async(method, params)
        return _plain(await self._process.ask(question, ANSWER_SECONDS))

    async def _initialize(self) -> None:
        question = self._client.initialize_async(
            lsp.InitializeParams(
                capabilities=_CAPABILITIES,
                process_id=os.getpid(),
                client_info=lsp.ClientInfo("fimbul-models"),
                initialization_options=self._options,
                workspace_folders=[
                    lsp.WorkspaceFolder(folder.as_uri(), name)
                    for name, folder in self._around.folders.items()
                ]
                or None,
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
        if self._around.folders:
            await self._wait_for_index()

    async def _wait_for_index(self) -> None:
        until = time.monotonic() + INDEX_SECONDS
        while True:
            self.index = _plain((await self._request(_STATISTICS)).get("index"))
            if self.index.get("state") == "failed":
                raise EvaluationError(
                    f"The server could not read the workspace folders: {self.index.get('message')}"
                )
            if self.index.get("state") != "scanning":
                return
            if time.monotonic() > until:
                raise EvaluationError(
                    f"The server did not read the workspace folders within {INDEX_SECONDS:.0f} s."
                )
            await asyncio.sleep(POLL_SECONDS)

    def _end(self, prefix: str) -> lsp.Position:
        """Return the place behind `prefix`."""
        lines = split_lines(prefix)
        return lsp.Position(len(lines) - 1, _units(lines[-1], self._encoding))

    def _replaced(self, result: Suggestions, item: Item) -> int:
        """Return how much right of the cursor the first suggestion replaces."""
        first = _first(result)
        if first is None or first.range is None:
            return 0
        cursor, right = self._end(item.prefix), first.range.end
        line = split_lines(item.suffix)[0].rstrip("\r\n")
        if right.line > cursor.line:
            return len(line)
        units = right.character - cursor.character
        lengths = (_units(line[:count], self._encoding) for count in range(len(line) + 1))
        return max((count for count, length in enumerate(lengths) if length <= units), default=0)

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


_CAPABILITIES = lsp.ClientCapabilities(
    workspace=lsp.WorkspaceClientCapabilities(configuration=True, workspace_folders=True),
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


def _answer(
    text: str, outcome: Mapping[str, Any], milliseconds: float, *, generated: bool
) -> Answer:
    timings = _plain(outcome.get("timings"))
    return Answer(
        text=text,
        reason="" if text else str(outcome.get("reason") or "unknown"),
        milliseconds=milliseconds,
        prompt_tokens=int(outcome.get("promptTokens") or 0),
        reused_tokens=int(outcome.get("reusedTokens") or 0),
        context_tokens=int(outcome.get("contextTokens") or 0),
        sources=_sources(outcome),
        engine_milliseconds=sum(float(timings.get(part) or 0.0) for part in _ENGINE_TIMES),
        generated=generated,
        surface=str(outcome.get("surface") or ""),
        chance=outcome.get("chance"),
        likelihood=_likelihood(_plain(outcome.get("likelihood"))),
    )


def _likelihood(values: Mapping[str, Any]) -> Likelihood | None:
    if not values:
        return None
    return Likelihood(
        tuple(values["logprobs"]),
        tuple(values["ends"]),
        values["endLogprob"],
        values["typedLogprob"],
    )


def _sources(outcome: Mapping[str, Any]) -> tuple[str, ...]:
    names = [str(name) for name in outcome.get("sources") or ()]
    return tuple(dict.fromkeys([*names, *([HINT] if outcome.get("hint") else [])]))


def _first(result: Suggestions) -> lsp.InlineCompletionItem | None:
    items = result.items if isinstance(result, lsp.InlineCompletionList) else result or ()
    return next(iter(items), None)


def _inserted(result: Suggestions) -> str:
    """Return what the first item inserts; empty if there is none."""
    item = _first(result)
    if item is None:
        return ""
    return item.insert_text if isinstance(item.insert_text, str) else item.insert_text.value


def _plain(params: Any) -> dict[str, Any]:
    """Return the members of an object that pygls has no type for; empty for null."""
    if params is None:
        return {}
    members = params if isinstance(params, Mapping) else params._asdict()
    return {str(name): _value(member) for name, member in members.items()}


def _value(member: Any) -> Any:
    is_object = isinstance(member, Mapping) or hasattr(member, "_asdict")
    return _plain(member) if is_object else member


def _units(text: str, encoding: lsp.PositionEncodingKind | str) -> int:
    """Return the length of `text` as `encoding` counts it."""
    if encoding == lsp.PositionEncodingKind.Utf32:
        return len(text)
    if encoding == lsp.PositionEncodingKind.Utf8:
        return len(text.encode())
    return len(text.encode("utf-16-le")) // 2


def _whole(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return `options` such that each answer is whole and made from the whole prompt.

    Nor is anything written between what the user's own servers have written.

    An evaluation asks what is answered, not what is shown first; whoever wants to know that says
    so in the options of a run.
    """
    found = {section: dict(values) for section, values in options.items()}
    for section, name, value in (
        ("completion", "time_budget", 0),
        ("completion", "candidates", 1),
        ("context", "cold_tokens", 0),
        ("engine", "ahead", "off"),
        # What an evaluation asks is nothing that a user was shown.
        ("log", "requests", False),
        ("log", "file", False),
        ("feedback", "enable", False),
    ):
        found.setdefault(section, {}).setdefault(name, value)
    return found
