"""How soon the engine is idle after a cancellation, inside a prefill and while it decodes.

Starts a prefill of about a thousand tokens, or a long answer, of the default model, cancels it
after one of a row of pauses, and asks at once for something that is answered as soon as the
engine is idle. Pipes and event loop are in the figures. Prints a table and, last, one line of
JSON.

    python -m benchmarks.cancel [--cancels N]
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from lsp_server.completion.serving import chooser, load_options
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.types import Prompt, Segment, StopRules

LINES = 80
"""Lines of a prompt, about a thousand tokens."""

LONGEST_PAUSE = 0.3
"""Seconds; pauses before a cancellation are spread evenly up to it."""

Start = Callable[[int], Coroutine[Any, Any, Any]]


def prompt(number: int) -> Prompt:
    """Return a prompt that no other number's shares anything with."""
    lines = (f"value_{number}_{line} = compute({line})\n" for line in range(LINES))
    return Prompt((Segment(f"# {number}\n" + "".join(lines)),))


async def measure(worker: WorkerClient, start: Start, cancels: int) -> list[float]:
    """Return milliseconds from each cancellation to idleness."""
    found = []
    for number in range(cancels):
        task = asyncio.create_task(start(number))
        await asyncio.sleep(0.02 + LONGEST_PAUSE * number / cancels)
        if task.done():
            continue
        started = time.perf_counter()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await worker.counters()
        found.append((time.perf_counter() - started) * 1000.0)
    return found


async def run(cancels: int) -> dict[str, dict[str, float]]:
    """Measure both."""
    settings = Settings()
    worker = await WorkerClient.start(worker_command())
    stop = StopRules(512, max_lines=512)
    answered = Prompt((Segment("# One name a line\nnames = [\n    'Ada',\n"),))
    starts: dict[str, Start] = {
        "prefill": lambda number: worker.prefill(prompt(number)),
        "decode": lambda _number: worker.complete(answered, stop, line_has_text=False),
    }
    try:
        path = str(chooser(Paths.of_user())(settings).file.path)
        await worker.load(path, load_options(settings))
        # The first evaluation is slower, and what is decoded from has to be there.
        await worker.prefill(answered)
        return {
            name: summary(await measure(worker, start, cancels)) for name, start in starts.items()
        }
    finally:
        await worker.close()


def summary(values: list[float]) -> dict[str, float]:
    """Return how many there were and how they are spread."""
    return {
        "cancels": len(values),
        "p50_ms": round(statistics.median(values), 1),
        "p95_ms": round(statistics.quantiles(values, n=20)[-1], 1),
        "max_ms": round(max(values), 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cancels", type=int, default=100)
    result = asyncio.run(run(parser.parse_args().cancels))
    for name, values in result.items():
        cells = "".join(f"{key:>10} {value:>6}" for key, value in values.items())
        sys.stdout.write(f"{name:<10}{cells}\n")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
