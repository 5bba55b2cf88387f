"""Send records through stages so that a bad file never stops the run.

A stage that raises, or does not end in time, is run again over halves of its files until the ones
to blame are found; those are dropped with a reason of their own. Knows nothing about what stages
do, nor about processes that die: `steps` finds those files, by `halves`, too.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psutil

from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Counts, Drop, Record, Stage, dropped

STALL_SECONDS = 60.0
"""A stage may take so long over a repository, and as much again for every `STALL_FILES`."""

STALL_FILES = 500

_T = TypeVar("_T")


@dataclass
class Passage:
    """What became of the files of one repository."""

    records: list[Record]
    drops: list[Drop] = field(default_factory=list)
    counts: list[Counts] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """Of each stage; differs from run to run, so it is no part of any result."""
    memory: dict[str, int] = field(default_factory=dict)
    """Bytes that this process held after each stage."""


def pass_through(
    records: Sequence[Record], stages: Sequence[Stage], stall: float = STALL_SECONDS
) -> Passage:
    """Send the files of one repository through `stages`, and leave out those that break one."""
    passage = Passage(list(records))
    process = psutil.Process()
    for stage in stages:
        began = time.perf_counter()
        _through_one(passage, stage, stall)
        passage.seconds[stage.name] = time.perf_counter() - began
        passage.memory[stage.name] = process.memory_info().rss
    return passage


def _through_one(passage: Passage, stage: Stage, stall: float) -> None:
    count = Counts(stage.name)

    def attempt(records: Sequence[Record]) -> list[Record | Drop] | Exception:
        limit = stall * (1 + len(records) // STALL_FILES)
        try:
            with _ending_after(limit):
                return list(stage(records))
        except Exception as error:  # noqa: BLE001 - whatever it is, the file gets the blame.
            return error

    came = attempt(passage.records)
    blamed: dict[str, str] = {}
    while isinstance(came, Exception):
        culprits = halves(passage.records, lambda part: isinstance(attempt(part), Exception))
        for culprit in culprits:
            blamed[culprit.key] = type(came).__name__
            drop = dropped(culprit, stage.name, Reason.FAILED, type(came).__name__)
            passage.drops.append(drop)
            count.take(drop, culprit.size)
        passage.records = [record for record in passage.records if record.key not in blamed]
        came = attempt(passage.records)
    kept = []
    for record, one in zip(passage.records, came, strict=True):
        count.take(one, record.size)
        if isinstance(one, Drop):
            passage.drops.append(one)
        else:
            kept.append(one)
    passage.records = kept
    passage.counts.append(count)


def halves(things: Sequence[_T], fails: Callable[[Sequence[_T]], bool]) -> Sequence[_T]:
    """Return the fewest neighbours among `things`, which fail, that still fail by themselves.

    That is one thing where one is to blame; where two only fail together, what holds them both.
    """
    while len(things) > 1:
        middle = len(things) // 2
        for half in (things[:middle], things[middle:]):
            if fails(half):
                things = half
                break
        else:
            return things
    return things


@contextmanager
def _ending_after(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in this thread after `seconds`, where the system can do that."""
    able = hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()
    if not able:
        yield
        return

    def ring(*_: Any) -> None:
        raise TimeoutError(f"took more than {seconds:g} s")

    earlier = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
