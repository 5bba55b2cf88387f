"""Find which lines of a document an edit has changed, and where the others went.

Lines are compared from both ends, and a small change above the place that is typed at, such as an
import that came with an accepted name, is found as a change of its own. Pure; knows nothing about
windows, editors or how many edits there were.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

_BLOCK = 256
"""Lines that are compared at once; equal blocks of a long document cost next to nothing."""

_NEAR = 16
"""Most lines of a change that is told apart from a later one."""

_PAIRS = tuple(sorted(itertools.product(range(_NEAR + 1), repeat=2), key=sum))


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
    """Return the changes that turn `old` into `new`, from top to bottom."""
    found: list[Change] = []
    tail = _common_tail(old, new, common_head(old, new))
    end, new_end = len(old) - tail, len(new) - tail
    start = new_start = common_head(old[:end], new[:new_end])
    while start < end or new_start < new_end:
        gone, come, same = _first_change(old[start:end], new[new_start:new_end])
        found.append(Change(start, start + gone, new_start, new_start + come))
        start += gone + same
        new_start += come + same
    return tuple(found)


def _common_tail(old: Sequence[str], new: Sequence[str], head: int) -> int:
    """Return how many lines both end with, those of their common head left out."""
    return common_head(old[head:][::-1], new[head:][::-1])


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


def _first_change(old: Sequence[str], new: Sequence[str]) -> tuple[int, int, int]:
    """Return how many lines went and came at the top, and how many are the same below them.

    The first few lines are told apart from what follows if at least half of that is the same;
    else everything has changed.
    """
    if max(len(old), len(new)) == 1:
        return len(old), len(new), 0
    for gone, come in _PAIRS:
        if gone >= len(old) or come >= len(new) or old[gone] != new[come]:
            continue
        same = common_head(old[gone:], new[come:])
        if 2 * same >= min(len(old) - gone, len(new) - come):
            return gone, come, same
    return len(old), len(new), 0


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
