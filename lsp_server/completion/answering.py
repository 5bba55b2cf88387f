"""What is asked of the engine at one place, and what is made of its answer.

The prompt and its smaller one, the rules where the answer ends, filters, and whether the model is
sure enough. Knows nothing about what was suggested earlier or is being computed besides.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from lsp_server.cache.suggestions import Place as CachePlace
from lsp_server.completion.checks import Checks
from lsp_server.completion.choices import choice_of, with_choice, with_names
from lsp_server.completion.computation import Computation
from lsp_server.completion.confidence import Judge
from lsp_server.completion.outcomes import inserted, part_of, with_selection
from lsp_server.completion.secrecy import Secrecy
from lsp_server.completion.surfaces import BODIES, permitted, stop_rules
from lsp_server.completion.workspace import Assembled, CountTokens
from lsp_server.config.options import Settings
from lsp_server.context.short import lines_to_count, shortened
from lsp_server.context.window import build_context
from lsp_server.errors import EngineBusy
from lsp_server.inference.client import OnText
from lsp_server.inference.counting import TokenCounter
from lsp_server.inference.engine import Engine
from lsp_server.prompt.build import build_prompt as lay_out
from lsp_server.prompt.formats import FimFormat
from lsp_server.types import (
    Adapter,
    Completion,
    CompletionRequest,
    ContextUse,
    Document,
    Generation,
    Outcome,
    Prompt,
    Rejection,
    RejectionReason,
    StopReason,
    Surface,
    Timings,
    TriggerKind,
)

FRESH_SHARE = 0.5
"""Part of `context.cold_tokens` that an engine begins with that was just started."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model that answers, as far as the pipeline needs to know it."""

    name: str
    fim: FimFormat
    is_remote: bool = False
    """Whether it runs on a server."""
    heals: Callable[[], bool] = lambda: True
    """Returns whether what runs it can make an answer begin with some text."""


@dataclass(slots=True)
class Current:
    """What may change while a server runs."""

    settings: Settings
    model: ServedModel | None = None
    """The model that answers; None while there is none."""
    adapter: Callable[[Document], Adapter | None] = lambda _document: None
    """Returns what is put over the model for a document; None is what it was loaded with."""

    def depends(self, model: ServedModel, document: Document) -> object:
        """Return what has to be the same for a suggestion to be given again."""
        return model.name, self.settings, self.adapter(document)

    def adapted(self, prompt: Prompt, document: Document) -> Prompt:
        """Return a prompt for a document with the adapter under which it is to be answered."""
        return replace(prompt, adapter=self.adapter(document))


def build_prompt(
    request: CompletionRequest,
    settings: Settings,
    fim: FimFormat,
    count_tokens: Callable[[str], int],
) -> Prompt:
    """Return the prompt for a document that stands alone, without regard to other files."""
    asked = Secrecy().request(with_selection(request))
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


class Answering:
    """Asks one engine."""

    def __init__(
        self,
        engine: Engine,
        current: Current,
        checks: Checks,
        secrecy: Secrecy,
        *,
        looks_ahead: bool,
        longer: Callable[[CompletionRequest, Completion | None], None],
    ) -> None:
        """See `lsp_server.completion.pipeline.Pipeline` for `looks_ahead` and `longer`."""
        self._engine = engine
        self._current = current
        self._checks = checks
        self._secrecy = secrecy
        self._looks_ahead = looks_ahead
        self._longer = longer
        self.counter = TokenCounter(engine)
        """Counts tokens as the model does."""
        self.cold: set[str] = set()
        """Documents that were answered from the smaller prompt last."""
        self.is_fresh = True
        """Whether the engine was just started: it has evaluated no whole prompt yet, and whoever
        waits has waited for its start already."""

    def gated(self, request: CompletionRequest, outcome: Outcome) -> Outcome:
        """Return `outcome`, or that the model is not sure enough of it."""
        if self._current.model is None:
            return outcome
        return Judge.of(self._current.model.name).gated(
            request, outcome, self._current.settings.completion.show
        )

    def judged(
        self, asked: CompletionRequest, made: Completion, new: str, begin: int = 0
    ) -> Completion:
        """Return a suggestion with its chance of being right, see `Judge.judged`."""
        return (
            Judge.of(self._current.model.name).judged(asked, made, new, begin)
            if self._current.model
            else made
        )

    def _cut(self, asked: CompletionRequest, made: Completion) -> Completion:
        """Return a suggestion up to its first unsure statement, see `Judge.cut`."""
        if self._current.model is None:
            return made
        show = self._current.settings.completion.show
        return Judge.of(self._current.model.name).cut(asked, made, new_text(asked, made), show)

    def part(
        self,
        request: CompletionRequest,
        asked: CompletionRequest,
        came: Generation,
        surface: Surface,
    ) -> Completion | None:
        """Return what can be shown of what has come, if its first word is sure enough."""
        part = part_of(request, asked, came, surface, self._secrecy.reveals)
        if part is None:
            return None
        part = self._cut(asked, self.judged(asked, part, came.text))
        return None if isinstance(self.gated(request, part), Rejection) else part

    def wanted(self, request: CompletionRequest) -> int:
        """Return how many suggestions are asked for: several only where a user in an editor asks.

        What is known already is then not enough, be it one suggestion or the rest of one.
        """
        invoked = request.trigger_kind is TriggerKind.INVOKED
        return self._current.settings.completion.candidates if self._looks_ahead and invoked else 1

    def surface(self, assembled: Assembled, asked: CompletionRequest) -> Surface | RejectionReason:
        """Return the kind of suggestion that is given at a place, or why none is."""
        return permitted(
            assembled.context.surface, asked.trigger_kind, self._current.settings.completion
        )

    async def answer(
        self,
        request: CompletionRequest,
        asked: CompletionRequest,
        assembled: Assembled,
        prompt: Prompt,
        computation: Computation,
        context_ms: float = 0.0,
    ) -> Outcome:
        """Ask the engine; return what there is to show, or why there is nothing.

        `asked` is `request` with its selected menu item inserted. What comes is told to
        `computation`. Raises EngineError.
        """
        surface, kind = computation.surface, asked.trigger_kind
        is_lowered = surface is not assembled.context.surface
        automatic = kind is TriggerKind.AUTOMATIC
        computation.is_limited = automatic and (is_lowered or surface in BODIES)
        body = assembled.body if surface in BODIES else None
        typed = asked.document.line(asked.position.line)[: asked.position.column]
        options = self._current.settings.completion
        # Who always waits for the whole, as an evaluation does, waits for all of a body.
        timed = self._looks_ahead and options.time_budget > 0
        rules = stop_rules(surface, kind, options, body, timed=timed)
        rules = with_names(rules, assembled.members, options.symbols)
        rules = with_choice(
            replace(rules, candidates=self.wanted(request)),
            asked,
            options,
            assembled.context.comment[0],
        )

        async def generate() -> Generation:
            place = CachePlace.of(asked.document, asked.position)
            made = await _until(
                lambda on_text: self._engine.complete(
                    self._current.adapted(prompt, asked.document),
                    rules,
                    # The rest of a header's line is no line of its body.
                    line_has_text=body is None and bool(typed.strip()),
                    on_text=on_text,
                ),
                lambda piece: self._tell(computation, piece),
                lambda: self._up_to_doubt(asked, computation, place),
            )
            computation.take("")
            return made

        generation, check = await asyncio.gather(generate(), self._checks.check(asked))
        # How it was answered is not known where its end was not waited for. To evaluate a prompt
        # that is evaluated already costs nothing.
        is_unknown = generation.stop is StopReason.UNSURE and bool(prompt.short)
        if generation.is_short or is_unknown:
            self.cold.add(asked.document.uri)
        else:
            self.is_fresh = False
        if (doubtful := self._doubtful(request, asked, surface, generation)) is not None:
            use = _use(assembled, is_short=False)
            return replace(doubtful, used=use, timings=Timings(context=context_ms))
        outcome = await asyncio.to_thread(
            choice_of,
            request,
            asked,
            surface,
            generation,
            context_ms,
            check,
            body,
            self._secrecy.reveals,
        )
        if isinstance(outcome, Completion):
            others = tuple(
                self.judged(asked, one, new_text(request, one)) for one in outcome.others
            )
            outcome = self._cut(asked, self.judged(asked, outcome, new_text(request, outcome)))
            outcome = replace(outcome, is_lowered=is_lowered, others=others)
        return replace(outcome, used=_use(assembled, is_short=generation.is_short))

    def _up_to_doubt(
        self, asked: CompletionRequest, computation: Computation, place: CachePlace
    ) -> Generation | None:
        """Return what has come, if nothing of what follows would be shown; see `Judge.doubt`.

        `place` is that of `asked`. A body ends where it gets unsure. Whoever types what comes
        makes it surer, so then it goes on.
        """
        if self._current.model is None or computation.is_typed:
            return None
        came = computation.likelihood(place)
        judge, show = Judge.of(self._current.model.name), self._current.settings.completion.show
        begin = judge.doubt(asked, came, computation.surface, show)
        if begin is None:
            return None
        text = came.text[:begin].rstrip() if begin else came.text
        return replace(came, text=text, stop=StopReason.UNSURE)

    def _doubtful(
        self,
        request: CompletionRequest,
        asked: CompletionRequest,
        surface: Surface,
        generation: Generation,
    ) -> Completion | None:
        """Return what an answer whose first word is too unlikely is kept as; None if it is not."""
        if generation.stop is not StopReason.UNSURE:
            return None
        made = Completion(
            *inserted(request, generation.text), surface, generation, is_doubtful=True
        )
        made = self.judged(asked, made, generation.text)
        return made if isinstance(self.gated(request, made), Rejection) else None

    def _tell(self, computation: Computation, piece: str) -> None:
        """Take in what comes; of a body that is shown in part, show each line as it comes."""
        computation.take(piece)
        shown = computation.shown
        if shown is None or computation.surface not in BODIES or "\n" not in piece:
            return
        asked = self._secrecy.request(with_selection(shown))
        place = CachePlace.of(asked.document, asked.position)
        part = self.part(shown, asked, computation.likelihood(place), computation.surface)
        if part is not None and not computation.is_over:
            self._longer(shown, part)

    async def prompt(self, assembled: Assembled) -> Prompt:
        """Return the prompt, and a smaller one for a place that is cold.

        Raises EngineBusy if the model went while the context was chosen, as it does when settings
        are changed.
        """
        model = self._current.model
        if model is None:
            raise EngineBusy("The model is being loaded anew.")
        context, options = assembled.context, self._current.settings.prompt
        prompt = lay_out(context, model.fim, options)
        cold = self._current.settings.context.cold_tokens
        if not cold or not self._looks_ahead:
            return prompt
        if self.is_fresh:
            cold = int(cold * FRESH_SHARE) or 1
        counts = await self.counter.counts(lines_to_count(context))
        short = lay_out(shortened(context, cold, counts.__getitem__), model.fim, options)
        return replace(prompt, short=short.segments, cold_tokens=cold)


async def _until(
    generate: Callable[[OnText], Awaitable[Generation]],
    tell: OnText,
    enough: Callable[[], Generation | None],
) -> Generation:
    """Generate, and tell each piece; end it as soon as what has come is `enough`.

    It is ended in the way of `asyncio.timeout`, which leaves alone whoever else cancels.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # A coroutine runs in one.
    ended: Generation | None = None

    def take(piece: str) -> None:
        nonlocal ended
        tell(piece)
        if ended is None and (ended := enough()) is not None:
            task.cancel()

    try:
        made = await generate(take)
        if ended is not None:
            # It came to its end at the same time: the cancellation has to arrive in here.
            await asyncio.sleep(0)
    except asyncio.CancelledError:
        if ended is None or task.uncancel() > 0:
            raise
        return ended
    return made


def _use(assembled: Assembled, *, is_short: bool) -> ContextUse:
    if is_short:
        return ContextUse(is_short=True)
    selection = assembled.selection
    sources = tuple(snippet.source for snippet in selection.snippets)
    return ContextUse(selection.tokens, sources, bool(assembled.hint))


def new_text(request: CompletionRequest, made: Completion) -> str:
    """Return what a suggestion adds to the selected menu item, if there is one."""
    return made.text[len(request.selected.text) if request.selected else 0 :]
