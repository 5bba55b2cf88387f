"""Complete the same items under several runs, and sum up how they did.

Joins items, workspaces, server, kept answers and report. Knows nothing about arguments, and of
terminals only the progress bar on the error stream.
"""

import asyncio
import os
import shlex
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation import ablation, report
from fimbul_models.evaluation.answers import AnswerLog, read_answers
from fimbul_models.evaluation.caching import caching_worker_command
from fimbul_models.evaluation.driver import (
    POLL_SECONDS,
    READY_SECONDS,
    SERVER_COMMAND,
    Answer,
    Server,
    Surroundings,
)
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.oracle import Oracle, with_definition
from fimbul_models.evaluation.page import page
from fimbul_models.evaluation.passing import Checker, passes
from fimbul_models.evaluation.reaching import Typing, name_of
from fimbul_models.evaluation.runs import ORACLES, Asked, Run, identify
from fimbul_models.evaluation.sandbox import Sandbox
from fimbul_models.evaluation.settings import own_settings, parted
from fimbul_models.evaluation.workspaces import Workspaces
from lsp_server.types import RejectionReason

SPIN_COUNT = "1000"
"""Turns that a thread of the baseline spins before it sleeps, as in the server's worker."""

ATTEMPTS = 3
"""How often an item is asked about at most on which the engine fails."""

_LOADING, _FAILED = RejectionReason.MODEL_LOADING.value, RejectionReason.ENGINE_FAILED.value

_WORKER = "--worker"
"""The server's option that names the engine's process; a command that has it keeps its own."""

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
    workspaces: Workspaces = field(default_factory=Workspaces)
    """The projects that the items are from."""
    typing: Typing | None = None
    """How places are reached; None opens the documents there."""
    prompts: Path | None = None
    """File in which the engine's answers are kept by prompt; None keeps none."""
    earlier: Mapping[str, Path] = field(default_factory=dict)
    """Files of answers that earlier calls have kept, by the name of a run; they go before the
    others, and only items that all of them have are looked at."""
    tests_programs: bool = False
    """Whether the completed programs are run with their tests."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    runs: dict[str, list[report.Judged]]
    report: report.Report


def evaluate(evaluation: Evaluation) -> Outcome:
    """Answer every item under every run, sum up, and write results and a page into the folder.

    Answers that the folder holds from an earlier, perhaps killed, call are not asked for again
    if nothing that decides them has changed. Raises FimbulError if a server or a model fails.
    """
    judged = _judge_all(evaluation)
    oracles = [run.name for run in evaluation.runs if run.asked in ORACLES]
    outcome = Outcome(judged, report.make_report(judged, oracles[0] if oracles else ""))
    _write(evaluation.folder, "results.json", report.as_values(outcome.runs, outcome.report))
    if evaluation.folder is not None:
        (evaluation.folder / "page.html").write_text(page(judged, outcome.report), encoding="utf-8")
    return outcome


def ablate(evaluation: Evaluation) -> ablation.Ablation:
    """Say what each source of the only run is worth, and write ``ablation.json``.

    Raises FimbulError as `evaluate` does.
    """
    (base,) = evaluation.runs
    judged = _judge_all(replace(evaluation, runs=ablation.ablation_runs(base)))
    outcome = ablation.sum_up(judged)
    _write(evaluation.folder, "ablation.json", ablation.as_values(outcome))
    return outcome


def _judge_all(evaluation: Evaluation) -> dict[str, list[report.Judged]]:
    answers = {
        name: read_answers(path, evaluation.items) for name, path in evaluation.earlier.items()
    }
    items = _answered(evaluation.items, answers)
    asked = replace(evaluation, items=items)
    answers |= {run.name: asyncio.run(_answer_all(asked, run)) for run in evaluation.runs}
    passed = _passes(asked, answers) if evaluation.tests_programs else {}
    return {name: report.judge(items, found, passed.get(name)) for name, found in answers.items()}


def _answered(items: Sequence[Item], answers: Mapping[str, Mapping[str, Answer]]) -> list[Item]:
    """Return the items that all of `answers` have."""
    kept = [item for item in items if all(item.task_id in found for found in answers.values())]
    if not kept:
        raise EvaluationError("The answers that were kept are to none of these items.")
    if len(kept) < len(items):
        _tell(f"{len(items) - len(kept)} items are left out, as they were not answered earlier.")
    return kept


def _passes(
    evaluation: Evaluation, answers: Mapping[str, Mapping[str, Answer]]
) -> dict[str, dict[str, bool]]:
    sandbox = Sandbox()
    if not sandbox.has_namespaces:
        _tell("This machine permits no namespaces: programs run behind the sandbox's guard alone.")
    return passes(Checker(sandbox, evaluation.folder), evaluation.items, answers, _tell)


def _tell(message: str) -> None:
    print(message, file=sys.stderr)


async def _answer_all(evaluation: Evaluation, run: Run) -> dict[str, Answer]:
    async with _source(evaluation, run) as (complete, model):
        identity = identify(
            run,
            model,
            evaluation.command,
            reach=name_of(evaluation.typing),
            workspace=evaluation.workspaces.digest,
        )
        log = AnswerLog(evaluation.folder, identity)
        known = {item.task_id: log.find(item) for item in evaluation.items}
        missing = [item for item in evaluation.items if known[item.task_id] is None]
        for item in tqdm(missing, desc=run.name, unit="item", file=sys.stderr):
            asked = with_definition(item) if run.asked is Asked.ORACLE_COMMENT else item
            answer = await _answered_by(complete, asked)
            log.add(item, answer)
            known[item.task_id] = answer
    return {task: answer for task, answer in known.items() if answer is not None}


async def _answered_by(complete: Complete, item: Item) -> Answer:
    """Ask until there is an answer: what an engine says that is being started again is none.

    One that failed for other reasons is asked again, too, since a machine may have been too busy;
    then its silence is the answer. Raises EvaluationError if the engine does not come back.
    """
    failed, until = 0, time.monotonic() + READY_SECONDS
    while (answer := await complete(item)).reason in (_LOADING, _FAILED):
        failed += answer.reason == _FAILED
        if failed == ATTEMPTS:
            break
        if time.monotonic() > until:
            raise EvaluationError(
                f"The engine has not come back for {READY_SECONDS:.0f} s; what was answered is"
                " kept with --output, and the next call goes on."
            )
        await asyncio.sleep(POLL_SECONDS)
    return answer


@asynccontextmanager
async def _source(evaluation: Evaluation, run: Run) -> AsyncIterator[tuple[Complete, str]]:
    """Yield what answers the items of `run`, and the name of its model."""
    if run.served:
        editors, own = parted(run.options)
        with own_settings(own) as environment:
            async with _server(evaluation, editors, environment) as server:
                try:
                    yield server.complete, server.model
                finally:
                    for message in dict.fromkeys(server.messages):
                        print(f"{run.name}: {message}", file=sys.stderr)
        return
    if run.asked is Asked.ORACLE:
        async with _oracle(evaluation, run) as oracle:
            yield oracle.complete, oracle.model
        return
    # Only this run needs the native library in this process. Its threads wait as the server's
    # do: spinning on a busy machine makes each token take seconds.
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    from fimbul_models.evaluation.baseline import Baseline

    with Baseline(run.settings()) as baseline:
        yield baseline.complete, baseline.model


def _oracle(evaluation: Evaluation, run: Run) -> Oracle:
    kept = evaluation.prompts
    command = caching_worker_command(kept) if kept is not None else None
    return Oracle(run.settings(), command=command, kept_answers=kept)


def _server(
    evaluation: Evaluation, options: Mapping[str, Any], environment: Mapping[str, str]
) -> Server:
    command = tuple(evaluation.command)
    if evaluation.prompts is not None and _WORKER not in command:
        command += (_WORKER, shlex.join(caching_worker_command(evaluation.prompts)))
    surroundings = Surroundings(
        evaluation.workspaces.folders, evaluation.typing, evaluation.prompts, environment
    )
    return Server(command, options, surroundings)


def _write(folder: Path | None, name: str, values: dict[str, Any]) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(msgspec.json.format(msgspec.json.encode(values)) + b"\n")
