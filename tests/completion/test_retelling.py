"""Fates told to people."""

from collections import Counter

from lsp_server.completion.fates import RequestFate
from lsp_server.completion.retelling import (
    as_json,
    explanation_of,
    on_one_line,
    place_of,
    result_of,
    summary,
    told,
    told_all,
)
from lsp_server.types import RejectionReason, Timings

SHOWN = RequestFate(
    at=0.0,
    file="cart.py",
    language="python",
    line=6,
    column=22,
    asked="automatic",
    surface="line",
    origin="model",
    model="m",
    prompt_tokens=300,
    generated_tokens=5,
    timings=Timings(1.2, 120.4, 80.0, 0.1, 212.0),
)


def test_a_suggestion_is_told_with_its_times() -> None:
    first, second, third = told(SHOWN)
    assert first.endswith("  cart.py:6:22, python, while typing")
    assert second.strip() == "shown, new from the model"
    assert third.strip() == (
        "(212 ms: context 1, prefill 120, decode 80; 300 tokens in the prompt, 5 written)"
    )


def test_a_silence_is_told_with_its_sentence() -> None:
    fate = RequestFate(at=0.0, reason="no-model", asked="invoked", in_menu=True)
    first, second = told(fate)
    assert first.endswith(
        "a document without a file, on request, with an item selected in the menu"
    )
    assert second.strip() == (f"nothing was shown. {RejectionReason.NO_MODEL.explanation}")


def test_details_runs_chances_and_unknown_reasons() -> None:
    failed = RequestFate(at=0.0, reason="engine-failed", detail="It ended (signal 11).")
    assert result_of(failed).endswith(" It ended (signal 11).")
    run = RequestFate(at=0.0, reason="cancelled", count=4)
    assert result_of(run).startswith("nothing was shown 4 times in a row. ")
    assert result_of(RequestFate(at=0.0, origin="kept", chance=0.625)).endswith(", 62% sure")
    assert "later-reason" in explanation_of("later-reason")


def test_what_came_of_a_part() -> None:
    rest = RequestFate(at=0.0, origin="kept", after_part=True)
    assert result_of(rest) == "the rest of what was shown in part"
    gone = RequestFate(at=0.0, reason="empty", after_part=True)
    assert result_of(gone).startswith("what was shown in part was taken back. ")


def test_small_prompts_and_servers_are_named() -> None:
    lines = told(
        RequestFate(
            at=0.0,
            origin="model",
            short_prompt=True,
            prompt_tokens=180,
            is_remote=True,
            timings=Timings(total=40.0),
        )
    )
    assert "(the small one of a cold place)" in lines[-1]
    assert lines[-1].endswith("; on a server)")


def test_a_place_without_a_position() -> None:
    assert place_of(RequestFate(at=0.0, file="a.py")) == "a.py"
    assert on_one_line(SHOWN).startswith("cart.py:6:22 at ")


def test_the_summary_counts_what_came_of_it() -> None:
    assert summary(Counter({"": 3, "unsure": 2, "empty": 1})) == (
        "6 requests, 3 answered with a suggestion; not: unsure 2, empty 1"
    )
    assert summary(Counter({"": 1})) == "1 request, 1 answered with a suggestion"


def test_json_holds_everything() -> None:
    found = as_json(SHOWN)
    assert (found["file"], found["line"], found["reason"]) == ("cart.py", 6, "")
    assert found["explanation"] == ""
    assert found["timings"]
    silent = as_json(RequestFate(at=0.0, reason="empty"))
    assert silent["explanation"] == RejectionReason.EMPTY.explanation
    assert len(told_all([SHOWN, SHOWN])) == 2 * len(told(SHOWN))
