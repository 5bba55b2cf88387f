"""One suggestion that is being computed, and those who wait for it.

Whoever types on while a suggestion is on its way most often types what it begins with. So it is
not ended by the next key, but by a key that says something else: it goes on for the request that
comes then, and what was computed is not thrown away. When nobody waits any more it ends, at once
or, if what was typed last agrees with it, after a moment in which the editor may ask again. It
goes on without anybody waiting where its beginning was shown already, and where it is for a place
that the user is on the way to. Knows nothing about engines; what is computed comes in as a
coroutine.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from lsp_server.cache.suggestions import Place, unified
from lsp_server.types import (
    CompletionRequest,
    Document,
    GeneratedText,
    Generation,
    Outcome,
    StopReason,
    Surface,
)

PATIENCE = 0.2
"""Seconds in which an editor that cancelled a request may ask again. VS Code cancels at a key and
asks some 50 ms later."""


class Outdated(Exception):
    """The document says something else now; no error, the user has gone on."""


class Strayed(Exception):
    """What comes is not what was typed meanwhile; no error either."""


class Computation:
    """One suggestion on its way."""

    def __init__(
        self,
        request: CompletionRequest,
        place: Place,
        depends: object,
        compute: Callable[[Callable[[str], None]], Coroutine[Any, Any, Outcome]],
        *,
        text: str = "",
        ahead_from: int | None = None,
    ) -> None:
        """Begin at once; `compute` is given what to call with each piece of text that comes.

        An empty piece says that the text is whole, and only has to be looked over.
        `text` is what the suggestion begins with in any case. `ahead_from` says that the user is
        on the way to `place`, and how much of the text left of it was there at the beginning.
        """
        self.request = request
        self.place = place
        self.begun = time.perf_counter()
        """On the clock of `time.perf_counter`."""
        self.shown: CompletionRequest | None = None
        """The latest request that was answered with a beginning of the suggestion."""
        self.is_whole = False
        """Whether all of the text has come."""
        self.surface = Surface.LINE
        """What is suggested, once that is known."""
        self.is_limited = False
        """Whether more could be had by asking for it, as far as is known."""
        self._depends = depends
        self._text = text
        self._logprobs: list[float] = []
        self._ends: list[int] = []
        self._is_likely_known = True
        self._typed = ""
        self._waiting = 0
        self._ahead_from = ahead_from
        self._ended: type[Outdated | Strayed] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._news: asyncio.Future[None] | None = None
        self._task = asyncio.create_task(compute(self.take), name="suggestion")
        # Where nobody waits for it any more, nobody would look at its error.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    @property
    def is_ahead(self) -> bool:
        """Whether it is for a place that the user is on the way to."""
        return self._ahead_from is not None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self._ended is not None or self._task.done()

    @property
    def was_ended(self) -> bool:
        """Whether it was ended before its outcome was there."""
        return self._ended is not None

    @property
    def is_typed(self) -> bool:
        """Whether some of what comes has been typed meanwhile."""
        return bool(self._typed)

    def when_over(self, call: Callable[[], None]) -> None:
        """Call something once this has ended."""
        self._task.add_done_callback(lambda _: call())

    def follow(self, place: Place, depends: object) -> bool:
        """Go on for a request at `place` if the suggestion may fit there; return whether it may."""
        typed = place.typed_since(self.place)
        if self.is_over or depends != self._depends or typed is None:
            return False
        return self._agree(typed)

    def came(self, place: Place) -> str:
        """Return what has come so far of the text that goes on at `place`."""
        typed, text = place.typed_since(self.place), unified(self._text)
        return text[len(typed) :] if typed is not None and text.startswith(typed) else ""

    def likelihood(self, place: Place) -> Generation:
        """Return what has come so far as far as it goes on at `place`, with its log probabilities.

        What of it was typed since is judged no more.
        """
        came = self.came(place)
        typed = len(unified(self._text)) - len(came)
        fresh = [
            (logprob, end - typed)
            for logprob, end in zip(self._logprobs, self._ends, strict=True)
            if end > typed
        ]
        known = fresh if self._is_likely_known else []
        return Generation(
            came,
            StopReason.TIME,
            tuple(logprob for logprob, _ in known),
            ends=tuple(end for _, end in known),
        )

    def changed(self, document: Document) -> None:
        """End if the document was changed in another way than by typing what comes."""
        if self._ahead_from is not None and self.place.is_ahead_of(document, self._ahead_from):
            return
        typed = self.place.typed_in(document) if self.request.selected is None else None
        if typed is None or not self._agree(typed):
            self.end(Outdated)

    async def outcome(self) -> Outcome:
        """Wait for the outcome.

        Raises Outdated, Strayed, what `compute` raises, or CancelledError if whoever waits is
        cancelled.
        """
        while not await self.wait():
            pass
        return self.result()

    def result(self) -> Outcome:
        """Return the outcome of what is over; raises as `outcome` does."""
        if self._ended is not None:
            raise self._ended
        return self._task.result()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is over, until more text comes, or for so long; return whether it is over.

        Without `seconds` for as long as it takes. As long as anybody waits it goes on.
        """
        self._waiting += 1
        if self._timer is not None:
            self._timer.cancel()
        try:
            if seconds is not None:
                await asyncio.wait({self._task}, timeout=seconds)
            else:
                if self._news is None or self._news.done():
                    self._news = asyncio.get_running_loop().create_future()
                both: set[asyncio.Future[Any]] = {self._task, self._news}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting -= 1
            if not self._waiting and not self.is_over and self.shown is None:
                # A request that takes the place of this one is on its way in this very moment.
                delay = PATIENCE if self._typed else 0.0
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(delay, self._end_if_left)
        return self.is_over

    def end(self, why: type[Outdated | Strayed] = Outdated) -> None:
        """End at once."""
        if not self.is_over:
            self._ended = why
            self._task.cancel()

    def _end_if_left(self) -> None:
        if not self._waiting and self.shown is None:
            self.end()

    def _agree(self, typed: str) -> bool:
        """Note what has been typed; return whether what has come so far agrees with it."""
        text = unified(self._text)
        if not (typed.startswith(text) or text.startswith(typed)):
            return False
        self._typed = typed
        return True

    def take(self, piece: str) -> None:
        """Take in a piece of the text that comes; an empty one says that it is whole."""
        self.is_whole = self.is_whole or not piece
        self._text += piece
        if piece:
            logprob = piece.logprob if isinstance(piece, GeneratedText) else None
            self._is_likely_known = self._is_likely_known and logprob is not None
            self._logprobs.append(logprob or 0.0)
            self._ends.append(len(unified(self._text)))
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
        if not self._agree(self._typed):
            self.end(Strayed)
