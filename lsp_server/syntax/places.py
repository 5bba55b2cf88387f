"""Tells code from comments and strings at one place.

First from nodes near the place; where the text around it is broken, from the characters of the
line. Knows no language: marks and quotes come from its row of the table.
"""

import enum
from collections.abc import Iterator, Mapping, Sequence

import tree_sitter

from lsp_server.syntax.languages import Language
from lsp_server.syntax.source import Point, Source


class PlaceKind(enum.Enum):
    """What kind of text a place is in."""

    CODE = "code"
    COMMENT = "comment"
    STRING = "string"


Captures = Mapping[str, Sequence[tree_sitter.Node]]
"""Nodes near the place by what a query calls them: ``comment``, ``string``, ``literal`` (a string
if it begins with a quote), ``text`` (inside of a string, both ends included), ``code`` (code
in a string, with its marks) and ``inside`` (code in a string, without its marks)."""

REACH = 400
"""Lines above a place in which the opening of an unfinished comment or string is looked for."""


def place_at(source: Source, language: Language, captures: Captures, point: Point) -> PlaceKind:
    """Return what `point` is in, given the nodes that touch it."""
    spans = [*_comments(source, language, captures, point), *_strings(source, captures, point)]
    if spans:
        return max(spans, key=lambda span: (span[0], -span[1][0], -span[1][1]))[2]
    return PlaceKind.CODE


_Span = tuple[Point, Point, PlaceKind]


def _comments(
    source: Source, language: Language, captures: Captures, point: Point
) -> Iterator[_Span]:
    for node in captures.get("comment", ()):
        start, end = node.start_point, node.end_point
        if not _is_comment(source, language, start):
            continue
        at_end = point == end and end[1] > 0 and _is_open_comment(source, language, start, end)
        if start < point < end or at_end:
            yield start, end, PlaceKind.COMMENT


def _is_comment(source: Source, language: Language, start: Point) -> bool:
    """Tell whether a node that may be one begins like a comment."""
    if language.line_comment or not language.block_comment:
        return True
    opening = language.block_comment[0]
    row, column = start
    return source.text(start, (row, column + len(opening))) == opening


def _is_open_comment(source: Source, language: Language, start: Point, end: Point) -> bool:
    """Tell whether what is typed at the end of a comment belongs to it."""
    if not language.block_comment:
        return True
    text = source.text(start, end)
    opening, closing = language.block_comment
    return not (text.startswith(opening) and text.rstrip().endswith(closing))


def _strings(source: Source, captures: Captures, point: Point) -> Iterator[_Span]:
    literals = (
        node
        for node in captures.get("literal", ())
        if source.text(node.start_point, node.end_point)[:1] in ("'", '"')
    )
    for node in (*captures.get("string", ()), *literals):
        start, end = node.start_point, node.end_point
        at_end = point == end and _is_open_string(source.text(start, end))
        if start < point < end or at_end:
            yield start, end, PlaceKind.STRING
    for node in captures.get("text", ()):
        if node.start_point <= point <= node.end_point:
            yield node.start_point, node.end_point, PlaceKind.STRING
    for node in captures.get("code", ()):
        if node.start_point < point < node.end_point:
            yield node.start_point, node.end_point, PlaceKind.CODE
    for node in captures.get("inside", ()):
        if node.start_point <= point <= node.end_point:
            yield node.start_point, node.end_point, PlaceKind.CODE


def _is_open_string(text: str) -> bool:
    """Tell whether a string literal lacks its closing quote."""
    body = text.lstrip("rRbBuUfF#@$%QqWwILc")
    quote = body[:1]
    if quote not in ("'", '"', "`"):
        return False
    for marks in (quote * 3, quote):
        if body.startswith(marks):
            return len(body) < 2 * len(marks) or not body.endswith(marks)
    return False


def unfinished_at(
    source: Source, language: Language, errors: Sequence[tree_sitter.Node], point: Point
) -> PlaceKind:
    """Return what a place in broken text seems to be in, by characters near the errors above."""
    line = point[0]
    if any(_opens_string(source, language, node) for node in errors if node.end_point <= point):
        return PlaceKind.STRING
    column = source.column(point)
    if errors and _in_open_block(source.lines, language, line, column):
        return PlaceKind.COMMENT
    if any(node.start_point[0] <= line <= node.end_point[0] for node in errors):
        return _in_open_line(source.lines[line][:column], language)
    return PlaceKind.CODE


def _opens_string(source: Source, language: Language, node: tree_sitter.Node) -> bool:
    """Tell whether an error is but the opening mark of a string over several lines."""
    text = source.text(node.start_point, node.end_point)
    return any(text.endswith(mark) and text.count(mark) == 1 for mark in language.long_quotes)


def _in_open_line(text: str, language: Language) -> PlaceKind:
    quote = ""
    escaped = False
    for index, char in enumerate(text):
        if escaped:
            escaped = False
        elif quote:
            escaped = char == "\\"
            quote = "" if char == quote else quote
        elif char in language.quotes:
            quote = char
        elif language.line_comment and text.startswith(language.line_comment, index):
            return PlaceKind.COMMENT
    return PlaceKind.STRING if quote else PlaceKind.CODE


def _in_open_block(lines: Sequence[str], language: Language, line: int, column: int) -> bool:
    """Tell whether a block comment that is never closed was opened above."""
    if not language.block_comment:
        return False
    opening, closing = language.block_comment
    for row in range(line, max(-1, line - REACH), -1):
        text = lines[row][:column] if row == line else lines[row]
        opened, closed = text.rfind(opening), text.rfind(closing)
        if opened > closed:
            return _in_open_line(text[:opened], language) is PlaceKind.CODE
        if closed >= 0:
            return False
    return False
