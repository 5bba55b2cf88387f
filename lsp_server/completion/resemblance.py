"""Whether a suggestion, together with what stands there, resembles published code.

Looked at in the moment of showing, whatever the suggestion is: a part, the rest of an earlier one,
one that was thought of ahead. What is found is told with the suggestion or keeps it back, as the
user's policy says. Suggestions go on whatever happens to an index. Knows nothing about LSP or
about how code is found again.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from lsp_server.cache.suggestions import unified
from lsp_server.completion.borrowed import Borrowed, Span, share
from lsp_server.config.options import ReferenceOptions, Resembling
from lsp_server.patience import Patience, Stalled
from lsp_server.references.matches import Findings, Match
from lsp_server.references.policy import decide, references_of
from lsp_server.references.telling import short
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Outcome,
    Position,
    Reference,
    Rejection,
    RejectionReason,
)

_LOG = logging.getLogger(__name__)

LEAST = 65
"""Shortest run of tokens that is told of: about 150 characters, the published threshold of the
assistant with the most users."""

FROM_MODEL = 1 / 3
"""Least part of a run that has to come from the model, this suggestion and accepted ones."""

BEFORE, AFTER = 4000, 1000
"""Code points in front of a suggestion and behind it that are looked at with it."""

MOST = 8
"""References that travel with a suggestion."""

PATIENCE = 1.0
"""Seconds that a look-up is waited for; it takes milliseconds unless the index's disk stalls."""

OPENING = 2.0
"""Seconds that a suggestion waits for indexes that are being opened when a server starts."""

_KNOWN = 64
"""Texts whose findings are remembered: who types a suggestion asks about the same text again."""


class Shelf(Protocol):
    """The indexes that are in use; `lsp_server.references.library.Library` is one."""

    @property
    def names(self) -> Collection[str]:
        """Names of the indexes that answer."""

    def look(self, text: str, language: str, *, least: int) -> Findings:
        """Return what of `text` stands in indexed code; may be called in any thread."""

    def tokens(self, text: str, language: str) -> Sequence[Span]:
        """Return where the tokens of a text stand; may be called in any thread."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is looked at, and what of it comes from the model."""

    text: str
    """With one character for each line ending."""
    first: int
    """Number of its first line in the document, from 0."""
    suggestion: Span
    """Where the suggestion stands; empty where there is none."""
    accepted: tuple[Span, ...] = ()

    @property
    def from_model(self) -> tuple[Span, ...]:
        """All that comes from the model."""
        return (self.suggestion, *self.accepted)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a text resembles."""

    findings: Findings
    tokens: tuple[Span, ...] = ()
    """Where its tokens stand; empty where nothing was found."""

    def share(self, match: Match, spans: Iterable[Span]) -> float:
        """Return how much of a match is inside of `spans`, from 0 to 1, in tokens."""
        return share(self.tokens, (match.start, match.end), spans)


class Resemblance:
    """Compares suggestions with the indexes of one shelf; without one it does nothing."""

    def __init__(
        self, *, tell: Callable[[str], None] = lambda _: None, patience: float = PATIENCE
    ) -> None:
        """`tell` gets what the user should know, once each."""
        self._tell = tell
        self._patience = Patience(patience)
        self._told: set[str] = set()
        self._shelf: Shelf | None = None
        self._opened = asyncio.Event()
        self._opened.set()
        self._known: OrderedDict[tuple[str, str], Looked] = OrderedDict()
        self.options = ReferenceOptions()
        """What becomes of what is found."""
        self.borrowed = Borrowed()
        """What was accepted from the model."""

    @property
    def is_active(self) -> bool:
        """Whether anything is looked at, or will be in a moment."""
        return self.options.enable and (self._shelf is not None or not self._opened.is_set())

    def expect(self) -> None:
        """Take in that a shelf is being opened, for which suggestions wait a little."""
        self._opened.clear()

    @property
    def indexes(self) -> Collection[str]:
        """Names of the indexes that are looked into."""
        return () if self._shelf is None else self._shelf.names

    def use(self, shelf: Shelf | None) -> None:
        """Look into `shelf` from now on; the one before is not closed here."""
        self._shelf = shelf
        self._known.clear()
        self._opened.set()

    async def judged(self, request: CompletionRequest, outcome: Outcome) -> Outcome:
        """Return a suggestion with its references, or that it is kept back because of them.

        Where several are offered, those that may not come are left out.
        """
        if not self.is_active or isinstance(outcome, Rejection):
            return outcome
        if not self._opened.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._opened.wait(), OPENING)
        found = [await self._one(request, one) for one in (outcome, *outcome.others)]
        shown = [one for one in found if isinstance(one, Completion)]
        if not shown:
            return replace(found[0], timings=outcome.timings, used=outcome.used)
        first = replace(shown[0], timings=outcome.timings, used=outcome.used)
        return replace(first, others=tuple(shown[1:]))

    async def look(self, window: Window, language: str) -> list[Match]:
        """Return the matches of which at least a third comes from the model."""
        found = await self.findings(window.text, language)
        if found is None:
            return []
        return [
            match
            for match in found.findings.matches
            if found.share(match, window.from_model) >= FROM_MODEL
        ]

    async def findings(self, text: str, language: str) -> Looked | None:
        """Return all that a text resembles.

        None if nobody can tell: there is no shelf, or it takes too long or fails, which is said.
        """
        shelf, asked = self._shelf, (language, text)
        if shelf is None:
            return None
        if (known := self._known.get(asked)) is not None:
            self._known.move_to_end(asked)
            return known

        def look() -> Looked:
            findings = shelf.look(text, language, least=LEAST)
            return Looked(findings, tuple(shelf.tokens(text, language)) if findings.matches else ())

        try:
            found = await self._patience.wait_for("indexes", look)
        except Stalled:
            self._say("The disk of the reference indexes does not answer")
            return None
        except Exception as error:  # noqa: BLE001  # Whatever an index does, suggestions go on.
            # The text of the error may quote the document.
            _LOG.error("a look-up of references failed: %s", type(error).__name__)
            self._say(f"A reference index could not be looked into ({type(error).__name__})")
            return None
        if shelf is self._shelf:
            self._known[asked] = found
            while len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return found

    def window(self, document: Document, completion: Completion) -> Window:
        """Return what is looked at for a suggestion."""
        return window_around(
            document, completion.start, completion.end, unified(completion.text), self.borrowed
        )

    async def _one(self, request: CompletionRequest, one: Completion) -> Completion | Rejection:
        window = self.window(request.document, one)
        begin, end = window.suggestion
        references: list[Reference] = []
        for match in await self.look(window, request.document.language):
            if match.end <= begin or match.start >= end:
                # It stands there already, and was told of when it came.
                continue
            verdict = decide(match, self.options)
            if verdict is Resembling.BLOCK:
                detail = short(references_of(match))
                return Rejection(RejectionReason.RESEMBLES_CODE, f"{detail}.", one.timings)
            if verdict is Resembling.ANNOTATE:
                references += references_of(match)
        longest = sorted(references, key=lambda reference: -reference.tokens)
        return replace(one, references=tuple(longest[:MOST]))

    def _say(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._tell(
                f"{what}: suggestions go on, but are not compared with published code"
                " (`fimbul references verify` says more)."
            )


def window_around(
    document: Document, start: Position, end: Position, text: str, borrowed: Borrowed
) -> Window:
    """Return `text` in the place of a range, with what stands around it, as much as is looked at.

    `text` has one character for each line ending.
    """
    lines = document.lines
    head = unified(lines[start.line][: start.column])[-BEFORE:]
    room, first = BEFORE - len(head), start.line
    while first > 0 and len(lines[first - 1]) <= room:
        first -= 1
        room -= len(lines[first])
    above = [unified(line) for line in lines[first : start.line]]
    tail = unified(lines[end.line][end.column :])[:AFTER]
    room, last = AFTER - len(tail), end.line + 1
    while last < len(lines) and len(lines[last]) <= room:
        room -= len(lines[last])
        last += 1
    below = [unified(line) for line in lines[end.line + 1 : last]]
    begin = sum(map(len, above)) + len(head)
    before = borrowed.spans(document.uri, [*above, head], first)
    behind = begin + len(text)
    after = borrowed.spans(document.uri, [tail, *below], end.line)
    shifted = [(low + behind, high + behind) for low, high in after]
    return Window(
        "".join([*above, head, text, tail, *below]),
        first,
        (begin, behind),
        (*before, *shifted),
    )


def lines_of(window: Window, match: Match) -> tuple[int, int]:
    """Return the lines of the document on which a match begins and ends, from 0."""
    begin = window.first + window.text.count("\n", 0, match.start)
    return begin, begin + window.text.count("\n", match.start, max(match.start, match.end - 1))
