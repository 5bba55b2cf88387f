"""Join the stages: a request in, a suggestion or the reason for none out.

The only module that knows all stages. Where an editor listens it also uses the time between
requests: the beginning of a long suggestion is shown before its end is there, a cold place is
answered from a small prompt while the whole one is evaluated in the pauses, and the line below is
thought of before anybody asks. Knows nothing about LSP.
"""

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Protocol

from lsp_server.cache.suggestions import Place as CachePlace
from lsp_server.cache.suggestions import Suggestions, without_closed
from lsp_server.completion.ahead import next_line
from lsp_server.completion.checks import Checks
from lsp_server.completion.choices import choice_of, with_choice, with_names
from lsp_server.completion.computation import Computation, Outdated, Strayed
from lsp_server.completion.confidence import Judge
from lsp_server.completion.effort import Effort, Efforts
from lsp_server.completion.fates import Fates
from lsp_server.completion.outcomes import (
    inserted,
    part_of,
    place_of,
    with_selection,
)
from lsp_server.completion.pauses import Pauses
from lsp_server.completion.restraint import Restraint
from lsp_server.completion.rhythm import Rhythm
from lsp_server.completion.surfaces import BODIES, is_limited, permitted, stop_rules
from lsp_server.completion.trees import Trees
from lsp_server.completion.workspace import Assembled, CountTokens, Workspace
from lsp_server.config.options import Ahead, Settings
from lsp_server.context.short import lines_to_count, shortened
from lsp_server.context.window import build_context
from lsp_server.errors import EngineBusy, EngineError
from lsp_server.inference.counting import TokenCounter
from lsp_server.inference.engine import Engine, EngineState
from lsp_server.postprocess.filters import KEPT_FILTERS, postprocess
from lsp_server.prompt.build import build_prompt as lay_out
from lsp_server.prompt.build import is_healed
from lsp_server.prompt.formats import FimFormat
from lsp_server.trigger import check_trigger, is_inside_word
from lsp_server.types import (
    Completion,
    CompletionRequest,
    ContextUse,
    Document,
    Generation,
    Outcome,
    Position,
    Prompt,
    Rejection,
    RejectionReason,
    StopReason,
    Surface,
    Timings,
    TriggerKind,
)

_LOG = logging.getLogger(__name__)

_OUTCOMES = 64
"""Documents whose last outcome is remembered."""

READING = 0.4
"""Seconds more that a new suggestion has to stand there before the line below is thought of."""

LEARNED = 200_000
"""Most code points of a document that the engine learns from; a longer one is mostly data."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model that answers, as far as the pipeline needs to know it."""

    name: str
    fim: FimFormat
    is_remote: bool = False
    """Whether it runs on a server."""
    heals: Callable[[], bool] = lambda: True
    """Returns whether what runs it can make an answer begin with some text."""


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


class Contexts(Protocol):
    """Decides what the model sees. `Workspace` does; an evaluation may put something else here."""

    def state(self, document: Document) -> object:
        """Return what is equal as long as other files would give a document the same context."""

    async def assemble(
        self, request: CompletionRequest, settings: Settings, count: CountTokens
    ) -> Assembled:
        """Return the context of one request."""

    async def foresee(
        self, request: CompletionRequest, settings: Settings, count: CountTokens
    ) -> Assembled | None:
        """Return the context at a place of a text that may come to be; None if that is too much."""


class Pipeline:
    """The stages around one engine, and what came out of them so far."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        contexts: Contexts | None = None,
        *,
        looks_ahead: bool = False,
        longer: Callable[[CompletionRequest, Completion | None], None] = lambda *_: None,
    ) -> None:
        """Serve nothing yet.

        `looks_ahead` says that requests follow each other as somebody types: pauses are used, and
        a suggestion may come in two steps. `longer` is called with what there is at last for a
        request that was answered with a part; None takes it back.
        """
        self._engine = engine
        self._looks_ahead = looks_ahead
        self._longer = longer
        self.efforts = Efforts()
        """How much may be done ahead."""
        self._pauses = Pauses()
        self._rhythm = Rhythm()
        self._learning: set[asyncio.Task[None]] = set()
        self._cold: set[str] = set()
        self._foreseen: dict[str, CachePlace] = {}
        self._contexts = contexts or Workspace()
        trees = self._contexts.trees if isinstance(self._contexts, Workspace) else Trees()
        self._checks = Checks(trees)
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
        self.parts = 0
        """How many of them were the beginning of one that was still being computed."""
        self.surfaces: Counter[Surface] = Counter()
        """Suggestions so far, by surface."""
        self.rejections: Counter[RejectionReason] = Counter()
        """Silences so far, by reason."""
        self.fates = Fates()
        """What became of the latest requests."""
        self.restraint = Restraint()
        """What was deleted and turned down lately."""

    def serve(self, model: ServedModel | None) -> None:
        """Answer with `model` from now on."""
        self.model = model
        self.counter.forget()
        self.suggestions.clear()
        self._pauses.clear()
        for computation in self._computing.values():
            computation.end()
        self._computing.clear()
        self._foreseen.clear()
        self._cold.clear()

    def last_outcome(self, uri: str) -> Outcome | None:
        """Return what the last request for a document led to."""
        return self._last.get(uri)

    def note(self, uri: str, outcome: Outcome, request: CompletionRequest | None = None) -> None:
        """Count an outcome and remember it as the document's last one.

        `request` is None if the document is not open.
        """
        self.fates.note(uri, outcome, request, self.model)
        if isinstance(outcome, Rejection):
            self.rejections[outcome.reason] += 1
        else:
            self.shown += 1
            self.surfaces[outcome.surface] += 1
            self.kept += outcome.is_kept
            self.parts += outcome.is_part
        self._last[uri] = outcome
        self._last.move_to_end(uri)
        while len(self._last) > _OUTCOMES:
            self._last.popitem(last=False)

    def opened(self, document: Document) -> None:
        """Let the engine learn from a document how the next ones may go on."""
        self.restraint.opened(document)
        if self._looks_ahead and self._availability() is None:
            text = "".join(document.lines)[:LEARNED]
            learning = asyncio.create_task(self._learn(text))
            self._learning.add(learning)
            learning.add_done_callback(self._learning.discard)

    def changed(self, document: Document) -> None:
        """End what is being computed for a document if its text now says something else."""
        now = time.monotonic()
        self._rhythm.pressed(now)
        self.restraint.changed(document, now)
        self._pauses.changed(document)
        if (running := self._computing.get(document.uri)) is not None:
            running.changed(document)

    def rejected(self) -> None:
        """Take in that the user turned down what was shown last."""
        self.restraint.refused(time.monotonic())

    def visited(self, document: Document, position: Position) -> None:
        """Evaluate the prompt of a place where the cursor stays, before anybody asks."""
        if not self._may_look_ahead() or self._is_computing():
            return
        request = CompletionRequest(document, position)
        if check_trigger(request, self.settings.completion) is None:
            self._pauses.begin(lambda: self._warm(request))

    def closed(self, uri: str) -> None:
        """Forget a document."""
        self.suggestions.forget(uri)
        self._foreseen.pop(uri, None)
        self._pauses.forget(uri)
        self.restraint.forget(uri)
        self._cold.discard(uri)
        if (running := self._computing.pop(uri, None)) is not None:
            running.end()

    async def close(self) -> None:
        """End all work that nobody waits for."""
        for computation in self._computing.values():
            computation.end()
        for task in self._learning:
            task.cancel()
        await asyncio.gather(*self._learning, self._pauses.close(), return_exceptions=True)
        await self.fates.close()

    async def complete(self, request: CompletionRequest) -> Outcome:
        """Return a suggestion or the reason why there is none; never raises for the engine.

        Cancelling the awaiting task ends the work; the caller then notes why.
        """
        started = time.perf_counter()
        outcome = self._gated(request, await self._run(request))
        timings = replace(outcome.timings, total=_milliseconds(started))
        outcome = replace(outcome, timings=timings)
        self.note(request.document.uri, outcome, request)
        self._pauses.shown(request, outcome)
        self.restraint.shown(request, outcome, time.monotonic())
        self._prepare(request, outcome)
        return outcome

    @property
    def is_calibrated(self) -> bool:
        """Whether chances are known for the model that answers; else its likelihoods decide."""
        return self.model is not None and Judge.of(self.model.name).is_calibrated

    def _gated(self, request: CompletionRequest, outcome: Outcome) -> Outcome:
        """Return `outcome`, or that the model is not sure enough of it."""
        if self.model is None:
            return outcome
        return Judge.of(self.model.name).gated(request, outcome, self.settings.completion.show)

    def _judged(
        self, asked: CompletionRequest, made: Completion, new: str, begin: int = 0
    ) -> Completion:
        """Return a suggestion with its chance of being right, see `Judge.judged`."""
        return Judge.of(self.model.name).judged(asked, made, new, begin) if self.model else made

    def _cut(self, asked: CompletionRequest, made: Completion) -> Completion:
        """Return a suggestion up to its first unsure statement, see `Judge.cut`."""
        if self.model is None:
            return made
        show = self.settings.completion.show
        return Judge.of(self.model.name).cut(asked, made, _new(asked, made), show)

    async def _run(self, request: CompletionRequest) -> Outcome:
        rejection = (
            check_trigger(request, self.settings.completion)
            or self._availability()
            or self.restraint.check(request, time.monotonic())
        )
        if rejection is not None:
            return rejection
        try:
            outcome = await self._generate(request)
            return self.restraint.judged(request, outcome, time.monotonic())
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
            running = self._computing.get(request.document.uri)
            if running is None or not self._may_join(running, request, place, depends):
                if self._cannot_heal(request):
                    return Rejection(RejectionReason.INSIDE_WORD)
                await self._wait_for_burst(request)
            computation = self._computation(request, asked, place, depends)
            try:
                outcome = await self._in_time(request, asked, place, computation)
            except Outdated:
                return Rejection(RejectionReason.SUPERSEDED)
            except Strayed:
                continue
            if isinstance(outcome, Completion) and outcome.is_part:
                return outcome
            if computation.request is request:
                return outcome
        return kept

    def _cannot_heal(self, request: CompletionRequest) -> bool:
        """Whether a word is being typed that the model cannot go on with."""
        if request.trigger_kind is TriggerKind.INVOKED or not is_inside_word(request):
            return False
        model = self.model
        return model is None or not (model.heals() and is_healed(model.fim, self.settings.prompt))

    async def _wait_for_burst(self, request: CompletionRequest) -> None:
        """Let the next key come first where it is about to."""
        automatic = self._looks_ahead and request.trigger_kind is TriggerKind.AUTOMATIC
        if automatic and (delay := self._rhythm.delay(time.monotonic())):
            await asyncio.sleep(delay)

    async def _in_time(
        self,
        request: CompletionRequest,
        asked: CompletionRequest,
        place: CachePlace,
        computation: Computation,
    ) -> Outcome:
        """Wait for the outcome, or for a part of it that can be shown once the time is up."""
        budget = self.settings.completion.time_budget / 1000
        if not budget or not self._looks_ahead or request.trigger_kind is TriggerKind.INVOKED:
            return await computation.outcome()
        left = computation.begun + budget - time.perf_counter()
        # Where the beginning stands on the screen already, the rest of it stays there.
        over = await computation.wait(0.0 if computation.shown else max(0.0, left))
        while not over:
            came = computation.likelihood(place)
            whole = computation.is_whole
            part = None if whole else self._part(request, asked, came, computation.surface)
            if part is not None:
                computation.shown = request
                return part
            over = await computation.wait()
        return computation.result()

    def _part(
        self,
        request: CompletionRequest,
        asked: CompletionRequest,
        came: Generation,
        surface: Surface,
    ) -> Completion | None:
        """Return what can be shown of what has come, if its first word is sure enough."""
        part = part_of(request, asked, came, surface)
        if part is None:
            return None
        part = self._cut(asked, self._judged(asked, part, came.text))
        return None if isinstance(self._gated(request, part), Rejection) else part

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
        if found is None or is_limited(request, found.value):
            return None
        if self._wanted(request) > 1 and (found.typed or not found.value.others):
            return None
        earlier, text = found.value, found.rest
        if found.closed and "\n" in found.closed + text:
            text = without_closed(text, found.closed)
            if not text.strip():
                return None
        elif found.closed:
            # The bracket that the editor has put there is not suggested again.
            filtered = postprocess(text, place_of(asked, earlier.surface), KEPT_FILTERS)
            if isinstance(filtered, RejectionReason):
                return None
            text = filtered
        made = earlier.generation
        nothing_new = replace(made, reused_tokens=made.prompt_tokens, timings=Timings())
        kept = Completion(
            *inserted(request, text),
            earlier.surface,
            nothing_new,
            used=earlier.used,
            chance=earlier.chance,
            word_chance=earlier.word_chance,
            is_kept=True,
            is_ahead=earlier.is_ahead,
            is_lowered=earlier.is_lowered,
            others=() if found.typed or request.selected else earlier.others,
        )
        whole = _new(request, earlier)
        return self._judged(asked, kept, text[-len(whole) :], max(0, len(whole) - len(found.rest)))

    def _may_join(
        self, running: Computation, request: CompletionRequest, place: CachePlace, depends: object
    ) -> bool:
        """Whether a request is answered by what is being computed already."""
        asks_for_more = running.is_limited and request.trigger_kind is TriggerKind.INVOKED
        enough = self._wanted(request) <= self._wanted(running.request)
        return enough and not asks_for_more and running.follow(place, depends)

    def _wanted(self, request: CompletionRequest) -> int:
        """Return how many suggestions are asked for: several only where a user in an editor asks.

        What is known already is then not enough, be it one suggestion or the rest of one.
        """
        invoked = request.trigger_kind is TriggerKind.INVOKED
        return self.settings.completion.candidates if self._looks_ahead and invoked else 1

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
            if self._may_join(running, request, place, depends):
                return running
            running.end()
        self._pauses.end()

        async def compute(computation: Computation) -> Outcome:
            return await self._read(request, asked, computation)

        return self._begin(request, place, depends, compute)

    def _begin(
        self,
        request: CompletionRequest,
        place: CachePlace,
        depends: object,
        compute: Callable[[Computation], Coroutine[Any, Any, Outcome]],
        *,
        text: str = "",
        ahead_from: int | None = None,
    ) -> Computation:
        """Begin to compute a suggestion, which is kept once it is there."""
        uri = request.document.uri

        async def compute_and_keep(_tell: Callable[[str], None]) -> Outcome:
            state = self._contexts.state(request.document)
            outcome = await compute(begun)
            if isinstance(outcome, Completion):
                new = _new(request, outcome)
                self.suggestions.keep(uri, place, text + new, outcome, depends=depends, state=state)
            return outcome

        begun = Computation(
            request, place, depends, compute_and_keep, text=text, ahead_from=ahead_from
        )
        begun.when_over(lambda: self._over(begun, depends))
        self._computing[uri] = begun
        return begun

    async def _read(
        self, request: CompletionRequest, asked: CompletionRequest, computation: Computation
    ) -> Outcome:
        started = time.perf_counter()
        assembled = await self._contexts.assemble(asked, self.settings, self.counter.counts)
        surface = self._surface(assembled, asked)
        if isinstance(surface, RejectionReason):
            return Rejection(surface, assembled.context.surface.value)
        prompt = await self._prompt(assembled)
        context_ms = _milliseconds(started)
        computation.surface = surface
        return await self._answer(request, asked, assembled, prompt, computation, context_ms)

    def _surface(self, assembled: Assembled, asked: CompletionRequest) -> Surface | RejectionReason:
        return permitted(assembled.context.surface, asked.trigger_kind, self.settings.completion)

    async def _answer(
        self,
        request: CompletionRequest,
        asked: CompletionRequest,
        assembled: Assembled,
        prompt: Prompt,
        computation: Computation,
        context_ms: float = 0.0,
    ) -> Outcome:
        surface, kind = computation.surface, asked.trigger_kind
        is_lowered = surface is not assembled.context.surface
        automatic = kind is TriggerKind.AUTOMATIC
        computation.is_limited = automatic and (is_lowered or surface in BODIES)
        body = assembled.body if surface in BODIES else None
        typed = asked.document.line(asked.position.line)[: asked.position.column]
        options = self.settings.completion
        # Who always waits for the whole, as an evaluation does, waits for all of a body.
        timed = self._looks_ahead and options.time_budget > 0
        rules = stop_rules(surface, kind, options, body, timed=timed)
        rules = with_names(rules, assembled.members, options.symbols)
        rules = with_choice(
            replace(rules, candidates=self._wanted(request)),
            asked,
            options,
            assembled.context.comment[0],
        )

        async def generate() -> Generation:
            made = await self._engine.complete(
                prompt,
                rules,
                # The rest of a header's line is no line of its body.
                line_has_text=body is None and bool(typed.strip()),
                on_text=lambda piece: self._tell(computation, piece),
            )
            computation.take("")
            return made

        generation, check = await asyncio.gather(generate(), self._checks.check(asked))
        if generation.is_short:
            self._cold.add(asked.document.uri)
        outcome = await asyncio.to_thread(
            choice_of, request, asked, surface, generation, context_ms, check, body
        )
        if isinstance(outcome, Completion):
            others = tuple(self._judged(asked, one, _new(request, one)) for one in outcome.others)
            outcome = self._cut(asked, self._judged(asked, outcome, _new(request, outcome)))
            outcome = replace(outcome, is_lowered=is_lowered, others=others)
        return replace(outcome, used=_use(assembled, is_short=generation.is_short))

    def _tell(self, computation: Computation, piece: str) -> None:
        """Take in what comes; of a body that is shown in part, show each line as it comes."""
        computation.take(piece)
        shown = computation.shown
        if shown is None or computation.surface not in BODIES or "\n" not in piece:
            return
        asked = with_selection(shown)
        place = CachePlace.of(asked.document, asked.position)
        part = self._part(shown, asked, computation.likelihood(place), computation.surface)
        if part is not None and not computation.is_over:
            self._longer(shown, part)

    async def _prompt(self, assembled: Assembled) -> Prompt:
        assert self.model is not None  # noqa: S101  # `_availability` has seen to it.
        context, options = assembled.context, self.settings.prompt
        prompt = lay_out(context, self.model.fim, options)
        cold = self.settings.context.cold_tokens
        if not cold or not self._looks_ahead:
            return prompt
        counts = await self.counter.counts(lines_to_count(context))
        short = lay_out(shortened(context, cold, counts.__getitem__), self.model.fim, options)
        return replace(prompt, short=short.segments, cold_tokens=cold)

    # What is done in the pauses

    def _over(self, computation: Computation, depends: object) -> None:
        """Tell the rest of what was shown in part, once it is there."""
        shown = computation.shown
        if shown is None:
            return
        try:
            outcome = computation.result()
        except (EngineError, Outdated, Strayed, asyncio.CancelledError):
            return
        asked = with_selection(shown)
        place = CachePlace.of(asked.document, asked.position)
        whole: Outcome | None = outcome
        if isinstance(outcome, Completion):
            whole = self._kept(shown, asked, place, depends)
        if whole is None:
            return
        if isinstance(whole, Completion) and isinstance(self._gated(shown, whole), Rejection):
            # What stands there is sure enough, even where the rest is not: then it stays alone.
            return
        now, uri = time.monotonic(), shown.document.uri
        whole = self.restraint.judged(shown, whole, now)
        self.restraint.shown(shown, whole, now)
        self.fates.note(uri, whole, shown, self.model, after_part=True)
        if isinstance(whole, Rejection):
            self._longer(shown, None)
        else:
            self._longer(shown, whole)
            self._prepare(shown, whole)

    def _prepare(self, request: CompletionRequest, outcome: Outcome) -> None:
        """Use the pause that may follow."""
        if not self._looks_ahead or self._is_computing():
            return
        # Where the same suggestion is being typed, what was begun for it is still right.
        if not (isinstance(outcome, Completion) and outcome.is_kept and self._pauses.is_used):
            self._pauses.begin(lambda: self._look_ahead(request, outcome))

    async def _look_ahead(self, request: CompletionRequest, outcome: Outcome) -> None:
        if request.document.uri in self._cold:
            await self._warm(with_selection(request))
        target = next_line(request, outcome)
        if target is not None and self._may_look_ahead():
            if isinstance(outcome, Completion) and not outcome.is_kept:
                # Most suggestions are not what comes next; whoever likes one reads it first.
                await asyncio.sleep(READING)
            await self._foresee(request, target)

    async def _warm(self, asked: CompletionRequest) -> None:
        """Evaluate the whole prompt of a place."""
        if self._availability() is not None or self.model is None:
            return
        assembled = await self._contexts.assemble(asked, self.settings, self.counter.counts)
        prompt = lay_out(assembled.context, self.model.fim, self.settings.prompt)
        made = await self._engine.prefill(prompt)
        if made.stop is not StopReason.CANCELLED:
            self._cold.discard(asked.document.uri)

    async def _foresee(self, request: CompletionRequest, target: CompletionRequest) -> None:
        """Begin to compute a suggestion for a place that the user is on the way to.

        It stands for the begin of that line, so that it is found whatever indentation is put there.
        """
        if self._availability() is not None or self.model is None:
            return
        uri, depends = request.document.uri, (self.model.name, self.settings)
        there = CachePlace.of(target.document, target.position)
        indentation = target.document.line(target.position.line)[: target.position.column]
        place = replace(there, left=there.left[: len(there.left) - len(indentation)])
        if self._foreseen.get(uri) == place:
            return
        assembled = await self._contexts.foresee(target, self.settings, self.counter.counts)
        if assembled is None or self._is_computing():
            return
        self._foreseen[uri] = place
        surface = self._surface(assembled, target)
        if isinstance(surface, RejectionReason):
            return
        prompt = lay_out(assembled.context, self.model.fim, self.settings.prompt)

        async def compute(computation: Computation) -> Outcome:
            computation.surface = surface
            outcome = await self._answer(target, target, assembled, prompt, computation)
            return replace(outcome, is_ahead=True) if isinstance(outcome, Completion) else outcome

        here = CachePlace.of(request.document, request.position)
        begun = self._begin(
            target, place, depends, compute, text=indentation, ahead_from=len(here.left)
        )
        begun.when_over(lambda: self._given_up(uri, place) if begun.was_ended else None)

    def _given_up(self, uri: str, place: CachePlace) -> None:
        """Let a place be foreseen once more whose suggestion did not get finished."""
        if self._foreseen.get(uri) == place:
            del self._foreseen[uri]

    def _may_look_ahead(self) -> bool:
        wanted = self.settings.engine.ahead
        if not self._looks_ahead or wanted is Ahead.OFF:
            return False
        return wanted is Ahead.ALWAYS or self.efforts.now() is Effort.FULL

    async def _learn(self, text: str) -> None:
        try:
            await self._engine.learn([text])
        except EngineError as error:
            _LOG.debug("nothing was learned from a document: %s", type(error).__name__)

    def _is_computing(self) -> bool:
        return any(not computation.is_over for computation in self._computing.values())


def _use(assembled: Assembled, *, is_short: bool) -> ContextUse:
    if is_short:
        return ContextUse(is_short=True)
    selection = assembled.selection
    sources = tuple(snippet.source for snippet in selection.snippets)
    return ContextUse(selection.tokens, sources, bool(assembled.hint))


def _new(request: CompletionRequest, made: Completion) -> str:
    """Return what a suggestion adds to the selected menu item, if there is one."""
    return made.text[len(request.selected.text) if request.selected else 0 :]


def _milliseconds(started: float) -> float:
    return (time.perf_counter() - started) * 1000.0
