"""How an answer's time grows: with the file, with the number of open files, with the context.

Types keys into the middle of a made TypeScript file (`benchmarks.projects`) and waits for each
answer, nothing that was suggested before reused. One thing is varied at a time; the first answer
in the file is told apart from the later ones. Prints a table and, last, one line of JSON.

    python -m benchmarks.growth [--keys N] [--rounds N]
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.projects import MADE, made_file, make_stores
from benchmarks.scores import Work, quantile
from benchmarks.ways import AHEAD, Ours, whole
from lsp_server.completion.serving import chooser
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Document, Position

LINES, OPEN, CONTEXT = (100, 800, 3000), (1, 10, 40), ((128, 32), (384, 96), (768, 192))
"""What is tried: lines of the file, open files, tokens of prefix and suffix."""
USUAL_LINES, USUAL_OPEN = LINES[1], OPEN[0]

LINE = "    const before = this.store.fetch(key, {});"
"""What is typed, a character at a time, below a line like it."""
FIRST_PAUSE, KEY_PAUSE = 8.0, 0.3
"""Seconds after the first answer, in which the whole prompt may be evaluated, and after others."""

BEGUN = 20
"""Characters of it that are there already."""


async def measure(
    root: Path, settings: Settings, lines: int, files: int, keys: int
) -> tuple[float, list[tuple[float, int]]]:
    """Return ms of the first answer, and ms and evaluated tokens of the later ones."""
    way = Ours(chooser(Paths.of_user())(settings), whole(settings))
    work: list[Work] = []
    await way.start(work.append)
    times: list[tuple[float, int]] = []
    try:
        for number in range(files - 1):
            path = root / MADE[0].folder / MADE[0].store_name.format(number=number)
            way.workspace.opened(_document(root, path, path.read_text("utf-8"), 1))
        text = split_lines(made_file(MADE[0], lines))
        row = next(at for at, line in enumerate(text) if at > lines // 2 and "const before" in line)
        for key in range(keys + 1):
            typed = [*text[:row], LINE[: BEGUN + key] + "\n", *text[row + 1 :]]
            document = _document(root, root / MADE[0].folder / "typed.ts", "".join(typed), key + 1)
            (way.workspace.changed if key else way.workspace.opened)(document)
            begun, done = time.perf_counter(), len(work)
            await way.complete(CompletionRequest(document, Position(row, BEGUN + key)))
            spent = 1000 * (time.perf_counter() - begun)
            evaluated = [one.evaluated for one in work[done:] if one.event != AHEAD]
            times.append((spent, sum(evaluated)))
            await asyncio.sleep(KEY_PAUSE if key else FIRST_PAUSE)
    finally:
        await way.stop()
    return times[0][0], times[1:]


def _document(root: Path, path: Path, text: str, version: int) -> Document:
    name = path.relative_to(root).as_posix()
    return Document(path.as_uri(), "typescript", version, tuple(split_lines(text)), name, str(root))


async def run(keys: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Vary one thing at a time."""
    usual = Settings()
    tried: dict[str, tuple[Settings, int, int]] = {}
    for lines in LINES:
        tried[f"{lines} lines"] = (usual, lines, USUAL_OPEN)
    for files in OPEN:
        tried[f"{files} open"] = (usual, USUAL_LINES, files)
    for prefix, suffix in CONTEXT:
        context = replace(usual.context, prefix_tokens=prefix, suffix_tokens=suffix)
        settings = replace(usual, context=context)
        tried[f"{prefix}+{suffix} tokens"] = (settings, USUAL_LINES, USUAL_OPEN)
    firsts: dict[str, list[float]] = {name: [] for name in tried}
    later: dict[str, list[tuple[float, int]]] = {name: [] for name in tried}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        (root / MADE[0].folder).mkdir()
        make_stores(root, MADE[0], range(max(OPEN)))
        for _ in range(rounds):
            for what, (settings, lines, files) in tried.items():
                first, rest = await measure(root, settings, lines, files, keys)
                firsts[what].append(first)
                later[what] += rest
    return {
        what: {
            "first_ms": round(quantile(firsts[what], 0.5) or 0),
            "key_p50_ms": round(quantile([spent for spent, _ in later[what]], 0.5) or 0),
            "key_p95_ms": round(quantile([spent for spent, _ in later[what]], 0.95) or 0),
            "evaluated": quantile([evaluated for _, evaluated in later[what]], 0.5),
        }
        for what in tried
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    result = asyncio.run(run(arguments.keys, arguments.rounds))
    columns = list(next(iter(result.values())))
    sys.stdout.write(f"{'':<20}" + "".join(f"{column:>12}" for column in columns) + "\n")
    for what, row in result.items():
        sys.stdout.write(f"{what:<20}" + "".join(f"{value!s:>12}" for value in row.values()) + "\n")
    facts = {"keys": arguments.keys, "rounds": arguments.rounds}
    sys.stdout.write(json.dumps({**facts, **result}) + "\n")


if __name__ == "__main__":
    main()
