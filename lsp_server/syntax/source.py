r"""Lines of a document as a parser reads them.

A parser counts lines by ``\n`` and columns in bytes, we count lines by LSP's rules and columns in
code points. Here every line is kept as UTF-8 that ends with ``\n``, whatever ended it before, so
that rows are our line numbers. Knows nothing about trees.
"""

from collections.abc import Sequence
from itertools import islice

Point = tuple[int, int]
"""Line and column in bytes of UTF-8."""

_CHUNK = 4096
"""Bytes handed to the parser at once. Between two chunks other threads may run; with larger ones
the event loop waits noticeably longer."""
_LINES_PER_CHUNK = 128


def _encode(line: str) -> bytes:
    return line.rstrip("\r\n").encode("utf-8", "replace") + b"\n"


def _encode_all(lines: Sequence[str]) -> tuple[bytes, ...]:
    encoded = [_encode(line) for line in lines]
    encoded[-1] = encoded[-1][:-1]
    return tuple(encoded)


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many items at the beginning are equal."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one is not other and one != other:
            break
        count += 1
    return count


class Source:
    """The lines of one state of a document, and the same as bytes."""

    __slots__ = ("encoded", "lines")

    def __init__(self, lines: Sequence[str], encoded: tuple[bytes, ...] | None = None) -> None:
        self.lines = tuple(lines) or ("",)
        self.encoded = _encode_all(self.lines) if encoded is None else encoded

    def read(self, _offset: int, point: Point) -> bytes:
        """Return some of the text from `point` on; nothing at the end. For the parser."""
        row, column = point
        if row >= len(self.encoded):
            return b""
        line = self.encoded[row]
        if len(line) - column > _CHUNK:
            return line[column : column + _CHUNK]
        parts, size = [line[column:]], len(line) - column
        for line in islice(self.encoded, row + 1, row + _LINES_PER_CHUNK):
            if size + len(line) > _CHUNK:
                break
            parts.append(line)
            size += len(line)
        return b"".join(parts)

    def point(self, line: int, column: int) -> Point:
        """Return the place of a line and a column in code points."""
        if line >= len(self.lines):
            return self.end
        text = self.lines[line].rstrip("\r\n")[:column]
        return line, len(text) if text.isascii() else len(text.encode("utf-8", "replace"))

    def column(self, point: Point) -> int:
        """Return the column of `point` in code points."""
        row, column = point
        if row >= len(self.encoded):
            return 0
        return len(self.encoded[row][:column].decode("utf-8", "replace"))

    @property
    def end(self) -> Point:
        """The place behind the last byte."""
        return len(self.encoded) - 1, len(self.encoded[-1])

    def text(self, start: Point, end: Point) -> str:
        """Return the text between two places."""
        first, last = start[0], min(end[0], len(self.encoded) - 1)
        if first > last:
            return ""
        if first == last:
            stop = end[1] if last == end[0] else None
            return self.encoded[first][start[1] : stop].decode("utf-8", "replace")
        parts = [self.encoded[first][start[1] :], *self.encoded[first + 1 : last]]
        parts.append(self.encoded[last][: end[1]] if last == end[0] else self.encoded[last])
        return b"".join(parts).decode("utf-8", "replace")

    def offset(self, row: int) -> int:
        """Return the number of bytes before line `row`."""
        return sum(map(len, islice(self.encoded, row)))


class Change:
    r"""The stretch of lines in which two sources differ, in bytes and points.

    The last line is never kept by itself, because only the last one has no ``\n``.
    """

    __slots__ = (
        "new_end", "new_end_point", "old_end", "old_end_point", "source", "start", "start_point",
    )  # fmt: skip

    def __init__(self, old: Source, lines: Sequence[str]) -> None:
        lines = tuple(lines) or ("",)
        shorter = min(len(old.lines), len(lines))
        head = min(_common(old.lines, lines), shorter - 1)
        tail = min(_common(old.lines[::-1], lines[::-1]), shorter - head)
        old_stop, new_stop = len(old.lines) - tail, len(lines) - tail
        self.source = _spliced(old, lines, head, tail)
        self.start_point = (head, 0)
        self.start = old.offset(head)
        self.old_end = self.start + sum(map(len, old.encoded[head:old_stop]))
        self.new_end = self.start + sum(map(len, self.source.encoded[head:new_stop]))
        self.old_end_point = (old_stop, 0) if tail else old.end
        self.new_end_point = (new_stop, 0) if tail else self.source.end


def _spliced(old: Source, lines: tuple[str, ...], head: int, tail: int) -> Source:
    """Return `lines` as a source, which takes the bytes of equal lines from `old`."""
    last = len(lines) - tail
    changed = [_encode(line) for line in lines[head:last]]
    if not tail and changed:
        changed[-1] = changed[-1][:-1]
    kept = old.encoded[len(old.encoded) - tail :] if tail else ()
    return Source(lines, (*old.encoded[:head], *changed, *kept))
