"""What is done in the pauses, before anybody asks for it.

The whole prompt of a place that was answered from the smaller one, the place where the cursor
rests, the line below, and learning from documents. Knows nothing about LSP.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Protocol

from lsp_server.cache.suggestions import Place as CachePlace
from lsp_server.completion.ahead import next_line
from lsp_server.completion.answering import Answering, Contexts, Current
from lsp_server.completion.computation import Computation
from lsp_server.completion.effort import Effort, Efforts
from lsp_server.completion.outcomes import with_selection
from lsp_server.completion.pauses import Pauses
from lsp_server.completion.permission import check_place, may_learn
from lsp_server.completion.secrecy import Secrecy
from lsp_server.config.options import Ahead
from lsp_server.errors import EngineError
from lsp_server.inference.engine import Engine
from lsp_server.prompt.build import build_prompt as lay_out
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    StopReason,
)

_LOG = logging.getLogger(__name__)

READING = 0.4
"""Seconds more that a new suggestion has to stand there before the line below is thought of."""

LEARNED = 200_000
"""Most code points of a document that the engine learns from; a longer one is mostly data."""


class Host(Protocol):
    """What is computed anyway, beside which this happens."""

    def availability(self) -> Rejection | None:
        """Return why the engine cannot be asked, or None if it can."""

    def is_computing(self) -> bool:
        """Whether a suggestion is on its way."""

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


class LookAhead:
    """Uses the pauses of one pipeline; does nothing where it is not `used`."""

    def __init__(
        self,
        host: Host,
        engine: Engine,
        contexts: Contexts,
        current: Current,
        answering: Answering,
        secrecy: Secrecy,
        *,
        used: bool,
    ) -> None:
        self._host = host
        self._engine = engine
        self._contexts = contexts
        self._current = current
        self._answering = answering
        self._secrecy = secrecy
        self._used = used
        self.efforts = Efforts()
        """How much may be done ahead."""
        self.pauses = Pauses()
        self._learning: set[asyncio.Task[None]] = set()
        self._foreseen: dict[str, CachePlace] = {}

    def learn(self, document: Document) -> None:
        """Let the engine learn from a document how the next ones may go on."""
        if not may_learn(document, self._current.settings):
            return
        if self._used and self._host.availability() is None:
            learning = asyncio.create_task(self._learn(self._secrecy.document(document)))
            self._learning.add(learning)
            learning.add_done_callback(self._learning.discard)

    def visited(self, document: Document, position: Position) -> None:
        """Evaluate the prompt of a place where the cursor stays, before anybody asks."""
        if not self._may_look_ahead() or self._host.is_computing():
            return
        request = CompletionRequest(document, position)
        if check_place(request, self._current.settings) is None:
            self.pauses.begin(lambda: self._warm(request))

    def forget(self, uri: str) -> None:
        """Forget a document."""
        self._foreseen.pop(uri, None)
        self.pauses.forget(uri)
        self._answering.cold.discard(uri)

    def clear(self) -> None:
        """End the work and forget all documents: another model answers."""
        self.pauses.clear()
        self._foreseen.clear()
        self._answering.cold.clear()

    async def close(self) -> None:
        """End the work and wait for its end."""
        for task in self._learning:
            task.cancel()
        await asyncio.gather(*self._learning, self.pauses.close(), return_exceptions=True)

    def prepare(self, request: CompletionRequest, outcome: Outcome) -> None:
        """Use the pause that may follow."""
        if not self._used or self._host.is_computing():
            return
        # Where the same suggestion is being typed, what was begun for it is still right.
        if not (isinstance(outcome, Completion) and outcome.is_kept and self.pauses.is_used):
            self.pauses.begin(lambda: self._look_ahead(request, outcome))

    async def _look_ahead(self, request: CompletionRequest, outcome: Outcome) -> None:
        if request.document.uri in self._answering.cold:
            await self._warm(with_selection(request))
        target = next_line(request, outcome)
        if target is not None and self._may_look_ahead():
            if isinstance(outcome, Completion) and not outcome.is_kept:
                # Most suggestions are not what comes next; whoever likes one reads it first.
                await asyncio.sleep(READING)
            await self._foresee(request, target)

    async def _warm(self, asked: CompletionRequest) -> None:
        """Evaluate the whole prompt of a place."""
        if await self._secrecy.refused(asked.document, self._current.settings.privacy) is not None:
            return
        model = self._current.model
        if self._host.availability() is not None or model is None:
            return
        assembled = await self._contexts.assemble(
            asked, self._current.settings, self._answering.counter.counts
        )
        if self._current.model is not model:
            return
        prompt = lay_out(assembled.context, model.fim, self._current.settings.prompt)
        made = await self._engine.prefill(self._current.adapted(prompt, asked.document))
        if made.stop is not StopReason.CANCELLED:
            self._answering.cold.discard(asked.document.uri)
            self._answering.is_fresh = False

    async def _foresee(self, request: CompletionRequest, target: CompletionRequest) -> None:
        """Begin to compute a suggestion for a place that the user is on the way to.

        It stands for the begin of that line, so that it is found whatever indentation is put there.
        """
        model = self._current.model
        if self._host.availability() is not None or model is None:
            return
        uri, depends = request.document.uri, self._current.depends(model, request.document)
        target = self._secrecy.request(target)
        there = CachePlace.of(target.document, target.position)
        indentation = target.document.line(target.position.line)[: target.position.column]
        place = replace(there, left=there.left[: len(there.left) - len(indentation)])
        if self._foreseen.get(uri) == place:
            return
        assembled = await self._contexts.foresee(
            target, self._current.settings, self._answering.counter.counts
        )
        if assembled is None or self._host.is_computing() or self._current.model is not model:
            return
        self._foreseen[uri] = place
        surface = self._answering.surface(assembled, target)
        if isinstance(surface, RejectionReason):
            return
        prompt = lay_out(assembled.context, model.fim, self._current.settings.prompt)

        async def compute(computation: Computation) -> Outcome:
            computation.surface = surface
            outcome = await self._answering.answer(target, target, assembled, prompt, computation)
            return replace(outcome, is_ahead=True) if isinstance(outcome, Completion) else outcome

        here = CachePlace.of(request.document, request.position)
        begun = self._host.begin(
            target, place, depends, compute, text=indentation, ahead_from=len(here.left)
        )
        begun.when_over(lambda: self._given_up(uri, place) if begun.was_ended else None)

    def _given_up(self, uri: str, place: CachePlace) -> None:
        """Let a place be foreseen once more whose suggestion did not get finished."""
        if self._foreseen.get(uri) == place:
            del self._foreseen[uri]

    def _may_look_ahead(self) -> bool:
        wanted = self._current.settings.engine.ahead
        if not self._used or wanted is Ahead.OFF:
            return False
        return wanted is Ahead.ALWAYS or self.efforts.now() is Effort.FULL

    async def _learn(self, document: Document) -> None:
        if await self._secrecy.withheld(document) is not None:
            return
        try:
            await self._engine.learn(["".join(document.lines)[:LEARNED]])
        except EngineError as error:
            _LOG.debug("nothing was learned from a document: %s", type(error).__name__)
