"""Whether a server answers as this machine does, and what token healing is worth there.

Asks for the rest of the line at places behind ``.`` and ``(`` and inside words of `examples/`,
through the same pipeline: the engine on this machine, a llama-server with the same model file and
a grammar for healing, and the same llama-server as servers are asked that cannot be constrained.
The server is the one in the wheel `xllamacpp`, which is slower than our build: times say what the
way there costs, not which engine is faster. Prints a table and, last, one line of JSON.

    python -m benchmarks.remote [--places N]
"""

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsp_server.completion.answering import ServedModel
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.serving import chooser, load_options
from lsp_server.config.options import CompletionOptions, ContextOptions, RemoteKind, Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.address import RemoteOptions
from lsp_server.inference.client import worker_command
from lsp_server.inference.engine import Engine, LocalEngine
from lsp_server.inference.remote import RemoteEngine
from lsp_server.prompt.formats import FimFormat, special_texts
from lsp_server.text import split_lines
from lsp_server.types import Completion, CompletionRequest, Document, Position

ROOT = Path(__file__).parents[1]
FILES = ("examples/ledger.py", "examples/inventory.py")
SERVER = ROOT / "tests" / "remote" / "llama_server.py"
PLACE = re.compile(r"(?<=\w\.)(?=[a-z])|(?<=\w\()(?=[\w\"'])|(?<=[a-z]{3})(?=[a-z]{3})")
"""Behind a dot, behind a bracket, inside a word."""
SETTINGS = Settings(
    completion=CompletionOptions(max_tokens=24),
    context=ContextOptions(prefix_tokens=256, suffix_tokens=64, snippet_tokens=0),
)


@dataclass(frozen=True)
class Asked:
    """One place."""

    request: CompletionRequest
    truth: str
    """The rest of the line, as it stands in the file."""


@dataclass(frozen=True)
class Answered:
    """What came back."""

    text: str
    milliseconds: float


def places(count: int) -> list[Asked]:
    """Return `count` places, evenly spread over all there are."""
    found = [asked for name in FILES for asked in _places_of(ROOT / name)]
    return [found[index * len(found) // count] for index in range(min(count, len(found)))]


def _places_of(path: Path) -> Iterator[Asked]:
    lines = split_lines(path.read_text(encoding="utf-8"))
    for row, line in enumerate(lines):
        bare = line.rstrip()
        for match in list(PLACE.finditer(bare))[:1] if row > 10 else ():
            at = match.start()
            cut = (*lines[:row], f"{bare[:at]}\n", *lines[row + 1 :])
            document = Document(path.as_uri(), "python", 1, cut, path.name)
            yield Asked(CompletionRequest(document, Position(row, at)), bare[at:])


async def answers(engine: Engine, fim: FimFormat, asked: list[Asked]) -> list[Answered]:
    """Return what `engine` suggests at each place."""
    pipeline = Pipeline(engine, SETTINGS)
    pipeline.serve(ServedModel("measured", fim))
    found = []
    for place in asked:
        started = time.perf_counter()
        outcome = await pipeline.complete(place.request)
        text = outcome.text if isinstance(outcome, Completion) else ""
        found.append(Answered(text, (time.perf_counter() - started) * 1000.0))
        sys.stderr.write(f"{found[-1].milliseconds:>8.0f} ms  {text!r}, right is {place.truth!r}\n")
    return found


@contextmanager
def llama_server(model: Path) -> Iterator[str]:
    """Yield the address of a llama-server that ends with the block."""
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


async def run(count: int) -> dict[str, Any]:
    """Ask all three, one after the other."""
    paths, asked = Paths.of_user(), places(count)
    chosen = chooser(paths)(SETTINGS)
    local = LocalEngine(worker_command(), paths.selftest_file)
    await local.open(chosen.file, load_options(SETTINGS))
    assert local.description is not None
    fim = chosen.fim_format(local.description)
    found = {"here": await answers(local, fim, asked)}
    with llama_server(chosen.file.path) as url:
        for name, kind in (("healed", RemoteKind.LLAMA_SERVER), ("unhealed", RemoteKind.OPENAI)):
            options = RemoteOptions(url, kind, timeout=120.0)
            engine = RemoteEngine(options, special_texts(), local.count_tokens)
            await engine.open()
            found[name] = await answers(engine, fim, asked)
            await engine.close()
    await local.close()
    return {name: summary(rows, found["here"], asked) for name, rows in found.items()}


def summary(rows: list[Answered], here: list[Answered], asked: list[Asked]) -> dict[str, Any]:
    """Return what the answers of one engine came to."""
    return {
        "same as here": sum(row.text == other.text for row, other in zip(rows, here, strict=True)),
        "right": sum(row.text == place.truth for row, place in zip(rows, asked, strict=True)),
        "empty": sum(not row.text for row in rows),
        "median_ms": round(statistics.median(row.milliseconds for row in rows)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, default=40)
    count = parser.parse_args().places
    result = asyncio.run(run(count))
    for name, values in result.items():
        cells = "  ".join(f"{key} {value}" for key, value in values.items())
        sys.stdout.write(f"{name:<10}{cells}\n")
    sys.stdout.write(json.dumps({"places": len(places(count)), **result}) + "\n")


if __name__ == "__main__":
    main()
