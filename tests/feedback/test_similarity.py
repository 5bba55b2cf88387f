"""How much of a text is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.feedback.similarity import share_left


@pytest.mark.parametrize(
    ("text", "window", "share"),
    [
        ("total(items)", "x = total(items)\n", 1.0),
        ("total(items)", "x = total( items )\n", 1.0),
        ("a b c d", "before a b z d after", 0.75),
        ("a b c d", "before a b d after", 0.75),
        ("a b c d", "before a b and c d after", 0.75),
        ("a b c d", "nothing of it", 0.0),
        ("a b c d", "", 0.0),
        ("   \n", "anything", 1.0),
        # The parts of a word do not count as the word.
        ("total", "totals", 0.0),
    ],
)
def test_share_left(text: str, window: str, share: float) -> None:
    assert share_left(text, window) == share


@given(st.text("ab (", max_size=20), st.text("ab (", max_size=30), st.text("ab (", max_size=30))
def test_what_stands_there_between_spaces_is_all_there(text: str, left: str, right: str) -> None:
    assert share_left(text, f"{left} {text} {right}") == 1.0


@given(st.text("ab (", max_size=20), st.text("ab (", max_size=30))
def test_it_is_a_share(text: str, window: str) -> None:
    assert 0.0 <= share_left(text, window) <= 1.0
