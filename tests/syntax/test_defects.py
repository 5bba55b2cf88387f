"""How much of a text is wrong, and whether it breaks off."""

import pytest

from lsp_server.syntax.languages import LANGUAGES
from lsp_server.syntax.tree import parse
from lsp_server.text import split_lines

FINE = [
    ("python", "def f():\n    return 1\n"),
    ("javascript", "const f = () => { return '/*'; };\n"),
    ("c", "int f(void) { return 1; }\n"),
]

WRONG = [
    ("c", "int f() { return 1; }\nint ) foo;\nint g() { return 1; }\n"),
    ("python", "def f():\n    return ))) 1\n\ndef g():\n    return 2\n"),
    # After a macro that needs no semicolon, only that is missing.
    ("c", "int f() { return 1; }\n\nEND_OF_TESTS\n"),
]

OPEN = [
    ("python", "import os\ndef f():\n    return (1 +\n"),
    ("javascript", "class A {\n  f() { return 1; }\n  g() {\n    if (x) { y();\n"),
    ("java", "class A {\n  int f() { return 1; }\n  int g() {\n    if (x) { y();\n"),
    ("c", "int f() { return 1; }\n\nint g() {\n  if (x) {\n  y = "),
    ("go", 'package a\nfunc f() {\n\treturn 1\n}\nfunc g() {\n\tx := "abc'),
    ("rust", "fn f() -> i32 { 1 }\nfn g() { let x = vec![1, 2,"),
]


@pytest.mark.parametrize(("language", "text"), FINE)
def test_right_text_has_no_defects(language: str, text: str) -> None:
    tree = parse(LANGUAGES[language], split_lines(text))
    assert tree is not None
    assert (tree.defects.share, tree.defects.breaks_off) == (0, False)


@pytest.mark.parametrize(("language", "text"), WRONG)
def test_wrong_text_that_goes_on_does_not_break_off(language: str, text: str) -> None:
    tree = parse(LANGUAGES[language], split_lines(text))
    assert tree is not None
    assert 0 < tree.defects.share < 0.3
    assert not tree.defects.breaks_off


@pytest.mark.parametrize(("language", "text"), OPEN)
def test_text_that_ends_inside_of_something_breaks_off(language: str, text: str) -> None:
    tree = parse(LANGUAGES[language], split_lines(text))
    assert tree is not None
    assert tree.defects.breaks_off


def test_steps_end_a_parser_at_the_same_place_everywhere() -> None:
    lines = split_lines("x = [" + "(1, 2), " * 5000 + "]\n")
    assert parse(LANGUAGES["python"], lines, most_steps=3) is None
    assert parse(LANGUAGES["python"], lines, most_steps=100_000) is not None
