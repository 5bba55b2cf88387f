"""What is asked just behind a suggestion that was put in as a whole."""

import asyncio
from dataclasses import replace

import pytest

from lsp_server.config.options import Ahead
from lsp_server.types import Completion, RejectionReason, StopReason, TriggerKind
from tests.completion.engines import Engine
from tests.completion.test_pauses import SETTINGS, typist

STILL = replace(SETTINGS, engine=replace(SETTINGS.engine, ahead=Ahead.OFF))
"""Nothing is thought of ahead, so that each call is one that somebody waits for."""


async def test_behind_an_accepted_line_that_the_model_ended_nothing_is_computed() -> None:
    engine = Engine(answers={"x = ": "f(1)"})
    async with typist(engine, STILL) as user:
        assert await user.shown("x = █\n") == "f(1)"
        assert await user.shown("x = f(1)█\n") == ""
        assert user.pipeline.rejections[RejectionReason.EMPTY] == 1
        assert len(engine.calls) == 1


@pytest.mark.parametrize(
    ("marked", "answer", "accepted"),
    [
        ("x = █\n", "f(1)", "x = f(1)█ + y\n"),
        ("x = █\n", "f(1)", "z = f(1)█\n"),
        ("x = █\n", "f(1)", "x = f(1)█\ny = 2\n"),
        ("if █\n", "a:", "if a:█\n"),
    ],
)
async def test_it_is_where_something_else_stands_there(
    marked: str, answer: str, accepted: str
) -> None:
    engine = Engine(answers={marked.partition("█")[0]: answer})
    async with typist(engine, STILL) as user:
        assert await user.shown(marked) == answer
        asked = user.ask(accepted)
        (await engine.call(1)).finish("g()")
        await asyncio.wait_for(asked, 10)


async def test_it_is_where_a_limit_ended_the_line_and_where_one_asks() -> None:
    engine = Engine()
    async with typist(engine, STILL) as user:
        asked = user.ask("x = █\n")
        (await engine.call(0)).finish("f(1)", why=StopReason.TOKENS)
        await asyncio.wait_for(asked, 10)
        asked = user.ask("x = f(1)█\n")
        (await engine.call(1)).finish(" + 1")
        outcome = await asyncio.wait_for(asked, 10)
        assert isinstance(outcome, Completion)
    engine = Engine(answers={"x = ": "f(1)"})
    async with typist(engine, STILL) as user:
        assert await user.shown("x = █\n") == "f(1)"
        asked = user.ask("x = f(1)█\n", TriggerKind.INVOKED)
        (await engine.call(1)).finish(" + 1")
        assert isinstance(await asyncio.wait_for(asked, 10), Completion)
