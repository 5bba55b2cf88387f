"""One suggestion on the screen, and what was taken of it so far.

Knows nothing about clocks, other suggestions or where anything is written.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lsp_server.cache.suggestions import unified
from lsp_server.completion.regions import Gap, LineEdit, Region, first_line, place_of
from lsp_server.feedback.records import SEEN, Fate, Known, Sample, Suggestion
from lsp_server.types import Completion, CompletionRequest, Document, Position

AT_ONCE = 4
"""Code points of a suggestion that come in one change, from which on they count as accepted. An
editor that sends changes every 150 ms, as Neovim does, has up to three typed ones in each."""

LONGEST = 20_000
"""Code points of the lines around a suggestion above which it is not followed: data, not code."""

_ENTER = re.compile(r"\n[ \t]*")
"""What one key may bring: the indentation is the editor's."""

_RANK = {Fate.WORD: 0, Fate.LINE: 1, Fate.WHOLE: 2}

_RANDOM = random.SystemRandom()
"""Makes the numbers of suggestions different in servers that run at the same time."""


@dataclass(slots=True, eq=False)
class Followed:
    """A suggestion while it is followed."""

    id: int
    uri: str
    path: str
    """Of the document, relative to its workspace folder; empty if it has none."""
    version: int
    """Of the document, when the suggestion was asked for."""
    language: str
    trigger: str
    completion: Completion
    model: str
    at: float
    """When it was first shown, in seconds since 1970."""
    begun: float
    """The same by the clock of whoever follows it, in seconds."""
    text: str
    """All of it, line endings made one character."""
    gap: Gap
    region: Region
    done: int = 0
    """Code points of the text that stand there."""
    replaced: str = ""
    """The lines before anything happened, where the text replaces what a menu had inserted."""
    items: dict[int, tuple[int, str]] = field(default_factory=dict)
    """What the editor calls it by; each with where in the text that item began, and its text.
    Other suggestions for the same place are among them."""
    accepted: int = 0
    """Code points that were taken with a key."""
    taken_from: int = 0
    taken_to: int = 0
    """Where in the text the accepted part begins and ends."""
    typed: int = 0
    """Code points that were typed by hand."""
    grown_from: int = 0
    """Where the latest growth began."""
    kind: Fate | None = None
    """How it was accepted so far."""
    kind_known: Known = Known.INFERRED
    shown_known: Known = Known.INFERRED
    promised: int = 0
    """Where the editor says that it has accepted up to, before the change has come."""
    is_open: bool = False
    """Whether more of it may come."""
    was_part: bool = False
    """Whether a part of it was shown first."""
    samples: list[Sample] = field(default_factory=list)
    """What was looked at before it ended."""

    @classmethod
    def of(
        cls, request: CompletionRequest, completion: Completion, model: str, at: float, begun: float
    ) -> "Followed | None":
        """Return a suggestion to follow; None if it stands in data rather than code."""
        document, start, end = request.document, completion.start, completion.end
        region = Region(start.line, end.line)
        lines = region.text(document, LONGEST)
        if lines is None:
            return None
        gap = Gap(document.line(start.line)[: start.column], document.line(end.line)[end.column :])
        made = cls(
            # Grows with time, and no two servers draw the same bits in one millisecond.
            id=(int(at * 1000) << 20) | _RANDOM.getrandbits(20),
            uri=document.uri,
            path=document.path,
            version=document.version,
            language=document.language,
            trigger=request.trigger_kind.value,
            completion=completion,
            model=model,
            at=at,
            begun=begun,
            text=unified(completion.text),
            gap=gap,
            region=region,
        )
        made.done = gap.standing(made.text, lines) or 0
        made.replaced = lines if start != end else ""
        return made

    @property
    def rest(self) -> str:
        """What does not stand there yet."""
        return self.text[self.done :]

    @property
    def place(self) -> Position:
        """The place behind what stands there."""
        return place_of(self.region, self.gap.left, self.text[: self.done])

    @property
    def taken(self) -> str:
        """The part that was accepted."""
        return self.text[self.taken_from : self.taken_to]

    @property
    def is_done(self) -> bool:
        """Whether all of it stands there, and no more of it will come."""
        return self.done == len(self.text) and not self.is_open

    def goes_on_as(self, fresh: "Followed") -> bool:
        """Whether a new answer is (more of) the same."""
        here, there = self.place, fresh.place
        if self.uri != fresh.uri or here.line != there.line:
            return False
        written = self.gap.left + self.text[: self.done]
        is_blank = not (written.rpartition("\n")[2] + fresh.gap.left).strip()
        if here.column != there.column and not is_blank:
            # In a blank line editors put the cursor where they like.
            return False
        return self.rest.startswith(fresh.rest) or fresh.rest.startswith(self.rest)

    def go_on(self, fresh: "Followed") -> None:
        """Become what a new answer makes of it."""
        self.text = self.text[: self.done] + fresh.rest
        self.gap = Gap(self.gap.left, fresh.gap.right)

    # What stands in the document

    def move(self, edits: Sequence[LineEdit]) -> bool:
        """Take in which lines were touched; return False if its begin was cut off."""
        for edit in edits:
            moved = self.region.moved(edit)
            if moved is None:
                return False
            self.region = moved
        return True

    def standing_in(self, document: Document) -> int | None:
        """Return how much of it stands there; None if something else does."""
        found = self._lines(document)
        return None if found is None else self.gap.standing(self.text, found)

    def other_in(self, document: Document) -> tuple[str, int] | None:
        """Return the other suggestion that stands there, and how much of it; None if none does."""
        found = self._lines(document)
        others = {self.text[:begin] + text for begin, text in self.items.values()}
        for other in sorted(others, key=len, reverse=True):
            standing = None if found is None else self.gap.standing(other, found)
            if standing:
                return other, standing
        return None

    def is_untouched(self, document: Document) -> bool:
        """Whether what it would replace is as it was."""
        return bool(self.replaced) and self._lines(document) == self.replaced

    def ending_in(self, document: Document) -> Fate:
        """Return what it means that something else stands there now."""
        found = self._lines(document) or ""
        begin = self.gap.left + self.text[: self.done]
        is_elsewhere = not found.startswith(self.gap.left) or (
            found.startswith(begin) and not found.endswith(self.gap.right)
        )
        if is_elsewhere and len(found) >= len(begin) + len(self.gap.right):
            return Fate.IGNORED
        return Fate.REJECTED

    def _lines(self, document: Document) -> str | None:
        return self.region.text(document, LONGEST + len(self.text))

    # What was taken of it

    def choose(self, number: int) -> int:
        """Become the one of several suggestions that the user chose; return where it begins."""
        begin, text = self.items[number]
        if not self.text.startswith(text, begin):
            self.text = self.text[:begin] + text
        return begin

    def grow(self, standing: int) -> bool:
        """Take in how much stands there now; return whether some of that was accepted."""
        begin, self.done = self.done, standing
        if standing < begin:
            self.typed = max(0, self.typed - (begin - standing))
        begin = max(begin, self.promised)
        if standing <= begin:
            return False
        self.grown_from = begin
        if len(_ENTER.sub("\n", self.text[begin:standing])) < AT_ONCE:
            self.typed += standing - begin
            return False
        self.accept(self._kind(begin), begin, standing, Known.INFERRED)
        return True

    def take(self, number: int, kind: Fate, length: int, start: int | None) -> bool:
        """Take in what the editor says was accepted of an item; return whether that is news.

        `length` and `start` are those of `Following.took`.
        """
        item = self.choose(number)
        up_to = min(len(self.text), item + length)
        if up_to <= self.taken_to:
            # It was inferred from the change, which may have brought typed characters, too.
            typed = 0 if start is None else max(0, item + start - self.grown_from)
            self.accepted -= typed
            self.typed += typed
            self.kind, self.kind_known = kind, Known.REPORTED
            return False
        if self.done >= up_to:
            begin = self.grown_from if start is None else item + start
            self.typed = max(0, self.typed - (self.done - begin))
        else:
            known = max(self.done, self.promised)
            begin = known if start is None else max(known, item + start)
            self.typed += begin - known
        self.promised = max(self.promised, up_to)
        if self.kind is None and up_to == len(self.text) and not self.is_open:
            kind = Fate.WHOLE
        self.accept(kind, begin, up_to, Known.REPORTED)
        return True

    def take_all(self, number: int) -> None:
        """Take in that the editor says that an item was accepted."""
        self.choose(number)
        begin = max(self.done, self.taken_to)
        self.accept(Fate.WHOLE, begin, len(self.text), Known.REPORTED)

    def accept(self, kind: Fate, begin: int, end: int, known: Known) -> None:
        """Take in that the user took a part of the text, from one place in it to another."""
        if self.kind is None:
            self.taken_from = begin
        self.taken_to = max(self.taken_to, end)
        self.accepted += max(0, end - begin)
        if self.kind is None or _RANK[kind] >= _RANK[self.kind]:
            self.kind = kind
        self.kind_known = known

    def _kind(self, begin: int) -> Fate:
        """Return how what came in one change was accepted, if it began at `begin`."""
        if self.is_done:
            return Fate.WHOLE
        is_line = self.text.startswith("\n", self.done) or "\n" in self.text[begin : self.done]
        return Fate.LINE if is_line else Fate.WORD

    # What became of it

    def fate(self, ending: Fate, known: Known, stood: float) -> tuple[Fate, Known]:
        """Return what became of it, from how it ended and what was taken before."""
        if self.kind is not None:
            return self.kind, self.kind_known
        if known is Known.REPORTED:
            return ending, known
        if self.text and self.done >= first_line(self.text):
            return Fate.TYPED, known
        if stood < SEEN:
            return Fate.UNSEEN, known
        return ending, known

    def row(self, fate: Fate, known: Known, stood: float) -> Suggestion:
        """Return what is remembered of it."""
        completion = self.completion
        return Suggestion(
            id=self.id,
            at=self.at,
            language=self.language,
            surface=completion.surface.value,
            model=self.model,
            trigger=self.trigger,
            latency=completion.timings.total,
            length=len(self.text),
            lines=self.text.count("\n") + 1,
            chance=completion.chance,
            was_part=self.was_part,
            was_kept=completion.is_kept,
            stood=stood,
            shown_known=self.shown_known,
            fate=fate,
            fate_known=known,
            accepted=self.accepted,
            typed=self.typed,
        )
