"""What the workspace index costs: making it, keeping it fresh, asking it.

Copies real files into a new folder, has the index process index them while both the process and
the event loop are watched, saves files, asks every question, and deletes all of it again. The
files are the standard library and the installed packages of the Python that runs this, which are
large ones (16 kB at the mean), or those of a folder, such as the projects that `fimbul-models
evaluate --recipe` lays out in `~/.cache/fimbul/workspaces` (8 kB). Prints a table and, last, one
line of JSON.

    python -m benchmarks.index [--files N] [--sources FOLDER]
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import psutil

from lsp_server.context.index.client import IndexClient
from lsp_server.context.index.messages import Failed, IndexEvent, Ready, Updated
from lsp_server.context.index.reader import IndexReader
from lsp_server.context.index.store import index_file
from lsp_server.context.words import identifiers, words
from lsp_server.privacy.secrets import redact
from lsp_server.text import split_lines

TICK = 0.001
"""Seconds between two looks at the clock in the event loop."""

SAMPLE = 0.1
"""Seconds between two looks at the memory of the process."""

SUFFIXES = frozenset((".py", ".js", ".ts", ".go", ".rs", ".java", ".c", ".h"))
"""Of the files that are saved."""

SEED = 1
SAVES = 40
QUESTIONS = 300
LOOKS = 200
CURSOR_LINES = 30
"""Lines above a cursor whose words a question about similar lines holds."""

_CHILD = """
import sys
from pathlib import Path
from lsp_server.context.index.process import run_index_process
from lsp_server.privacy.secrets import redact
run_index_process(sys.stdin.buffer, sys.stdout.buffer, Path(sys.argv[1]), lambda _: True, redact)
"""


@dataclass
class Watch:
    """What was seen while the index was made and kept."""

    ready: list[Ready] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    peak_bytes: int = 0
    cpu_seconds: float = 0.0
    gaps: list[float] = field(default_factory=list)
    """Time in ms by which each tick of the event loop came late."""

    def hear(self, event: IndexEvent) -> None:
        """Take in one event."""
        if isinstance(event, Failed):
            raise SystemExit(event.message)
        if isinstance(event, Ready):
            self.ready.append(event)
        if isinstance(event, Ready | Updated):
            self.arrived.set()


def sources() -> Iterator[tuple[Path, Path]]:
    """Yield source files of this Python and where each belongs in a copy, in a fixed order."""
    for name in ("purelib", "stdlib"):
        folder = Path(sysconfig.get_path(name))
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder)
            if "site-packages" not in inside.parts and path.stat().st_size > 0:
                yield path, Path(name) / inside


def files_below(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield every file below a folder and where it belongs in a copy, in a fixed order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path, path.relative_to(folder)


def copy_workspace(target: Path, files: int, found: Iterable[tuple[Path, Path]]) -> tuple[int, int]:
    """Copy up to `files` of `found` below `target`; return how many and how many bytes."""
    sizes = []
    for source, inside in islice(found, files):
        place = target / inside
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
        sizes.append(place.stat().st_size)
    return len(sizes), sum(sizes)


async def tick(watch: Watch, client: IndexClient) -> None:
    """Look at the clock and at the memory of the process until cancelled."""
    sampled = 0.0
    while True:
        before = time.perf_counter()
        await asyncio.sleep(TICK)
        now = time.perf_counter()
        watch.gaps.append((now - before - TICK) * 1000)
        if now - sampled > SAMPLE and client.pid is not None:
            sampled = now
            with contextlib.suppress(psutil.Error):
                child = psutil.Process(client.pid)
                watch.peak_bytes = max(watch.peak_bytes, child.memory_info().rss)
                watch.cpu_seconds = sum(child.cpu_times()[:2])


async def measure_process(root: Path, cache: Path) -> dict[str, object]:
    """Index `root`, save some of its files, look through it again."""
    watch = Watch()
    command = (sys.executable, "-P", "-c", _CHILD, str(cache))
    client = IndexClient(command, watch.hear)
    ticker = asyncio.create_task(tick(watch, client))
    begun = time.perf_counter()
    try:
        await client.start([str(root)])
        first = await _until(watch, lambda: bool(watch.ready), begun)
        scanning, worked = list(watch.gaps), watch.cpu_seconds
        saves = await _save_some(root, client, watch)
        begun = time.perf_counter()
        count = len(watch.ready)
        client.rescan()
        again = await _until(watch, lambda: len(watch.ready) > count, begun)
    finally:
        ticker.cancel()
        await client.close()
    return {
        "index_s": round(first, 1),
        "index_cpu_s": round(worked, 1),
        "rescan_s": round(again, 2),
        "indexed_files": watch.ready[0].files,
        "left_out": watch.ready[0].left_out,
        "peak_mb": round(watch.peak_bytes / 2**20),
        "save_ms": _quantiles(saves),
        "loop_late_ms": _quantiles(scanning) | {"max": round(max(scanning), 1)},
        "disk_mb": round(index_file(cache, root).stat().st_size / 2**20, 1),
    }


async def _until(watch: Watch, done: Callable[[], bool], begun: float) -> float:
    while not done():
        watch.arrived.clear()
        await watch.arrived.wait()
    return time.perf_counter() - begun


async def _save_some(root: Path, client: IndexClient, watch: Watch) -> list[float]:
    sources = [path for path in sorted(root.rglob("*")) if path.suffix in SUFFIXES]
    times = []
    for path in _chance().sample(sources, SAVES):
        path.write_bytes(path.read_bytes() + b"\nlate_addition = 1\n")
        watch.arrived.clear()
        begun = time.perf_counter()
        client.changed([str(path)])
        await watch.arrived.wait()
        times.append((time.perf_counter() - begun) * 1000)
    return times


def measure_reader(root: Path, cache: Path) -> dict[str, dict[str, float]]:
    """Ask every question about cursors at random places."""
    reader = IndexReader(index_file(cache, root), root, lambda _: True, redact)
    chance = _chance()
    paths = reader.paths()
    cursors = [_cursor(reader, chance, paths) for _ in range(QUESTIONS)]
    modules = [[item.module for item in reader.outline(path).imports] for path, _ in cursors]
    classes = [
        [item.name for item in reader.outline(path).definitions if item.kind.value == "class"]
        for path, _ in cursors
    ]
    asked: dict[str, Sequence[Callable[[], object]]] = {
        "generation": [lambda: reader.generation] * QUESTIONS,
        "paths": [reader.paths] * QUESTIONS,
        "outline": [partial(reader.outline, path) for path in chance.sample(paths, LOOKS)],
        "definitions_named": [
            partial(reader.definitions_named, list(identifiers(text))[-20:]) for _, text in cursors
        ],
        "members_of": [partial(reader.members_of, name) for one in classes for name in one],
        "importers": [partial(reader.importers, names) for names in modules],
        "similar_lines": [
            partial(reader.similar_lines, list(words(text)), (Path(path).suffix,))
            for path, text in cursors
        ],
        "lines": [partial(reader.lines, path) for path in chance.sample(paths, LOOKS)],
    }
    return {name: _quantiles([_timed(call) for call in calls]) for name, calls in asked.items()}


def _chance() -> random.Random:
    return random.Random(SEED)  # noqa: S311  # The same choice at every run.


def _cursor(reader: IndexReader, chance: random.Random, paths: Sequence[str]) -> tuple[str, str]:
    path = chance.choice(paths)
    lines = reader.lines(path) or split_lines("")
    at = chance.randrange(len(lines))
    return path, "".join(lines[max(0, at - CURSOR_LINES) : at])


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(len(ordered) * 0.95)], 2),
        "max": round(ordered[-1], 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--sources", type=Path, metavar="FOLDER", help="copy this folder's files")
    arguments = parser.parse_args()
    found = files_below(arguments.sources) if arguments.sources else sources()
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder).resolve() / "workspace", Path(folder) / "cache"
        count, size = copy_workspace(root, arguments.files, found)
        process = asyncio.run(measure_process(root, cache))
        reader = measure_reader(root, cache)
    result = {
        "cores": len(os.sched_getaffinity(0)),
        "files": count,
        "source_mb": round(size / 2**20, 1),
        **process,
        "questions_ms": reader,
    }
    for name, value in result.items():
        if name != "questions_ms":
            sys.stdout.write(f"{name:<18} {value}\n")
    sys.stdout.write(f"{'ms':<18} {'p50':>8} {'p95':>8} {'max':>8}\n")
    for name, times in reader.items():
        cells = " ".join(f"{value:>8}" for value in times.values())
        sys.stdout.write(f"{name:<18} {cells}\n")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
