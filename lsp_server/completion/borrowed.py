"""Which text of open documents was accepted from the model, as far as it still stands there.

Lines are followed through edits; in them an accepted text is found again as it was, or else those
of its lines that nobody has changed. Pure; knows nothing about what the texts resemble.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lsp_server.completion.regions import LineEdit, Region

DOCUMENTS = 64
"""Documents of which accepted texts are remembered."""

TEXTS = 256
"""Accepted texts that are remembered of each, the latest."""

_AROUND = 1
"""Lines above and below its place in which an accepted text is looked for."""

Span = tuple[int, int]
"""Where a piece of a text begins and ends, in code points."""


@dataclass(slots=True)
class _Accepted:
    text: str
    region: Region


class Borrowed:
    """The accepted texts of one session."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, OrderedDict[int, _Accepted]] = OrderedDict()

    def take(self, uri: str, number: int, text: str, region: Region) -> None:
        """Take in that `text` of suggestion `number` was accepted in some lines of a document.

        What was accepted of the same suggestion before is part of it.
        """
        texts = self._of.setdefault(uri, OrderedDict())
        self._of.move_to_end(uri)
        texts[number] = _Accepted(text, region)
        texts.move_to_end(number)
        while len(texts) > TEXTS:
            texts.popitem(last=False)
        while len(self._of) > DOCUMENTS:
            self._of.popitem(last=False)

    def move(self, uri: str, edits: Sequence[LineEdit]) -> None:
        """Take in which lines of a document were touched."""
        for accepted in self._of.get(uri, {}).values():
            for edit in edits:
                accepted.region = moved(accepted.region, edit)

    def forget(self, uri: str) -> None:
        """Forget a document."""
        self._of.pop(uri, None)

    def spans(self, uri: str, lines: Sequence[str], first: int) -> list[Span]:
        """Return where accepted text stands in `lines`, of which the first is line `first`.

        Line endings are one character each. The spans may overlap.
        """
        found: list[Span] = []
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        text = "".join(lines)
        for accepted in self._of.get(uri, {}).values():
            low = max(0, accepted.region.first - _AROUND - first)
            high = min(len(lines), accepted.region.last + 1 + _AROUND - first)
            if low < high:
                found += _standing(accepted.text, text, starts[low], starts[high])
        return found


def moved(region: Region, edit: LineEdit) -> Region:
    """Return where lines are after an edit; where their begin was cut off, what is left of them."""
    return region.moved(edit) or Region(edit.first, max(edit.first, region.last + edit.lines))


def _standing(accepted: str, text: str, begin: int, end: int) -> Iterable[Span]:
    """Yield where an accepted text, or lines of it, stand in a part of `text`."""
    at = text.find(accepted, begin, end)
    if at >= 0:
        yield at, at + len(accepted)
        return
    for line in accepted.split("\n"):
        at = text.find(line, begin, end) if line.strip() else -1
        if at >= 0:
            yield at, at + len(line)
            begin = at + len(line)


def share(tokens: Iterable[Span], part: Span, spans: Iterable[Span]) -> float:
    """Return how many of the tokens in a part of a text are inside of `spans`, from 0 to 1."""
    begin, end = part
    begins, ends = _united(spans)
    count = inside = 0
    for first, last in tokens:
        if first >= end or last <= begin:
            continue
        count += 1
        before = bisect_left(begins, last) - 1
        inside += before >= 0 and ends[before] > first
    return inside / count if count else 0.0


def _united(spans: Iterable[Span]) -> tuple[list[int], list[int]]:
    """Return where spans begin and where they end, those that meet made one."""
    begins: list[int] = []
    ends: list[int] = []
    for low, high in sorted(spans):
        if high <= low:
            continue
        if ends and low <= ends[-1]:
            ends[-1] = max(ends[-1], high)
        else:
            begins.append(low)
            ends.append(high)
    return begins, ends
