"""Where lines are after edits, and how much of a suggestion stands at its place.

Pure. Only the lines of the place itself are ever looked at, so that a key costs the same in a
file of any length.
"""

import re
from dataclasses import dataclass
from typing import Self

from lsp_server.cache.suggestions import CLOSERS, closings, unified
from lsp_server.text import strip_ending
from lsp_server.types import Document, Position

_TAIL = re.compile(r"(?:(?:\n[ \t]*)?[)\]}\"'`]){1,8}\Z")
"""What editors may have put in behind the cursor, at the end of a text: closed brackets and
quotes, each perhaps on a line of its own."""

_PUSHED = re.compile(r"\n[ \t]*\Z")
"""What they put in before a bracket that was there already."""


@dataclass(frozen=True, slots=True)
class LineEdit:
    """Which lines one change touched."""

    first: int
    """First line that it touched, as they were numbered before."""
    after: int
    """First line behind it that it left alone; equal to `first` where whole lines were put in."""
    lines: int
    """How many lines more there are since."""

    @classmethod
    def of(cls, start: Position, end: Position, text: str, lines: int) -> Self:
        """Return what replacing a range by `text` touched, if there are `lines` more since."""
        whole_lines = text.endswith(("\n", "\r")) if text else start.column == 0
        ends_before = end.column == 0 and whole_lines
        return cls(start.line, end.line if ends_before else end.line + 1, lines)

    @classmethod
    def between(cls, before: list[str], now: list[str]) -> Self:
        """Return what differs between two states of a document."""
        shorter = min(len(before), len(now))
        first = 0
        while first < shorter and before[first] == now[first]:
            first += 1
        same = 0
        while same < shorter - first and before[-1 - same] == now[-1 - same]:
            same += 1
        return cls(first, len(before) - same, len(now) - len(before))


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of whole lines."""

    first: int
    last: int

    def moved(self, edit: LineEdit) -> "Region | None":
        """Return where it is after an edit; None if the edit reaches over its begin."""
        if edit.after <= self.first:
            return Region(self.first + edit.lines, self.last + edit.lines)
        if edit.first > self.last:
            return self
        if edit.first < self.first:
            return None
        return Region(self.first, max(self.first, self.last + edit.lines))

    def text(self, document: Document, most: int) -> str | None:
        """Return its text without the last line's ending; None if that is longer than `most`."""
        lines = document.lines[self.first : self.last + 1]
        if not lines or sum(map(len, lines)) > most:
            return None
        return unified("".join(lines[:-1]) + strip_ending(lines[-1]))


@dataclass(frozen=True, slots=True)
class Gap:
    """What stands left and right of a suggestion in its lines."""

    left: str
    right: str

    def standing(self, text: str, found: str) -> int | None:
        """Return how many code points of `text` stand in the gap; None if something else does.

        `found` is the whole of the lines. What editors close by themselves behind an open bracket
        or quote is not counted, and neither is what was written behind the whole of `text`.
        """
        if not found.startswith(self.left) or not found.endswith(self.right):
            return None
        if len(found) < len(self.left) + len(self.right):
            return None
        inside = found[len(self.left) : len(found) - len(self.right)]
        standing = _begun(text, inside)
        if standing is not None:
            return standing
        if self.right[:1] in CLOSERS.values() and (pushed := _PUSHED.search(inside)):
            # Enter between two brackets puts the second on a line of its own.
            return _begun(text, inside[: pushed.start()])
        tail = _TAIL.search(inside)
        for at in range(tail.start(), len(inside)) if tail else ():
            typed, closed = inside[:at], "".join(inside[at:].split())
            if closed in closings(typed) and (standing := _begun(text, typed)) is not None:
                return standing
        return None


def _begun(text: str, inside: str) -> int | None:
    """Return how much of `text` is written in `inside`; None if that is something else.

    Blank lines are equal, whatever blanks are in them: editors put some in and take them away.
    """
    if text.startswith(inside):
        return len(inside)
    if inside.startswith(text):
        return len(text)
    wanted, written = text.split("\n"), inside.split("\n")
    last = min(len(wanted), len(written)) - 1
    for line, other in zip(wanted[:last], written[:last], strict=True):
        if line != other and (line.strip() or other.strip()):
            return None
    before = sum(len(line) + 1 for line in wanted[:last])
    line, other = wanted[last], written[last]
    if last == len(wanted) - 1 and other.startswith(line):
        return len(text)
    is_blank = not (line.strip() or other.strip())
    if len(written) <= len(wanted) and (line.startswith(other) or is_blank):
        return before + min(len(line), len(other))
    return None


def place_of(region: Region, left: str, standing: str) -> Position:
    """Return the place behind what stands of a suggestion."""
    lines = standing.count("\n")
    if not lines:
        return Position(region.first, len(left) + len(standing))
    return Position(region.first + lines, len(standing) - standing.rindex("\n") - 1)


def first_line(text: str) -> int:
    """Return where the first line of `text` ends that has something in it."""
    begin = len(text) - len(text.lstrip())
    end = text.find("\n", begin)
    return len(text) if end < 0 else end
