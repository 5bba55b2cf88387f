"""A server in front of this machine's engine: who answers when, and what is said of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lsp_server.errors import EngineError, EngineRefused, EngineUnreachable
from lsp_server.inference.address import RemoteOptions
from lsp_server.inference.client import worker_command
from lsp_server.inference.engine import EngineEvent, EngineState, LocalEngine, ModelFile
from lsp_server.inference.fallback import FallbackEngine, Server
from lsp_server.inference.protocol import LoadOptions
from lsp_server.types import Prompt, Segment, StopRules
from tests.remote.stand_in import SPECIALS, StandIn, running

MODEL = ModelFile("here", Path("scripted"), "scripted")
PROMPT = Prompt((Segment("x = "),))


@dataclass
class Watched:
    """An engine, and what it said."""

    engine: FallbackEngine
    events: list[EngineEvent] = field(default_factory=list)
    switches: list[bool] = field(default_factory=list)
    """Whether the server answered, at each switch."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def said(self) -> list[str]:
        return [event.message for event in self.events if event.message]

    def state(self) -> EngineState:
        return self.engine.state

    async def switched(self, count: int) -> None:
        await self.until(lambda: len(self.switches) == count)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def ask(self, typed: str = "x = ") -> str:
        found = await self.engine.complete(
            Prompt((Segment(typed),)), StopRules(9), line_has_text=True
        )
        return found.text


@asynccontextmanager
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    def listen(event: EngineEvent) -> None:
        found.events.append(event)
        found.changed.set()

    def switch() -> None:
        found.switches.append(found.engine.remote is not None)
        found.changed.set()

    command = worker_command("scripted")
    local = LocalEngine(command, tmp_path / "selftest.json", listen)
    found = Watched(FallbackEngine(command, local, listen, switch, pauses=(0.05,)))
    try:
        yield found
    finally:
        await found.engine.close()


def named(server: StandIn, *, fallback: bool = True, key: str = "") -> Server:
    options = RemoteOptions(server.url, timeout=5.0, key=key)
    return Server(options, frozenset(SPECIALS), fallback)


async def test_without_a_server_it_is_this_machine(tmp_path: Path) -> None:
    async with watched(tmp_path) as found:
        await found.engine.open(MODEL, LoadOptions())
        assert await found.ask() == "scripted()"
        assert found.engine.state is EngineState.READY
        assert found.engine.remote is None
        assert found.engine.description is not None
        assert not found.engine.waiting_for


async def test_with_a_server_no_model_is_loaded_here(tmp_path: Path) -> None:
    async with running(StandIn()) as server, watched(tmp_path) as found:
        await found.engine.open(MODEL, LoadOptions(), named(server))
        assert found.engine.state is EngineState.READY
        assert found.engine.local.state is EngineState.CLOSED
        assert await found.ask() == "value()"
        assert found.engine.remote is not None
        before = len(server.requests)
        assert await found.engine.count_tokens(["two words"]) == [3]
        assert len(server.requests) == before
    assert found.state() is EngineState.CLOSED


async def test_a_failing_server_is_stood_in_for_until_it_is_back(tmp_path: Path) -> None:
    async with running(StandIn()) as server, watched(tmp_path) as found:
        await found.engine.open(MODEL, LoadOptions(), named(server))
        server.down = True
        with pytest.raises(EngineUnreachable):
            await found.ask()
        assert found.engine.state is EngineState.LOADING
        await found.until(lambda: found.switches)
        assert await found.ask() == "scripted()"
        assert found.engine.waiting_for == server.url
        server.down = False
        await found.switched(2)
        assert await found.ask() == "value()"
        assert found.switches == [False, True]
        first, second = found.said
        assert server.url in first
        assert "here on this machine answers until it is back" in first
        assert "is back" in second


async def test_failing_again_soon_is_not_told_again(tmp_path: Path) -> None:
    async with running(StandIn()) as server, watched(tmp_path) as found:
        await found.engine.open(MODEL, LoadOptions(), named(server))
        for turn in range(2):
            server.down = True
            with pytest.raises(EngineUnreachable):
                await found.ask()
            await found.switched(2 * turn + 1)
            assert await found.ask() == "scripted()"
            server.down = False
            await found.switched(2 * turn + 2)
    assert sum("answers until" in message for message in found.said) == 1


async def test_a_server_that_is_missing_from_the_start_joins_later(tmp_path: Path) -> None:
    async with running(StandIn(down=True)) as server, watched(tmp_path) as found:
        await found.engine.open(MODEL, LoadOptions(), named(server))
        assert await found.ask() == "scripted()"
        server.down = False
        await found.until(lambda: True in found.switches)
        assert await found.ask() == "value()"


@pytest.mark.parametrize("model", [MODEL, None])
async def test_without_a_fallback_it_says_so_and_waits(
    model: ModelFile | None, tmp_path: Path
) -> None:
    async with running(StandIn(down=True)) as server, watched(tmp_path) as found:
        with pytest.raises(EngineUnreachable):
            await found.engine.open(model, LoadOptions(), named(server, fallback=model is None))
        assert found.engine.state is EngineState.FAILED
        assert "no suggestions until it is back" in found.said[0]
        with pytest.raises(EngineError):
            await found.ask()
        server.down = False
        await found.until(lambda: found.switches)
        assert found.switches == [True]
        assert await found.ask() == "value()"
        assert found.state() is EngineState.READY


async def test_a_request_that_is_refused_is_no_failure_of_the_server(tmp_path: Path) -> None:
    async with running(StandIn(faults=[400])) as server, watched(tmp_path) as found:
        await found.engine.open(MODEL, LoadOptions(), named(server))
        with pytest.raises(EngineRefused):
            await found.ask()
        assert await found.ask() == "value()"
        assert not found.switches


async def test_a_wrong_key_is_told_without_it(tmp_path: Path) -> None:
    async with running(StandIn(key="right")) as server, watched(tmp_path) as found:
        await found.engine.open(MODEL, LoadOptions(), named(server, key="wr0ng"))
        assert await found.ask() == "scripted()"
        assert "asks for a key" in found.said[0]
        assert not any("wr0ng" in message for message in found.said)


async def test_a_cancelled_request_is_no_failure_of_the_server(tmp_path: Path) -> None:
    async with running(StandIn(faults=["silence"])) as server, watched(tmp_path) as found:
        await found.engine.open(MODEL, LoadOptions(), named(server))
        task = asyncio.create_task(found.ask())
        while not server.completions:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await found.ask() == "value()"
        assert len(server.completions) == 2
        assert not found.switches


async def test_a_failing_prefill_is_noticed_too(tmp_path: Path) -> None:
    async with running(StandIn(faults=[404])) as server, watched(tmp_path) as found:
        await found.engine.open(MODEL, LoadOptions(), named(server))
        with pytest.raises(EngineUnreachable):
            await found.engine.prefill(PROMPT)
        await found.until(lambda: found.switches)
        await found.engine.learn(["text"])
        assert (await found.engine.prefill(PROMPT)).prompt_tokens > 0


async def test_opening_again_without_a_server_asks_it_nothing_more(tmp_path: Path) -> None:
    async with running(StandIn()) as server, watched(tmp_path) as found:
        await found.engine.open(MODEL, LoadOptions(), named(server))
        await found.ask()
        before = len(server.requests)
        await found.engine.open(MODEL, LoadOptions())
        assert await found.ask() == "scripted()"
        assert len(server.requests) == before


async def test_counts_are_estimates_where_the_vocabulary_cannot_be_read(tmp_path: Path) -> None:
    broken = FallbackEngine(
        ("false",), LocalEngine(("false",), tmp_path / "selftest.json"), pauses=(60.0,)
    )
    async with running(StandIn()) as server:
        await broken.open(MODEL, LoadOptions(), named(server))
        for _ in range(2):
            assert await broken.count_tokens(["x" * 30]) == [10]
        await broken.close()
