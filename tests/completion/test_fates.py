"""What is kept of each request, and that no code is in it."""

import asyncio
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import pytest

from lsp_server.completion.answering import ServedModel
from lsp_server.completion.fates import (
    DELAY,
    KEPT,
    Fates,
    RequestFate,
    Tally,
    collapsed,
    counted,
    fate_of,
)
from lsp_server.prompt.formats import FORMATS
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    ContextUse,
    Document,
    Generation,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    SelectedCompletion,
    StopReason,
    Surface,
    Timings,
    TriggerKind,
)

URI = "file:///home/somebody/secret%20plans/cart.py"
CODE = "password_of_the_customer"
REQUEST = CompletionRequest(
    Document(URI, "python", 1, tuple(split_lines(f"a\n{CODE} = 1\n")), f"{CODE}/cart.py", "/w"),
    Position(1, 3),
    TriggerKind.INVOKED,
    SelectedCompletion(Position(1, 0), Position(1, 3), CODE),
)
MODEL = ServedModel("m", FORMATS["none"], is_remote=True)
MADE = Generation(CODE, StopReason.LINES, (-0.1, -0.2), 30, 20)
SHOWN = Completion(
    CODE, Position(1, 3), Position(1, 3), Surface.LINE, MADE, Timings(total=12.34), chance=0.5
)


def kept(outcome: Outcome, request: CompletionRequest | None = REQUEST) -> RequestFate:
    return fate_of(URI, outcome, request, MODEL, at=100.0)


def test_place_trigger_and_model_are_kept() -> None:
    fate = kept(SHOWN)
    assert (fate.file, fate.language, fate.line, fate.column) == ("cart.py", "python", 2, 4)
    assert (fate.asked, fate.in_menu, fate.model, fate.is_remote) == ("invoked", True, "m", True)
    assert (fate.at, fate.timings.total, fate.chance) == (100.0, 12.3, 0.5)
    assert (fate.surface, fate.stop, fate.reason) == ("line", "lines", "")
    assert (fate.prompt_tokens, fate.reused_tokens, fate.generated_tokens) == (30, 20, 2)


@pytest.mark.parametrize(
    ("outcome", "origin"),
    [
        (SHOWN, "model"),
        (dataclasses.replace(SHOWN, is_part=True), "part"),
        (dataclasses.replace(SHOWN, is_kept=True), "kept"),
        (dataclasses.replace(SHOWN, is_kept=True, is_ahead=True), "ahead"),
        (Rejection(RejectionReason.EMPTY), ""),
    ],
)
def test_where_it_came_from(outcome: Outcome, origin: str) -> None:
    assert kept(outcome).origin == origin


def test_a_rejection_says_why_and_what_it_cost() -> None:
    use = ContextUse(is_short=True)
    fate = kept(Rejection(RejectionReason.EMPTY, "end", Timings(prefill=5.0), use, 44))
    assert (fate.reason, fate.stop, fate.prompt_tokens) == ("empty", "end", 44)
    assert (fate.timings.prefill, fate.short_prompt) == (5.0, True)


def test_an_unknown_document_has_no_place() -> None:
    fate = kept(Rejection(RejectionReason.UNKNOWN_DOCUMENT), None)
    assert (fate.file, fate.language, fate.line, fate.asked) == ("cart.py", "", 0, "")


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("file:///w/a%20b.py", "a b.py"),
        ("file:///w/a.py?x=secret#secret", "a.py"),
        ("untitled:secret = 1", ""),
        ("vscode-notebook-cell:/w/n.ipynb#W0", ""),
        ("data:text/plain,secret", ""),
        ("file:///w/" + "x" * 300, "x" * 80),
        ("nonsense", ""),
    ],
)
def test_only_files_have_names(uri: str, name: str) -> None:
    fate = fate_of(uri, Rejection(RejectionReason.EMPTY), None, None, at=0.0)
    assert fate.file == name


WRITTEN_BY_US = (
    RejectionReason.ENGINE_FAILED,
    RejectionReason.LANGUAGE_DISABLED,
    # Licence and project, as an index names them.
    RejectionReason.RESEMBLES_CODE,
)


@pytest.mark.parametrize("reason", [None, *RejectionReason])
def test_no_code_is_ever_kept(reason: RejectionReason | None) -> None:
    outcome = SHOWN if reason is None else Rejection(reason, "the engine failed")
    if reason not in (None, *WRITTEN_BY_US):
        # Nothing hinders a filter from putting a piece of the suggestion there.
        outcome = Rejection(reason, CODE)
    assert CODE not in msgspec.json.encode(kept(outcome)).decode()


def test_what_fimbul_says_itself_is_kept() -> None:
    assert kept(Rejection(RejectionReason.ENGINE_FAILED, "It ended.")).detail == "It ended."
    assert len(kept(Rejection(RejectionReason.ENGINE_FAILED, "x" * 999)).detail) == 300


# Runs of requests that were passed over


def fate(reason: RejectionReason | None, at: float = 0.0, **more: object) -> RequestFate:
    values: dict[str, object] = {"file": "a.py", "reason": reason.value if reason else "", **more}
    return RequestFate(at=at, **values)  # type: ignore[arg-type]  # A row of the table below.


CANCELLED, SUPERSEDED = RejectionReason.CANCELLED, RejectionReason.SUPERSEDED


def test_cancelled_ones_become_one() -> None:
    found = collapsed([fate(CANCELLED, at) for at in (1.0, 2.0, 3.0)])
    assert [(one.at, one.count) for one in found] == [(3.0, 3)]


def test_what_differs_stays() -> None:
    row = [
        fate(CANCELLED),
        fate(SUPERSEDED),
        fate(SUPERSEDED, file="b.py"),
        fate(None),
        fate(CANCELLED),
        fate(RejectionReason.EMPTY),
        fate(RejectionReason.EMPTY),
    ]
    assert collapsed(row) == row


def test_counts_hold_each_request_once() -> None:
    row = [fate(CANCELLED, count=3), fate(None), fate(None, after_part=True)]
    assert counted(row) == {"cancelled": 3, "": 1}


# The ring and the file


@dataclass
class Memory:
    """A log in memory."""

    written: list[RequestFate] = field(default_factory=list)
    writes: int = 0
    removed: int = 0
    breaks: bool = False
    tallies: list[Tally] = field(default_factory=list)

    def write(self, fates: Iterable[RequestFate], tally: Tally | None = None) -> None:
        self.writes += 1
        self.tallies += [tally] if tally else []
        if self.breaks:
            raise PermissionError(13, "Permission denied")
        self.written += fates

    def remove(self) -> None:
        self.removed += 1


def note(fates: Fates, *reasons: RejectionReason, uri: str = URI) -> None:
    for reason in reasons:
        fates.note(uri, Rejection(reason), REQUEST, MODEL)


def test_the_latest_are_kept_by_document() -> None:
    fates = Fates()
    note(fates, *[RejectionReason.EMPTY] * (KEPT + 7))
    note(fates, RejectionReason.UNSURE, uri="file:///w/b.py")
    assert len(fates.latest(10_000)) == KEPT
    assert [one.reason for one in fates.latest(2)] == ["empty", "unsure"]
    assert [one.file for one in fates.latest(9, "file:///w/b.py")] == ["b.py"]
    assert fates.latest(0) == []


def test_runs_are_one_in_memory_too() -> None:
    fates = Fates()
    heard: list[str] = []
    fates.listen = lambda fate: heard.append(fate.reason)
    note(fates, CANCELLED, CANCELLED)
    note(fates, CANCELLED, uri="file:///w/cart.py")
    assert [one.count for one in fates.latest(9)] == [2, 1]
    assert heard == ["cancelled"] * 3


async def test_they_are_written_together_and_at_the_end() -> None:
    fates, log = Fates(), Memory()
    note(fates, RejectionReason.EMPTY)
    fates.keep_in(log)
    note(fates, CANCELLED, CANCELLED, RejectionReason.UNSURE)
    await fates.close()
    assert [(one.reason, one.count) for one in log.written] == [("cancelled", 2), ("unsure", 1)]


async def test_what_is_counted_besides_is_written_when_it_has_changed() -> None:
    fates, log = Fates(), Memory()
    counts = {"jwt": 1}
    fates.tally = lambda: Tally(dict(counts))
    fates.keep_in(log)
    for found in (1, 1, 2):
        counts["jwt"] = found
        note(fates, RejectionReason.EMPTY)
        await fates.close()
    assert log.tallies == [Tally({"jwt": 1}), Tally({"jwt": 2})]


async def test_a_file_is_begun_before_anybody_asks() -> None:
    fates, log = Fates(), Memory()
    fates.keep_in(log)
    async with asyncio.timeout(10):
        while not log.writes:
            await asyncio.sleep(0.01)
    assert log.written == []
    await fates.close()


async def test_they_are_written_while_it_goes_on() -> None:
    fates, log = Fates(), Memory()
    fates.keep_in(log)
    note(fates, RejectionReason.EMPTY)
    async with asyncio.timeout(10 * DELAY + 10):
        while not log.written:
            await asyncio.sleep(0.01)
    await fates.close()
    assert len(log.written) == 1


async def test_switching_off_deletes_and_keeps_in_memory() -> None:
    fates, log = Fates(), Memory()
    fates.keep_in(log)
    note(fates, RejectionReason.EMPTY)
    fates.keep_in(None)
    note(fates, RejectionReason.UNSURE)
    await fates.close()
    assert log.written == []
    assert log.removed >= 1
    assert len(fates.latest(9)) == 2


async def test_a_file_that_cannot_be_written_costs_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fates, log = Fates(), Memory(breaks=True)
    fates.keep_in(log)
    note(fates, RejectionReason.EMPTY)
    await fates.close()
    note(fates, RejectionReason.EMPTY)
    await fates.close()
    assert log.writes == 1
    assert len(fates.latest(9)) == 2
    assert "in memory only" in caplog.text
