"""What one more key costs, by prompt order.

Types a line into the middle of a file key by key, with every key a request that is waited for,
through the same pipeline as the server, and says for each order how many tokens were evaluated
and how long the answer took. The first request of each order is cold and is given apart. Orders
take turns in rounds, so that a machine whose speed drifts treats all alike. Prints a table of
medians and, last, one line of JSON.

    python -m benchmarks.latency [--rounds N]
"""

import argparse
import asyncio
import json
import statistics
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from lsp_server.completion.pipeline import Pipeline, ServedModel
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
ORDERS = (
    Order.PREFIX_SUFFIX_MIDDLE,
    Order.SUFFIX_PREFIX_MIDDLE,
    Order.SUFFIX_FIRST,
    Order.GROWING_MIDDLE,
)


def requests() -> list[CompletionRequest]:
    """Return one request for each key, the first with only the indentation there."""
    lines = split_lines(FILE.read_text(encoding="utf-8"))
    row = lines.index(LINE + "\n")
    begin = len(LINE) - len(LINE.lstrip())
    found = []
    for version, end in enumerate(range(begin, len(LINE))):
        typed = (*lines[:row], LINE[:end] + "\n", *lines[row + 1 :])
        document = Document(FILE.as_uri(), "python", version, typed, FILE.name)
        found.append(CompletionRequest(document, Position(row, end), TriggerKind.AUTOMATIC))
    return found


async def measure(pipeline: Pipeline, order: Order) -> list[dict[str, float]]:
    """Type the line once; return evaluated tokens and milliseconds for each key."""
    prompt = replace(pipeline.settings.prompt, order=order)
    pipeline.settings = replace(pipeline.settings, prompt=prompt)
    keys = []
    for request in requests():
        outcome = await pipeline.complete(request)
        timings = outcome.timings
        key = {"total_ms": timings.total, "prefill_ms": timings.prefill, "shown": 0.0}
        if isinstance(outcome, Completion):
            generation = outcome.generation
            key["shown"] = 1.0
            key["evaluated"] = generation.prompt_tokens - generation.reused_tokens
        keys.append(key)
    return keys


async def run(rounds: int) -> dict[str, Any]:
    """Measure all orders in turn."""
    settings, paths = Settings(), Paths.of_user()
    chosen = chooser(paths)(settings)
    found: dict[Order, list[list[dict[str, float]]]] = {}
    for _ in range(rounds):
        for order in ORDERS:
            engine = LocalEngine(worker_command(), paths.selftest_file)
            await engine.open(chosen.file, load_options(settings))
            pipeline = Pipeline(engine, settings)
            assert engine.description is not None
            served = ServedModel(chosen.file.name, chosen.fim_format(engine.description))
            pipeline.serve(served)
            found.setdefault(order, []).append(await measure(pipeline, order))
            await engine.close()
    return {order.value: summary(passes) for order, passes in found.items()}


def summary(passes: list[list[dict[str, float]]]) -> dict[str, float]:
    """Return medians over all keys but the first, and the first key apart."""
    later = [key for keys in passes for key in keys[1:]]
    first = [keys[0] for keys in passes]
    return {
        "cold_ms": round(statistics.median(key["total_ms"] for key in first)),
        "key_ms": round(statistics.median(key["total_ms"] for key in later)),
        "key_p95_ms": round(statistics.quantiles([key["total_ms"] for key in later], n=20)[-1]),
        "prefill_ms": round(statistics.median(key["prefill_ms"] for key in later)),
        "evaluated": statistics.median(key["evaluated"] for key in later if "evaluated" in key),
        "shown": round(statistics.mean(key["shown"] for key in later), 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    rounds = parser.parse_args().rounds
    result = asyncio.run(run(rounds))
    columns = ("cold_ms", "key_ms", "key_p95_ms", "prefill_ms", "evaluated", "shown")
    sys.stdout.write(f"{'order':<16}" + "".join(f"{name:>12}" for name in columns) + "\n")
    for order, values in result.items():
        sys.stdout.write(f"{order:<16}" + "".join(f"{values[name]:>12}" for name in columns) + "\n")
    sys.stdout.write(json.dumps({"rounds": rounds, "keys": len(requests()), **result}) + "\n")


if __name__ == "__main__":
    main()
