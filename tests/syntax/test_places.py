"""What a tree says about the place of the cursor: cases are data in ``places.toml``."""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lsp_server.syntax.languages import LANGUAGES
from lsp_server.syntax.places import PlaceKind
from lsp_server.syntax.tree import SyntaxTree, parse
from lsp_server.text import split_lines
from lsp_server.types import Position

PATH = Path(__file__).with_name("places.toml")
CURSOR = "█"
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"
HEAD = """\
# What is at the █: kind of place, classes and functions around it, language.
# UPDATE_GOLDEN=1 rewrites `place`, `enclosing` and `at`.
"""


def cases() -> list[dict[str, Any]]:
    return list(tomllib.loads(PATH.read_text(encoding="utf-8"))["case"])


def at_cursor(language: str, text: str) -> tuple[SyntaxTree, Position]:
    before, after = text.split(CURSOR)
    lines = split_lines(before)
    tree = parse(LANGUAGES[language], split_lines(before + after))
    assert tree
    return tree, Position(len(lines) - 1, len(lines[-1]))


def described(language: str, text: str) -> dict[str, Any]:
    tree, position = at_cursor(language, text)
    return {
        "language": language,
        "text": text,
        "place": tree.place_at(position).value,
        "enclosing": [one.signature for one in tree.enclosing(position)],
        "at": tree.language_at(position).name,
    }


def written(case: dict[str, Any]) -> str:
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in case.items())
    return "\n[[case]]\n" + "\n".join(lines) + "\n"


def test_cases_are_written_as_they_are_rewritten() -> None:
    if UPDATE:
        found = [described(case["language"], case["text"]) for case in cases()]
        PATH.write_text(HEAD + "".join(map(written, found)), encoding="utf-8")
    assert PATH.read_text(encoding="utf-8") == HEAD + "".join(map(written, cases()))


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case['language']}-{case['text']!r}")
def test_place(case: dict[str, Any]) -> None:
    assert described(case["language"], case["text"]) == case


def test_place_beyond_the_text_is_its_end() -> None:
    tree, _ = at_cursor("python", "x = 1  # note█")
    assert tree.place_at(Position(7, 3)) is PlaceKind.COMMENT
    assert tree.place_at(Position(0, 99)) is PlaceKind.COMMENT
