"""Complete the same items under several runs, and sum up how they did.

Joins items, server, kept answers and report. Knows nothing about arguments, and of terminals
only the progress bar on the error stream.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from fimbul_models.evaluation import report
from fimbul_models.evaluation.answers import AnswerLog
from fimbul_models.evaluation.driver import SERVER_COMMAND, Answer, Server
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.runs import Run, identify

SPIN_COUNT = "1000"
"""Turns that a thread of the baseline spins before it sleeps, as in the server's worker."""

Complete = Callable[[Item], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is to be done."""

    items: Sequence[Item]
    runs: Sequence[Run]
    """The others are compared with the first."""
    command: Sequence[str] = SERVER_COMMAND
    """What starts the server."""
    folder: Path | None = None
    """Folder for answers and results; None keeps nothing, so nothing can be resumed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    runs: dict[str, list[report.Judged]]
    summaries: list[report.Summary]
    differences: list[report.Difference]


def evaluate(evaluation: Evaluation) -> Outcome:
    """Answer every item under every run, sum up, and write ``results.json`` into the folder.

    Answers that the folder holds from an earlier, perhaps killed, call are not asked for again
    if nothing that decides them has changed. Raises FimbulError if a server or a model fails.
    """
    judged = {
        run.name: report.judge(evaluation.items, asyncio.run(_answer_all(evaluation, run)))
        for run in evaluation.runs
    }
    summaries = [row for name, rows in judged.items() for row in report.summarise(name, rows)]
    outcome = Outcome(judged, summaries, report.compare(judged))
    if evaluation.folder is not None:
        values = report.as_values(outcome.runs, outcome.summaries, outcome.differences)
        _write(evaluation.folder / "results.json", values)
    return outcome


async def _answer_all(evaluation: Evaluation, run: Run) -> dict[str, Answer]:
    async with _source(evaluation, run) as (complete, model):
        log = AnswerLog(evaluation.folder, identify(run, model, evaluation.command))
        known = {item.task_id: log.find(item) for item in evaluation.items}
        missing = [item for item in evaluation.items if known[item.task_id] is None]
        for item in tqdm(missing, desc=run.name, unit="item", file=sys.stderr):
            answer = await complete(item)
            log.add(item, answer)
            known[item.task_id] = answer
    return {task: answer for task, answer in known.items() if answer is not None}


@asynccontextmanager
async def _source(evaluation: Evaluation, run: Run) -> AsyncIterator[tuple[Complete, str]]:
    """Yield what answers the items of `run`, and the name of its model."""
    if run.served:
        async with Server(evaluation.command, run.options) as server:
            try:
                yield server.complete, server.model
            finally:
                for message in dict.fromkeys(server.messages):
                    print(f"{run.name}: {message}", file=sys.stderr)
        return
    # Only this run needs the native library in this process. Its threads wait as the server's
    # do: spinning on a busy machine makes each token take seconds.
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    from fimbul_models.evaluation.baseline import Baseline

    with Baseline(run.settings()) as baseline:
        yield baseline.complete, baseline.model


def _write(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(values)) + b"\n")
