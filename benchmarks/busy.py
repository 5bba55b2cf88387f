"""One more key on an idle machine and on one with all cores busy; ours, the peer, and the floor.

Types keys of some sessions (`benchmarks.sessions`) and waits for each answer: the KV cache is warm,
nothing that was suggested before is reused. The floor is the number of tokens generated times the
time of one, measured under the same load. Busy means: as many endless loops as there are cores.
Idle and busy take turns, and so do the ways. Prints a table and, last, one line of JSON.

    python -m benchmarks.busy [--rounds N] [--keys N] [--ways fimbul,llama.vim]
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.deadline import Deadline
from benchmarks.keys import makers, request_of
from benchmarks.scores import Work, quantile
from benchmarks.sessions import Session, sessions
from benchmarks.waiting import busy
from benchmarks.ways import AHEAD, Ours, Peer, Way, buffer_of, unlimited
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.types import CompletionRequest

LOADS = ("idle", "busy")

GIVE_UP = 2
"""Requests without an answer after which a session is not typed on."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer."""

    milliseconds: float
    evaluated: int
    floor: float
    """Milliseconds of its tokens, one after the other; 0 if none was generated."""


@dataclass
class Measured:
    """What one way answered under one load."""

    samples: list[Sample] = field(default_factory=list)
    unanswered: int = 0
    """Requests without an answer in the time that is waited for one."""


async def answer(way: Way, request: CompletionRequest) -> None:
    """Wait for what a way says about a place, without what it suggested before."""
    if isinstance(way, Ours):
        way.pipeline.changed(request.document)
        way.workspace.changed(request.document)
        await way.complete(request)
    elif isinstance(way, Peer):
        await way.ask_at(buffer_of(request))


async def measure(way: Way, session: Session, number: int, keys: int) -> Measured:
    """Type `keys` keys of a session, with one answer before them that is not counted."""
    steps = [step for step in session.steps() if step.event == "key" and step.rest]
    begin = (number * 7) % max(1, len(steps) - keys - 1)
    answers: list[tuple[float, Work]] = []
    work: list[Work] = []
    unanswered = 0
    await way.start(work.append)
    try:
        # Other text may take the KV cache away, so tokens are timed before and after.
        tokens = [await _token_ms(way)]
        for at, step in enumerate(steps[begin : begin + keys + 1]):
            done, failed = len(work), len(way.failures)
            started = time.perf_counter()
            await answer(way, request_of(session, step, at + 1))
            spent = 1000 * (time.perf_counter() - started)
            unanswered += len(way.failures) - failed
            if unanswered >= GIVE_UP:
                break
            asked = [one for one in work[done:] if one.event != AHEAD]
            if at and asked:
                answers.append((spent, asked[-1]))
        tokens.append(await _token_ms(way))
    finally:
        await way.stop()
    token = statistics.mean(one for one in tokens if one) if any(tokens) else 0.0
    samples = [Sample(spent, one.evaluated, one.generated * token) for spent, one in answers]
    return Measured(samples, unanswered)


async def _token_ms(way: Way) -> float:
    try:
        return await way.time_token()
    except RuntimeError:
        return 0.0


def figures(measured: Measured) -> dict[str, float | None]:
    """Return the figures of one way under one load."""
    samples = measured.samples
    floors = [sample for sample in samples if sample.floor]
    values = {
        "answers": float(len(samples)),
        "unanswered": float(measured.unanswered),
        "p50_ms": quantile([sample.milliseconds for sample in samples], 0.5),
        "p95_ms": quantile([sample.milliseconds for sample in samples], 0.95),
        "evaluated": quantile([sample.evaluated for sample in samples], 0.5),
        "floor_ms": quantile([sample.floor for sample in floors], 0.5),
        "over_floor": quantile([one.milliseconds / one.floor for one in floors], 0.5),
    }
    return {name: None if value is None else round(value, 2) for name, value in values.items()}


async def run(names: Sequence[str], rounds: int, keys: int) -> dict[str, Any]:
    """Measure all ways under both loads; told to end, sum up what there is."""
    deadline = Deadline()
    deadline.watch_signals()
    ways = makers(names, unlimited(Settings()))
    chosen = sessions(Paths.of_user().cache)
    cores = len(os.sched_getaffinity(0))
    found = {name: {load: Measured() for load in LOADS} for name in names}
    for number in range(rounds):
        session = chosen[number % len(chosen)]
        for load in LOADS if number % 2 else LOADS[::-1]:
            with busy(cores) if load == "busy" else contextlib.nullcontext():
                for name in names:
                    if deadline.is_over:
                        break
                    one = await measure(ways[name](), session, number, keys)
                    found[name][load].samples += one.samples
                    found[name][load].unanswered += one.unanswered
    result: dict[str, Any] = {}
    for name, loads in found.items():
        result[name] = {load: figures(measured) for load, measured in loads.items()}
        idle, loaded = (result[name][load]["p50_ms"] for load in LOADS)
        result[name]["busy_over_idle"] = round(loaded / idle, 2) if idle and loaded else None
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4, help="sessions, each idle and busy")
    parser.add_argument("--keys", type=int, default=8, help="keys of each")
    parser.add_argument("--ways", default="fimbul,llama.vim")
    arguments = parser.parse_args()
    result = asyncio.run(run(arguments.ways.split(","), arguments.rounds, arguments.keys))
    for name, loads in result.items():
        sys.stdout.write(f"{name}: busy over idle {loads['busy_over_idle']}\n")
        for load in LOADS:
            cells = "  ".join(f"{key} {value}" for key, value in loads[load].items())
            sys.stdout.write(f"  {load}: {cells}\n")
    facts = {"rounds": arguments.rounds, "keys": arguments.keys}
    sys.stdout.write(json.dumps({**facts, **result}) + "\n")


if __name__ == "__main__":
    main()
