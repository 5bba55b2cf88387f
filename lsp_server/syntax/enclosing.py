"""Which classes and functions a place is in, also while the text around it is unfinished.

Where blocks are made by indentation the lines themselves are asked too: a parser loses its way
in an unfinished line, and an empty line behind a block belongs to it only by the column of the
cursor. Knows nothing about trees, only the ranges that were found in them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from lsp_server.syntax import headers
from lsp_server.syntax.definitions import Placed
from lsp_server.syntax.outline import Definition, DefinitionKind
from lsp_server.syntax.source import Point, Source
from lsp_server.types import Position

_HOLDERS = frozenset({DefinitionKind.CLASS, DefinitionKind.FUNCTION, DefinitionKind.METHOD})
_CLOSED = re.compile(r"(?:[})\];]|\bend)$")
_HEADER = re.compile(r"[ \t]*(?:async[ \t]+)?(def|class)[ \t]+(\w+)")
_HEADER_END = re.compile(r":\s*(?:#.*)?$")
_HEADER_LINES = 20
"""Longest header that is read from lines."""
_REACH = 3_000
"""Lines above the place in which headers are looked for."""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The headers around a place, closed again: whole text even where the original is not."""

    lines: tuple[str, ...]
    rows: tuple[int, ...]
    """Line of the document that each line was."""
    place: Position
    """Inside of the innermost one."""

    def original(self, definition: Definition, line: int) -> Definition:
        """Return a definition of the skeleton as one of the document, read up to `line`."""
        return msgspec.structs.replace(
            definition,
            first_line=self.rows[definition.first_line],
            end_line=line + 1,
            body_line=self.rows[min(definition.body_line, len(self.rows) - 1)],
        )


def skeleton(lines: Sequence[str], line: int, column: int) -> Skeleton | None:
    """Return the headers that end in a brace and, by indentation, hold a place."""
    rows = sorted(_brace_headers(lines, line, column))
    opened = sum(lines[row].rstrip().endswith("{") for row in rows)
    if not opened:
        return None
    kept = [lines[row].rstrip() + "\n" for row in rows]
    return Skeleton((*kept, "\n", "}" * opened), tuple(rows), Position(len(kept), 0))


def _brace_headers(lines: Sequence[str], line: int, column: int) -> Iterator[int]:
    """Yield the lines of the headers around a place, those of long ones too."""
    limit = _indentation_at(lines, line, column)
    inside = False
    for row in range(line - 1, max(-1, line - _REACH), -1):
        text = lines[row].strip()
        if not text or (limit == 0 and not inside):
            continue
        depth = _indentation(lines[row])
        if inside:
            yield row
            inside = depth > limit
        elif depth < limit:
            limit = depth
            if text.endswith("{") and not text.startswith("}"):
                yield row
                inside = text.startswith(")")


def by_range(source: Source, placed: Sequence[Placed], point: Point) -> tuple[Definition, ...]:
    """Return the definitions whose range holds `point`, outermost first."""
    return tuple(
        one.definition
        for one in placed
        if one.definition.kind in _HOLDERS
        and one.start < point
        and (point < one.end or (point == one.end and not _is_closed(source, one)))
    )


def _is_closed(source: Source, one: Placed) -> bool:
    row, column = one.end
    return bool(_CLOSED.search(source.text((row, 0), (row, column))))


def by_indentation(
    source: Source, placed: Sequence[Placed], point: Point
) -> tuple[Definition, ...]:
    """Return the definitions that hold `point` by their range or by its indentation."""
    line = point[0]
    holders = [one for one in placed if one.definition.kind in _HOLDERS]
    rows = {one.start[0]: one.definition for one in holders if one.start < point <= one.end}
    known = {one.start[0]: one.definition for one in holders}
    for row in reversed(list(_headers_around(source.lines, line, source.column(point)))):
        if row not in rows:
            rows[row] = known.get(row) or _read(source.lines, row, line, rows)
    return tuple(rows[row] for row in sorted(rows))


def _width(blanks: str) -> int:
    return len(blanks.expandtabs(8))


def _indentation(line: str) -> int:
    return _width(line[: len(line) - len(line.lstrip(" \t"))])


def _indentation_at(lines: Sequence[str], line: int, column: int) -> int:
    """Return the indentation of a line, of an empty one that of the place."""
    text = lines[line].rstrip("\r\n")
    return _indentation(text) if text.strip() else _width(text[:column])


def _headers_around(lines: Sequence[str], line: int, column: int) -> Iterator[int]:
    """Yield the lines of the headers around a place, the innermost first."""
    limit = _indentation_at(lines, line, column)
    for row in range(line - 1, max(-1, line - _REACH), -1):
        above = lines[row]
        if limit == 0:
            return
        if not above.strip() or above.lstrip().startswith(("#", ")", "]", "}")):
            continue
        depth = _indentation(above)
        if depth < limit:
            limit = depth
            if _HEADER.match(above):
                yield row


def _read(lines: Sequence[str], row: int, line: int, outer: Mapping[int, Definition]) -> Definition:
    """Return a definition that no parser found, from the line of its header."""
    last = row
    while last < min(line, row + _HEADER_LINES) and not _HEADER_END.search(lines[last]):
        last += 1
    around = [outer[above] for above in sorted(outer) if above < row]
    match = _HEADER.match(lines[row])
    keyword, name = match.groups() if match else ("", "")
    kind = DefinitionKind.CLASS if keyword == "class" else DefinitionKind.FUNCTION
    if kind is DefinitionKind.FUNCTION and around and around[-1].kind is DefinitionKind.CLASS:
        kind = DefinitionKind.METHOD
    return Definition(
        name=name,
        kind=kind,
        container=".".join(one.name for one in around),
        first_line=row,
        end_line=line + 1,
        signature=headers.signature(" ".join(lines[row : last + 1])),
        body_line=last + 1,
    )
