"""What the engine is told about other answers, and what is made of them: values in, values out."""

import pytest

from lsp_server.completion.choices import choice_of, with_choice
from lsp_server.config.options import CompletionOptions
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
    rules = with_choice(RULES, request(text), CompletionOptions(), is_hurried=False)
    assert (rules.typed, rules.forbidden, rules.following) == (typed, forbidden, following)
    plain = with_choice(RULES, request(text), CompletionOptions(rethink=False), is_hurried=False)
    hurried = with_choice(RULES, request(text), CompletionOptions(), is_hurried=True)
    assert hurried == plain
    assert (plain.forbidden, plain.following) == (forbidden, "")


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
