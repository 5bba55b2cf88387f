"""What became of the latest requests, for whoever asks why nothing was suggested.

A fate says when, where and in what way somebody asked, what the answer was and where its time
went. No text of a document is in it: a place is the file's bare name, a line and a column. The
latest are kept in memory and, unless that is switched off, written to a file (`FateLog`) by
another thread, a second later. Knows nothing about LSP.
"""

import asyncio
import dataclasses
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import unquote, urlsplit

from lsp_server.text import without_surrogates
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Outcome,
    Rejection,
    RejectionReason,
    StopReason,
    Timings,
)

_LOG = logging.getLogger(__name__)

KEPT = 400
"""Fates that are kept in memory."""

DELAY = 1.0
"""Seconds after which what is new is written, all in one."""

LONGEST_NAME = 80
"""Code points of a file's name that are kept."""

LONGEST_DETAIL = 300
"""Code points of an error's message that are kept."""

PASSED_OVER = frozenset({RejectionReason.SUPERSEDED.value, RejectionReason.CANCELLED.value})
"""Reasons that say only that somebody typed on; runs of them become one fate."""

_WITH_DETAIL = frozenset(
    {
        RejectionReason.ENGINE_FAILED,
        RejectionReason.LANGUAGE_DISABLED,
        RejectionReason.RESEMBLES_CODE,
    }
)
"""Reasons whose detail is kept: what fimbul itself has written, an error's message, a language, or
which published code it is.
Any other detail is left out, so that no filter can put a piece of code there."""

_STOPS = frozenset(reason.value for reason in StopReason)


class Served(Protocol):
    """What of the model is kept with a fate."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def is_remote(self) -> bool:
        """Whether it runs on a server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFate:
    """What became of one request, or of several in a row that were passed over."""

    at: float
    """When it was answered, in seconds since 1970."""
    file: str = ""
    """Bare name of the document's file; empty if it is none."""
    language: str = ""
    """LSP language identifier; empty if the document is not open."""
    line: int = 0
    """Line of the cursor, from 1; 0 if that is not known."""
    column: int = 0
    """Column of the cursor in code points, from 1."""
    asked: str = ""
    """How, see `TriggerKind`; empty if that is not known."""
    in_menu: bool = False
    """Whether an item was selected in the editor's completion menu."""
    reason: str = ""
    """Why nothing was shown, see `RejectionReason`; empty if something was."""
    detail: str = ""
    """What an error said, or the language that is switched off."""
    surface: str = ""
    """See `Surface`; empty where it was not decided."""
    origin: str = ""
    """``model``, ``part`` (the beginning of what the model was still saying), ``kept`` (the rest
    of an earlier suggestion), ``ahead`` (thought of before it was asked for); empty if nothing was
    shown."""
    model: str = ""
    """Name of the model; empty if there was none."""
    is_remote: bool = False
    """Whether a server ran it."""
    short_prompt: bool = False
    """Whether the answer came from the small prompt of a cold place."""
    prompt_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0
    stop: str = ""
    """What ended the generation, see `StopReason`."""
    chance: float | None = None
    """Calibrated chance that the suggestion is right, from 0 to 1."""
    timings: Timings = field(default_factory=Timings)
    after_part: bool = False
    """Whether this is what came of a suggestion whose beginning was shown already."""
    count: int = 1
    """Requests that had this fate one after the other; the latest is the one described."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What is counted of a session besides its requests, without any text."""

    replaced: dict[str, int]
    """Secret values that were replaced in its documents, by kind."""
    limits: dict[str, int] = field(default_factory=dict)
    """How often each limit was reached, by option."""


class Log(Protocol):
    """Where fates are written."""

    def write(self, fates: Iterable[RequestFate], tally: Tally | None = None) -> None:
        """Write them; the first time make the file. Raises OSError.

        A later tally takes the place of an earlier one.
        """

    def remove(self) -> None:
        """Delete what was written. Raises OSError."""


def fate_of(
    uri: str,
    outcome: Outcome,
    request: CompletionRequest | None,
    model: Served | None,
    *,
    at: float,
    after_part: bool = False,
) -> RequestFate:
    """Return what is kept of an outcome; `request` is None if the document is not open."""
    fate = RequestFate(
        at=round(at, 3),
        file=_name(uri),
        timings=_rounded(outcome.timings),
        short_prompt=outcome.used.is_short,
        model="" if model is None else model.name,
        is_remote=model is not None and model.is_remote,
        after_part=after_part,
    )
    if request is not None:
        fate = replace(
            fate,
            language=request.document.language,
            line=request.position.line + 1,
            column=request.position.column + 1,
            asked=request.trigger_kind.value,
            in_menu=request.selected is not None,
        )
    return (
        _with_rejection(fate, outcome)
        if isinstance(outcome, Rejection)
        else _with_suggestion(fate, outcome)
    )


def _with_rejection(fate: RequestFate, rejection: Rejection) -> RequestFate:
    detail = rejection.detail
    return replace(
        fate,
        reason=rejection.reason.value,
        detail=detail[:LONGEST_DETAIL] if rejection.reason in _WITH_DETAIL else "",
        stop=detail if detail in _STOPS else "",
        prompt_tokens=rejection.prompt_tokens,
    )


def _with_suggestion(fate: RequestFate, completion: Completion) -> RequestFate:
    made = completion.generation
    return replace(
        fate,
        surface=completion.surface.value,
        origin=_origin(completion),
        prompt_tokens=made.prompt_tokens,
        reused_tokens=made.reused_tokens,
        generated_tokens=0 if completion.is_kept else len(made.logprobs),
        stop=made.stop.value,
        chance=completion.chance,
    )


def _origin(completion: Completion) -> str:
    if completion.is_part:
        return "part"
    if completion.is_kept:
        return "ahead" if completion.is_ahead else "kept"
    return "model"


def _name(uri: str) -> str:
    """Return the bare name of a file; other documents have names that may say anything."""
    if not uri.startswith("file:"):
        return ""
    try:
        path = urlsplit(uri).path
    except ValueError:
        # Such as an address with one bracket.
        return ""
    return without_surrogates(unquote(path)).rpartition("/")[2][:LONGEST_NAME]


def _rounded(timings: Timings) -> Timings:
    return Timings(*(round(value, 1) for value in dataclasses.astuple(timings)))


def joined(earlier: RequestFate, later: RequestFate) -> RequestFate | None:
    """Return both as one if they were passed over in the same document; None if they stay two."""
    same = (earlier.reason, earlier.file, earlier.language) == (
        later.reason,
        later.file,
        later.language,
    )
    if not same or later.reason not in PASSED_OVER:
        return None
    return replace(later, count=earlier.count + later.count)


def collapsed(fates: Iterable[RequestFate]) -> list[RequestFate]:
    """Return `fates` with runs of those that were passed over made one."""
    found: list[RequestFate] = []
    for fate in fates:
        both = joined(found[-1], fate) if found else None
        found[-1:] = [both] if both is not None else [*found[-1:], fate]
    return found


def counted(fates: Iterable[RequestFate]) -> Counter[str]:
    """Return how often each reason stands there; what was shown counts as an empty one.

    What came later for a suggestion that was shown in part is not counted again.
    """
    counts: Counter[str] = Counter()
    for fate in fates:
        if not fate.after_part:
            counts[fate.reason] += fate.count
    return counts


class Fates:
    """The latest fates, newest last, and the file that they are written to."""

    def __init__(self) -> None:
        self._latest: deque[tuple[str, RequestFate]] = deque(maxlen=KEPT)
        self._log: Log | None = None
        self._new: list[RequestFate] = []
        self._writing: asyncio.Task[None] | None = None
        self.tally: Callable[[], Tally] = lambda: Tally({})
        """Called for what is counted besides, before something is written."""
        self._written: Tally | None = None
        self.listen: Callable[[RequestFate], None] = lambda _: None
        """Called with each fate."""

    def keep_in(self, log: Log | None) -> None:
        """Write to `log` from now on; None keeps them in memory only and deletes what is there.

        What was noted before is not written. Needs a running event loop.
        """
        if log is self._log:
            return
        before, self._log = self._log, log
        self._written = None
        self._new.clear()
        if before is not None:
            _try(before.remove)
        if log is not None:
            self._write_soon(0.0)

    def note(
        self,
        uri: str,
        outcome: Outcome,
        request: CompletionRequest | None = None,
        model: Served | None = None,
        *,
        after_part: bool = False,
    ) -> None:
        """Note what became of a request."""
        fate = fate_of(uri, outcome, request, model, at=time.time(), after_part=after_part)
        if self._latest and self._latest[-1][0] == uri:
            both = joined(self._latest[-1][1], fate)
            if both is not None:
                self._latest.pop()
            self._latest.append((uri, both or fate))
        else:
            self._latest.append((uri, fate))
        if self._log is not None:
            self._new.append(fate)
            self._write_soon(DELAY)
        self.listen(fate)

    def latest(self, count: int, uri: str | None = None) -> list[RequestFate]:
        """Return the latest fates, of one document if `uri` names it, oldest first."""
        found = [fate for owner, fate in self._latest if uri is None or owner == uri]
        return found[-count:] if count > 0 else []

    async def close(self) -> None:
        """Write what is left."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._write()

    def _write_soon(self, delay: float) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_later(delay), name="write fates")

    async def _write_later(self, delay: float) -> None:
        await asyncio.sleep(delay)
        await self._write()
        while self._new:
            await asyncio.sleep(DELAY)
            await self._write()

    async def _write(self) -> None:
        log, new = self._log, collapsed(self._new)
        self._new.clear()
        if log is None:
            return
        tally = self.tally()
        fresh = None if tally == self._written else tally
        self._written = tally
        is_written = await asyncio.to_thread(_try, lambda: log.write(new, fresh))
        if not is_written and log is self._log:
            self._log = None
        elif log is not self._log:
            # It was switched off while the thread was writing.
            _try(log.remove)


def _try(work: Callable[[], None]) -> bool:
    """Do something with the file; an error costs `fimbul explain --last` and nothing else."""
    try:
        work()
    except OSError as error:
        _LOG.warning("what became of requests is kept in memory only: %s", error)
        return False
    return True
