"""Which classes and functions a place is in, also while the text around it is unfinished.

Where blocks are made by indentation the lines themselves are asked too: a parser loses its way
in an unfinished line, and an empty line behind a block belongs to it only by the column of the
cursor. Knows nothing about trees, only the ranges that were found in them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from lsp_server.syntax import headers
from lsp_server.syntax.definitions import Placed
from lsp_server.syntax.outline import Definition, DefinitionKind
from lsp_server.syntax.source import Point, Source

_HOLDERS = frozenset({DefinitionKind.CLASS, DefinitionKind.FUNCTION, DefinitionKind.METHOD})
_CLOSED = re.compile(r"(?:[})\];]|\bend)$")
_HEADER = re.compile(r"[ \t]*(?:async[ \t]+)?(def|class)[ \t]+(\w+)")
_HEADER_END = re.compile(r":\s*(?:#.*)?$")
_HEADER_LINES = 20
"""Longest header that is read from lines."""
_REACH = 3_000
"""Lines above the place in which headers are looked for."""


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


def _headers_around(lines: Sequence[str], line: int, column: int) -> Iterator[int]:
    """Yield the lines of the headers around a place, the innermost first."""
    text = lines[line].rstrip("\r\n")
    limit = _indentation(text) if text.strip() else _width(text[:column])
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
