"""What the filters know: where a suggestion would stand, and how its text came to an end.

What only other stages can find out comes in as a function. Knows nothing about engines, editors
or trees.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from lsp_server.syntax.languages import Language
from lsp_server.syntax.places import PlaceKind
from lsp_server.types import RejectionReason, Surface

PLAIN = Language("plain", "", line_comment="#", quotes="\"'`")
"""Stands for a language that no row of the table describes."""


class Ended(enum.Enum):
    """How the text came to its end."""

    ITSELF = "itself"
    """The model ended it, or a rule about its form did."""
    LIMIT = "limit"
    """Its tokens or its time were used up: its last word or statement may be unfinished."""
    NOT_YET = "not-yet"
    """It is the beginning of an answer that is still on its way."""


def no_errors(_text: str) -> int:
    """Say that no text adds parse errors; for places of which there is no tree."""
    return 0


def nothing_revealed(_text: str) -> bool:
    """Say that no text looks like a secret."""
    return False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a suggestion would stand."""

    typed: str
    """Text left of the cursor in its line."""
    rest_of_line: str
    """Text right of the cursor in its line."""
    next_lines: tuple[str, ...]
    """Lines below the cursor, without their endings."""
    surface: Surface
    lines_above: tuple[str, ...] = ()
    """Lines above the cursor's, without their endings, the nearest last."""
    indent: str = ""
    """One level of the document's indentation; empty where it shows none."""
    language: Language = PLAIN
    kind: PlaceKind = PlaceKind.CODE
    ended: Ended = Ended.ITSELF
    errors: Callable[[str], int] = no_errors
    """Return how many parse errors more there would be with a text at the cursor."""
    reveals: Callable[[str], bool] = nothing_revealed
    """Tell whether a text looks like a password or key."""

    @property
    def is_code(self) -> bool:
        """Whether the cursor is neither in a comment nor in a string."""
        return self.kind is PlaceKind.CODE

    @property
    def is_at_line_start(self) -> bool:
        """Whether nothing but blanks stands left of the cursor."""
        return not self.typed.strip()

    def line_above(self) -> str:
        """Return the nearest line above that is not blank; empty if there is none."""
        return next((line for line in reversed(self.lines_above) if line.strip()), "")

    def line_below(self) -> str:
        """Return the nearest line below that is not blank; empty if there is none."""
        return next((line for line in self.next_lines if line.strip()), "")


Filter = Callable[[str, Place], str | RejectionReason]
"""Takes the text so far and where it would stand; returns the text to go on with, or the reason
why nothing is shown."""


def indentation_of(line: str) -> str:
    """Return the blanks that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def has_words(line: str) -> bool:
    """Tell whether a line says enough that the same line twice is no accident.

    A lone bracket or a short keyword often stands twice in a row, and rightly so.
    """
    return sum(map(str.isalnum, line)) > 2
