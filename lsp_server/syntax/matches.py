"""Reads what the queries found: which match says what.

A pattern marks a whole definition with its kind: ``@class``,
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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import tree_sitter

from lsp_server.syntax import headers
from lsp_server.syntax.imports import read_imports
from lsp_server.syntax.outline import DefinitionKind, Import
from lsp_server.syntax.source import Point, Source

Match = Mapping[str, Sequence[tree_sitter.Node]]
"""The nodes of one match by the names of their marks."""

KINDS: Mapping[str, DefinitionKind] = MappingProxyType(
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
_RANK = MappingProxyType({mark: rank for rank, mark in enumerate(KINDS)})
_NAMES: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        **dict.fromkeys(("class", "namespace", "type"), headers.class_name),
        "section": headers.section_name,
    }
)
"""How a name is read, by mark."""
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
_NOT_CONTAINERS = frozenset({"module.exports", "exports", "window", "globalThis", "self", "this"})


@dataclass(slots=True)
class Found:
    """A definition that is not yet complete."""

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
        """Return the first node that has a mark in this match."""
        nodes = self.match.get(mark)
        return nodes[0] if nodes else None


@dataclass(frozen=True, slots=True)
class Loose:
    """What stands on its own: ranges and texts that definitions are completed with."""

    outers: Sequence[tuple[Point, Point]]
    locals: Sequence[tuple[Point, Point]]
    skips: Sequence[tuple[Point, Point]]
    extends: Sequence[tuple[Point, Point]]
    docs: Mapping[Point, str]
    imports: Mapping[tuple[Point, Point], tuple[Import, ...]]


def _range(node: tree_sitter.Node) -> tuple[Point, Point]:
    return node.start_point, node.end_point


def text_of(source: Source, node: tree_sitter.Node) -> str:
    """Return the text of a node."""
    return source.text(node.start_point, node.end_point)


def read_loose(source: Source, language: str, matches: Iterable[Match]) -> Loose:
    """Return what stands on its own."""
    ranges: dict[str, list[tuple[Point, Point]]] = {
        "outer": [],
        "local": [],
        "skip": [],
        "extends": [],
    }
    docs: dict[Point, str] = {}
    imports: dict[tuple[Point, Point], tuple[Import, ...]] = {}
    for match in matches:
        for mark, nodes in match.items():
            if mark in ranges:
                ranges[mark].extend(map(_range, nodes))
            elif mark == "doc":
                for node in nodes:
                    docs[node.start_point] = headers.doc_of_string(text_of(source, node))
            elif mark == "import":
                for node in nodes:
                    if read := _imports(source, language, node):
                        imports[_range(node)] = read
    outers, local, skips, extends = (sorted(set(spans)) for spans in ranges.values())
    return Loose(outers, local, skips, extends, docs, imports)


def _imports(source: Source, language: str, node: tree_sitter.Node) -> tuple[Import, ...]:
    (first, _), end = _range(node)
    last = end[0] + (1 if end[1] else 0)
    return tuple(
        Import(module, names, first, max(last, first + 1), alias)
        for module, names, alias in read_imports(language, text_of(source, node))
    )


def read_found(source: Source, matches: Iterable[Match]) -> Iterator[Found]:
    """Yield the definitions, one for each match that has a kind and a name."""
    for match in matches:
        mark = next((mark for mark in match if mark in KINDS), None)
        if mark is None or not _is_said(source, match):
            continue
        match = _with_fields(match, mark)
        if not (match.get("name") or match.get("declarator")):
            continue
        node, (mark, name, container) = match[mark][0], _named(source, mark, match)
        yield Found(
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
        _WORDS[mark].fullmatch(text_of(source, node))
        for mark, nodes in match.items()
        if mark in _WORDS
        for node in nodes
    )


def _named(source: Source, mark: str, match: Match) -> tuple[str, str, str]:
    """Return mark, name and the container that is written with the name."""
    if declarators := match.get("declarator"):
        named, is_function = _innermost(declarators[0])
        container, name = headers.qualified_name(text_of(source, named))
        if mark == "declared":
            mark = "function" if is_function else "variable"
        return mark, name, container
    containers = (headers.plain_name(text_of(source, node)) for node in match.get("container", ()))
    container = headers.without_arguments(".".join(containers)).removesuffix(".prototype")
    return mark, text_of(source, match["name"][0]), container


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


def distinct(found: Iterable[Found], loose: Loose) -> list[Found]:
    """Return each thing once, outer before inner, without variables that hold an import.

    Of two findings with the same name in the same place the more telling kind wins, then the
    smaller range (one of several in a group, not the group).
    """
    best: dict[Point, Found] = {}
    for one in found:
        if one.mark == "variable" and (one.start, one.end) in loose.imports:
            continue
        key = name_start(one)
        if key not in best or _telling(one) < _telling(best[key]):
            best[key] = one
    return sorted(best.values(), key=_outer_first)


def _telling(one: Found) -> tuple[int, int, Point, int]:
    return _RANK[one.mark], -one.start[0], one.end, -len(one.match)


def _outer_first(one: Found) -> tuple[Point, int, int, Point]:
    return one.start, -one.end[0], -one.end[1], name_start(one)


def name_start(one: Found) -> Point:
    """Return where the name stands, by which two findings of the same thing are known."""
    return (one.match.get("name") or one.match["declarator"])[0].start_point
