"""Sweeps over what was found and notes what is in what: containers, what is local, decorators.

Knows ranges and marks, nothing about trees or texts of headers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.syntax import headers
from lsp_server.syntax.matches import Found, Loose
from lsp_server.syntax.source import Point, Source

_CALLABLE = frozenset({"function", "method"})
_INITIALIZERS = frozenset({"__init__", "__post_init__", "__construct", "constructor", "initialize"})
"""Functions whose assignments to the object itself declare its fields."""


@dataclass(slots=True)
class _Open:
    """A range that the sweep is inside of."""

    start: Point
    end: Point
    found: Found | None
    """The definition; None for a stretch that only hides what is in it."""


def nest(source: Source, found: list[Found], loose: Loose) -> None:
    """Sweep over the text once and note for every definition what it is in."""
    events: list[tuple[Point, int, int, int, Found | tuple[Point, Point]]] = []
    for rank, spans in ((0, loose.outers), (2, loose.locals), (3, loose.extends)):
        events += [(start, -end[0], -end[1], rank, (start, end)) for start, end in spans]
    events += [(one.start, -one.end[0], -one.end[1], 1, one) for one in found]
    events.sort(key=lambda event: event[:4])
    sweep = _Sweep()
    for start, _, _, rank, item in events:
        sweep.leave(start)
        if isinstance(item, Found):
            sweep.define(item)
        elif rank == 0:
            sweep.outer = item
        elif rank == 2:
            sweep.stack.append(_Open(item[0], item[1], None))
        else:
            sweep.extend(source.text(*item))


class _Sweep:
    """Where a pass over a text is: the ranges it is in."""

    def __init__(self) -> None:
        self.stack: list[_Open] = []
        self.outer: tuple[Point, Point] | None = None

    def leave(self, start: Point) -> None:
        while self.stack and self.stack[-1].end <= start:
            self.stack.pop()

    def extend(self, base: str) -> None:
        """Note a base of the class that the sweep is in."""
        holder = self.stack[-1].found if self.stack else None
        if holder and holder.mark == "class":
            holder.bases += headers.base_names(base)

    def define(self, one: Found) -> None:
        """Complete `one` by what it is in, and enter it."""
        around = [open_ for open_ in self.stack if (open_.start, open_.end) != (one.start, one.end)]
        if one.mark == "attribute":
            self._attribute(one, around)
            return
        holders = [open_.found for open_ in around if open_.found]
        one.is_local = any(_hides(open_, one.start) for open_ in around)
        self._take_container(one, holders)
        if self.outer and self.outer[1] >= one.end:
            one.first_line = self.outer[0][0]
            self.outer = None
        if one.mark not in ("field", "type") and not (one.mark == "variable" and one.is_local):
            self.stack.append(_Open(one.start, one.end, one))

    @staticmethod
    def _take_container(one: Found, holders: Sequence[Found]) -> None:
        names = [holder.name for holder in holders if holder.name]
        inner = holders[-1].mark if holders else ""
        if one.mark == "function" and (inner == "class" or one.container):
            one.mark = "method"
        elif one.mark == "method" and not names and not one.container:
            one.mark = "function"
        elif one.mark == "variable" and inner == "class":
            one.mark = "field"
        one.container = ".".join([*names, one.container] if one.container else names)

    @staticmethod
    def _attribute(one: Found, around: Sequence[_Open]) -> None:
        """Make an assignment in a constructor a field of the class; drop it elsewhere."""
        holders = [open_.found for open_ in around if open_.found]
        if len(holders) < 2 or holders[-1].name not in _INITIALIZERS:
            one.name = ""
            return
        outside = [open_ for open_ in around if open_.found is not holders[-1]]
        one.is_local = any(_hides(open_, one.start) for open_ in outside)
        one.container = ".".join(holder.name for holder in holders[:-1] if holder.name)


def _hides(open_: _Open, start: Point) -> bool:
    """Tell whether something that begins at `start` is local to `open_`."""
    if open_.found is None:
        return True
    if open_.found.mark not in _CALLABLE:
        return False
    body = open_.found.one("body")
    return body is None or start >= body.start_point
