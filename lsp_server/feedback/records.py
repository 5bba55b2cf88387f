"""What is remembered of one suggestion. Frozen values; knows nothing about where they are kept."""

import enum
from dataclasses import dataclass

KEPT_AFTER = (15, 30, 120, 300, 600)
"""Seconds after accepting at which is looked whether the text is still there; as Copilot does."""

SEEN = 0.25
"""Seconds that a suggestion has to stand to count as seen, unless it was used. Continue does not
count what stood less than 0.25 to 0.5 s either; a shorter one is overtaken by the next key."""

STILL_THERE = 0.5
"""Share of the words of an accepted text that have to be left for it to count as kept; Copilot
counts a text as gone from the same share on."""


class Fate(enum.Enum):
    """What became of a suggestion. Each has exactly one."""

    WHOLE = "whole"
    """Accepted, all of it, or all that was left of it."""
    LINE = "line"
    """Accepted up to the end of a line, and not further."""
    WORD = "word"
    """Accepted by the word, and not further."""
    TYPED = "typed"
    """Typed by hand, at least its first line."""
    REJECTED = "rejected"
    """Dismissed, something else was written in its place, or text was deleted there."""
    IGNORED = "ignored"
    """Left standing: the cursor went elsewhere, or the document was closed."""
    WITHDRAWN = "withdrawn"
    """Taken back by fimbul, which had something else to say, or nothing."""
    UNSEEN = "unseen"
    """Stood for less than `SEEN` and was not used."""

    @property
    def is_accepted(self) -> bool:
        """Whether the user took it, or a part of it, with a key."""
        return self in (Fate.WHOLE, Fate.LINE, Fate.WORD)


class Known(enum.Enum):
    """How something is known."""

    REPORTED = "reported"
    """The editor said so."""
    INFERRED = "inferred"
    """It follows from later changes of the document, or from silence."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One suggestion as it stood on the screen, and what became of it; no text of it.

    While a suggestion is typed, each key gets the rest of it as an answer; all of that is one.
    """

    id: int
    """Grows with time; the same on no two servers."""
    at: float
    """When it was first shown, in seconds since 1970."""
    language: str
    surface: str
    model: str
    trigger: str
    """What made the editor ask: ``automatic`` or ``invoked``."""
    latency: float
    """From the request to its first answer, in milliseconds."""
    length: int
    """Code points of the whole text."""
    lines: int
    chance: float | None
    """Calibrated chance that its first line is right; None where it was not judged."""
    was_part: bool
    """Whether its beginning was shown before its end was there."""
    was_kept: bool
    """Whether it was ready before it was asked for, so that nothing was computed."""
    stood: float
    """Seconds between its first showing and its end."""
    shown_known: Known
    fate: Fate
    fate_known: Known
    accepted: int
    """Code points that were taken with a key."""
    typed: int
    """Code points that were typed by hand as suggested."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What the editor reported about a suggestion that had an inferred fate already."""

    id: int
    fate: Fate
    accepted: int


@dataclass(frozen=True, slots=True)
class Sample:
    """An accepted text and where it stood, some time later; compared and then forgotten."""

    id: int
    after: int
    """Which of `KEPT_AFTER`."""
    text: str
    window: str
    """The document around the place."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A suggestion and what stood in its place in the end; only where the user has opted in."""

    id: int
    suggested: str
    became: str


Event = Suggestion | Correction | Sample | Texts
"""What is written."""
