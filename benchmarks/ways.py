"""The ways in which keys are answered, behind one small face: ours, and the peer's.

Each way is started for a session, told of every event, and says by itself when it shows something.
`Ours` is the one place that knows how the server drives the pipeline.
"""

import asyncio
import contextlib
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import psutil

from benchmarks.peer import T_FIRST_PREDICT_MS, Buffer, LlamaVim, Windows
from benchmarks.peer_server import BATCH, PeerServer, peer_server
from benchmarks.scores import Work
from lsp_server.completion.answering import ServedModel
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.serving import ChosenModel, load_options
from lsp_server.completion.workspace import Workspace
from lsp_server.config.options import Ahead, Settings
from lsp_server.config.options import Show as Showing
from lsp_server.config.paths import Paths
from lsp_server.inference.client import OnText, worker_command
from lsp_server.inference.engine import Engine, LocalEngine
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Generation,
    Prompt,
    RejectionReason,
    Segment,
    StopRules,
)


class Show(Protocol):
    """Is told what is to be seen, and for what kind of place, if the way knows."""

    def __call__(self, text: str, surface: str = "") -> None:
        """Take in a text; an empty one takes away what was there."""


Note = Callable[[Work], None]

TIMED_TEXT = (
    "import json\nimport sys\nfrom pathlib import Path\n\n\ndef read_settings(path):\n"
    '    """Return what a file of settings says."""\n    with open(path) as stream:\n'
    "        return json.load(stream)\n\n\nclass Thermometer:\n"
    "    # Converts degrees between three scales, and "
)
"""Behind which tokens are generated to see how long one takes."""
TIMED_TOKENS = 16

AHEAD = "ahead"
"""Stands for an event where nobody waits for an answer."""


class Way(Protocol):
    """Somebody who answers keys."""

    failures: list[str]
    """What went wrong; silences for good reasons are none."""

    async def start(self, note: Note) -> None:
        """Get ready; `note` is told what each answer of the model cost."""

    async def time_token(self) -> float:
        """Return how many ms one generated token takes now."""

    def press(self, event: str, request: CompletionRequest, show: Show) -> None:
        """Take in an event that led to the document and cursor of `request`.

        `show` is told whatever is to be seen there from now on, until the next event.
        """

    async def stop(self) -> None:
        """End everything."""


@dataclass
class Watched:
    """An engine of which every answer is noted."""

    engine: LocalEngine
    note: Note
    event: str = AHEAD
    """The event that an answer is waited for after."""

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to the engine."""
        return getattr(self.engine, name)

    async def complete(
        self, prompt: Prompt, stop: StopRules, *, line_has_text: bool, on_text: OnText | None = None
    ) -> Generation:
        """See `Engine.complete`."""
        event = self.event
        made = await self.engine.complete(
            prompt, stop, line_has_text=line_has_text, on_text=on_text
        )
        evaluated = made.prompt_tokens - made.reused_tokens
        spent = made.timings.prefill + made.timings.decode
        self.note(Work(event, evaluated, len(made.logprobs), spent))
        return made


@dataclass
class Ours:
    """The pipeline as the server drives it, with an engine of its own."""

    chosen: ChosenModel
    settings: Settings = field(default_factory=Settings)
    anew: bool = False
    """Whether each key forgets what was suggested and ends what is under way."""
    _running: asyncio.Task[None] | None = None
    _open: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    _asked: CompletionRequest | None = None
    _show: Show | None = None

    async def start(self, note: Note) -> None:
        """See `Way.start`."""
        self.engine = LocalEngine(worker_command(), Paths.of_user().selftest_file)
        await self.engine.open(self.chosen.file, load_options(self.settings))
        assert self.engine.description is not None
        self.watched = Watched(self.engine, note)
        self.workspace = Workspace()
        self.pipeline = self._pipeline(self.watched)
        fim = self.chosen.fim_format(self.engine.description)
        self.pipeline.serve(ServedModel(self.chosen.file.name, fim))

    def _pipeline(self, engine: Any) -> Pipeline:
        typed: Engine = engine
        return Pipeline(
            typed, self.settings, self.workspace, looks_ahead=not self.anew, longer=self._longer
        )

    def _longer(self, request: CompletionRequest, completion: Completion | None) -> None:
        """Show the rest of what was shown in part, if nothing was typed meanwhile."""
        if request is self._asked and self._show is not None:
            if completion is None:
                self._show("")
            else:
                self._show(completion.text, completion.surface.value)

    async def time_token(self) -> float:
        """See `Way.time_token`."""
        # Of an answer of two tokens behind a known prompt only the first is evaluated, alone: what
        # could be guessed ahead would be of no use to it.
        stop = StopRules(2, max_lines=2)
        prompt = Prompt((Segment(TIMED_TEXT),))
        times = []
        for _ in range(TIMED_TOKENS):
            made = await self.engine.complete(prompt, stop, line_has_text=True)
            times.append(made.timings.decode)
        return statistics.median(times[1:])

    def press(self, event: str, request: CompletionRequest, show: Show) -> None:
        """See `Way.press`."""
        self.watched.event = event
        document = request.document
        if document.uri in self._open:
            self.workspace.changed(document)
        else:
            self._open.add(document.uri)
            self.workspace.opened(document)
            self.pipeline.opened(document)
        if self.anew:
            self.pipeline.closed(document.uri)
        self.pipeline.changed(document)
        if self._running is not None:
            self._running.cancel()
        self._asked, self._show = request, show
        self._running = asyncio.create_task(self._answer(request, show))

    async def _answer(self, request: CompletionRequest, show: Show) -> None:
        outcome = await self.pipeline.complete(request)
        self.watched.event = AHEAD
        if isinstance(outcome, Completion):
            show(outcome.text, outcome.surface.value)
        elif outcome.reason is RejectionReason.ENGINE_FAILED:
            self.failures.append(outcome.detail)

    async def complete(self, request: CompletionRequest, settings: Settings | None = None) -> str:
        """Return what is suggested at a place, nothing that was suggested before reused.

        `settings` are other ones than the way's own, for this place alone.
        """
        self.watched.event = "asked"
        self.pipeline.settings = settings or self.settings
        self.pipeline.suggestions.clear()
        outcome = await self.pipeline.complete(request)
        self.watched.event = AHEAD
        return outcome.text if isinstance(outcome, Completion) else ""

    async def stop(self) -> None:
        """See `Way.stop`."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None
        await self.pipeline.close()
        await self.engine.close()


@dataclass
class Peer:
    """llama-server, asked by the rules of llama.vim."""

    program: Path
    model: Path
    threads: int
    windows: Windows = field(default_factory=Windows)
    batch: int = BATCH
    failures: list[str] = field(default_factory=list)

    async def start(self, note: Note) -> None:
        """See `Way.start`."""
        self._stack = contextlib.AsyncExitStack()
        running = peer_server(self.program, self.model, self.threads, self.batch)
        self.server: PeerServer = await self._stack.enter_async_context(running)
        self._note, self._event = note, ""
        self._vim = LlamaVim(self._ask, windows=self.windows)

    async def _ask(self, request: dict[str, Any]) -> str | None:
        event = self._event if request["t_max_predict_ms"] == T_FIRST_PREDICT_MS else AHEAD
        try:
            answer = await self.server.infill(request)
        except RuntimeError as error:
            # The plugin goes on; the figures say that it happened.
            self.failures.append(str(error))
            return None
        spent = answer.prompt_ms + answer.predicted_ms
        self._note(Work(event, answer.evaluated, answer.generated, spent))
        return answer.text

    async def time_token(self) -> float:
        """See `Way.time_token`."""
        body = {"input_prefix": "", "input_suffix": "", "prompt": TIMED_TEXT}
        limits = {"n_predict": TIMED_TOKENS, "temperature": 0}
        answer = await self.server.infill({**body, **limits})
        return answer.predicted_ms / max(1, answer.generated)

    def press(self, event: str, request: CompletionRequest, show: Show) -> None:
        """See `Way.press`."""
        self._event = event
        self._vim.show = show
        self._vim.moved(buffer_of(request))

    async def ask_at(self, buffer: Buffer) -> str | None:
        """Wait for what the server says about a place, without the client's cache and timers."""
        return await self._ask(self._vim.request_at(buffer))

    async def stop(self) -> None:
        """See `Way.stop`."""
        await self._vim.close()
        await self._stack.aclose()


def buffer_of(request: CompletionRequest) -> Buffer:
    """Return what an editor without a last, empty line shows."""
    lines = tuple(line.rstrip("\r\n") for line in request.document.lines)
    if len(lines) > 1 and lines[-1] == "" and request.position.line < len(lines) - 1:
        lines = lines[:-1]
    return Buffer(lines, request.position.line, request.position.column)


def ungated(settings: Settings) -> Settings:
    """Return `settings` under which everything is shown that passes the filters."""
    return replace(settings, completion=replace(settings.completion, show=Showing.ALL))


def whole(settings: Settings) -> Settings:
    """Return `settings` under which each answer is waited for until it is whole."""
    return replace(settings, completion=replace(settings.completion, time_budget=0))


def unlimited(settings: Settings) -> Settings:
    """Return `settings` under which each answer is whole, from the whole prompt, and shown."""
    return replace(
        whole(ungated(settings)),
        context=replace(settings.context, cold_tokens=0),
        engine=replace(settings.engine, ahead=Ahead.OFF),
    )


def our_windows(settings: Settings, count: Callable[[str], int]) -> tuple[Windows, int]:
    """Return windows for the peer, and its batch, that hold as many tokens as ours."""
    most = settings.context.suffix_tokens

    def trim(text: str) -> str:
        kept, used = "", 0
        for line in text.splitlines(keepends=True):
            used += count(line)
            if used > most and kept:
                break
            kept += line
        return kept

    return Windows(trim_suffix=trim), -(-settings.context.prefix_tokens * 4 // 3)


def processor_seconds() -> float:
    """Return the processor time of this process and all below it."""
    here = psutil.Process()
    total = 0.0
    for process in (here, *here.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:2])
    return total
