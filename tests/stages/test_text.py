import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.text import split_lines, strip_ending, without_surrogates
from lsp_server.types import Document, Position

TEXT = st.text(
    alphabet=st.sampled_from("ab \t\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029é😀"), max_size=40
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a\n", ""]),
        ("a\r\nb", ["a\r\n", "b"]),
        ("\r\r\n\n", ["\r", "\r\n", "\n", ""]),
        ("a\x0cb\x0b\x1c\x85\u2028\u2029c\nd", ["a\x0cb\x0b\x1c\x85\u2028\u2029c\n", "d"]),
    ],
)
def test_lines_end_where_lsp_says(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


@given(TEXT)
def test_lines_join_to_the_text(text: str) -> None:
    lines = split_lines(text)
    assert "".join(lines) == text
    assert [strip_ending(line) for line in lines] == re.split(r"\r\n|\r|\n", text)


def test_surrogates_are_replaced() -> None:
    assert without_surrogates("a\ud800b😀") == "a\ufffdb😀"


@pytest.mark.parametrize(
    ("position", "clamped"),
    [
        (Position(0, 1), Position(0, 1)),
        (Position(0, 99), Position(0, 2)),
        (Position(1, 99), Position(1, 1)),
        (Position(7, 0), Position(2, 0)),
    ],
)
def test_positions_outside_are_moved_inside(position: Position, clamped: Position) -> None:
    document = Document("file:///a", "python", 1, tuple(split_lines("ab\r\nc\n")))
    assert document.clamp(position) == clamped
