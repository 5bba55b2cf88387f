"""Each suggestion is counted once, and told to be what it was."""

import pytest

from benchmarks.scores import Press, is_right_whole
from benchmarks.showing import (
    Place,
    Suggestion,
    begins_right,
    gating,
    of_places,
    showing,
    suggestions,
)

LINE = "value + one\n    return two\n"


def press(
    number: int,
    *shown: tuple[float, str],
    following: str | None = None,
    event: str = "key",
    gap: float = 0.4,
    surface: str = "",
) -> Press:
    """Return the state after `number` keys of LINE, or with something else still to be typed."""
    after = LINE[number:] if following is None else following
    rest = after.partition("\n")[0]
    return Press(0, number, event, gap, rest, following=after, shown=list(shown), surface=surface)


@pytest.mark.parametrize(
    ("text", "following", "right"),
    [
        ("value", "value + one\n", True),
        ("values", "value + one\n", False),
        ("val", "value + one\n", False),
        (" + two", " + one\n", False),
        (")", ")\n", True),
        ("))", ")\n", False),
        ("x", "\nreturn two\n", False),
        ("\n    return 3", "\n    return two\n", True),
        ("\n    pass", "\n    return two\n", False),
    ],
)
def test_the_first_word_decides_how_a_suggestion_begins(
    text: str, following: str, right: bool
) -> None:
    assert begins_right(text, press(0, following=following)) is right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("value + one", True),
        ("value + one\n    return two", True),
        ("value + one\n    return", False),
        ("value", False),
        ("", False),
    ],
)
def test_right_as_a_whole_is_line_by_line(text: str, right: bool) -> None:
    assert is_right_whole(text, press(0)) is right


def shown_in(*presses: Press) -> list[Suggestion]:
    return list(suggestions(presses))


def test_what_is_typed_through_stays_one_suggestion() -> None:
    (one,) = shown_in(
        press(0, (0.1, "value + one")),
        press(1, (0.0, "alue + one")),
        press(2),  # The next key came before anything could be shown.
        press(3, (0.0, "ue + one\n    return")),
    )
    assert (one.text, one.last) == ("value + one", "ue + one\n    return")
    assert one.seconds == pytest.approx(0.3 + 0.4 + 0.4)
    assert not one.is_replaced


def test_a_key_that_disagrees_ends_a_suggestion() -> None:
    first, second = shown_in(press(0, (0.1, "other")), press(1, (0.1, "alue")))
    assert (first.is_replaced, second.text) == (False, "alue")


def test_another_text_without_a_key_that_disagrees_replaces() -> None:
    between_keys = shown_in(press(0, (0.1, "value")), press(1, (0.0, "ll")))
    at_once = shown_in(press(0, (0.1, "value"), (0.2, "vector")))
    assert [one.is_replaced for one in between_keys] == [True, False]
    assert [one.is_replaced for one in at_once] == [True, False]


def test_what_is_taken_away_and_comes_again_is_another_one() -> None:
    found = shown_in(press(0, (0.1, "value"), (0.2, ""), (0.3, "value")))
    assert [one.is_replaced for one in found] == [False, False]
    assert [round(one.seconds, 1) for one in found] == [0.1, 0.1]


def test_what_the_typist_will_type_must_be_known() -> None:
    slip = press(1, (0.1, "x"), following="")
    assert showing([press(0), slip])["suggestions"] == 0


def test_figures_are_of_suggestions_and_of_keys() -> None:
    found = showing(
        [
            press(0, (0.0, "value + one"), gap=0.6, surface="line"),
            press(1, (0.1, "alue + two"), surface="line"),
            press(2, (0.1, "x\ny"), surface="block"),
            press(3),
        ]
    )
    assert (found["suggestions"], found["first_word_right"]) == (3, 2)
    assert (found["right_per_100_keys"], found["wrong_per_100_keys"]) == (50.0, 25.0)
    # The first two agree with the key, and were replaced by something else.
    assert found["replaced_per_100_keys"] == 50.0
    assert found["accepted_of_read_percent"] == 100.0
    assert {name: row["suggestions"] for name, row in found["surfaces"].items()} == {
        "block": 1, "line": 2,
    }  # fmt: skip
    assert found["surfaces"]["block"]["lines"] == 2


def test_a_way_that_names_no_surface_is_told_by_form() -> None:
    found = showing([press(0, (0.1, "value")), press(1, (0.1, "x\ny"))])
    assert list(found["surfaces"]) == ["one line", "several lines"]


def test_a_gate_is_judged_by_what_it_keeps() -> None:
    ungated = {"first_word_right": 20, "first_word_wrong": 10}
    gated = {"first_word_right": 18, "first_word_wrong": 4}
    assert gating(gated, ungated) == {"right_kept_percent": 90.0, "wrong_kept_percent": 40.0}
    assert gating(gated, {"first_word_right": 0, "first_word_wrong": 0}) == {
        "right_kept_percent": None,
        "wrong_kept_percent": None,
    }


def test_the_gate_is_judged_where_time_plays_no_part() -> None:
    places = [
        Place(press(0), gated="value + one", ungated="value + one"),
        Place(press(0), gated="", ungated="value"),
        Place(press(0), gated="", ungated="other"),
        Place(press(0), gated="", ungated=""),
        Place(press(0, following=""), gated="x", ungated="x"),
    ]
    found = of_places(places)
    assert found["places"] == 4
    assert found["gated"] == {
        "shown": 1, "first_word_right": 1, "first_word_wrong": 0, "line_right": 1,
    }  # fmt: skip
    assert found["ungated"] == {
        "shown": 3, "first_word_right": 2, "first_word_wrong": 1, "line_right": 1,
    }  # fmt: skip
    assert (found["right_kept_percent"], found["wrong_kept_percent"]) == (50.0, 0.0)
    assert of_places([]) == {}
