"""What one more key costs, by prompt order; and what Enter and a jump to another place cost.

Types a line into the middle of a file key by key, every key a request that is waited for, through
the same pipeline as the server; then presses Enter, then goes to a method further down. Says for
each order how many tokens were evaluated and how long the answer took; suggestions made earlier
are forgotten before each request. Orders take turns in
rounds, so that a machine whose speed drifts treats all alike. Prints a table of medians and, last,
one line of JSON.

    python -m benchmarks.latency [--rounds N]
"""

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lsp_server.completion.answering import ServedModel
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.serving import chooser, load_options
from lsp_server.config.options import Order, Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.client import worker_command
from lsp_server.inference.engine import LocalEngine
from lsp_server.text import split_lines
from lsp_server.types import Completion, CompletionRequest, Document, Position, TriggerKind

FILE = Path(__file__).parents[1] / "examples" / "ledger.py"
LINE = "        self._entries.append(entry)"
"""The line of the file that is taken out and typed again."""
FAR_LINE = "                balances[posting.account] += posting.amount"
"""A line further down, of which the end is missing when the cursor goes there."""
FAR_COLUMN = FAR_LINE.index("+=")
ORDERS = (
    Order.PREFIX_SUFFIX_MIDDLE,
    Order.SUFFIX_PREFIX_MIDDLE,
    Order.SUFFIX_FIRST,
    Order.GROWING_MIDDLE,
)


@dataclass(frozen=True)
class Sample:
    """What one request cost."""

    event: str
    """``cold``, ``key``, ``enter`` or ``jump``."""
    milliseconds: float
    evaluated: int | None
    """Tokens evaluated; None where nothing was shown."""


def requests() -> Iterator[tuple[str, CompletionRequest]]:
    """Yield each event and the request that follows it."""
    lines = split_lines(FILE.read_text(encoding="utf-8"))
    row = lines.index(LINE + "\n")
    begin = len(LINE) - len(LINE.lstrip())
    for end in range(begin, len(LINE)):
        typed = [*lines[:row], LINE[:end] + "\n", *lines[row + 1 :]]
        yield ("cold" if end == begin else "key"), request(typed, Position(row, end))
    indent = " " * begin
    entered = [*lines[: row + 1], indent + "\n", *lines[row + 1 :]]
    yield "enter", request(entered, Position(row + 1, begin))
    far = entered.index(FAR_LINE + "\n")
    moved = [*entered[:far], FAR_LINE[:FAR_COLUMN] + "\n", *entered[far + 1 :]]
    yield "jump", request(moved, Position(far, FAR_COLUMN))


def request(lines: list[str], position: Position) -> CompletionRequest:
    """Return an automatic request in a document of `lines`."""
    document = Document(FILE.as_uri(), "python", 1, tuple(lines), FILE.name)
    return CompletionRequest(document, position, TriggerKind.AUTOMATIC)


async def measure(pipeline: Pipeline, order: Order) -> list[Sample]:
    """Go through all events once."""
    prompt = replace(pipeline.settings.prompt, order=order)
    pipeline.settings = replace(pipeline.settings, prompt=prompt)
    samples = []
    for event, asked in requests():
        # Keys that type a suggestion cost nothing; here it is about the others.
        pipeline.suggestions.clear()
        outcome = await pipeline.complete(asked)
        evaluated = None
        if isinstance(outcome, Completion):
            generation = outcome.generation
            evaluated = generation.prompt_tokens - generation.reused_tokens
        samples.append(Sample(event, outcome.timings.total, evaluated))
    return samples


async def run(rounds: int) -> dict[str, Any]:
    """Measure all orders in turn."""
    settings, paths = Settings(), Paths.of_user()
    chosen = chooser(paths)(settings)
    found: dict[Order, list[Sample]] = {order: [] for order in ORDERS}
    for _ in range(rounds):
        for order in ORDERS:
            engine = LocalEngine(worker_command(), paths.selftest_file)
            await engine.open(chosen.file, load_options(settings))
            pipeline = Pipeline(engine, settings)
            assert engine.description is not None
            served = ServedModel(chosen.file.name, chosen.fim_format(engine.description))
            pipeline.serve(served)
            found[order] += await measure(pipeline, order)
            await engine.close()
    return {order.value: summary(samples) for order, samples in found.items()}


def summary(samples: list[Sample]) -> dict[str, Any]:
    """Return medians by event, and how many key presses were answered with something."""
    values: dict[str, Any] = {}
    for event in ("cold", "key", "enter", "jump"):
        chosen = [sample for sample in samples if sample.event == event]
        counts = [sample.evaluated for sample in chosen if sample.evaluated is not None]
        values[f"{event}_ms"] = round(statistics.median(one.milliseconds for one in chosen))
        values[f"{event}_tokens"] = statistics.median(counts) if counts else None
    keys = [sample for sample in samples if sample.event == "key"]
    values["key_mean_ms"] = round(statistics.mean(key.milliseconds for key in keys))
    values["key_p95_ms"] = round(statistics.quantiles([key.milliseconds for key in keys], n=20)[-1])
    values["shown"] = round(statistics.mean(key.evaluated is not None for key in keys), 2)
    return values


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    rounds = parser.parse_args().rounds
    result = asyncio.run(run(rounds))
    columns = list(next(iter(result.values())))
    sys.stdout.write(f"{'order':<16}" + "".join(f"{name:>14}" for name in columns) + "\n")
    for order, values in result.items():
        cells = "".join(f"{values[name]!s:>14}" for name in columns)
        sys.stdout.write(f"{order:<16}{cells}\n")
    keys = sum(event == "key" for event, _ in requests())
    sys.stdout.write(json.dumps({"rounds": rounds, "keys": keys, **result}) + "\n")


if __name__ == "__main__":
    main()
