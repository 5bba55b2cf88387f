"""Whether bodies parse and end where they should: a look at the default model, no score.

Completes the places of ``bodies.toml`` as the server does, waited for as if asked for, and says of
each which surface it is, why the answer ended, how long it is, and whether the text with it has
more errors than with an empty body. Prints the suggestions and, last, one line of JSON.

With folders, it says instead how long the bodies in their Python sources are, by which the
budgets in `lsp_server.completion.surfaces` were chosen.

    python -m benchmarks.bodies [--engine scripted] [--sizes FOLDER ...]
"""

import argparse
import ast
import asyncio
import contextlib
import json
import sys
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsp_server.cli.engines import add_engine_options, engine_of
from lsp_server.completion.answering import ServedModel
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.serving import load_options
from lsp_server.config.options import CompletionOptions, Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.engine import LocalEngine
from lsp_server.syntax.languages import LANGUAGES
from lsp_server.syntax.tree import parse
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Outcome,
    Position,
    TriggerKind,
)

PLACES = Path(__file__).with_name("bodies.toml")
CURSOR = "█"


def read_places() -> list[dict[str, str]]:
    """Return the places; the texts begin at their second line."""
    places: list[dict[str, str]] = tomllib.loads(PLACES.read_text(encoding="utf-8"))["place"]
    return places


def request_at(place: dict[str, str], number: int) -> CompletionRequest:
    """Return the question that a place puts."""
    before, after = place["text"].split(CURSOR)
    above = split_lines(before)
    lines = tuple(split_lines(before + after))
    document = Document(f"file:///places/{number}", place["language"], 1, lines)
    cursor = Position(len(above) - 1, len(above[-1]))
    return CompletionRequest(document, cursor, TriggerKind.INVOKED)


def has_errors(place: dict[str, str], text: str) -> bool:
    """Whether a place does not parse with a suggestion."""
    tree = parse(LANGUAGES[place["language"]], split_lines(place["text"].replace(CURSOR, text)))
    return tree is None or tree.has_error


def row_of(place: dict[str, str], outcome: Outcome) -> dict[str, Any]:
    """Return what is said of one place."""
    if not isinstance(outcome, Completion):
        return {"language": place["language"], "surface": outcome.detail, "why": outcome.reason}
    made = outcome.generation
    return {
        "language": place["language"],
        "surface": outcome.surface.value,
        "wanted": place["surface"],
        "stop": made.stop.value,
        "tokens": len(made.logprobs),
        "lines": len([line for line in outcome.text.splitlines() if line.strip()]),
        "parses": not has_errors(place, outcome.text),
        "decode_ms": round(made.timings.decode),
    }


@asynccontextmanager
async def pipeline_for(arguments: argparse.Namespace) -> AsyncIterator[Pipeline]:
    """Yield the stages around the engine that the arguments name."""
    paths = Paths.of_user()
    settings = Settings(completion=CompletionOptions(time_budget=0))
    command, choose = engine_of(arguments, paths)
    chosen = choose(settings)
    engine = LocalEngine(command, paths.selftest_file)
    try:
        await engine.open(chosen.file, load_options(settings))
        assert engine.description is not None
        pipeline = Pipeline(engine, settings)
        pipeline.serve(ServedModel(chosen.file.name, chosen.fim_format(engine.description)))
        yield pipeline
    finally:
        await engine.close()


async def run(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Complete every place."""
    rows = []
    async with pipeline_for(arguments) as pipeline:
        for number, place in enumerate(read_places()):
            outcome = await pipeline.complete(request_at(place, number))
            rows.append(row_of(place, outcome))
            text = outcome.text if isinstance(outcome, Completion) else f"({outcome.reason.value})"
            before, after = place["text"].split(CURSOR)
            shown = f"{before[-200:]}├{text}┤{after[:60]}"
            sys.stdout.write(f"\n=== {rows[-1]}\n{shown}\n")
    return rows


_HEADERS = (ast.For, ast.While, ast.If, ast.With, ast.Try)


def bodies_in(source: str) -> Iterator[tuple[str, str]]:
    """Yield the surface and text of every body in a Python source, documentation taken off."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if not (is_function or isinstance(node, _HEADERS)):
            continue
        body: list[ast.stmt] = node.body  # type: ignore[attr-defined]
        if is_function and ast.get_docstring(node) is not None:  # type: ignore[arg-type]
            body = body[1:]
        if body:
            text = "".join(lines[body[0].lineno - 1 : body[-1].end_lineno])
            yield ("function" if is_function else "block"), text


async def measure(arguments: argparse.Namespace, folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Return how many bodies are within which size, by surface."""
    texts: dict[str, list[str]] = {"block": [], "function": []}
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            with contextlib.suppress(SyntaxError, UnicodeDecodeError):
                for surface, text in bodies_in(file.read_text(encoding="utf-8")):
                    texts[surface].append(text)
    rows = []
    async with pipeline_for(arguments) as pipeline:
        for surface, found in texts.items():
            counts = await pipeline.counter.counts(found)
            tokens = [counts[text] for text in found]
            lines = [sum(map(bool, map(str.strip, text.splitlines()))) for text in found]
            row: dict[str, Any] = {"surface": surface, "bodies": len(found)}
            for limit in (50, 80, 96, 160):
                row[f"{limit} tokens"] = round(sum(n <= limit for n in tokens) / len(found), 3)
            for limit in (12, 24):
                row[f"{limit} lines"] = round(sum(n <= limit for n in lines) / len(found), 3)
            rows.append(row)
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_engine_options(parser)
    parser.add_argument("--sizes", nargs="+", type=Path, default=[], metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.sizes:
        rows = asyncio.run(measure(arguments, arguments.sizes))
        sys.stdout.writelines(json.dumps(row) + "\n" for row in rows)
        return
    rows = asyncio.run(run(arguments))
    summary = {
        "places": len(rows),
        "surface_right": sum(row["surface"] == row.get("wanted") for row in rows),
        "parse": sum(row.get("parses", False) for row in rows),
        "stops": Counter(row.get("stop", "none") for row in rows),
        "lines": sorted(row.get("lines", 0) for row in rows),
    }
    sys.stdout.write(json.dumps(summary, default=str) + "\n")


if __name__ == "__main__":
    main()
