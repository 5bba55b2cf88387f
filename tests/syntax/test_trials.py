"""Texts tried in a tree: the same errors as a parser finds that reads the whole text anew."""

import pytest

from lsp_server.syntax.languages import LANGUAGES
from lsp_server.syntax.tree import parse
from lsp_server.text import split_lines
from lsp_server.types import Position

PYTHON = "def f(a):\n    b = a\n    \n    return b\n"
GO = "package p\r\n\r\nfunc f(größe int) int {\r\n\t\r\n\treturn größe\r\n}\r\n"


def errors_of(language: str, text: str) -> int:
    tree = parse(LANGUAGES[language], split_lines(text))
    assert tree is not None
    return tree.errors


def tried(language: str, before: str, text: str, after: str) -> int | None:
    above = split_lines(before)
    tree = parse(LANGUAGES[language], split_lines(before + after))
    assert tree is not None
    return tree.errors_with(Position(len(above) - 1, len(above[-1])), text)


@pytest.mark.parametrize(
    ("language", "document", "line", "column"),
    [("python", PYTHON, 2, 4), ("python", PYTHON, 4, 0), ("go", GO, 3, 1), ("go", GO, 2, 12)],
)
@pytest.mark.parametrize(
    "text",
    [
        "c = 1",
        "c = (",
        "é, ß",
        "x\n",
        "if a:\n        c = 1",
        "\n\n",
        "x := 1\r\n\ty := 2",
        "}",
        ")",
    ],
)
def test_a_trial_finds_what_a_new_parse_finds(
    language: str, document: str, line: int, column: int, text: str
) -> None:
    lines = split_lines(document)
    before = "".join(lines[:line]) + lines[line][:column]
    after = document[len(before) :]
    # How a parser steps over an error depends on what it knew before; that there is one does not.
    anew = errors_of(language, before + text + after)
    found = tried(language, before, text, after)
    assert found is not None
    assert bool(found) == bool(anew)


def test_errors_are_counted() -> None:
    assert errors_of("python", PYTHON) == 0
    assert errors_of("python", "x = = 1\ny = 2\nz = = 3\n") == 2
    assert errors_of("javascript", "f(1;\n") == 1


def test_the_tree_itself_stays_as_it_is() -> None:
    tree = parse(LANGUAGES["python"], split_lines(PYTHON))
    assert tree is not None
    before = tree.expression
    assert tree.errors_with(Position(2, 4), "c = = 1") == 1
    assert tree.errors_with(Position(2, 4), "c = 1") == 0
    assert tree.expression == before
    assert tree.lines == tuple(split_lines(PYTHON))


def test_what_takes_too_long_is_not_found_out() -> None:
    tree = parse(LANGUAGES["json"], ["[]"])
    assert tree is not None
    assert tree.errors_with(Position(0, 1), "1, " * 100 + "1") == 0
    assert tree.errors_with(Position(0, 1), "1, " * 300_000 + "1") is None
