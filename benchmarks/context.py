"""What choosing the context costs at every key, on a workspace of thousands of files.

Makes a workspace of real Python sources (see `benchmarks.index`) and of made TypeScript and C
projects, has it indexed as the server does, and types a block of files of 100 to 3,000 lines in
each language again (see `fimbul_models.evaluation.traces`), every event a request to the
workspace. Says how long each took, with and without waiting for the engine's process to count
tokens, and what it cost in processor time, which other programs change less; and of the event loop
by how much it came late while typing and while idle, and how long its thread worked between two
ticks. Counts as the default model does; `--engine scripted` needs none. Prints a table and, last,
one line of JSON.

    python -m benchmarks.context [--files N] [--keys N] [--engine scripted]
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from benchmarks.index import copy_workspace, sources
from benchmarks.projects import LENGTHS, MADE, STORES, make_projects, make_stores
from fimbul_models.evaluation.traces import Block, Step, blocks, typed
from lsp_server.cli.engines import add_engine_options, engine_of
from lsp_server.completion.indexes import Indexes
from lsp_server.completion.serving import load_options
from lsp_server.completion.workspace import Workspace
from lsp_server.config.options import ContextOptions, Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.counting import TokenCounter
from lsp_server.inference.engine import LocalEngine
from lsp_server.server.turns import take_short_turns
from lsp_server.syntax.languages import language_of_path
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Document

TICK = 0.001
"""Seconds between two looks at the clock in the event loop."""

IDLE_SECONDS = 5.0
"""Time over which the loop is watched with nothing to do: what this machine alone makes late."""

LIMIT = 10.0
"""Time in ms that building the context may take, and the loop be held."""

HINT_TOKENS = 40
"""Most tokens of the comment above the line, which is off by default and costs the most time."""

EXPLAINED = 10
"""Places that are explained."""

INDEX_SECONDS = 600.0


@dataclass
class Times:
    """What was measured of one event."""

    event: str
    path: str
    milliseconds: float
    """From the question to the context."""
    counting: float
    """The part of it in which the engine's process counted tokens, in ms."""
    cpu: float
    """Processor time of this process, all threads together, in ms."""
    taken_in: float
    """Time that telling the workspace of the change took, in ms."""


@dataclass
class Loop:
    """What was seen of the event loop, once a tick."""

    late: list[float] = field(default_factory=list)
    """Time in ms by which the tick came late."""
    busy: list[float] = field(default_factory=list)
    """Processor time in ms that the loop's thread used since the tick before."""


@dataclass
class Counting:
    """Counts tokens, and how long that was waited for."""

    counter: TokenCounter
    seconds: float = 0.0

    async def __call__(self, texts: Sequence[str]) -> Mapping[str, int]:
        """Return the token count of each text."""
        begun = time.perf_counter()
        counts = await self.counter.counts(texts)
        self.seconds += time.perf_counter() - begun
        return counts


@dataclass
class Bench:
    """What all measurements share."""

    root: Path
    workspace: Workspace
    count: Counting
    settings: Settings

    def document(self, path: str, lines: tuple[str, ...], version: int) -> Document:
        """Return a document of the workspace folder."""
        language = language_of_path(path)
        name = language.name if language else ""
        uri = (self.root / path).as_uri()
        return Document(uri, name, version, lines, path, str(self.root))


def make_workspace(root: Path, files: int) -> list[str]:
    """Fill `root` with `files` files; return the paths of those to be typed in."""
    made = make_projects(root)
    there = len(MADE) * (STORES + len(LENGTHS))
    copied, _ = copy_workspace(root, files - there, sources())
    # Where this Python has too few files, more modules of the first project are made.
    make_stores(root, MADE[0], range(STORES, STORES + files - there - copied))
    return [*real_files(root), *made]


def real_files(root: Path) -> list[str]:
    """Return the Python files nearest to each of LENGTHS that have a block to be typed."""
    found = []
    texts = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(root.rglob("*.py"))
    }
    lengths = {path: len(split_lines(text)) for path, text in texts.items()}
    for wanted in LENGTHS:
        near = sorted(lengths, key=lambda path: (abs(lengths[path] - wanted), path))
        found.append(next(path for path in near if any(blocks(path, texts[path]))))
    return found


def last_block(root: Path, path: str) -> Block:
    """Return the last block of a file that can be typed, so that most of the file is above."""
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    return list(blocks(path, text))[-1]


def shared(steps: Iterable[Step]) -> list[Step]:
    """Return `steps`, in which a line that stays is one object, as it is in the server."""
    known: dict[str, str] = {}
    return [
        replace(step, lines=tuple(known.setdefault(line, line) for line in step.lines))
        for step in steps
    ]


async def replay(
    bench: Bench, steps: Iterable[Step], seen: dict[str, tuple[int, str]]
) -> AsyncIterator[Times]:
    """Ask for the context of every step; yield what that took. `seen` is kept for other steps."""
    for version, step in enumerate(steps, start=1):
        document = bench.document(step.path, step.lines, version)
        tell = bench.workspace.changed if step.path in seen else bench.workspace.opened
        bench.count.seconds = 0.0
        worked, told = time.process_time(), time.perf_counter()
        tell(document)
        begun = time.perf_counter()
        request = CompletionRequest(document, step.position)
        assembled = await bench.workspace.assemble(request, bench.settings, bench.count)
        ended = time.perf_counter()
        now = (assembled.window.first, assembled.hint)
        event = _event(step, seen.get(step.path), now)
        seen[step.path] = now
        yield Times(
            event,
            step.path,
            milliseconds=(ended - begun) * 1000,
            counting=bench.count.seconds * 1000,
            cpu=(time.process_time() - worked) * 1000,
            taken_in=(begun - told) * 1000,
        )
        # An editor has other things to say between two keys.
        await asyncio.sleep(TICK)


def _event(step: Step, before: tuple[int, str] | None, now: tuple[int, str]) -> str:
    if before is None:
        return "first look"
    if step.event == "tab switch":
        return "tab switch"
    if before[0] != now[0]:
        return "jump"
    return "key with new hint" if now[1] and now[1] != before[1] else "key"


async def tick(seen: Loop) -> None:
    """Look at the clocks until cancelled."""
    while True:
        before, worked = time.perf_counter(), time.thread_time()
        await asyncio.sleep(TICK)
        seen.late.append((time.perf_counter() - before - TICK) * 1000)
        seen.busy.append((time.thread_time() - worked) * 1000)


@contextlib.asynccontextmanager
async def watched_loop(seen: Loop) -> AsyncIterator[None]:
    """Watch the event loop."""
    ticker = asyncio.create_task(tick(seen))
    try:
        yield
    finally:
        ticker.cancel()
        await asyncio.gather(ticker, return_exceptions=True)


async def explain_times(bench: Bench, steps: Sequence[Step]) -> list[float]:
    """Explain some places of typing; return what each took in ms."""
    times = []
    for version, step in enumerate(steps[:: max(1, len(steps) // EXPLAINED)], start=1):
        request = CompletionRequest(bench.document(step.path, step.lines, version), step.position)
        begun = time.perf_counter()
        await bench.workspace.explain(request, bench.settings, bench.count)
        times.append((time.perf_counter() - begun) * 1000)
    return times


@contextlib.asynccontextmanager
async def opened(
    arguments: argparse.Namespace, root: Path, cache: Path
) -> AsyncIterator[tuple[Bench, dict[str, object]]]:
    """Yield a workspace whose index is ready and whose tokens are counted, and facts about it."""
    user = Paths.of_user()
    command, choose = engine_of(arguments, user)
    settings = Settings(context=ContextOptions(hint_tokens=HINT_TOKENS))
    chosen = choose(settings)
    engine = LocalEngine(command, user.selftest_file)
    indexes = Indexes(replace(user, cache=cache), _complain)
    try:
        await engine.open(chosen.file, load_options(settings))
        await indexes.watch([str(root)])
        if not await indexes.wait_until_ready(INDEX_SECONDS):
            raise SystemExit("The index did not become ready.")
        facts: dict[str, object] = {
            "index": indexes.describe(str(root)),
            "tokenizer": chosen.file.name,
        }
        counting = Counting(TokenCounter(engine))
        yield Bench(root, Workspace(indexes), counting, settings), facts
    finally:
        await indexes.close()
        await engine.close()


async def measure(
    arguments: argparse.Namespace, root: Path, cache: Path, typed_in: Sequence[Block]
) -> tuple[dict[str, object], dict[str, dict[str, float]]]:
    """Type and explain; return facts, and times in ms."""
    idle, typing = Loop(), Loop()
    async with opened(arguments, root, cache) as (bench, facts):
        async with watched_loop(idle):
            await asyncio.sleep(IDLE_SECONDS)
        times = await _type(bench, typed_in, typing, arguments.keys)
        explained = await explain_times(bench, [*typed(typed_in[-1])])
    found = {
        **_table(times),
        "change taken in": _quantiles([one.taken_in for one in times]),
        "event loop late, typing": _quantiles(typing.late),
        "event loop late, idle": _quantiles(idle.late),
        "event loop at work, typing": _quantiles(typing.busy),
        "event loop at work, idle": _quantiles(idle.busy),
        "explain": _quantiles(explained),
    }
    over = sum(one.milliseconds - one.counting > LIMIT for one in times)
    late, busy = (sum(value > LIMIT for value in values) for values in (typing.late, typing.busy))
    facts |= {
        "requests": len(times),
        "over_10_ms": over,
        "loop_late_over_10_ms": late,
        "loop_at_work_over_10_ms": busy,
        "slowest": _slowest(times),
    }
    return facts, found


async def _type(bench: Bench, typed_in: Sequence[Block], loop: Loop, keys: int) -> list[Times]:
    seen: dict[str, tuple[int, str]] = {}
    others = [*typed_in[1:], *typed_in[:1]]
    times: list[Times] = []
    for block, other in zip(typed_in, others, strict=True):
        steps = shared(islice(typed(block, other), keys or None))
        async with watched_loop(loop):
            times += [one async for one in replay(bench, steps, seen)]
    return times


def _table(times: Sequence[Times]) -> dict[str, dict[str, float]]:
    """Return the figures of all events, of each kind, and of each file's keys."""
    kinds: dict[str, list[Times]] = {"all": list(times)}
    for one in times:
        kinds.setdefault(one.event, []).append(one)
    for one in times:
        if one.event == "key":
            kinds.setdefault(f"key in {one.path.rpartition('/')[2]}", []).append(one)
    found: dict[str, dict[str, float]] = {}
    for kind, rows in kinds.items():
        found[kind] = _quantiles([one.milliseconds - one.counting for one in rows])
        found[f"{kind}, with counting"] = _quantiles([one.milliseconds for one in rows])
        found[f"{kind}, processor"] = _quantiles([one.cpu for one in rows])
    return found


def _slowest(times: Sequence[Times]) -> list[list[object]]:
    ordered = sorted(times, key=lambda one: one.counting - one.milliseconds)
    return [
        [one.event, one.path.rpartition("/")[2], round(one.milliseconds - one.counting, 1)]
        for one in ordered[:8]
    ]


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(len(ordered) * 0.95)], 2),
        "max": round(ordered[-1], 2),
    }


def _complain(message: str) -> None:
    if message:
        sys.stderr.write(f"{message}\n")


def _print(facts: Mapping[str, object], table: Mapping[str, Mapping[str, object]]) -> None:
    for name, value in facts.items():
        sys.stdout.write(f"{name:<12} {value}\n")
    head = "".join(f"{name:>9}" for name in ("count", "p50", "p95", "max"))
    sys.stdout.write(f"{'ms':<52}{head}\n")
    for name, row in table.items():
        sys.stdout.write(f"{name:<52}" + "".join(f"{value:>9}" for value in row.values()) + "\n")


def main() -> None:
    """Measure and print."""
    take_short_turns()  # As the server does.
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--keys", type=int, default=0, help="events of each file; 0 is all")
    add_engine_options(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder).resolve() / "workspace", Path(folder) / "cache"
        paths = make_workspace(root, arguments.files)
        typed_in = [last_block(root, path) for path in paths]
        found, table = asyncio.run(measure(arguments, root, cache, typed_in))
    facts = {"cores": len(os.sched_getaffinity(0)), "files": arguments.files, "typed": paths}
    _print({**facts, **found}, table)
    sys.stdout.write(json.dumps({**facts, **found, "ms": table}) + "\n")


if __name__ == "__main__":
    main()
