"""Finds code of another language inside of a document: fences, scripts and styles.

Says where it is and what its lines are; knows nothing about what is in it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import tree_sitter

from lsp_server.syntax.languages import Language, language_for
from lsp_server.syntax.matches import Match
from lsp_server.syntax.source import Source
from lsp_server.types import Position

_LANGUAGE = re.compile(r"\slang\s*=\s*[\"']?(\w+)|\stype\s*=\s*[\"']?(?:text|application)/(\w+)")


@dataclass(frozen=True, slots=True)
class Embedded:
    """A stretch of a document in a language of its own."""

    language: Language
    start: Position
    end: Position
    indent: int
    """Code points at the beginning of every line but the first that do not belong to it."""

    def holds(self, position: Position) -> bool:
        """Tell whether a place is in the stretch, both ends included."""
        return self.start <= position <= self.end

    def inner(self, position: Position) -> Position:
        """Return a place of the document as one of the stretch."""
        line = position.line - self.start.line
        left = self.indent if line else self.start.column
        return Position(line, max(0, position.column - left))

    def lines(self, source: Source) -> tuple[str, ...]:
        """Return the lines of the stretch."""
        lines = list(source.lines[self.start.line : self.end.line + 1])
        lines[-1] = lines[-1][: self.end.column]
        first = lines[0][self.start.column :]
        return first, *(line[self.indent :] or line[-1:] for line in lines[1:])


def embedded_in(source: Source, matches: Iterable[Match]) -> Iterator[Embedded]:
    """Yield the stretches whose language is known."""
    for match in matches:
        if fences := match.get("fence"):
            name = match["language"][0]
            found = _fence(source, fences[0], _text(source, name))
        else:
            found = _element(source, match["tag"][0], match["content"][0])
        if found:
            yield found


def _text(source: Source, node: tree_sitter.Node) -> str:
    return source.text(node.start_point, node.end_point)


def _fence(source: Source, node: tree_sitter.Node, name: str) -> Embedded | None:
    language = language_for(name, f"x.{name}") or language_for(name.split("-")[0])
    first, last = node.start_point[0] + 1, node.end_point[0]
    marks = [child for child in node.children if child.type == "fenced_code_block_delimiter"]
    if len(marks) > 1:
        last = marks[-1].start_point[0] - 1
    elif node.end_point[1] == 0:
        last -= 1
    if language is None or last < first:
        return None
    indent = source.column(node.start_point)
    start = Position(first, min(indent, len(source.lines[first].rstrip("\r\n"))))
    end = Position(last, len(source.lines[last].rstrip("\r\n")))
    return Embedded(language, min(start, end), end, indent)


def _element(source: Source, tag: tree_sitter.Node, content: tree_sitter.Node) -> Embedded | None:
    text = _text(source, tag)
    said = _LANGUAGE.search(text)
    name = next((group for group in said.groups() if group), "") if said else ""
    default = "css" if text[1:6].lower() == "style" else "javascript"
    language = language_for(name, f"x.{name}") if name not in ("", "module") else None
    language = language or language_for(default)
    if language is None:
        return None
    start, end = content.start_point, content.end_point
    return Embedded(
        language,
        Position(start[0], source.column(start)),
        Position(end[0], source.column(end)),
        indent=0,
    )
