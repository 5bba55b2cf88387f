"""What the server costs and how soon it answers, through a real `fimbul serve` child over LSP.

- `start`: the first suggestion after the start of the server, with the model's file in the page
  cache (warm) and out of it (cold).
- `moments`: the answer to a key, Enter, a jump, a tab switch, an accepted suggestion; a pause
  before each.
- `changes`: how long a didChange and a small request behind it take while a token stream runs in
  another document: an upper limit of its handling.
- `idle`: processor time in 30 s in which nothing happens.
- `memory`: PSS of the server and all below it after that session, against the model's file.

Prints a table and, last, one line of JSON.

    python -m benchmarks.serving [--rounds N] [--only start,moments,changes,idle,memory]
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from benchmarks.editor import Editor, editor
from benchmarks.scores import quantile
from lsp_server.completion.serving import chooser
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.text import split_lines
from lsp_server.types import Position

ROOT = Path(__file__).parents[1]
FILES = ("inventory.py", "ledger.py")
"""Of the examples: where is typed, and which other file is looked at."""

PAUSE = 1.0
"""Seconds before each moment, in which the server may work ahead."""
SETTLE = 10.0
"""Seconds after which everything is taken to be quiet."""
IDLE = 30.0
CHANGES, CHANGE_GAP = 12, 0.04
ALLOWED_MB = 400
"""Memory besides the model's file that the server may use."""


async def first_suggestion(*, is_cold: bool) -> dict[str, float]:
    """Start a server; return the seconds to its first suggestion."""
    if is_cold:
        forget(chooser(Paths.of_user())(Settings()).file.path)
    begun = time.perf_counter()
    async with editor(ROOT / "examples") as here:
        uri, at = _open(here, FILES[0])
        while not await here.complete(uri, at):
            await asyncio.sleep(0.05)
        seconds = time.perf_counter() - begun
    return {"cold_start_s" if is_cold else "warm_start_s": round(seconds, 2)}


def forget(path: Path) -> None:
    """Ask the system to drop a file from the page cache; what another process maps stays."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _open(here: Editor, name: str) -> tuple[str, Position]:
    """Open an example; return where the last line that returns something is being written."""
    text = (ROOT / "examples" / name).read_text("utf-8")
    lines = split_lines(text)
    row = max(at for at, line in enumerate(lines) if line.strip().startswith("return "))
    uri = here.open(ROOT / "examples" / name, text)
    indentation = len(lines[row]) - len(lines[row].lstrip())
    at = Position(row, indentation)
    here.insert(uri, at, "", delete=len(lines[row].strip()))
    position = {"line": at.line, "character": at.column}
    here.tell("fimbul/cursor", {"textDocument": {"uri": uri}, "position": position})
    return uri, at


async def moments(here: Editor) -> dict[str, float]:
    """Return the milliseconds to the answer at each kind of moment."""
    uri, at = _open(here, FILES[0])
    other, there = _open(here, FILES[1])
    while not await here.complete(uri, at):
        await asyncio.sleep(0.05)
    found = {"cold_place": await _timed(here, other, there)}
    found["tab_switch"] = await _timed(here, uri, at)
    await asyncio.sleep(PAUSE)
    # By now the whole of what was begun there is known.
    text = await here.complete(uri, at)
    if not text:
        raise SystemExit("Nothing was suggested where something was before; see fimbul explain.")
    first = text.split("\n")[0]
    here.insert(uri, at, first)
    end = Position(at.line, at.column + len(first))
    found["accept"] = await _timed(here, uri, end, pause=0.0)
    await asyncio.sleep(PAUSE)
    here.insert(uri, end, "\n" + " " * at.column)
    below = Position(at.line + 1, at.column)
    found["enter"] = await _timed(here, uri, below, pause=0.0)
    await asyncio.sleep(PAUSE)
    here.insert(uri, below, "f")
    found["key"] = await _timed(here, uri, Position(below.line, below.column + 1), pause=0.0)
    found["jump"] = await _timed(here, uri, Position(max(0, at.line - 40), 0))
    return {f"{name}_ms": round(value, 1) for name, value in found.items()}


async def _timed(here: Editor, uri: str, at: Position, *, pause: float = PAUSE) -> float:
    await asyncio.sleep(pause)
    begun = time.perf_counter()
    await here.complete(uri, at)
    return 1000 * (time.perf_counter() - begun)


async def changes(here: Editor, rounds: int) -> dict[str, float]:
    """Return how long taking in changes takes while tokens come, in ms."""
    uri, at = _open(here, FILES[0])
    other, there = _open(here, FILES[1])
    while not await here.complete(uri, at):
        await asyncio.sleep(0.05)
    times, quiet = [], 0
    for number in range(rounds):
        # Another word each time, so that nothing is known about the place.
        word = f"value_{number} = "
        here.insert(uri, at, word)
        place = Position(at.line, at.column + len(word))
        running = asyncio.create_task(here.complete(uri, place))
        await asyncio.sleep(CHANGE_GAP)
        for _ in range(CHANGES):
            begun = time.perf_counter()
            here.insert(other, there, "x")
            await here.ask("fimbul/statistics", {})
            spent = 1000 * (time.perf_counter() - begun)
            if running.done():
                quiet += 1
            else:
                times.append(spent)
            here.insert(other, there, "", delete=1)
            await asyncio.sleep(CHANGE_GAP)
        await running
        here.insert(uri, at, "", delete=len(word))
    return {
        "changes_while_decoding": len(times),
        "changes_afterwards": quiet,
        "change_p50_ms": round(quantile(times, 0.5) or 0, 1),
        "change_p99_ms": round(quantile(times, 0.99) or 0, 1),
    }


async def idle(here: Editor) -> dict[str, float]:
    """Return the share of one core that is used while nothing happens."""
    await asyncio.sleep(SETTLE)
    before = _processor_seconds(here)
    await asyncio.sleep(IDLE)
    return {"idle_percent": round(100 * (_processor_seconds(here) - before) / IDLE, 2)}


def _processor_seconds(here: Editor) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in here.processes())


def memory(here: Editor) -> dict[str, float]:
    """Return memory in MB (10^6 bytes), pages shared with other programs counted in proportion.

    Those of the model's file count in full, since another program that maps it is an accident.
    """
    total = model = 0
    for process in here.processes():
        total += process.memory_full_info().pss
        for mapped in process.memory_maps(grouped=True):
            if mapped.path.endswith(".gguf"):
                total += mapped.rss - mapped.pss
                model += mapped.rss
    file = chooser(Paths.of_user())(Settings()).file.path.stat().st_size
    found = {"pss_mb": total, "model_resident_mb": model, "model_file_mb": file}
    found["besides_model_file_mb"] = total - file
    return {
        "processes": len(here.processes()),
        **{name: round(size / 1e6) for name, size in found.items()},
        "allowed_besides_model_file_mb": ALLOWED_MB,
    }


def _memory_if_it_may_be_seen(here: Editor) -> dict[str, float]:
    try:
        return memory(here)
    except psutil.AccessDenied:
        # They are not dumpable, so the system shows their pages to nobody but root.
        sys.stderr.write("memory is left out: only root may look into fimbul's processes\n")
        return {}


async def run(only: list[str], rounds: int) -> dict[str, Any]:
    """Measure what is asked for."""
    found: dict[str, Any] = {}
    if "start" in only:
        for is_cold in (True, False):
            found |= await _medians(rounds, lambda cold=is_cold: first_suggestion(is_cold=cold))  # type: ignore[misc]
    if "moments" in only:
        found |= await _medians(rounds, _with_editor(moments))
    if {"changes", "idle", "memory"} & set(only):
        async with editor(ROOT / "examples") as here:
            found |= await changes(here, rounds * 10)
            if "idle" in only:
                found |= await idle(here)
            if "memory" in only:
                found |= _memory_if_it_may_be_seen(here)
    return found


def _with_editor(
    measure: Callable[[Editor], Awaitable[dict[str, float]]],
) -> Callable[[], Awaitable[dict[str, float]]]:
    async def once() -> dict[str, float]:
        async with editor(ROOT / "examples") as here:
            return await measure(here)

    return once


async def _medians(
    rounds: int, once: Callable[[], Awaitable[Mapping[str, float]]]
) -> dict[str, float]:
    runs = [await once() for _ in range(rounds)]
    return {name: quantile([run[name] for run in runs], 0.5) or 0.0 for name in runs[0]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="start,moments,changes,idle,memory")
    arguments = parser.parse_args()
    found = asyncio.run(run(arguments.only.split(","), arguments.rounds))
    for name, value in found.items():
        sys.stdout.write(f"{name:<28}{value:>12}\n")
    facts = {"cores": len(os.sched_getaffinity(0)), "rounds": arguments.rounds}
    sys.stdout.write(json.dumps({**facts, **found}) + "\n")


if __name__ == "__main__":
    main()
