"""What it costs a suggestion to be compared with published code, in the pipeline.

A document is typed on, key by key, in which earlier lines were accepted; each key's suggestion is
judged as the server judges it: the window is made, the look-up runs in a thread, shares are
counted, the policy decides. Half of the documents resemble indexed code. `--index` takes an index
that exists; without it one is built of the Python files of this environment. The event loop's part
is what cannot be done beside it: everything but the waiting.

    python -m benchmarks.referring [--index FILE] [--keys N]
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fimbul_models.corpus.records import LicenceClass, Record
from fimbul_models.references.drafting import draft_index
from lsp_server.completion.regions import Region
from lsp_server.completion.resemblance import Resemblance
from lsp_server.references.library import Library
from lsp_server.references.tokens import Lexer
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Generation,
    Position,
    StopReason,
    Surface,
)

SEED = 20261128
LINES = 150
"""Lines above the cursor, of which every second one was accepted; all that is looked at."""
FEWEST = 40
"""Lines above a cursor, at least."""
KEYS = 1000


@dataclass
class Times:
    """Milliseconds of each suggestion."""

    whole: list[float] = field(default_factory=list)
    in_loop: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    """Processor time of the whole, which a busy machine does not change much."""
    typed_on: list[float] = field(default_factory=list)
    """The next key, which types what is suggested."""
    noted: int = 0


def python_files(folder: Path, most: int) -> list[Path]:
    """Return the Python files of an environment that are long enough, in the same order always."""
    found = sorted(folder.rglob("*.py"))
    return [file for file in found if 3_000 < file.stat().st_size < 200_000][:most]


def build(folder: Path, files: list[Path]) -> None:
    """Build an index of every second one of `files` in `folder`."""
    records = [
        Record(
            source="made",
            repository="folder:environment",
            path=str(number),
            text=file.read_text("utf-8", errors="replace"),
            digest="0" * 64,
            language="python",
            licence="MIT",
            licence_class=LicenceClass.PERMISSIVE,
        )
        for number, file in enumerate(files[::2])
    ]
    draft_index(folder / "environment.fimref", "environment", records, Lexer())


def keys(files: list[Path], count: int) -> Iterator[tuple[CompletionRequest, str]]:
    """Yield places with the line that is suggested there."""
    draw = random.Random(SEED)  # noqa: S311  # Nothing secret is drawn.
    while count > 0:
        lines = split_lines(draw.choice(files).read_text("utf-8", errors="replace"))
        row = draw.randrange(len(lines))
        line = lines[row].rstrip("\r\n")
        indented = line[: len(line) - len(line.lstrip())]
        if row < FEWEST or len(line.strip()) < 8:
            continue
        shown = (*lines[:row], f"{indented}\n", *lines[row + 1 :])
        document = Document(f"file:///{count}.py", "python", 1, shown)
        yield CompletionRequest(document, Position(row, len(indented))), line.strip()
        count -= 1


async def measure(library: Library, files: list[Path], count: int) -> Times:
    """Judge as many suggestions."""
    times = Times()
    resemblance = Resemblance()
    resemblance.use(library)
    for request, line in keys(files, count):
        document, place = request.document, request.position
        for row in range(max(0, place.line - LINES), place.line, 2):
            text = document.line(row)
            resemblance.borrowed.take(document.uri, row, text, Region(row, row))
        made = Completion(line, place, place, Surface.LINE, Generation(line, StopReason.LINES))
        before = time.process_time()
        whole, in_loop, judged = await timed(resemblance, request, made)
        times.processor.append((time.process_time() - before) * 1000)
        times.whole.append(whole)
        times.in_loop.append(in_loop)
        times.noted += bool(judged.references)
        row = place.line
        typed = (
            *document.lines[:row],
            document.line(row) + line[0] + "\n",
            *document.lines[row + 1 :],
        )
        document = Document(document.uri, "python", 2, typed)
        after = Position(row, place.column + 1)
        rest = Completion(line[1:], after, after, Surface.LINE, made.generation)
        times.typed_on.append(
            (await timed(resemblance, CompletionRequest(document, after), rest))[0]
        )
        resemblance.borrowed.forget(document.uri)
    return times


async def timed(
    resemblance: Resemblance, request: CompletionRequest, made: Completion
) -> tuple[float, float, Completion]:
    """Judge one; return milliseconds of it, of those in the event loop, and the outcome."""
    waited = 0.0
    findings = resemblance.findings

    async def look(text: str, language: str) -> object:
        nonlocal waited
        begun = time.perf_counter()
        found = await findings(text, language)
        waited += time.perf_counter() - begun
        return found

    resemblance.findings = look  # type: ignore[assignment,method-assign]
    begun = time.perf_counter()
    outcome = await resemblance.judged(request, made)
    whole = time.perf_counter() - begun
    resemblance.findings = findings  # type: ignore[method-assign]
    judged = outcome if isinstance(outcome, Completion) else made
    return whole * 1000, (whole - waited) * 1000, judged


def at(values: list[float], share: float) -> float:
    """Return the value below which a share of `values` lies."""
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


def main() -> int:
    """Measure, print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description="Cost of references for a suggestion.")
    parser.add_argument("--index", type=Path, help="an index instead of one that is built")
    parser.add_argument("--keys", type=int, default=KEYS)
    options = parser.parse_args()
    files = python_files(Path(sysconfig.get_paths()["purelib"]), 600)
    with tempfile.TemporaryDirectory() as folder:
        if options.index is None:
            build(Path(folder), files)
        else:
            (Path(folder) / "given.fimref").symlink_to(options.index.absolute())
        library = Library(Path(folder))
        for problem in library.problems:
            print(problem, file=sys.stderr)
        size = sum(info.source_bytes for info in library.indexes)
        times = asyncio.run(measure(library, files, options.keys))
    print(
        f"index of {size / 1e6:.1f} MB of source, {options.keys} suggestions, {times.noted} noted"
    )
    print(f"{'':<34}{'median':>9}{'p95':>9}{'p99':>9}   milliseconds")
    rows = {
        "a suggestion": times.whole,
        "of that in the event loop": times.in_loop,
        "processor time": times.processor,
        "the next key, which types it": times.typed_on,
    }
    for name, values in rows.items():
        print(f"{name:<34}" + "".join(f"{at(values, share):>9.2f}" for share in (0.5, 0.95, 0.99)))
    figures = {
        name: {f"p{round(share * 100)}": round(at(values, share), 3) for share in (0.5, 0.95, 0.99)}
        for name, values in rows.items()
    }
    print(json.dumps({"source_mb": size / 1e6, "noted": times.noted, "ms": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
