"""Run a function over many tasks: in this process, or in several of this machine.

What a task makes it writes to files, so an engine only has to say that it is done, or that the
process which did it has died. Knows nothing about corpora.
"""

import multiprocessing
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

AHEAD = 2
"""Tasks that wait in the pool for each process, so that none is idle and few are lost."""


@dataclass(frozen=True)
class Done(Generic[_Task, _Result]):
    """A task, and what its function returned."""

    task: _Task
    result: _Result


@dataclass(frozen=True)
class Died(Generic[_Task]):
    """A task whose process ended without a word: killed, out of memory, or crashed in C."""

    task: _Task


class Engine(Protocol):
    """Runs tasks somewhere."""

    name: str

    def map(
        self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]
    ) -> Iterator[Done[_Task, _Result] | Died[_Task]]:
        """Run `function` over `tasks`; yield each as it ends, in any order.

        An exception of `function` comes out here.
        """


class Serial:
    """Runs everything in this process, in order; a crash is a crash of all."""

    name = "serial"

    def map(
        self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]
    ) -> Iterator[Done[_Task, _Result] | Died[_Task]]:
        """Run `function` over `tasks`, one after the other."""
        for task in tasks:
            yield Done(task, function(task))


class Processes:
    """Runs tasks in `count` processes of this machine, and outlives their deaths."""

    name = "processes"

    def __init__(self, count: int) -> None:
        self.count = count

    def map(
        self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]
    ) -> Iterator[Done[_Task, _Result] | Died[_Task]]:
        """Run `function` over `tasks`, `count` at once."""
        left = list(reversed(tasks))
        while left:
            suspects = yield from self._until_a_death(function, left)
            # One of these took its process, and with it the pool, down; each gets one of its own.
            for task in suspects:
                yield run_alone(function, task)

    def _until_a_death(
        self, function: Callable[[_Task], _Result], left: list[_Task]
    ) -> Generator[Done[_Task, _Result], None, list[_Task]]:
        """Take tasks off the end of `left` and run them; return those that a death cut short."""
        running: dict[Future[_Result], _Task] = {}
        try:
            with _pool(self.count) as pool:
                while left or running:
                    while left and len(running) < self.count * AHEAD:
                        task = left.pop()
                        running[_submitted(pool, function, task, left)] = task
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in sorted(done, key=lambda one: one.exception() is not None):
                        result = future.result()
                        yield Done(running.pop(future), result)
        except BrokenProcessPool:
            return list(running.values())
        return []


def run_alone(
    function: Callable[[_Task], _Result], task: _Task
) -> Done[_Task, _Result] | Died[_Task]:
    """Run one task in a process of its own, whose death harms nobody."""
    with _pool(1) as pool:
        try:
            return Done(task, pool.submit(function, task).result())
        except BrokenProcessPool:
            return Died(task)


def _submitted(
    pool: ProcessPoolExecutor,
    function: Callable[[_Task], _Result],
    task: _Task,
    left: list[_Task],
) -> Future[_Result]:
    """Hand over a task; one that a broken pool refuses goes back."""
    try:
        return pool.submit(function, task)
    except BrokenProcessPool:
        left.append(task)
        raise


def _pool(count: int) -> ProcessPoolExecutor:
    # A fresh interpreter, since forking one that has threads may hang.
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
