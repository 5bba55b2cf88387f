"""Typing goes on where a way fails, and ends in time, with the figures of what was typed."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import keys
from benchmarks.deadline import Deadline
from benchmarks.keys import UNGATED, Plan, of_files, run, tables
from benchmarks.scores import Work
from benchmarks.ways import Show
from lsp_server.config.options import Settings
from lsp_server.types import CompletionRequest

EXAMPLE = Path(__file__).parents[2] / "examples" / "ledger.py"


class Canned:
    """A way that shows the same word at every key, and fails when it is told to."""

    def __init__(self, text: str, *, fails: bool = False) -> None:
        self.failures: list[str] = []
        self._text = text
        self._fails = fails

    async def start(self, note: Callable[[Work], None]) -> None:
        if self._fails:
            raise RuntimeError("gave no answer")

    async def time_token(self) -> float:
        return 1.0

    def press(self, event: str, request: CompletionRequest, show: Show) -> None:
        show(self._text, "line")

    async def stop(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _quick_typist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "gaps", lambda steps, seed: [0.02 for _ in steps])


def plan(count: int, seconds: float = 0.0) -> Plan:
    sessions = (of_files([EXAMPLE]) * count)[:count]
    return Plan(sessions, keys=12, sample=0, deadline=Deadline(seconds))


async def test_a_session_that_one_way_fails_in_is_left_out_for_all() -> None:
    ways = iter([Canned("self"), Canned("self", fails=True)])
    whole = plan(2)
    found = await run(
        {"fimbul": lambda: Canned("self"), "peer": lambda: next(ways)}, Settings(), whole
    )
    assert [row["sessions_typed"] for row in found.values()] == [1, 1]
    (failure,) = whole.failures
    assert failure.startswith("2/2 ")
    assert failure.endswith("peer: gave no answer")
    assert found["fimbul"]["suggestions"] > 0
    assert list(found["fimbul"]["surfaces"]) == ["line"]


async def test_what_was_typed_until_the_deadline_is_summed_up() -> None:
    short = plan(2, seconds=1e-6)
    short.deadline.begin()
    found = await run({"fimbul": lambda: Canned("self")}, Settings(), short)
    assert short.deadline.is_over
    assert found["fimbul"]["key_presses"] == 0
    assert "key_presses" in tables(found)


async def test_a_way_that_never_gets_ready_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Canned):
        async def start(self, note: Callable[[Work], None]) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr("benchmarks.deadline.OVERTIME", 0.0)
    late = plan(1, seconds=5.0)
    late.deadline.begin()
    ways = {"fimbul": lambda: Canned("self"), "peer": lambda: Stuck("self")}
    found = await run(ways, Settings(), late)
    (failure,) = late.failures
    assert failure.endswith("peer: TimeoutError")
    assert found["fimbul"]["suggestions"] > 0
    assert found["peer"]["key_presses"] == 0


async def test_the_table_says_what_the_gate_keeps() -> None:
    found = await run(
        {"fimbul": lambda: Canned("zzz"), UNGATED: lambda: Canned("zzz")}, Settings(), plan(1)
    )
    assert found["fimbul"]["first_word_wrong"] > 0
    assert "  wrong_kept_percent: 100.0" in tables(found).splitlines()
