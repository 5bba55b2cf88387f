"""Nodes at a place, and the neighbours that lie over a stretch best."""

from lsp_server.syntax.languages import LANGUAGES
from lsp_server.syntax.nodespans import NodeSpan
from lsp_server.syntax.tree import SyntaxTree, parse
from lsp_server.text import split_lines
from lsp_server.types import Position

TEXT = """\
def größe(a, b):
    x = a + 1
    y = x * b
    return x, y
"""


def tree_of(text: str, language: str = "python") -> SyntaxTree:
    tree = parse(LANGUAGES[language], split_lines(text))
    assert tree is not None
    return tree


def cut(text: str, span: NodeSpan) -> str:
    lines = split_lines(text)
    start = sum(map(len, lines[: span.start.line])) + span.start.column
    end = sum(map(len, lines[: span.end.line])) + span.end.column
    return text[start:end]


def place_of(text: str, marked: str) -> Position:
    before = split_lines(text[: text.index(marked)])
    return Position(len(before) - 1, len(before[-1]))


def test_nodes_at_a_place_come_innermost_first() -> None:
    nodes = tree_of(TEXT).nodes_at(place_of(TEXT, "x * b"))
    assert [cut(TEXT, one) for one in nodes][:3] == ["x", "x * b", "y = x * b"]
    assert nodes[-1].kind == "function_definition"
    assert cut(TEXT, nodes[-1]) == TEXT.rstrip()


def test_columns_are_code_points() -> None:
    nodes = tree_of(TEXT).nodes_at(place_of(TEXT, "a, b"))
    assert "(a, b)" in [cut(TEXT, one) for one in nodes]


def test_nodes_with_errors_are_left_out() -> None:
    text = "def f():\n    return (1 +\n\nx = 2\n"
    nodes = tree_of(text).nodes_at(place_of(text, "1 +"))
    assert all("(1 +" not in cut(text, one) for one in nodes)


def test_a_stretch_is_moved_to_whole_neighbours() -> None:
    tree = tree_of(TEXT)
    start, end = place_of(TEXT, "a + 1"), place_of(TEXT, " * b")
    found = tree.aligned(start, end)
    assert found is not None
    assert cut(TEXT, found) == "x = a + 1\n    y = x * b"
    assert found.kind == "block"


def test_a_stretch_that_barely_touches_a_neighbour_leaves_it_out() -> None:
    text = TEXT.replace("x * b", "x * b + (a - b) ** 2 + a")
    found = tree_of(text).aligned(place_of(text, "x = a"), Position(2, 5))
    assert found is not None
    assert cut(text, found) == "x = a + 1"


def test_inside_a_node_without_children_nothing_fits() -> None:
    text = "value = 'a long string'\n"
    assert tree_of(text).aligned(place_of(text, "long"), place_of(text, "ng string")) is None


def test_no_stretch_is_made_of_what_does_not_parse() -> None:
    text = "f(1, 2)\n)) ((\ng(3)\n"
    found = tree_of(text).aligned(Position(0, 0), Position(2, 4))
    assert found is None
