import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimbul_models.evaluation.reaching import Asking, Typing, name_of, way_to

TEXT = "import a\n\ndef f(x):\n    y = a.get(x)\n    re"


def test_an_open_document_is_at_its_place_already() -> None:
    assert way_to(TEXT, None).start == TEXT
    assert way_to(TEXT, None).changes == ()


@pytest.mark.parametrize(
    ("lines", "start", "pieces"),
    [
        (0, "import a\n\ndef f(x):\n    y = a.get(x)\n", ["    ", "re"]),
        (
            1,
            "import a\n\ndef f(x):\n",
            ["    ", "y", " ", "=", " ", "a", ".", "get", "(", "x", ")", "\n    ", "re"],
        ),
    ],
)
def test_the_last_lines_are_typed_word_by_word(lines: int, start: str, pieces: list[str]) -> None:
    way = way_to(TEXT, Typing(lines, Asking.NEVER))
    assert way.start == start
    assert [change.text for change in way.changes] == pieces


@pytest.mark.parametrize(
    ("asking", "asked"),
    [
        (Asking.NEVER, []),
        (Asking.LINE, ["a\r\n", "a\r\nb c\r\n  "]),
        (Asking.WORD, ["a", "a\r\n", "a\r\nb", "a\r\nb ", "a\r\nb c", "a\r\nb c\r\n  "]),
    ],
)
def test_suggestions_are_asked_for_on_the_way_but_not_at_the_place(
    asking: Asking, asked: list[str]
) -> None:
    way = way_to("a\r\nb c\r\n  d", Typing(8, asking))
    typed = [way.start]
    found = []
    for change in way.changes:
        typed.append(typed[-1] + change.text)
        if change.asks:
            found.append(typed[-1])
    assert found == asked


@given(st.text(st.sampled_from("ab1_ .(\t\r\n\x0c\u2028é𝄞"), max_size=60), st.integers(0, 9))
def test_the_way_leads_to_the_place(prefix: str, lines: int) -> None:
    way = way_to(prefix, Typing(lines))
    pieces = [change.text for change in way.changes]
    assert way.start + "".join(pieces) == prefix
    assert all(pieces)
    # A line ending is never typed in two halves.
    assert not any(a.endswith("\r") and b.startswith("\n") for a, b in zip(pieces, pieces[1:]))  # noqa: B905, RUF007


def test_ways_have_names_of_their_own() -> None:
    ways = [None, Typing(), Typing(7), Typing(8, Asking.WORD)]
    assert len({name_of(way) for way in ways}) == len(ways)
