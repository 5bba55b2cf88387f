"""How much of a text does not follow its grammar, and whether it breaks off at its end.

For those who choose among files; knows nothing about what is done with broken ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import tree_sitter

from lsp_server.syntax.source import Source

_OPENING = {"(": ")", "[": "]", "{": "}", "${": "}", "#{": "}", "string_start": "string_end"}
_CLOSING = frozenset(_OPENING.values())
_QUOTES = frozenset(('"', "'", "`", '"""', "'''"))
_UNFINISHED = frozenset(
    ("=", ":", ",", ".", "->", "=>", ":=", "::", "+", "-", "*", "/", "&&", "||", "and", "or")
)
"""Tokens that nothing ends with."""


@dataclass(frozen=True, slots=True)
class Defects:
    """What is wrong with a text."""

    share: float
    """Part of its bytes, 0 to 1, that does not follow the grammar. What a parser could make sense
    of inside of a wrong stretch, such as a function in an open class, is not counted."""
    breaks_off: bool
    """Something is still open where the text ends: a bracket, a string, a statement."""


NONE = Defects(0.0, breaks_off=False)


def defects_in(source: Source, tree: tree_sitter.Tree) -> Defects:
    """Return what is wrong with the text of `source`, which `tree` was made of."""
    if not tree.root_node.has_error:
        return NONE
    size = sum(map(len, source.encoded))
    end = len(b"".join(source.encoded).rstrip())
    wrong, breaks_off = 0, False
    for node in _defective(tree.root_node):
        wrong += max(1, sum(_size(token) for token in _tokens(node) if not token.child_count))
        if node.end_byte >= end:
            breaks_off = breaks_off or _lacks_more(node) or _is_open(node)
    return Defects(min(1.0, wrong / max(1, size)), breaks_off)


def _defective(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the outermost nodes that are wrong or missing."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.is_missing or node.is_error:
            yield node
        elif node.has_error:
            waiting.extend(child for child in node.children if child.has_error or child.is_missing)


def _lacks_more(node: tree_sitter.Node) -> bool:
    """Tell whether a missing token is more than the mark behind a statement, as after a macro."""
    return node.is_missing and node.type != ";"


def _size(node: tree_sitter.Node) -> int:
    return node.end_byte - node.start_byte


def _is_open(error: tree_sitter.Node) -> bool:
    """Tell whether something that is opened in a wrong stretch is not closed in it."""
    expected: list[str] = []
    quotes = 0
    last = ""
    for token in _tokens(error):
        last = token.type
        quotes += last in _QUOTES
        if last in _OPENING:
            expected.append(_OPENING[last])
        elif last in _CLOSING and expected and expected[-1] == last:
            expected.pop()
    return bool(expected) or quotes % 2 == 1 or last in _UNFINISHED


def _tokens(error: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the tokens of a wrong stretch, and whole what is right in it: that is balanced."""
    waiting = [error]
    while waiting:
        node = waiting.pop()
        if node is error or node.has_error:
            waiting.extend(reversed(node.children))
            if node.children:
                continue
        yield node
