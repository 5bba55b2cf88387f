"""Drawn cases of the filters, one thing each; see `filters.toml`. Real answers: `golden/`."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.postprocess.filters import FILTERS, KEPT_FILTERS, postprocess
from lsp_server.postprocess.place import Ended, Place
from lsp_server.syntax.languages import LANGUAGES
from lsp_server.types import RejectionReason, Surface
from tests.stages.drawn import read_cases, rewrite, run

GOLDEN = Path(__file__).with_name("filters.toml")
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"
CASES = read_cases(GOLDEN)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_filters(case: dict[str, Any]) -> None:
    shown = run(case, case.get("language", "plaintext"))
    if UPDATE:
        rewrite(GOLDEN, case["name"], shown)
    else:
        assert shown == case["shown"]


@pytest.mark.parametrize(
    "reason",
    [
        RejectionReason.EMPTY,
        RejectionReason.REPEATS_NEXT_LINE,
        RejectionReason.REPEATS_REST_OF_LINE,
        RejectionReason.REPEATS_LINES_ABOVE,
        RejectionReason.REPEATS_ITSELF,
        RejectionReason.ECHO,
        RejectionReason.PLACEHOLDER,
        RejectionReason.BROKEN_INDENTATION,
        RejectionReason.UNBALANCED,
        RejectionReason.ADDS_ERRORS,
        RejectionReason.TOO_LITTLE,
        RejectionReason.CONTROL_MARK,
    ],
)
def test_every_reason_has_a_case(reason: RejectionReason) -> None:
    assert any(case["shown"] == reason.value for case in CASES)


PLACE = Place("f(", ")", ("a", "b"), Surface.LINE)


def test_what_looks_like_a_secret_is_not_shown() -> None:
    place = replace(PLACE, reveals=lambda text: "hunter2" in text)
    assert postprocess('"hunter2"', place) is RejectionReason.CREDENTIALS
    assert postprocess('"hunter3"', place) == '"hunter3"'
    assert postprocess('"hunter2"', PLACE) == '"hunter2"'


def test_the_rest_of_a_kept_suggestion_is_only_held_against_the_rest_of_the_line() -> None:
    assert postprocess("a)", PLACE, KEPT_FILTERS) == "a"
    assert postprocess(")", replace(PLACE, rest_of_line=""), KEPT_FILTERS) == ")"


def test_the_shortest_error_free_beginning_is_not_searched_for_ever() -> None:
    asked: list[str] = []

    def errors(text: str) -> int:
        asked.append(text)
        return 1

    place = replace(PLACE, rest_of_line="", errors=errors)
    assert (
        postprocess("".join(f"a{number});" for number in range(50)), place)
        is RejectionReason.ADDS_ERRORS
    )
    assert len(asked) < 10


@pytest.mark.parametrize("apply", FILTERS, ids=lambda apply: apply.__name__)
@pytest.mark.parametrize("text", ["", " ", "\n", ")", "😀", "a\nb\r\n", "\0"])
def test_no_filter_signals_by_an_empty_string_that_had_text(apply: Any, text: str) -> None:
    result = apply(text, PLACE)
    if isinstance(result, str) and text.strip() and not result.strip():
        # Only cutting may leave nothing, and a later filter then names the reason.
        assert isinstance(postprocess(text, PLACE), RejectionReason)


CODE = st.text(st.sampled_from("ab0 \n\t()[]{}\"'`#/*:;,.<|>=\\é"), max_size=60)
LINES = st.lists(CODE.map(lambda text: text.replace("\n", " ")), max_size=4).map(tuple)


@given(
    CODE,
    CODE.map(lambda text: text.replace("\n", " ")),
    CODE.map(lambda text: text.replace("\n", " ")),
    LINES,
    LINES,
    st.sampled_from(Surface),
    st.sampled_from(Ended),
    st.sampled_from(sorted(LANGUAGES)),
    st.sampled_from(["", "\t", "    "]),
)
def test_anything_ends_in_a_text_or_a_reason(
    text: str,
    typed: str,
    rest: str,
    above: tuple[str, ...],
    below: tuple[str, ...],
    surface: Surface,
    ended: Ended,
    language: str,
    indent: str,
) -> None:
    place = Place(typed, rest, below, surface, above, indent, LANGUAGES[language], ended=ended)
    result = postprocess(text, place)
    assert isinstance(result, RejectionReason) or result.strip()
