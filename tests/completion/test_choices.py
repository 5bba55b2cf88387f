"""What the engine is told about other answers, and what is made of them: values in, values out."""

from dataclasses import replace

import pytest

from lsp_server.completion.choices import choice_of, with_choice, with_names
from lsp_server.config.options import CompletionOptions, Rethink, Symbols
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Generation,
    Position,
    Rejection,
    RejectionReason,
    StopReason,
    StopRules,
    Surface,
    TriggerKind,
)

RULES = StopRules(64)


def request(text: str) -> CompletionRequest:
    before, after = text.split("█")
    above = split_lines(before)
    document = Document("file:///a.py", "python", 1, tuple(split_lines(before + after)))
    return CompletionRequest(document, Position(len(above) - 1, len(above[-1])))


def answers(*texts: str) -> Generation:
    made = [Generation(text, StopReason.LINES, (-0.1,), prompt_tokens=9) for text in texts]
    first, *others = made
    return Generation(
        first.text, first.stop, first.logprobs, prompt_tokens=9, alternatives=tuple(others)
    )


@pytest.mark.parametrize(
    ("text", "typed", "forbidden", "following"),
    [
        ("def f():\n    re█\n    return x\n", "    re", ("return x",), "    return x"),
        ("def f():\n    █\n\n\n    return x\n", "    ", ("return x",), "    return x"),
        ("f(█)\nreturn x\n", "f(", (), ""),
        ("{\n    {\n        x\n    █\n}\n", "    ", (), "}"),
        ("x = █", "x = ", (), ""),
        ("x = █\n" + "\n" * 30 + "y = 1\n", "x = ", (), ""),
    ],
)
def test_the_next_line_may_not_come_and_is_what_follows(
    text: str, typed: str, forbidden: tuple[str, ...], following: str
) -> None:
    options = CompletionOptions(rethink=Rethink.ALWAYS)
    rules = with_choice(RULES, request(text), options)
    assert (rules.typed, rules.forbidden, rules.following) == (typed, forbidden, following)


@pytest.mark.parametrize(
    ("rethink", "typing", "asking"),
    [
        (Rethink.OFF, "", ""),
        (Rethink.ASKED, "", "return x"),
        (Rethink.ALWAYS, "return x", "return x"),
    ],
)
def test_lines_are_thought_over_when_the_option_says_so(
    rethink: Rethink, typing: str, asking: str
) -> None:
    options = CompletionOptions(rethink=rethink)
    typed = request("x = 1\n█\nreturn x\n")
    asked = replace(typed, trigger_kind=TriggerKind.INVOKED)
    assert with_choice(RULES, typed, options).following == typing
    assert with_choice(RULES, asked, options).following == asking
    assert with_choice(RULES, typed, options).forbidden == ("return x",)


def test_others_that_pass_the_filters_come_along_each_once() -> None:
    asked = request("def f():\n    █\n    return x\n")
    made = answers("x = 1", "return x", "x = 1 ", "x = 2", "")
    outcome = choice_of(asked, asked, Surface.LINE, made, 1.0)
    assert isinstance(outcome, Completion)
    assert (outcome.text, [other.text for other in outcome.others]) == ("x = 1", ["x = 2"])
    assert outcome.generation.alternatives == ()
    assert outcome.generation.prompt_tokens == 9


def test_another_answer_stands_in_for_one_that_does_not_pass() -> None:
    asked = request("def f():\n    █\n    return x\n")
    outcome = choice_of(asked, asked, Surface.LINE, answers("return x", "x = 2"), 1.0)
    assert isinstance(outcome, Completion)
    assert (outcome.text, outcome.others) == ("x = 2", ())


def test_the_reason_for_silence_is_that_of_the_first() -> None:
    asked = request("def f():\n    █\n    return x\n")
    outcome = choice_of(asked, asked, Surface.LINE, answers("return x", " "), 1.0)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is RejectionReason.REPEATS_NEXT_LINE


@pytest.mark.parametrize(
    ("symbols", "names", "only"),
    [
        (Symbols.OFF, (), False),
        (Symbols.FAVOUR, ("get",), False),
        (Symbols.REQUIRE, ("get",), True),
    ],
)
def test_names_are_favoured_or_required(
    symbols: Symbols, names: tuple[str, ...], only: bool
) -> None:
    rules = with_names(RULES, ("get",), symbols)
    assert (rules.names, rules.names_only) == (names, only)
