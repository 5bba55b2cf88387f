"""Find which lines of a document an edit has changed, and where the others went.

Lines are compared from both ends, and an insertion or deletion above the place that is typed at,
such as an import that came with an accepted name, is found as a change of its own. Pure; knows
nothing about windows, editors or how many edits there were.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_BLOCK = 256
"""Lines that are compared at once; equal blocks of a long document cost next to nothing."""

_SHIFT = 16
"""Most lines of an insertion or deletion that is told apart from a later change."""


@dataclass(frozen=True, slots=True)
class Change:
    """Lines `start` to `end` became lines `new_start` to `new_end`; the ends are exclusive."""

    start: int
    end: int
    new_start: int
    new_end: int

    @property
    def inserts(self) -> bool:
        """Whether lines were put in and none taken out."""
        return self.start == self.end


def changes(old: Sequence[str], new: Sequence[str]) -> tuple[Change, ...]:
    """Return at most two changes that turn `old` into `new`, from top to bottom."""
    head = common_head(old, new)
    old_rest, new_rest = old[head:], new[head:]
    tail = common_head(old_rest[::-1], new_rest[::-1])
    old_rest = old_rest[: len(old_rest) - tail]
    new_rest = new_rest[: len(new_rest) - tail]
    inserted, deleted, same = _shift(old_rest, new_rest)
    upper = Change(head, head + deleted, head, head + inserted)
    lower = Change(
        head + deleted + same, head + len(old_rest), head + inserted + same, head + len(new_rest)
    )
    return tuple(
        change
        for change in (upper, lower)
        if change.start < change.end or change.new_start < change.new_end
    )


def common_head(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many lines both begin with."""
    limit = min(len(old), len(new))
    size = 0
    while size < limit and old[size : size + _BLOCK] == new[size : size + _BLOCK]:
        size += _BLOCK
    size = min(size, limit)
    while size < limit and old[size] == new[size]:
        size += 1
    return size


def _shift(old: Sequence[str], new: Sequence[str]) -> tuple[int, int, int]:
    """Return how many lines came and went at the top, and how many are the same below them."""
    for distance in range(1, _SHIFT + 1):
        same = common_head(old, new[distance:])
        if same and 2 * same >= len(old):
            return distance, 0, same
        same = common_head(old[distance:], new)
        if same and 2 * same >= len(new):
            return 0, distance, same
    return 0, 0, 0


def moved_begin(line: int, changed: Sequence[Change], *, behind: bool) -> int | None:
    """Return where the place before `line` is now; None if a change swallowed it.

    Lines put in exactly there come after the place, or before it if it is to stay `behind`.
    """
    delta = 0
    for change in changed:
        at_insertion = change.inserts and line == change.start
        if line < change.start or (line == change.start and not (at_insertion and behind)):
            break
        if line < change.end:
            return None
        delta = change.new_end - change.end
    return line + delta


def moved_line(line: int, changed: Sequence[Change]) -> int | None:
    """Return the number of `line` now; None if it is gone.

    Where several lines changed, the first of them is what became of the first, and so on.
    """
    delta = 0
    for change in changed:
        if line < change.start:
            break
        if line < change.end:
            now = change.new_start + line - change.start
            return now if now < change.new_end else None
        delta = change.new_end - change.end
    return line + delta
