"""Join the stages: a request in, a suggestion or the reason for none out.

The only module that knows all stages. Knows nothing about LSP.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from lsp_server.cache.suggestions import Place as CachePlace
from lsp_server.cache.suggestions import Suggestions
from lsp_server.completion.computation import Computation, Outdated, Strayed
from lsp_server.completion.workspace import Assembled, CountTokens, Workspace
from lsp_server.config.options import Settings
from lsp_server.context.window import build_context
from lsp_server.errors import EngineBusy, EngineError
from lsp_server.inference.counting import TokenCounter
from lsp_server.inference.engine import Engine, EngineState
from lsp_server.postprocess.filters import Place, postprocess
from lsp_server.prompt.build import build_prompt as lay_out
from lsp_server.prompt.formats import FimFormat
from lsp_server.trigger import check_trigger
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Context,
    ContextUse,
    Document,
    Generation,
    Outcome,
    Position,
    Prompt,
    Rejection,
    RejectionReason,
    StopReason,
    StopRules,
    Surface,
    Timings,
)

_OUTCOMES = 64
"""Documents whose last outcome is remembered."""

_PLACE_LINES = 5
"""Lines below the cursor that the filters see."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model that answers, as far as the pipeline needs to know it."""

    name: str
    fim: FimFormat


def build_prompt(
    request: CompletionRequest,
    settings: Settings,
    fim: FimFormat,
    count_tokens: Callable[[str], int],
) -> Prompt:
    """Return the prompt for a document that stands alone, without regard to other files."""
    asked = with_selection(request)
    context = build_context(asked, settings.context, count_tokens)
    return lay_out(context, fim, settings.prompt)


def with_selection(request: CompletionRequest) -> CompletionRequest:
    """Return `request` as if the selected menu item had been inserted already."""
    selected = request.selected
    if selected is None:
        return request
    document, row = request.document, request.position.line
    line = document.lines[row]
    changed = line[: selected.start.column] + selected.text + line[selected.end.column :]
    lines = (*document.lines[:row], changed, *document.lines[row + 1 :])
    cursor = Position(row, selected.start.column + len(selected.text))
    return replace(request, document=replace(document, lines=lines), position=cursor)


class Contexts(Protocol):
    """Decides what the model sees. `Workspace` does; an evaluation may put something else here."""

    def state(self, document: Document) -> object:
        """Return what is equal as long as other files would give a document the same context."""

    async def assemble(
        self, request: CompletionRequest, settings: Settings, count: CountTokens
    ) -> Assembled:
        """Return the context of one request."""


class Pipeline:
    """The stages around one engine, and what came out of them so far."""

    def __init__(
        self, engine: Engine, settings: Settings, contexts: Contexts | None = None
    ) -> None:
        self._engine = engine
        self._contexts = contexts or Workspace()
        self.counter = TokenCounter(engine)
        """Counts tokens as the model does."""
        self._last: OrderedDict[str, Outcome] = OrderedDict()
        self.suggestions: Suggestions[Completion] = Suggestions()
        """What was suggested, for the keys that type it."""
        self._computing: dict[str, Computation] = {}
        self.settings = settings
        self.model: ServedModel | None = None
        """The model that answers; None while there is none."""
        self.model_is_coming = False
        """Whether a model is being found or loaded, so that there will be one soon."""
        self.shown = 0
        """Suggestions made so far."""
        self.kept = 0
        """How many of them were (the rest of) earlier ones."""
        self.rejections: Counter[RejectionReason] = Counter()
        """Silences so far, by reason."""

    def serve(self, model: ServedModel | None) -> None:
        """Answer with `model` from now on."""
        self.model = model
        self.counter.forget()
        self.suggestions.clear()
        for computation in self._computing.values():
            computation.end()
        self._computing.clear()

    def last_outcome(self, uri: str) -> Outcome | None:
        """Return what the last request for a document led to."""
        return self._last.get(uri)

    def note(self, uri: str, outcome: Outcome) -> None:
        """Count an outcome and remember it as the document's last one."""
        if isinstance(outcome, Rejection):
            self.rejections[outcome.reason] += 1
        else:
            self.shown += 1
            self.kept += outcome.is_kept
        self._last[uri] = outcome
        self._last.move_to_end(uri)
        while len(self._last) > _OUTCOMES:
            self._last.popitem(last=False)

    def changed(self, document: Document) -> None:
        """End what is being computed for a document if its text now says something else."""
        if (running := self._computing.get(document.uri)) is not None:
            running.changed(document)

    def closed(self, uri: str) -> None:
        """Forget a document."""
        self.suggestions.forget(uri)
        if (running := self._computing.pop(uri, None)) is not None:
            running.end()

    async def complete(self, request: CompletionRequest) -> Outcome:
        """Return a suggestion or the reason why there is none; never raises for the engine.

        Cancelling the awaiting task ends the work; the caller then notes why.
        """
        started = time.perf_counter()
        outcome = await self._run(request)
        timings = replace(outcome.timings, total=_milliseconds(started))
        outcome = replace(outcome, timings=timings)
        self.note(request.document.uri, outcome)
        return outcome

    async def _run(self, request: CompletionRequest) -> Outcome:
        rejection = check_trigger(request, self.settings.completion) or self._availability()
        if rejection is not None:
            return rejection
        try:
            return await self._generate(request)
        except EngineBusy:
            return Rejection(RejectionReason.MODEL_LOADING)
        except EngineError as error:
            return Rejection(RejectionReason.ENGINE_FAILED, str(error))

    def _availability(self) -> Rejection | None:
        if self.model_is_coming or self._engine.state is EngineState.LOADING:
            return Rejection(RejectionReason.MODEL_LOADING)
        if self._engine.state is EngineState.FAILED:
            return Rejection(RejectionReason.ENGINE_FAILED)
        if self.model is None or self._engine.state is EngineState.CLOSED:
            return Rejection(RejectionReason.NO_MODEL)
        return None

    async def _generate(self, request: CompletionRequest) -> Outcome:
        assert self.model is not None  # noqa: S101  # `_availability` has seen to it.
        asked = with_selection(request)
        place = CachePlace.of(asked.document, asked.position)
        depends = (self.model.name, self.settings)
        while (kept := self._kept(request, asked, place, depends)) is None:
            computation = self._computation(request, asked, place, depends)
            try:
                outcome = await computation.outcome()
            except Outdated:
                return Rejection(RejectionReason.SUPERSEDED)
            except Strayed:
                continue
            if computation.request is request:
                return outcome
        return kept

    def _kept(
        self,
        request: CompletionRequest,
        asked: CompletionRequest,
        place: CachePlace,
        depends: object,
    ) -> Completion | None:
        """Return (the rest of) an earlier suggestion, for which nothing has to be evaluated."""
        uri, state = asked.document.uri, self._contexts.state(asked.document)
        found = self.suggestions.find(uri, place, depends=depends, state=state)
        if found is None:
            return None
        earlier, text = found.value, found.rest
        if found.closed:
            # The bracket that the editor has put there is not suggested again.
            filtered = postprocess(text, _place_of(asked, earlier.surface))
            if isinstance(filtered, RejectionReason):
                return None
            text = filtered
        made = earlier.generation
        nothing_new = replace(made, reused_tokens=made.prompt_tokens, timings=Timings())
        inserted = _inserted(request, text)
        return Completion(*inserted, earlier.surface, nothing_new, used=earlier.used, is_kept=True)

    def _computation(
        self,
        request: CompletionRequest,
        asked: CompletionRequest,
        place: CachePlace,
        depends: object,
    ) -> Computation:
        """Return what computes a suggestion: one that is under way if it may fit, or a new one."""
        uri = asked.document.uri
        running = self._computing.get(uri)
        if running is not None:
            if running.follow(place, depends):
                return running
            running.end()

        async def compute(tell: Callable[[str], None]) -> Outcome:
            state = self._contexts.state(asked.document)
            outcome = await self._compute(request, asked, tell)
            if isinstance(outcome, Completion):
                text = outcome.text[len(request.selected.text) if request.selected else 0 :]
                self.suggestions.keep(uri, place, text, outcome, depends=depends, state=state)
            return outcome

        begun = self._computing[uri] = Computation(request, place, depends, compute)
        return begun

    async def _compute(
        self, request: CompletionRequest, asked: CompletionRequest, tell: Callable[[str], None]
    ) -> Outcome:
        assert self.model is not None  # noqa: S101  # `_availability` has seen to it.
        started = time.perf_counter()
        assembled = await self._contexts.assemble(asked, self.settings, self.counter.counts)
        prompt = lay_out(assembled.context, self.model.fim, self.settings.prompt)
        context_ms = _milliseconds(started)
        typed = asked.document.line(asked.position.line)[: asked.position.column]
        generation = await self._engine.complete(
            prompt,
            StopRules(self.settings.completion.max_tokens),
            line_has_text=bool(typed.strip()),
            on_text=tell,
        )
        outcome = _outcome(request, asked, assembled.context, generation, context_ms)
        return replace(outcome, used=_use(assembled))


def _outcome(
    request: CompletionRequest,
    asked: CompletionRequest,
    context: Context,
    generation: Generation,
    context_ms: float,
) -> Outcome:
    started = time.perf_counter()
    text = _refusal(generation) or postprocess(generation.text, _place_of(asked, context.surface))
    timings = replace(
        generation.timings, context=context_ms, filters=_milliseconds(started), total=0.0
    )
    if isinstance(text, RejectionReason):
        return Rejection(
            text, generation.stop.value, timings, prompt_tokens=generation.prompt_tokens
        )
    return Completion(*_inserted(request, text), context.surface, generation, timings)


def _place_of(asked: CompletionRequest, surface: Surface) -> Place:
    row, column = asked.position.line, asked.position.column
    line = asked.document.line(row)
    below = asked.document.lines[row + 1 : row + 1 + _PLACE_LINES]
    return Place(
        typed=line[:column],
        rest_of_line=line[column:],
        next_lines=tuple(line.rstrip("\r\n") for line in below),
        surface=surface,
    )


def _inserted(request: CompletionRequest, text: str) -> tuple[str, Position, Position]:
    """Return what to insert, and the place that it takes: a selected menu item goes with it."""
    if (selected := request.selected) is None:
        return text, request.position, request.position
    return selected.text + text, selected.start, selected.end


def _use(assembled: Assembled) -> ContextUse:
    selection = assembled.selection
    sources = tuple(snippet.source for snippet in selection.snippets)
    return ContextUse(selection.tokens, sources, bool(assembled.hint))


def _refusal(generation: Generation) -> RejectionReason | None:
    if generation.stop is StopReason.CANCELLED:
        return RejectionReason.CANCELLED
    if generation.stop is StopReason.NOT_HEALED:
        return RejectionReason.NOT_HEALED
    return None


def _milliseconds(started: float) -> float:
    return (time.perf_counter() - started) * 1000.0
