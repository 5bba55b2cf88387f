"""A suggestion that is being computed while its beginning, or something else, is typed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from lsp_server.cache.suggestions import Place
from lsp_server.completion.computation import PATIENCE, Computation, Outdated, Strayed
from lsp_server.text import split_lines
from lsp_server.types import (
    CompletionRequest,
    Document,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    TriggerKind,
)

DONE = Rejection(RejectionReason.EMPTY)


def request(text: str) -> CompletionRequest:
    before, _, after = text.partition("█")
    lines = split_lines(before)
    document = Document("file:///w/a.py", "python", 1, tuple(split_lines(before + after)))
    position = Position(len(lines) - 1, len(lines[-1]))
    return CompletionRequest(document, position, TriggerKind.AUTOMATIC)


def place(text: str) -> Place:
    asked = request(text)
    return Place.of(asked.document, asked.position)


@dataclass
class Engine:
    """Says what it is told to, when it is told to."""

    say: Callable[[str], None] | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False

    async def compute(self, tell: Callable[[str], None]) -> Outcome:
        self.say = tell
        try:
            await self.done.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return DONE

    def begin(self, text: str) -> Computation:
        return Computation(request(text), place(text), "model", self.compute)

    async def says(self, piece: str) -> None:
        await asyncio.sleep(0)
        assert self.say is not None
        self.say(piece)
        await asyncio.sleep(0)


async def test_it_goes_on_for_a_request_that_types_what_comes() -> None:
    engine = Engine()
    computation = engine.begin("x = █\n")
    first = asyncio.create_task(computation.outcome())
    await engine.says("total")
    assert computation.follow(place("x = to█\n"), "model")
    first.cancel()
    second = asyncio.create_task(computation.outcome())
    await engine.says("(items)")
    assert computation.follow(place("x = total(█)\n"), "model")
    engine.done.set()
    assert await second == DONE
    assert first.cancelled()


@pytest.mark.parametrize(
    ("now", "depends"),
    [
        ("x = ty█\n", "model"),
        ("x = to█\ny", "model"),
        ("y = to█\n", "model"),
        ("x =█\n", "model"),
        ("x = to█\n", "other model"),
    ],
)
async def test_it_is_not_for_a_request_elsewhere(now: str, depends: str) -> None:
    engine = Engine()
    computation = engine.begin("x = █\n")
    await engine.says("total")
    assert not computation.follow(place(now), depends)
    computation.end()


async def test_it_ends_when_what_comes_is_not_what_was_typed() -> None:
    engine = Engine()
    computation = engine.begin("x = █\n")
    assert computation.follow(place("x = ty█\n"), "model")
    waiting = asyncio.create_task(computation.outcome())
    await engine.says("t")
    assert not waiting.done()
    await engine.says("o")
    assert computation.is_over
    with pytest.raises(Strayed):
        await waiting
    assert engine.cancelled


@pytest.mark.parametrize(
    ("now", "goes_on"),
    [
        ("x = █\n", True),
        ("x = tot█\n", True),
        ("x = total(█)\n", True),
        ("x = tot█\ny\n", False),
        ("x = ab█\n", False),
        ("y = █\n", False),
        ("x =█\n", False),
        ("█", False),
    ],
)
async def test_a_change_that_says_something_else_ends_it(now: str, *, goes_on: bool) -> None:
    engine = Engine()
    computation = engine.begin("x = █\n")
    waiting = asyncio.create_task(computation.outcome())
    await engine.says("total")
    computation.changed(request(now).document)
    assert computation.is_over is not goes_on
    engine.done.set()
    if goes_on:
        assert await waiting == DONE
    else:
        with pytest.raises(Outdated):
            await waiting


async def test_it_ends_when_nobody_waits_any_more() -> None:
    engine = Engine()
    computation = engine.begin("x = █\n")
    waiting = asyncio.create_task(computation.outcome())
    await engine.says("total")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.sleep(0.01)
    assert computation.is_over
    assert waiting.cancelled()


async def test_an_editor_that_cancels_may_ask_again() -> None:
    engine = Engine()
    computation = engine.begin("x = █\n")
    waiting = asyncio.create_task(computation.outcome())
    await engine.says("total")
    computation.changed(request("x = tot█\n").document)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.sleep(PATIENCE / 4)
    assert computation.follow(place("x = tot█\n"), "model")
    again = asyncio.create_task(computation.outcome())
    await asyncio.sleep(PATIENCE * 1.5)
    assert not computation.is_over
    engine.done.set()
    assert await again == DONE


async def test_an_editor_that_does_not_ask_again_is_not_waited_for() -> None:
    engine = Engine()
    computation = engine.begin("x = █\n")
    waiting = asyncio.create_task(computation.outcome())
    await engine.says("total")
    computation.changed(request("x = tot█\n").document)
    waiting.cancel()
    async with asyncio.timeout(10):
        while not engine.cancelled:
            await asyncio.sleep(PATIENCE / 4)
    assert computation.is_over


async def test_errors_reach_whoever_waits() -> None:
    async def fail(_tell: Callable[[str], None]) -> Outcome:
        raise ValueError("no")

    computation = Computation(request("x█"), place("x█"), None, fail)
    with pytest.raises(ValueError, match="no"):
        await computation.outcome()
