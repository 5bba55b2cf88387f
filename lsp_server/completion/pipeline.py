"""Join the stages: a request in, a suggestion or the reason for none out.

The only module that knows all stages. Where an editor listens it also uses the time between
requests: the beginning of a long suggestion is shown before its end is there, a cold place is
answered from a small prompt while the whole one is evaluated in the pauses, and the line below is
thought of before anybody asks. Knows nothing about LSP.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from lsp_server.cache.suggestions import Place as CachePlace
from lsp_server.cache.suggestions import Suggestions, without_closed
from lsp_server.completion.answering import Answering, Contexts, Current, ServedModel, new_text
from lsp_server.completion.checks import Checks
from lsp_server.completion.computation import Computation, Outdated, Strayed
from lsp_server.completion.confidence import Judge
from lsp_server.completion.effort import Efforts
from lsp_server.completion.fates import Fates
from lsp_server.completion.later import Later
from lsp_server.completion.lookahead import LookAhead
from lsp_server.completion.outcomes import (
    inserted,
    place_of,
    said_all,
    with_selection,
)
from lsp_server.completion.permission import check_place
from lsp_server.completion.resemblance import Resemblance
from lsp_server.completion.restraint import Restraint
from lsp_server.completion.rhythm import Rhythm
from lsp_server.completion.surfaces import is_limited
from lsp_server.completion.workspace import Workspace
from lsp_server.config.options import Settings
from lsp_server.errors import EngineBusy, EngineError
from lsp_server.inference.counting import TokenCounter
from lsp_server.inference.engine import Engine, EngineState
from lsp_server.postprocess.filters import KEPT_FILTERS, postprocess
from lsp_server.prompt.build import is_healed
from lsp_server.trigger import is_inside_word
from lsp_server.types import (
    Adapter,
    Completion,
    CompletionRequest,
    Document,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    Surface,
    Timings,
    TriggerKind,
)

_NO_ENGINE = {RejectionReason.MODEL_LOADING, RejectionReason.ENGINE_FAILED}
"""Reasons behind which an engine has nothing evaluated."""

_OUTCOMES = 64
"""Documents whose last outcome is remembered."""


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
        resemblance: Resemblance | None = None,
    ) -> None:
        """Serve nothing yet.

        `looks_ahead` says that requests follow each other as somebody types: pauses are used, and
        a suggestion may come in two steps. `longer` is called with what there is at last for a
        request that was answered with a part; None takes it back.
        """
        self._engine = engine
        self._looks_ahead = looks_ahead
        self.resemblance = resemblance or Resemblance()
        """Compares what is shown with published code."""
        self._longer = Later(self.resemblance, longer, self._blocked)
        self._current = current = Current(settings)
        self._rhythm = Rhythm()
        self._contexts = contexts or Workspace()
        ours = self._contexts if isinstance(self._contexts, Workspace) else Workspace()
        self.secrecy = ours.secrecy
        """What is secret in the documents."""
        self._answering = Answering(
            engine,
            current,
            Checks(ours.trees),
            self.secrecy,
            looks_ahead=looks_ahead,
            longer=self._longer,
        )
        self._ahead = LookAhead(
            self, engine, self._contexts, current, self._answering, self.secrecy, used=looks_ahead
        )
        self._last: OrderedDict[str, Outcome] = OrderedDict()
        self.suggestions: Suggestions[Completion] = Suggestions()
        """What was suggested, for the keys that type it."""
        self._computing: dict[str, Computation] = {}
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

    @property
    def settings(self) -> Settings:
        """The options that hold from now on."""
        return self._current.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._current.settings = settings

    @property
    def model(self) -> ServedModel | None:
        """The model that answers; None while there is none."""
        return self._current.model

    @property
    def counter(self) -> TokenCounter:
        """Counts tokens as the model does."""
        return self._answering.counter

    @property
    def efforts(self) -> Efforts:
        """How much may be done ahead."""
        return self._ahead.efforts

    @efforts.setter
    def efforts(self, efforts: Efforts) -> None:
        self._ahead.efforts = efforts

    def adapt(self, adapter: Callable[[Document], Adapter | None]) -> None:
        """Answer for each document under the adapter that `adapter` returns, from now on."""
        self._current.adapter = adapter
        self._forget()

    def serve(self, model: ServedModel | None) -> None:
        """Answer with `model` from now on."""
        self._current.model = model
        self.counter.forget()
        self._forget()

    def _forget(self) -> None:
        """Forget what was computed, and end what is being computed: it would be another now."""
        self.suggestions.clear()
        self._ahead.clear()
        for computation in self._computing.values():
            computation.end()
        self._computing.clear()

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
        document = self.secrecy.document(document)
        self.restraint.opened(document)
        self._ahead.learn(document)

    def changed(self, document: Document) -> None:
        """End what is being computed for a document if its text now says something else."""
        now, document = time.monotonic(), self.secrecy.document(document)
        self._rhythm.pressed(now)
        self.restraint.changed(document, now)
        self._ahead.pauses.changed(document)
        if (running := self._computing.get(document.uri)) is not None:
            running.changed(document)

    def rejected(self) -> None:
        """Take in that the user turned down what was shown last."""
        self.restraint.refused(time.monotonic())

    def visited(self, document: Document, position: Position) -> None:
        """Evaluate the prompt of a place where the cursor stays, before anybody asks."""
        self._ahead.visited(self.secrecy.document(document), position)

    def closed(self, uri: str) -> None:
        """Forget a document."""
        self.suggestions.forget(uri)
        self._ahead.forget(uri)
        self.restraint.forget(uri)
        if (running := self._computing.pop(uri, None)) is not None:
            running.end()

    async def close(self) -> None:
        """End all work that nobody waits for."""
        for computation in self._computing.values():
            computation.end()
        await self._ahead.close()
        await self._longer.close()
        await self.fates.close()

    async def complete(self, request: CompletionRequest, within: float | None = None) -> Outcome:
        """Return a suggestion or the reason why there is none; never raises for the engine.

        A suggestion that takes longer than `within` milliseconds is too late, and kept for later.

        Cancelling the awaiting task ends the work; the caller then notes why.
        """
        started, request = time.perf_counter(), self.secrecy.request(request)
        outcome = self._answering.gated(request, await self._run(request))
        outcome = await self.resemblance.judged(request, outcome)
        total = _milliseconds(started)
        if within is not None and total > within and isinstance(outcome, Completion):
            outcome = Rejection(RejectionReason.LATE, timings=outcome.timings, used=outcome.used)
        timings = replace(outcome.timings, total=total)
        outcome = replace(outcome, timings=timings)
        self.note(request.document.uri, outcome, request)
        self._ahead.pauses.shown(request, outcome)
        self.restraint.shown(request, outcome, time.monotonic())
        self._ahead.prepare(request, outcome)
        return outcome

    @property
    def is_calibrated(self) -> bool:
        """Whether chances are known for the model that answers; else its likelihoods decide."""
        return self.model is not None and Judge.of(self.model.name).is_calibrated

    async def _run(self, request: CompletionRequest) -> Outcome:
        rejection = (
            check_place(request, self.settings)
            or await self.secrecy.refused(request.document, self.settings.privacy)
            or self.availability()
            or self.restraint.check(request, time.monotonic())
        )
        if rejection is None:
            try:
                outcome = await self._generate(request)
                return self.restraint.judged(request, outcome, time.monotonic())
            except EngineBusy:
                rejection = Rejection(RejectionReason.MODEL_LOADING)
            except EngineError as error:
                rejection = Rejection(RejectionReason.ENGINE_FAILED, str(error))
        if rejection.reason in _NO_ENGINE:
            self._answering.is_fresh = True
        return rejection

    def availability(self) -> Rejection | None:
        """Return why the engine cannot be asked, or None if it can."""
        if self.model_is_coming or self._engine.state is EngineState.LOADING:
            return Rejection(RejectionReason.MODEL_LOADING)
        if self._engine.state is EngineState.FAILED:
            return Rejection(RejectionReason.ENGINE_FAILED)
        if self.model is None or self._engine.state is EngineState.CLOSED:
            return Rejection(RejectionReason.NO_MODEL)
        return None

    async def _generate(self, request: CompletionRequest) -> Outcome:
        assert self.model is not None  # noqa: S101  # `availability` has seen to it.
        asked = self.secrecy.request(with_selection(request))
        place = CachePlace.of(asked.document, asked.position)
        depends = self._current.depends(self.model, request.document)
        done = self.suggestions.finished(request.document.uri, place, depends=depends)
        if done is not None and said_all(request, done):
            return Rejection(RejectionReason.EMPTY)
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
            part = (
                None if whole else self._answering.part(request, asked, came, computation.surface)
            )
            if part is not None:
                computation.shown = request
                return part
            over = await computation.wait()
        return computation.result()

    def _kept(
        self,
        request: CompletionRequest,
        asked: CompletionRequest,
        place: CachePlace,
        depends: object,
        *,
        is_begun: bool = False,
    ) -> Completion | None:
        """Return (the rest of) an earlier suggestion, for which nothing has to be evaluated."""
        uri, state = asked.document.uri, self._contexts.state(asked.document)
        found = self.suggestions.find(uri, place, depends=depends, state=state, is_begun=is_begun)
        if found is None or is_limited(request, found.value):
            return None
        if self._answering.wanted(request) > 1 and (found.typed or not found.value.others):
            return None
        earlier, text = found.value, found.rest
        if found.closed and "\n" in found.closed + text:
            text = without_closed(text, found.closed)
            if not text.strip():
                return None
        elif found.closed:
            # The bracket that the editor has put there is not suggested again.
            filtered = postprocess(
                text, place_of(asked, earlier.surface, reveals=self.secrecy.reveals), KEPT_FILTERS
            )
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
        whole = new_text(request, earlier)
        kept = self._answering.judged(
            asked, kept, text[-len(whole) :], max(0, len(whole) - len(found.rest))
        )
        if earlier.is_doubtful and not isinstance(self._answering.gated(request, kept), Rejection):
            # There is more to it now than what was waited for.
            return None
        return kept

    def _may_join(
        self, running: Computation, request: CompletionRequest, place: CachePlace, depends: object
    ) -> bool:
        """Whether a request is answered by what is being computed already."""
        asks_for_more = running.is_limited and request.trigger_kind is TriggerKind.INVOKED
        enough = self._answering.wanted(request) <= self._answering.wanted(running.request)
        return enough and not asks_for_more and running.follow(place, depends)

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
        self._ahead.pauses.end()

        async def compute(computation: Computation) -> Outcome:
            return await self._read(request, asked, computation)

        return self.begin(request, place, depends, compute)

    def begin(
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
                new = new_text(request, outcome)
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
        surface = self._answering.surface(assembled, asked)
        if isinstance(surface, RejectionReason):
            return Rejection(surface, assembled.context.surface.value)
        prompt = await self._answering.prompt(assembled)
        context_ms = _milliseconds(started)
        computation.surface = surface
        return await self._answering.answer(
            request, asked, assembled, prompt, computation, context_ms
        )

    def _over(self, computation: Computation, depends: object) -> None:
        """Tell the rest of what was shown in part, once it is there."""
        shown = computation.shown
        if shown is None:
            return
        try:
            outcome = computation.result()
        except (EngineError, Outdated, Strayed, asyncio.CancelledError):
            return
        asked = self.secrecy.request(with_selection(shown))
        place = CachePlace.of(asked.document, asked.position)
        whole: Outcome | None = outcome
        if isinstance(outcome, Completion):
            whole = self._kept(shown, asked, place, depends, is_begun=True)
        if whole is None:
            return
        if isinstance(whole, Completion) and isinstance(
            self._answering.gated(shown, whole), Rejection
        ):
            # What stands there is sure enough, even where the rest is not: then it stays alone.
            return
        now, uri = time.monotonic(), shown.document.uri
        whole = self.restraint.judged(shown, whole, now)
        self.restraint.shown(shown, whole, now)
        self.fates.note(uri, whole, shown, self.model, after_part=True)
        if isinstance(whole, Rejection):
            self._longer(shown, None)
        else:
            # An editor has to ask again to show it, and files may have changed meanwhile.
            state, new = self._contexts.state(asked.document), new_text(shown, whole)
            self.suggestions.keep(uri, place, new, whole, depends=depends, state=state)
            self._longer(shown, whole)
            self._ahead.prepare(shown, whole)

    def _blocked(self, request: CompletionRequest, rejection: Rejection) -> None:
        """Note that more of what was shown in part may not be shown."""
        self.fates.note(request.document.uri, rejection, request, self.model, after_part=True)

    def is_computing(self) -> bool:
        """Whether a suggestion is on its way."""
        return any(not computation.is_over for computation in self._computing.values())


def _milliseconds(started: float) -> float:
    return (time.perf_counter() - started) * 1000.0
