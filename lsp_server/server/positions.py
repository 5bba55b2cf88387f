"""Columns between LSP's position encodings and code points.

A lone surrogate, which JSON may carry, counts as LSP clients count it: one unit of UTF-16,
three of UTF-8.
"""

from lsprotocol.types import PositionEncodingKind

_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))


def column_from_units(line: str, units: int, encoding: str) -> int:
    """Return the column of a place `units` code units into `line`.

    A place beyond the end is the end; one inside a character is behind it.
    """
    if line.isascii() or encoding == PositionEncodingKind.Utf32:
        return min(units, len(line))
    if encoding == PositionEncodingKind.Utf8:
        head = line.encode("utf-8", "surrogatepass")[:units]
        return len(head.translate(None, _CONTINUATION_BYTES))
    head = line.encode("utf-16-le", "surrogatepass")[: units * 2]
    return len(head.decode("utf-16-le", "surrogatepass"))


def units_from_column(line: str, column: int, encoding: str) -> int:
    """Return how many code units of `line` stand before `column`."""
    head = line[:column]
    if head.isascii() or encoding == PositionEncodingKind.Utf32:
        return len(head)
    if encoding == PositionEncodingKind.Utf8:
        return len(head.encode("utf-8", "surrogatepass"))
    return len(head.encode("utf-16-le", "surrogatepass")) // 2


def join_surrogates(text: str) -> str:
    """Make one character of each surrogate pair that edits have brought together."""
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
