"""Whether a place is where the body of a header is to be written, with nothing of it there yet.

A glance at the lines says whether that may be. Then something that fits into any body is put in
at the place, and where a parser puts that decides: in a text that is being typed the empty body
itself is what breaks the grammar. Where the text is broken elsewhere too, the headers around the
place are parsed alone, and at last their lines are asked. Knows nothing about trees but nodes,
which come from a function that parses.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import tree_sitter

from lsp_server.syntax import enclosing
from lsp_server.syntax.body_rules import RULES, UNKNOWN, BodyRules, matches
from lsp_server.syntax.languages import LANGUAGES, Language
from lsp_server.types import Position

Parse = Callable[[Sequence[str]], "tree_sitter.Node | None"]
"""Returns the root of a text's tree; None if it cannot be parsed."""

REACH = 60
"""Lines above a place in which its header is looked for, past comments and documentation."""

HEADER_LINES = 20
"""Longest header."""

LONGEST = 500
"""Code points of the longest line that may be (part of) a header. Longer ones are data, mostly."""

TAB = 4
"""Columns of a tab; only lines of one file are compared, which mostly have either."""

_HOSTS = frozenset({"html", "markdown"})
"""Languages without bodies that hold code of others."""
_CLOSING = ")]}"
_GOES_ON = (":", ",", "->", ".", "&&", "||", "throws ", "extends ", "implements ")
"""What a line begins with that goes on with a header begun above."""
_QUOTES = ('"""', "'''")


@dataclass(frozen=True, slots=True)
class Body:
    """An empty body, at the place where its first statement goes."""

    is_function: bool
    indentation: int
    """Width of the blanks in front of the header's line, in columns."""
    closer: str
    """What closes it; empty where indentation does."""
    is_closed: bool
    """Whether that is there already."""
    top_level: str = ""
    """Regular expression of what begins a line that belongs to no body; empty is none."""


@dataclass(frozen=True, slots=True)
class _Opening:
    """What the lines say about a place that may be a body."""

    row: int
    """Line in which the header begins."""
    header: str
    """Its lines in one, without comments at their ends."""
    body: Body


def width(blanks: str) -> int:
    """Return the columns that the blanks at the beginning of a text take."""
    return len(blanks[: len(blanks) - len(blanks.lstrip(" \t"))].expandtabs(TAB))


def may_be_body(lines: Sequence[str], position: Position, language: Language | None) -> bool:
    """Tell at a glance whether a place may be an empty body; rather too often than too seldom."""
    if language is not None and language.name in _HOSTS:
        return any(_opening(lines, position, one) for one in (None, LANGUAGES["python"]))
    return _opening(lines, position, language) is not None


def in_long_string(lines: Sequence[str], position: Position, language: Language) -> bool:
    """Tell whether more strings over several lines are opened than closed above a place."""
    marks = [mark for mark in language.long_quotes if len(mark) > 1]
    above = lines[: position.line]
    return any(sum(line.count(mark) for line in above) % 2 for mark in marks)


def body_at(
    lines: Sequence[str], position: Position, language: Language | None, parse: Parse
) -> Body | None:
    """Return the empty body at a place, None if there is none; `parse` is asked where it may be."""
    opening = _opening(lines, position, language)
    if opening is None:
        return None
    rules = _rules(language)
    for text, place in _trials(lines, position, opening, rules):
        root = parse(text)
        if root is None:
            break
        is_body, found = _judge(root, text, place, opening, rules)
        if is_body is not None:
            return found if is_body else None
    if matches(rules.block, opening.header):
        return opening.body
    if matches(rules.function, opening.header):
        return replace(opening.body, is_function=True)
    return None


def _rules(language: Language | None) -> BodyRules:
    return UNKNOWN if language is None else RULES[language.name]


# What the lines say


def _opening(
    lines: Sequence[str], position: Position, language: Language | None
) -> _Opening | None:
    if language is not None and language.name not in RULES:
        return None
    rules = _rules(language)
    line = lines[position.line].rstrip("\r\n")
    typed, rest = line[: position.column], line[position.column :].strip()
    if rest.strip(" \t)]};,") or len(typed) > LONGEST:
        return None
    mark = language.line_comment if language else "//"
    row = position.line if typed.strip() else _code_above(lines, position.line, rules, mark)
    if row is None:
        return None
    code = _without_comment(typed if row == position.line else lines[row], mark).strip("\r\n")
    if len(code) > LONGEST or not matches(rules.opens, code):
        return None
    first = _first_row(lines, row, code)
    above = (_without_comment(one, mark).strip() for one in lines[first:row])
    header = " ".join([*(one[:LONGEST] for one in above), code])
    indentation = width(lines[first])
    closer = next((text for opens, text in rules.closers if matches(opens, code)), "")
    is_closed = _is_closed(lines, position.line, rest, indentation, rules)
    deep_enough = is_closed or row == position.line or width(typed + "x") > indentation
    if not deep_enough or (rest and not is_closed) or _has_more(lines, position.line, indentation):
        return None
    body = Body(False, indentation, closer, is_closed, rules.top_level)  # noqa: FBT003
    return _Opening(first, header, body)


def _code_above(lines: Sequence[str], line: int, rules: BodyRules, mark: str) -> int | None:
    """Return the next line above that is neither blank, comment nor documentation."""
    row = line - 1
    limit = max(-1, line - REACH)
    while row > limit:
        text = lines[row].strip()
        if rules.indented and text.endswith(_QUOTES):
            row = _documentation(lines, row, limit)
        elif text and not text.startswith((mark or "//", "/*", "*")) and not text.endswith("*/"):
            return row
        row -= 1
    return None


def _documentation(lines: Sequence[str], last: int, limit: int) -> int:
    """Return the first line of a string over lines that ends in line `last`."""
    text = lines[last].strip()
    quote = text[-3:]
    if text.count(quote) == 2 and text.lstrip("rRbBuUfF").startswith(quote):
        return last
    row = last - 1
    while row > limit and quote not in lines[row]:
        row -= 1
    return row


def _without_comment(line: str, mark: str) -> str:
    if not mark or mark not in line or len(line) > LONGEST:
        return line
    return re.sub(rf"(?:^|(?<=[\s{{:;])){re.escape(mark)}[^\"'`]*$", "", line)


def _first_row(lines: Sequence[str], row: int, code: str) -> int:
    """Return the line in which the header begins that ends in line `row`."""
    depth = _open_in(code)
    first = row
    limit = max(0, row - HEADER_LINES)
    while first > limit and (depth < 0 or lines[first].lstrip().startswith(_GOES_ON)):
        first -= 1
        depth += _open_in(lines[first])
    return first if depth >= 0 else row


def _open_in(text: str) -> int:
    return sum(text.count(one) for one in "([") - sum(text.count(one) for one in ")]")


def _below(lines: Sequence[str], line: int) -> str:
    return next((text for text in lines[line + 1 : line + 1 + REACH] if text.strip()), "")


def _is_closed(
    lines: Sequence[str], line: int, rest: str, indentation: int, rules: BodyRules
) -> bool:
    if rest:
        return re.match(rules.goes_on, rest) is not None
    below = _below(lines, line)
    closes = re.match(rules.goes_on, below.strip()) is not None
    return closes and width(below) == indentation


def _has_more(lines: Sequence[str], line: int, indentation: int) -> bool:
    """Whether something of the body is there below."""
    below = _below(lines, line)
    return width(below) > indentation and not below.strip().startswith(tuple(_CLOSING))


# What the parser says


def _trials(
    lines: Sequence[str], position: Position, opening: _Opening, rules: BodyRules
) -> Iterator[tuple[list[str], Position]]:
    """Yield texts in which the body is filled: the whole one, then its headers alone."""
    body = opening.body
    closer = "" if body.is_closed else body.closer
    line = lines[position.line]
    filled = f"{line[: position.column]} {rules.filler}"
    place = Position(position.line, position.column + 1)
    closing = [f"{' ' * body.indentation}{closer}\n"] if closer else []
    rest = line[position.column :]
    whole = [*lines[: position.line], filled + (rest if rest.strip() else "\n")]
    yield [*whole, *closing, *lines[position.line + 1 :]], place
    around = enclosing.skeleton(lines, position.line, position.column)
    if around is not None and body.closer == "}" and not rest.strip():
        text = list(around.lines)
        text[around.place.line] = f"{rules.filler}\n"
        yield text, around.place
    last = position.line if line[: position.column].strip() else position.line - 1
    header = [one[len(one) - len(one.lstrip()) :] for one in lines[opening.row : last + 1]]
    if header and last != position.line:
        closing = [body.closer] if body.closer else []
        fill = f" {' ' * TAB}{rules.filler}\n"
        yield [*header, fill, *closing], Position(len(header), 1 + TAB)


def _judge(
    root: tree_sitter.Node,
    text: Sequence[str],
    place: Position,
    opening: _Opening,
    rules: BodyRules,
) -> tuple[bool | None, Body | None]:
    """Return whether a filled place is a body, and which; None where the parser lost its way."""
    line = text[place.line]
    begin = len(line[: place.column].encode("utf-8", "replace"))
    start, end = (place.line, begin), (place.line, begin + len(rules.filler))
    found = root.descendant_for_point_range(start, end)
    node, holder = found, found and found.parent
    if node is None or (node.start_point, node.end_point) != (start, end):
        return (None if node is None or node.type == "ERROR" else False), None
    while holder is not None and _is_same(holder, node):
        node, holder = holder, holder.parent
    if node.is_missing or node.type == "ERROR" or holder is None or holder.type == "ERROR":
        return None, None
    if holder.type not in rules.blocks | rules.functions:
        return False, None
    if not _is_alone(node, holder, rules):
        return False, None
    is_function = _is_function(holder, rules)
    # In front of an error the parser may have taken the body for that of something else.
    owner = holder.parent or holder
    indentation = min(opening.body.indentation, width(text[owner.start_point[0]]))
    return True, replace(opening.body, is_function=is_function, indentation=indentation)


def _is_same(holder: tree_sitter.Node, node: tree_sitter.Node) -> bool:
    """Whether a node holds nothing but another, and is no body."""
    same = holder.start_point == node.start_point and holder.end_point == node.end_point
    return same and holder.type not in ("block", "body_statement", "then", "block_body")


def _is_alone(node: tree_sitter.Node, holder: tree_sitter.Node, rules: BodyRules) -> bool:
    """Whether nothing but comments and documentation is in a body beside the filler."""
    before = node.prev_sibling
    while before is not None and before.is_named:
        is_text = rules.indented and before.type == "expression_statement"
        is_doc = is_text and before.child(0).type == "string" and before.prev_sibling is None
        if not (is_doc or "comment" in before.type):
            return "parameters" in before.type
        before = before.prev_sibling
    after = node.next_sibling
    while after is not None and "comment" in after.type:
        after = after.next_sibling
    if after is not None and after.is_named:
        return after.type in rules.continuations or holder.type == "begin"
    return True


def _is_function(holder: tree_sitter.Node, rules: BodyRules) -> bool:
    node: tree_sitter.Node | None = holder
    for _ in range(3):
        if node is None:
            break
        if node.type in rules.functions:
            return True
        if node.type in rules.anonymous:
            around = node.parent
            return around is None or not matches("argument|call|annotated|go_", around.type)
        if node is not holder and node.type != "function_body":
            break
        node = node.parent
    return False
