"""Turns what the queries found into definitions: headers, first sentences, what is visible.

Matches come in, values go out. Knows no language.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import tree_sitter

from lsp_server.syntax import headers
from lsp_server.syntax.languages import Language
from lsp_server.syntax.matches import (
    KINDS,
    Found,
    Loose,
    Match,
    distinct,
    name_start,
    read_found,
    read_loose,
    text_of,
)
from lsp_server.syntax.nesting import nest
from lsp_server.syntax.outline import Definition, DefinitionKind, Import, Outline
from lsp_server.syntax.source import Point, Source

_VALUES = frozenset({"attribute", "field", "variable"})
_MOST = 5_000
"""Definitions of one file that are kept; only generated files have more."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A definition, wherever it is, and its exact range."""

    definition: Definition
    start: Point
    """Where the definition itself begins, behind decorators."""
    end: Point
    is_local: bool
    """Inside of a function's body."""


def definitions_in(
    source: Source, language: Language, matches: Iterable[Match]
) -> tuple[tuple[Placed, ...], tuple[Import, ...]]:
    """Return all definitions, local ones too, and all imports, in the order of the text."""
    matches = list(matches)
    loose = read_loose(source, language.name, matches)
    found = distinct(read_found(source, matches), loose)
    nest(source, found, loose)
    placed = tuple(_placed(source, language, one, loose) for one in found if one.name)
    return placed, tuple(item for key in sorted(loose.imports) for item in loose.imports[key])


def outline_from(placed: Iterable[Placed], imports: tuple[Import, ...]) -> Outline:
    """Return what is visible from outside; of fields that are named twice the first."""
    definitions: list[Definition] = []
    fields: set[tuple[str, str]] = set()
    for one in placed:
        definition = one.definition
        if len(definitions) == _MOST:
            break
        key = (definition.container, definition.name)
        if one.is_local or (definition.kind is DefinitionKind.FIELD and key in fields):
            continue
        if definition.kind is DefinitionKind.FIELD:
            fields.add(key)
        definitions.append(definition)
    return Outline(tuple(definitions), imports)


def moved(definition: Definition, lines: int) -> Definition:
    """Return a definition of an embedded text as one of the text around it."""
    return msgspec.structs.replace(
        definition,
        first_line=definition.first_line + lines,
        end_line=definition.end_line + lines,
        body_line=definition.body_line + lines,
    )


def _placed(source: Source, language: Language, one: Found, loose: Loose) -> Placed:
    body = one.one("body")
    end_line = one.end[0] + (1 if one.end[1] else 0)
    end_line = max(end_line, one.start[0] + 1)
    first_line = one.first_line
    if language.line_comment != "#":
        first_line = headers.attributes_above(source.lines, first_line)
    bases = [name for node in one.match.get("bases", ()) for name in _bases(source, node)]
    marks = (language.line_comment, language.block_comment)
    definition = Definition(
        name=one.name,
        kind=KINDS[one.mark],
        container=one.container,
        first_line=first_line,
        end_line=end_line,
        signature=_signature(source, one, loose),
        doc=_docstring(source, one, loose) or headers.doc_above(source.lines, first_line, marks),
        bases=tuple(dict.fromkeys([*bases, *one.bases])),
        body_line=body.start_point[0] if body else end_line,
    )
    return Placed(definition, one.start, one.end, one.is_local)


def _bases(source: Source, node: tree_sitter.Node) -> tuple[str, ...]:
    return headers.base_names(text_of(source, node))


def _signature(source: Source, one: Found, loose: Loose) -> str:
    """Return the header: up to the body, or up to the end of what is marked as header."""
    heads, body = one.match.get("head"), one.one("body")
    if heads:
        end: Point = max(node.end_point for node in heads)
    elif body and body.start_point > name_start(one):
        end = body.start_point
    else:
        end = one.end
    text = _without(source, one.start, end, loose.skips)
    if one.mark == "section":
        return headers.signature(text.lstrip().split("\n", 1)[0])
    if one.mark in _VALUES:
        return headers.one_line(text.rstrip(" \t\r\n;,"), headers.VALUE_LIMIT)
    return headers.signature(text)


def _without(source: Source, start: Point, end: Point, skips: Sequence[tuple[Point, Point]]) -> str:
    """Return the text of a range without the parts of it that are to be skipped."""
    parts: list[str] = []
    place: Point = start
    for index in range(bisect_left(skips, (start, start)), len(skips)):
        skip_start, skip_end = skips[index]
        if skip_start >= end:
            break
        if skip_start >= place:
            parts.append(source.text(place, skip_start))
            place = min(skip_end, end)
    parts.append(source.text(place, end))
    return "".join(parts)


def _docstring(source: Source, one: Found, loose: Loose) -> str:
    """Return the first sentence of the string at the top of the body or below the statement."""
    if below := one.one("below"):
        return headers.doc_of_string(text_of(source, below))
    body = one.one("body")
    return loose.docs.get(body.start_point, "") if body else ""
