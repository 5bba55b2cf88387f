"""What the model says while real code is typed, and how likely it finds it: data for calibration.

Blocks of every package that the recipes pin are typed again as in `benchmarks.keys`, and after
some keys, chosen by a seed, the whole answer is waited for. Places and answers are written as an
evaluation writes them, for ``fimbul-models calibrate``. A run that was ended goes on where it was.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks.keys import request_of, rest_of
from benchmarks.scores import KEYS
from benchmarks.sessions import ROOT, Session, choose, read_packages
from benchmarks.ways import Ours, unlimited
from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.projects import lay_out, read_project
from fimbul_models.corpus.sources import fetch
from fimbul_models.evaluation.answers import Record
from fimbul_models.evaluation.driver import Answer, Likelihood
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.traces import CALM, Step, typed
from lsp_server.completion.outcomes import with_selection
from lsp_server.completion.serving import chooser
from lsp_server.config.options import Settings, Show
from lsp_server.config.paths import Paths
from lsp_server.trigger import check_trigger
from lsp_server.types import Completion, CompletionRequest, Outcome, RejectionReason

RECIPES = ("cross-file.toml", "cursor-kinds.toml")

LANGUAGES = ("python", "typescript", "javascript", "go", "rust", "java", "c")

STEPS = 300
"""Most steps of one block: some ten lines."""

PREFIX, SUFFIX = 384, 96
"""Tokens of the context: half the usual, as the first answer of a block waits for all of it."""

SEED = 7


def packages() -> list[Package]:
    """Return what the recipes pin, each name once, in an order that mixes the languages."""
    found = {
        package.name: package
        for name in RECIPES
        for package in read_packages(ROOT / "models" / "recipes" / name)
    }
    chance = random.Random(SEED)  # noqa: S311  # The same order at every run.
    return sorted(found.values(), key=lambda _: chance.random())


def sessions_of(package: Package, cache: Path, each: int) -> list[Session]:
    """Return `each` blocks of the language that most of a package is written in."""
    project = read_project(package, fetch(package, cache / "wheels"))
    folder = (cache / "workspaces" / package.sha256[:12] / package.name).resolve()
    if not folder.is_dir():
        lay_out(project, folder)
    own = [file.language for file in project.files if file.is_own]
    language = max(LANGUAGES, key=own.count)
    return [Session(language, folder, block, block) for block in choose(project, language, each)]


def places(session: Session, share: float) -> Iterator[tuple[int, Step, bool]]:
    """Yield the steps of a session, and whether an answer is wanted after each."""
    chance = random.Random(f"{SEED} {session.name}")  # noqa: S311  # The same choice at every run.
    for number, step in enumerate(islice(typed(session.block, None, CALM), STEPS)):
        likely = 2.5 * share if step.event == "enter" else share
        wanted = step.event in KEYS and step.event != "correction" and chance.random() < likely
        yield number, step, wanted


def item_of(package: Package, number: int, step: Step, request: CompletionRequest) -> Item:
    """Return a place as an item."""
    lines, row, column = step.lines, step.position.line, step.position.column
    line = lines[row]
    return Item(
        task_id=f"{package.name}/{step.path}/{number}",
        language=request.document.language,
        path=step.path,
        prefix="".join((*lines[:row], line[:column])),
        suffix="".join((line[column:], *lines[row + 1 :])),
        answer=rest_of(step, request),
        kind=step.event,
        project=package.name,
    )


def answer_of(outcome: Outcome) -> Answer:
    """Return an outcome as an evaluation keeps it."""
    if not isinstance(outcome, Completion):
        return Answer("", outcome.reason.value)
    made = outcome.generation
    likelihood = Likelihood(made.logprobs, made.ends, made.end_logprob, made.typed_logprob)
    return Answer(
        outcome.text,
        milliseconds=outcome.timings.total,
        prompt_tokens=made.prompt_tokens,
        reused_tokens=made.reused_tokens,
        engine_milliseconds=made.timings.prefill + made.timings.decode,
        surface=outcome.surface.value,
        likelihood=likelihood,
    )


async def type_session(
    way: Ours, package: Package, session: Session, share: float, files: tuple[Path, Path]
) -> int:
    """Type one session and write what is said; return at how many places."""
    asked = 0
    opened = False
    for number, step, wanted in places(session, share):
        request = request_of(session, step, number + 1)
        (way.workspace.changed if opened else way.workspace.opened)(request.document)
        opened = True
        allowed = check_trigger(request, way.settings.completion) is None
        if not (wanted and allowed and rest_of(step, request).strip()):
            continue
        way.pipeline.suggestions.clear()
        outcome = await way.pipeline.complete(with_selection(request))
        if not isinstance(outcome, Completion) and outcome.reason is RejectionReason.ENGINE_FAILED:
            raise RuntimeError(outcome.detail)
        item = item_of(package, number, step, request)
        _append(files[0], msgspec.json.encode(item))
        record = Record(item.task_id, item.digest(), answer_of(outcome))
        _append(files[1], msgspec.json.encode(record))
        asked += 1
    way.workspace.closed(request.document.uri)
    return asked


def _append(file: Path, line: bytes) -> None:
    with file.open("ab") as stream:
        stream.write(line + b"\n")


def _done(file: Path) -> set[str]:
    """Return the names of sessions that an earlier run has written places of."""
    if not file.exists():
        return set()
    lines = file.read_bytes().splitlines()
    return {msgspec.json.decode(line)["task_id"].rpartition("/")[0] for line in lines}


async def collect(chosen: Sequence[tuple[Package, Session]], share: float, output: Path) -> None:
    """Type all sessions that are not in the folder `output` yet."""
    output.mkdir(parents=True, exist_ok=True)
    files = (output / "items.jsonl", output / "answers.jsonl")
    if not files[1].exists():
        _append(files[1], b"{}")
    done = _done(files[0])
    settings = unlimited(Settings())
    settings = replace(
        settings,
        context=replace(
            settings.context, prefix_tokens=PREFIX, suffix_tokens=SUFFIX, snippet_tokens=0
        ),
        completion=replace(settings.completion, show=Show.ALL),
    )
    way = Ours(chooser(Paths.of_user())(settings), settings)
    await way.start(lambda _work: None)
    try:
        for package, session in chosen:
            if f"{package.name}/{session.block.path}" in done:
                continue
            asked = await type_session(way, package, session, share, files)
            sys.stderr.write(f"{package.name}/{session.block.path}: {asked}\n")
            sys.stderr.flush()
    finally:
        await way.stop()


def main() -> None:
    """Collect."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--each", type=int, default=3, help="blocks of each package")
    parser.add_argument("--share", type=float, default=0.07, help="of keys with an answer")
    arguments = parser.parse_args()
    cache = Paths.of_user().cache
    found = [(package, sessions_of(package, cache, arguments.each)) for package in packages()]
    chosen = [
        (package, sessions[number])
        for number in range(arguments.each)
        for package, sessions in found
        if number < len(sessions)
    ]
    asyncio.run(collect(chosen, arguments.share, arguments.output))


if __name__ == "__main__":
    main()
