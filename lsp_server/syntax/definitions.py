"""Turns what the queries found into definitions: what holds what, headers, first sentences.

Matches come in, values go out. A pattern marks a whole definition with its kind: ``@class``,
``@namespace``, ``@function``, ``@method``, ``@field`` (with ``@accessor`` if a call declares it),
``@variable``, ``@type``, ``@section``, ``@attribute`` for what a constructor assigns to ``@self``.
Parts of it are ``@name``, ``@body``, ``@head`` (the header ends behind it), ``@bases``,
``@container`` and ``@below`` (the docstring behind it). ``@declared`` is what a declarator of the C
family makes it, with ``@declarator`` in place of a name. A match without either takes the fields
``name`` and ``body`` of its node.
On their own stand ``@local`` (what is inside is nobody else's business), ``@outer`` (the lines
around a definition that belong to it), ``@extends`` (a base, inside of the class), ``@doc``,
``@skip`` (never part of a header) and ``@import``. Knows no language.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec
import tree_sitter

from lsp_server.syntax import headers
from lsp_server.syntax.imports import read_imports
from lsp_server.syntax.languages import Language
from lsp_server.syntax.outline import Definition, DefinitionKind, Import, Outline
from lsp_server.syntax.source import Point, Source

Match = Mapping[str, Sequence[tree_sitter.Node]]
"""The nodes of one match by the names of their marks."""

_KINDS: Mapping[str, DefinitionKind] = MappingProxyType(
    {
        "class": DefinitionKind.CLASS,
        "namespace": DefinitionKind.CLASS,
        "function": DefinitionKind.FUNCTION,
        "method": DefinitionKind.METHOD,
        "section": DefinitionKind.SECTION,
        "type": DefinitionKind.TYPE,
        "declared": DefinitionKind.VARIABLE,
        "attribute": DefinitionKind.FIELD,
        "field": DefinitionKind.FIELD,
        "variable": DefinitionKind.VARIABLE,
    }
)
"""Kinds by mark; where two patterns find the same thing the earlier one wins."""
_RANK = MappingProxyType({mark: rank for rank, mark in enumerate(_KINDS)})
_NAMES: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        **dict.fromkeys(("class", "namespace", "type"), headers.class_name),
        "section": headers.section_name,
    }
)
"""How a name is read, by mark."""
_CALLABLE = frozenset({"function", "method"})
_VALUES = frozenset({"attribute", "field", "variable"})
_INITIALIZERS = frozenset({"__init__", "__post_init__", "__construct", "constructor", "initialize"})
"""Functions whose assignments to the object itself declare its fields."""
_UNNAMED_DECLARATORS = frozenset({"reference_declarator", "parenthesized_declarator"})
"""Declarators whose inner one has no field name."""
_DEEPEST_DECLARATOR = 12
_WORDS = MappingProxyType(
    {
        "self": re.compile(r"self|this"),
        "accessor": re.compile(r"attr(?:_reader|_writer|_accessor)?"),
        "identifier": re.compile(r"id", re.IGNORECASE),
        "custom": re.compile(r"--.*"),
    }
)
"""What the text of a node has to be for its match to count, by mark."""
_MOST = 5_000
"""Definitions of one file that are kept; only generated files have more."""
_NOT_CONTAINERS = frozenset({"module.exports", "exports", "window", "globalThis", "self", "this"})


@dataclass(frozen=True, slots=True)
class Placed:
    """A definition, wherever it is, and its exact range."""

    definition: Definition
    start: Point
    """Where the definition itself begins, behind decorators."""
    end: Point
    is_local: bool
    """Inside of a function's body."""


@dataclass(slots=True)
class _Found:
    """A definition on its way through the stages below."""

    mark: str
    name: str
    start: Point
    end: Point
    match: Match
    first_line: int = 0
    container: str = ""
    is_local: bool = False
    bases: list[str] = field(default_factory=list)

    def one(self, mark: str) -> tree_sitter.Node | None:
        nodes = self.match.get(mark)
        return nodes[0] if nodes else None


@dataclass(frozen=True, slots=True)
class _Loose:
    """What stands on its own: ranges and texts that definitions are completed with."""

    outers: Sequence[tuple[Point, Point]]
    locals: Sequence[tuple[Point, Point]]
    skips: Sequence[tuple[Point, Point]]
    extends: Sequence[tuple[Point, Point]]
    docs: Mapping[Point, str]
    imports: Mapping[tuple[Point, Point], tuple[Import, ...]]


def definitions_in(
    source: Source, language: Language, matches: Iterable[Match]
) -> tuple[tuple[Placed, ...], tuple[Import, ...]]:
    """Return all definitions, local ones too, and all imports, in the order of the text."""
    matches = list(matches)
    loose = _loose(source, language.name, matches)
    found = _distinct(_found(source, matches), loose)
    _nest(source, found, loose)
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


def _range(node: tree_sitter.Node) -> tuple[Point, Point]:
    return node.start_point, node.end_point


def _text(source: Source, node: tree_sitter.Node) -> str:
    return source.text(node.start_point, node.end_point)


def _loose(source: Source, language: str, matches: Iterable[Match]) -> _Loose:
    ranges: dict[str, list[tuple[Point, Point]]] = {
        "outer": [],
        "local": [],
        "skip": [],
        "extends": [],
    }
    docs: dict[Point, str] = {}
    imports: dict[tuple[Point, Point], tuple[Import, ...]] = {}
    for match in matches:
        for mark, spans in ranges.items():
            spans.extend(_range(node) for node in match.get(mark, ()))
        for node in match.get("doc", ()):
            docs[node.start_point] = headers.doc_of_string(_text(source, node))
        for node in match.get("import", ()):
            if read := _imports(source, language, node):
                imports[_range(node)] = read
    outers, local, skips, extends = (sorted(set(spans)) for spans in ranges.values())
    return _Loose(outers, local, skips, extends, docs, imports)


def _imports(source: Source, language: str, node: tree_sitter.Node) -> tuple[Import, ...]:
    (first, _), end = _range(node)
    last = end[0] + (1 if end[1] else 0)
    return tuple(
        Import(module, names, first, max(last, first + 1), alias)
        for module, names, alias in read_imports(language, _text(source, node))
    )


def _found(source: Source, matches: Iterable[Match]) -> Iterator[_Found]:
    for match in matches:
        mark = next((mark for mark in match if mark in _KINDS), None)
        if mark is None or not _is_said(source, match):
            continue
        match = _with_fields(match, mark)
        if not (match.get("name") or match.get("declarator")):
            continue
        node, (mark, name, container) = match[mark][0], _named(source, mark, match)
        yield _Found(
            mark,
            _NAMES.get(mark, headers.plain_name)(name),
            node.start_point,
            node.end_point,
            match,
            first_line=node.start_point[0],
            container="" if container in _NOT_CONTAINERS else container,
        )


def _with_fields(match: Match, mark: str) -> Match:
    """Return a match that marks no name with what the grammar calls name and body.

    Some grammars are so large that a query for these takes most of a second to prepare.
    """
    if match.get("name") or match.get("declarator"):
        return match
    node = match[mark][0]
    parts = {field_: node.child_by_field_name(field_) for field_ in ("name", "body")}
    return {**match, **{field_: [part] for field_, part in parts.items() if part}}


def _is_said(source: Source, match: Match) -> bool:
    """Tell whether the words of a match that a query cannot compare are the right ones."""
    return all(
        pattern.fullmatch(_text(source, node))
        for mark, pattern in _WORDS.items()
        for node in match.get(mark, ())
    )


def _named(source: Source, mark: str, match: Match) -> tuple[str, str, str]:
    """Return mark, name and the container that is written with the name."""
    if declarators := match.get("declarator"):
        named, is_function = _innermost(declarators[0])
        container, name = headers.qualified_name(_text(source, named))
        if mark == "declared":
            mark = "function" if is_function else "variable"
        return mark, name, container
    containers = (headers.plain_name(_text(source, node)) for node in match.get("container", ()))
    container = headers.without_arguments(".".join(containers)).removesuffix(".prototype")
    return mark, _text(source, match["name"][0]), container


def _innermost(declarator: tree_sitter.Node) -> tuple[tree_sitter.Node, bool]:
    """Return what a declarator names, and whether that is a function."""
    is_function = False
    for _ in range(_DEEPEST_DECLARATOR):
        inner = declarator.child_by_field_name("declarator")
        if inner is None and declarator.type in _UNNAMED_DECLARATORS:
            inner = declarator.named_child(0) if declarator.named_child_count else None
        if inner is None:
            break
        if declarator.type == "function_declarator":
            is_function = inner.type != "parenthesized_declarator"
        declarator = inner
    return declarator, is_function


def _distinct(found: Iterable[_Found], loose: _Loose) -> list[_Found]:
    """Return each thing once, outer before inner, without variables that hold an import.

    Of two findings with the same name in the same place the more telling kind wins, then the
    smaller range (one of several in a group, not the group).
    """
    best: dict[Point, _Found] = {}
    for one in found:
        if one.mark == "variable" and (one.start, one.end) in loose.imports:
            continue
        key = _name_start(one)
        if key not in best or _telling(one) < _telling(best[key]):
            best[key] = one
    return sorted(best.values(), key=_outer_first)


def _telling(one: _Found) -> tuple[int, int, Point, int]:
    return _RANK[one.mark], -one.start[0], one.end, -len(one.match)


def _outer_first(one: _Found) -> tuple[Point, int, int, Point]:
    return one.start, -one.end[0], -one.end[1], _name_start(one)


def _name_start(one: _Found) -> Point:
    return (one.match.get("name") or one.match["declarator"])[0].start_point


@dataclass(slots=True)
class _Open:
    """A range that the sweep is inside of."""

    start: Point
    end: Point
    found: _Found | None
    """The definition; None for a stretch that only hides what is in it."""


def _nest(source: Source, found: list[_Found], loose: _Loose) -> None:
    """Sweep over the text once and note for every definition what it is in."""
    events: list[tuple[Point, int, int, int, _Found | tuple[Point, Point]]] = []
    for rank, spans in ((0, loose.outers), (2, loose.locals), (3, loose.extends)):
        events += [(start, -end[0], -end[1], rank, (start, end)) for start, end in spans]
    events += [(one.start, -one.end[0], -one.end[1], 1, one) for one in found]
    events.sort(key=lambda event: event[:4])
    sweep = _Sweep()
    for start, _, _, rank, item in events:
        sweep.leave(start)
        if isinstance(item, _Found):
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

    def define(self, one: _Found) -> None:
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
    def _take_container(one: _Found, holders: Sequence[_Found]) -> None:
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
    def _attribute(one: _Found, around: Sequence[_Open]) -> None:
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


def _placed(source: Source, language: Language, one: _Found, loose: _Loose) -> Placed:
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
        kind=_KINDS[one.mark],
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
    return headers.base_names(_text(source, node))


def _signature(source: Source, one: _Found, loose: _Loose) -> str:
    """Return the header: up to the body, or up to the end of what is marked as header."""
    heads, body = one.match.get("head"), one.one("body")
    if heads:
        end: Point = max(node.end_point for node in heads)
    elif body and body.start_point > _name_start(one):
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


def _docstring(source: Source, one: _Found, loose: _Loose) -> str:
    """Return the first sentence of the string at the top of the body or below the statement."""
    if below := one.one("below"):
        return headers.doc_of_string(_text(source, below))
    body = one.one("body")
    return loose.docs.get(body.start_point, "") if body else ""
