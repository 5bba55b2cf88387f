"""Syntax errors are those that an answer adds, and a block ends where it should."""

from collections.abc import Callable

import pytest

from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.parsing import parse_with, text_with

MakeItem = Callable[..., Item]

PYTHON = ("def f(x):\n    if x:\n        ", "\n    return x\n", "x = 1\n        y = 2")
BRACES = ("func f() {\n\tif x {\n\t\t", "\n\t}\n\treturn\n}\n", "y()\n\t\treturn")


def made(make_item: MakeItem, parts: tuple[str, str, str], language: str = "python") -> Item:
    """Return an item of a block; its language is what the name of its file says."""
    prefix, suffix, answer = parts
    fields = {"prefix": prefix, "suffix": suffix, "kind": "block/branch"}
    item = make_item(answer=answer, path="a.go" if language == "go" else "a.py", **fields)
    return Item(
        **{name: getattr(item, name) for name in item.__struct_fields__} | {"language": language}
    )


@pytest.mark.parametrize(
    ("answer", "adds", "parses", "ended"),
    [
        ("x = 1\n        y = 2", False, True, True),
        ("x = 3", False, True, True),
        ("x = 1\n\n        y = 2\n", False, True, True),
        ("x = 1\n    return 2", False, True, False),  # Goes on behind the block.
        ("x = (1", True, False, False),
        ("for y in x:", False, True, False),  # No error to the parser.
    ],
)
def test_an_indented_block(
    make_item: MakeItem, answer: str, adds: bool, parses: bool, ended: bool
) -> None:
    found = parse_with(made(make_item, PYTHON), answer)
    assert found is not None
    assert (found.adds_errors, found.parses, found.ended) == (adds, parses, ended)


@pytest.mark.parametrize(
    ("answer", "adds", "parses", "ended"),
    [
        ("y()\n\t\treturn", False, True, True),
        ("return", False, True, True),
        ("return\n\t}\n\tfor x {\n\t\ty()", False, True, False),  # Closes the block by itself.
        ("return\n\t}", True, False, False),
        ("if y {", True, False, False),
    ],
)
def test_a_block_in_braces(
    make_item: MakeItem, answer: str, adds: bool, parses: bool, ended: bool
) -> None:
    found = parse_with(made(make_item, BRACES, "go"), answer)
    assert found is not None
    assert (found.adds_errors, found.parses, found.ended) == (adds, parses, ended)


def test_errors_that_were_there_before_are_not_the_answers(make_item: MakeItem) -> None:
    item = made(make_item, ("x = f(", "\nreturn (\n", "1)"))
    found = parse_with(item, "2)")
    assert found is not None
    assert found.errors_before > 0
    assert (found.adds_errors, found.parses) == (False, True)


def test_what_is_replaced_is_gone(make_item: MakeItem) -> None:
    item = made(make_item, ("x = f(", ")\n", "1"))
    assert text_with(item, "2)", 1) == "x = f(2)\n"
    whole, doubled = parse_with(item, "2)", 1), parse_with(item, "2)")
    assert whole is not None
    assert doubled is not None
    assert (whole.adds_errors, doubled.adds_errors) == (False, True)


def test_silence_and_unknown_languages_have_no_syntax(make_item: MakeItem) -> None:
    assert parse_with(made(make_item, PYTHON), "") is None
    unknown = make_item(path="a.unknown")
    fields = {name: getattr(unknown, name) for name in unknown.__struct_fields__}
    assert parse_with(Item(**fields | {"language": "brainfuck"}), "x") is None
