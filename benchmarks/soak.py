"""Typing for an hour, to see whether the server holds more and more, or loses an answer.

A real `fimbul serve` child with the options that users start with and the default model; blocks of
this repository's own Python files are typed again in a copy of it, at a steady rate, each key
followed by a request. With --kill-worker-every N the engine's process is killed every N seconds,
and the time until the next suggestion is measured; half-way between two kills the same is measured
without one, since not every key has a suggestion anyway.

It fails if a request was not answered or answered by an error, a document is not what was typed,
suggestions were away for more than 3 s behind a kill, or, in runs of at least 10 minutes, the
server or the worker holds more than 5 % more memory of its own at the end than behind the warm-up,
which is the first quarter of the run and at most 15 minutes, or more descriptors, threads or
processes.

Prints a line a minute, a table and, last, one line of JSON; SIGTERM and Ctrl-C end it early, with
what there is.

    python -m benchmarks.soak [--minutes N] [--rate N] [--kill-worker-every N] [--engine scripted]
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.editor import COMMAND, Editor, editor
from benchmarks.scores import quantile
from benchmarks.soak_typing import Asked, Typist
from benchmarks.soak_watch import Sample, change_of, leaks, least_of, take_sample, worker_of

ROOT = Path(__file__).parents[1]

READY_SECONDS = 300.0
SETTLE_SECONDS = 60.0
"""Time within which the last requests have to be answered."""
BACK_SECONDS = 3.0
"""Longest time without suggestions behind a kill."""
SAMPLES = 240
"""Looks at the processes in one run, but no more than one a second."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done."""

    seconds: float
    rate: float
    """Keys a second."""
    kill_every: float = 0.0
    """Seconds between two kills; 0 is never."""
    engine: str = "llama"


@dataclass
class Heard(list[tuple[str, Any]]):
    """What a server says of itself: only what is needed is kept, since a soak is long."""

    states: list[tuple[float, str]] = field(default_factory=list)
    """When it came into which state."""
    told: Counter[str] = field(default_factory=Counter)
    """Messages for the user."""

    def append(self, said: tuple[str, Any]) -> None:
        """Take in a notification."""
        method, params = said
        if method == "fimbul/status":
            state = str(params["state"])
            if not self.states or self.states[-1][1] != state:
                self.states.append((time.monotonic(), state))
        elif method == "window/showMessage":
            self.told[str(params["message"])] += 1


@dataclass
class Course:
    """What happened."""

    plan: Plan
    begun: float = 0.0
    ended: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    controls: list[float] = field(default_factory=list)
    """Moments half-way between two kills."""
    heard: Heard = field(default_factory=Heard)
    compared: int = 0
    differing: list[str] = field(default_factory=list)
    server_is_alive: bool = True
    broken: str = ""
    """What ended it before its time, or at its end: no answer, or no server."""


async def soak(plan: Plan, stop: asyncio.Event, say: Callable[[str], None]) -> Course:
    """Type as `plan` says, or until `stop`."""
    course = Course(plan)
    with tempfile.TemporaryDirectory(prefix="fimbul-soak-") as place:
        folder = Path(place) / "work"
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ("lsp_server", "examples"):
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        # The user's model is used, but nothing is written into the user's folders.
        homes = [f"XDG_{name}_HOME={place}/{name}" for name in ("CONFIG", "CACHE", "STATE")]
        command = ("env", *homes, *COMMAND, "--engine", plan.engine)
        try:
            async with editor(folder, command) as here:
                here.said = course.heard
                await _ready(here, course.heard)
                await _run(here, Typist(here, folder, course.asked), course, stop, say)
                course.server_is_alive = here.process.returncode is None
        except (RuntimeError, TimeoutError, OSError, psutil.Error) as error:
            course.broken = f"{type(error).__name__} {error}".strip()
    return course


async def _ready(here: Editor, heard: Heard) -> None:
    until = time.monotonic() + READY_SECONDS
    while not heard.states or heard.states[-1][1] != "ready":
        state = heard.states[-1][1] if heard.states else "silent"
        if state in ("failed", "no-model") or time.monotonic() > until:
            raise SystemExit(f"There is no engine to soak: it is {state}.")
        await asyncio.sleep(0.05)
        assert here.process.returncode is None


async def _run(
    here: Editor, typist: Typist, course: Course, stop: asyncio.Event, say: Callable[[str], None]
) -> None:
    plan = course.plan
    course.begun = time.monotonic()
    course.server_is_alive = False
    helpers = [asyncio.create_task(_watch(here.process.pid, course, say))]
    if plan.kill_every:
        helpers.append(asyncio.create_task(_kill(here.process.pid, course)))
    over = asyncio.get_running_loop().call_later(plan.seconds, stop.set)
    try:
        await typist.type(1 / plan.rate, stop)
        course.ended = time.monotonic()
        await typist.settle(SETTLE_SECONDS)
        await typist.compare()
    finally:
        over.cancel()
        course.ended = course.ended or time.monotonic()
        course.compared, course.differing = typist.compared, typist.differing
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)


async def _watch(pid: int, course: Course, say: Callable[[str], None]) -> None:
    """Look at the processes from time to time, and say once a minute how it stands."""
    gap = max(1.0, course.plan.seconds / SAMPLES)
    said = 0
    while True:
        sample = await asyncio.to_thread(take_sample, pid, course.begun)
        course.samples.append(sample)
        if sample.seconds >= 60 * said:
            said += 1
            say(
                f"{sample.seconds:>7.0f} s {len(course.asked):>7,} requests; server"
                f" {sample.server_mb:.1f} MB, worker {sample.worker_mb:.1f} MB, others"
                f" {sample.others_mb:.1f} MB; {sample.descriptors} descriptors,"
                f" {sample.threads} threads, {sample.processes} processes;"
                f" {len(course.kills)} kills"
            )
        await asyncio.sleep(gap)


async def _kill(pid: int, course: Course) -> None:
    """Kill the worker every so many seconds."""
    half = course.plan.kill_every / 2
    while True:
        await asyncio.sleep(half)
        course.controls.append(time.monotonic())
        await asyncio.sleep(half)
        if (worker := worker_of(psutil.Process(pid))) is not None:
            worker.kill()
            course.kills.append(time.monotonic())


def waits(course: Course, moments: Sequence[float]) -> list[float]:
    """Return the seconds from each moment to the next suggestion that was asked for behind it.

    Moments that the end of the run came too soon for are left out.
    """
    shown = [one for one in course.asked if one.has_suggestion and one.answered is not None]
    found = []
    for moment in moments:
        behind = [one.answered for one in shown if one.at >= moment and one.answered is not None]
        if behind:
            found.append(min(behind) - moment)
        elif course.ended - moment > BACK_SECONDS:
            found.append(course.ended - moment)
    return found


def loading_times(course: Course) -> list[float]:
    """Return the seconds from each kill until the engine said that it is ready again."""
    ready = [at for at, state in course.heard.states if state == "ready"]
    found = []
    for kill in course.kills:
        behind = [at for at in ready if at > kill]
        if behind:
            found.append(behind[0] - kill)
    return found


def failures(course: Course) -> list[str]:
    """Return what was not as it has to be, one sentence each."""
    lost = sum(one.answered is None for one in course.asked)
    wrong = Counter(one.error for one in course.asked if one.error)
    found = [f"{lost} requests were not answered"] if lost else []
    found += [
        f"{count} requests were answered by an error: {error}" for error, count in wrong.items()
    ]
    found += [f"another document than was typed: {which}" for which in course.differing[:3]]
    if course.broken:
        found.append(f"the session broke: {course.broken}")
    if not course.server_is_alive:
        found.append("the server has ended")
    found += leaks(course.samples, worker_is_killed=bool(course.plan.kill_every))
    late = [seconds for seconds in waits(course, course.kills) if seconds > BACK_SECONDS]
    if late:
        found.append(f"{len(late)} times no suggestion within {BACK_SECONDS:.0f} s behind a kill")
    return found


def figures(course: Course) -> dict[str, Any]:
    """Return what is worth a line of JSON."""
    answered = [one.answered - one.at for one in course.asked if one.answered is not None]
    samples = course.samples
    found: dict[str, Any] = {
        "engine": course.plan.engine,
        "minutes": round((course.ended - course.begun) / 60, 1),
        "requests": len(course.asked),
        "requests_per_s": round(len(course.asked) / max(1e-9, course.ended - course.begun), 2),
        "unanswered": len(course.asked) - len(answered),
        "suggestions": sum(one.has_suggestion for one in course.asked),
        "answer_p50_ms": _milliseconds(answered, 0.5),
        "answer_p99_ms": _milliseconds(answered, 0.99),
        "documents_compared": course.compared,
        "documents_differing": len(course.differing),
    }
    for name, change in {
        "server_mb": change_of(samples, lambda one: one.server_mb),
        "worker_mb": change_of(samples, lambda one: one.worker_mb),
        "others_mb": change_of(samples, lambda one: one.others_mb),
        "descriptors": least_of(samples, lambda one: one.descriptors),
        "threads": least_of(samples, lambda one: one.threads),
        "processes": least_of(samples, lambda one: one.processes),
    }.items():
        found[name] = [change.first, change.last]
    if course.plan.kill_every:
        found["kills"] = len(course.kills)
        found |= _spread("back", waits(course, course.kills))
        found |= _spread("ready", loading_times(course))
        found |= _spread("control", waits(course, course.controls))
    found["told"] = dict(course.heard.told)
    found["cores"] = len(os.sched_getaffinity(0))
    found["failures"] = failures(course)
    return found


def _milliseconds(seconds: Sequence[float], share: float) -> float | None:
    value = quantile(seconds, share)
    return None if value is None else round(1000 * value, 1)


def _spread(name: str, seconds: Sequence[float]) -> dict[str, float | None]:
    if not seconds:
        return {f"{name}_median_s": None, f"{name}_max_s": None}
    return {
        f"{name}_median_s": round(statistics.median(seconds), 2),
        f"{name}_max_s": round(max(seconds), 2),
    }


async def _main(plan: Plan, say: Callable[[str], None]) -> Course:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await soak(plan, stop, say)


def main() -> None:
    """Run, print; exit with 1 if something was not as it has to be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=5.0, help="keys a second (%(default)s)")
    parser.add_argument("--kill-worker-every", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--engine", choices=("llama", "scripted"), default="llama")
    arguments = parser.parse_args()

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    plan = Plan(
        60 * arguments.minutes, arguments.rate, arguments.kill_worker_every, arguments.engine
    )
    found = figures(asyncio.run(_main(plan, say)))
    for name, value in found.items():
        if name != "failures":
            say(f"{name:<22}{value}")
    for failure in found["failures"]:
        say(f"FAILED: {failure}")
    say(json.dumps(found))
    sys.exit(int(bool(found["failures"])))


if __name__ == "__main__":
    main()
