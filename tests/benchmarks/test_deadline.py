"""A run that is cut off still compares like with like."""

import asyncio
import os
import signal

from benchmarks.deadline import Deadline, comparable, fitting
from benchmarks.scores import Press, Record

WAYS = ("ours", "peer")


def record(session: int, length: int) -> Record:
    return Record([Press(session, number, "key", 0.1) for number in range(length)], cpu=length)


def test_without_a_limit_everything_is_typed() -> None:
    assert fitting(Deadline().left, ["a", "b"], 3, sample=True) == (["a", "b"], float("inf"))
    assert not Deadline().is_over


def test_little_time_types_fewer_sessions_rather_than_a_few_keys_of_each() -> None:
    sessions = list("abcdefgh")
    few, seconds = fitting(200.0, sessions, 2, sample=False)
    assert (few, seconds) == (["a", "b", "c"], 25.0)
    one, seconds = fitting(10.0, sessions, 2, sample=False)
    assert (one, seconds) == (["a"], 3.75)
    whole, seconds = fitting(16_000.0, sessions, 2, sample=True)
    assert (whole, seconds) == (sessions, 500.0)


def test_a_deadline_passes() -> None:
    deadline = Deadline(1e-9)
    deadline.begin()
    assert deadline.is_over
    assert not deadline.was_told


async def test_a_signal_ends_the_run_and_not_the_process() -> None:
    deadline = Deadline()
    deadline.watch_signals()
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        while not deadline.was_told:
            await asyncio.sleep(0.01)
    assert deadline.is_over


def test_rounds_that_some_way_did_not_finish_are_left_out() -> None:
    rounds = [
        {"ours": record(0, 5), "peer": record(0, 5)},
        {"ours": record(1, 5), "peer": record(1, 2)},
        {"ours": record(2, 5)},
    ]
    (kept,) = comparable(rounds, WAYS)
    assert kept == rounds[0]


def test_of_a_first_round_that_was_cut_the_common_part_is_left() -> None:
    (kept,) = comparable([{"ours": record(0, 5), "peer": record(0, 2)}], WAYS)
    assert {way: len(one.presses) for way, one in kept.items()} == {"ours": 2, "peer": 2}
    later = [{"ours": record(0, 5)}, {"ours": record(1, 5), "peer": record(1, 2)}]
    (none,) = comparable(later, WAYS)
    assert none["ours"].presses == []


def test_a_way_that_never_typed_anything_is_not_waited_for() -> None:
    rounds = [{"ours": record(0, 5)}, {"ours": record(1, 4), "peer": record(1, 0)}]
    assert [len(one["ours"].presses) for one in comparable(rounds, WAYS)] == [5, 4]
    assert comparable([], WAYS) == []
    assert comparable([{}], WAYS) == []
