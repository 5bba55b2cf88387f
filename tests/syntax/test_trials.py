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
    after_text = tree.with_text(Position(len(above) - 1, len(above[-1])), text)
    return None if after_text is None else after_text.errors


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
    wrong = tree.with_text(Position(2, 4), "c = = 1")
    assert wrong is not None
    assert wrong.errors == 1
    assert tree.expression == before
    assert tree.lines == tuple(split_lines(PYTHON))


def test_a_text_may_take_the_place_of_another() -> None:
    tree = parse(LANGUAGES["go"], split_lines("package p\n\nvar ß = größe()\nvar b = 1\n"))
    assert tree is not None
    changed = tree.with_text(Position(2, 8), 'map[string]int{\n\t"é": 1,\n}', replaced=7)
    assert changed is not None
    assert "".join(changed.lines) == (
        'package p\n\nvar ß = map[string]int{\n\t"é": 1,\n}\nvar b = 1\n'
    )
    anew = parse(LANGUAGES["go"], changed.lines)
    assert anew is not None
    assert changed.expression == anew.expression


def test_what_takes_too_long_is_not_found_out() -> None:
    tree = parse(LANGUAGES["json"], ["[]"])
    assert tree is not None
    assert tree.with_text(Position(0, 1), "1, " * 100 + "1") is not None
    assert tree.with_text(Position(0, 1), "1, " * 300_000 + "1") is None
