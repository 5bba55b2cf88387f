"""What a server and the processes below it hold, seen from outside from time to time.

And whether that grows: figures of the time behind the warm-up against those of the end.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

WORKER = "lsp_server.inference.worker"

WARM_UP_SHARE, WARM_UP_SECONDS = 0.25, 900.0
"""Warm-up: this part of a run, but no longer than so long. Caches fill meanwhile."""

WINDOW_SHARE = 0.2
"""Part of the rest that is looked at on either end."""

ALLOWED_GROWTH = 0.05

THREADS_MORE = min(32, (os.cpu_count() or 1) + 4)
"""Threads that come with time and stay: asyncio makes those of its pool one by one, whenever all
that it has are busy."""

LEAST_SECONDS = 600.0
"""A shorter run says nothing about growth: caches fill all the time."""

_MB = 1e6


@dataclass(frozen=True, slots=True)
class Sample:
    """What is held at one moment."""

    seconds: float
    """Since the begin."""
    server_mb: float
    worker_mb: float
    others_mb: float
    """Memory of their own in MB (10^6 bytes), see `own_memory`."""
    descriptors: int
    """Of the server."""
    threads: int
    """Of the server."""
    processes: int
    """The server and all below it."""


def worker_of(server: psutil.Process) -> psutil.Process | None:
    """Return the engine's process below a server."""
    for process in server.children(recursive=True):
        try:
            if WORKER in process.cmdline():
                return process
        except psutil.Error:
            # It has just ended.
            continue
    return None


def take_sample(pid: int, begun: float) -> Sample:
    """Look at a server; raises psutil.NoSuchProcess if it is gone."""
    server = psutil.Process(pid)
    worker = worker_of(server)
    known = {pid, worker.pid if worker else pid}
    others = [one for one in server.children(recursive=True) if one.pid not in known]
    return Sample(
        seconds=round(time.monotonic() - begun, 1),
        server_mb=own_memory(server),
        worker_mb=own_memory(worker) if worker else 0.0,
        others_mb=sum(map(own_memory, others)),
        descriptors=server.num_fds(),
        threads=server.num_threads(),
        processes=1 + bool(worker) + len(others),
    )


def own_memory(process: psutil.Process) -> float:
    """Return the MB that a process holds in memory and no file stands behind; 0 if it has ended.

    What it has of libraries and of the model's file is left out: how that is counted changes with
    what other processes share of it, which come and go. Elsewhere than on Linux it is included.
    """
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
        held = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
        return round(int(held.split()[1]) * 1024 / _MB, 2)
    except (OSError, StopIteration):
        pass
    try:
        return round(float(process.memory_full_info().uss) / _MB, 2)
    except psutil.Error:
        # It has just ended, or only root may look.
        return 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """A figure behind the warm-up and at the end."""

    first: float
    last: float

    @property
    def growth(self) -> float:
        """By which part it grew."""
        return self.last / self.first - 1 if self.first else 0.0


def warm_up(seconds: float) -> float:
    """Return how long a run of so many seconds takes to be warm."""
    return min(WARM_UP_SECONDS, WARM_UP_SHARE * seconds)


def ends(samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Return the samples right behind the warm-up and those at the end."""
    length = samples[-1].seconds if samples else 0.0
    begin = warm_up(length)
    window = WINDOW_SHARE * (length - begin)
    first = [one for one in samples if begin <= one.seconds <= begin + window]
    last = [one for one in samples if one.seconds >= length - window]
    return first, last


def change_of(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> Change:
    """Return the medians of a figure on either end of a run; zeros are left out."""
    first, last = ([figure(one) for one in part if figure(one)] for part in ends(samples))
    if not first or not last:
        return Change(0.0, 0.0)
    return Change(round(statistics.median(first), 2), round(statistics.median(last), 2))


def least_of(samples: Sequence[Sample], figure: Callable[[Sample], int]) -> Change:
    """Return the least of a count on either end of a run: what is open for a moment is no leak."""
    first, last = ends(samples)
    if not first or not last:
        return Change(0, 0)
    return Change(min(map(figure, first)), min(map(figure, last)))


def leaks(samples: Sequence[Sample], *, worker_is_killed: bool) -> list[str]:
    """Return what grew though it must not, one sentence each.

    A worker that is killed all the time has no age to grow in. Of a run that is too short nothing
    is said.
    """
    found: list[str] = []
    if not samples or samples[-1].seconds < LEAST_SECONDS:
        return found
    parts: dict[str, Callable[[Sample], float]] = {"server": lambda one: one.server_mb}
    if not worker_is_killed:
        parts["worker"] = lambda one: one.worker_mb
    for name, figure in parts.items():
        memory = change_of(samples, figure)
        if memory.growth > ALLOWED_GROWTH:
            found.append(f"the {name} grew from {memory.first} to {memory.last} MB")
    counts: dict[str, Callable[[Sample], int]] = {
        "descriptors": lambda one: one.descriptors,
        "threads": lambda one: one.threads,
        "processes": lambda one: one.processes,
    }
    for name, count in counts.items():
        change = least_of(samples, count)
        if change.last > change.first + (THREADS_MORE if name == "threads" else 0):
            found.append(f"{name}: {change.first:.0f} became {change.last:.0f}")
    return found
