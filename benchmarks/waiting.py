"""How the engine's threads should wait for each other, on an idle and on a busy machine.

Runs the default model with several settings of the OpenMP runtime in turn, round after round, so
that a machine whose speed drifts treats all alike. Busy means: as many endless loops as there are
cores. Prints a table of medians and, last, one line of JSON.

    python -m benchmarks.waiting [--rounds N]
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping

from lsp_server.completion.serving import chooser, load_options
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.client import WORKER_ENVIRONMENT, WorkerClient, worker_command
from lsp_server.inference.protocol import LoadOptions
from lsp_server.types import Prompt, Segment, StopRules

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "default": {},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "spin 100": {"GOMP_SPINCOUNT": "100"},
    "spin 1000": {"GOMP_SPINCOUNT": "1000"},
    "spin 10000": {"GOMP_SPINCOUNT": "10000"},
    "one thread": {},
}
TEXT = "def area(width, height):\n    return width * height\n\n\n" * 14
GENERATED = 24


@contextlib.contextmanager
def busy(cores: int) -> Iterator[None]:
    """Keep `cores` cores busy."""
    command = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(command) for _ in range(cores)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


async def measure(path: str, options: LoadOptions, name: str) -> tuple[float, float]:
    """Return milliseconds per token of prefill and of decode."""
    own = {key: value for key, value in WORKER_ENVIRONMENT.items() if key != "GOMP_SPINCOUNT"}
    threads = 1 if name == "one thread" else options.threads
    worker = await WorkerClient.start(worker_command(), {**own, **SETTINGS[name]})
    try:
        await worker.load(path, LoadOptions(threads, options.context_length))
        stop = StopRules(GENERATED, max_lines=GENERATED)
        generation = await worker.complete(Prompt((Segment(TEXT),)), stop, line_has_text=True)
    finally:
        await worker.close()
    timings = generation.timings
    return timings.prefill / generation.prompt_tokens, timings.decode / len(generation.logprobs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    settings = Settings()
    path = str(chooser(Paths.of_user())(settings).file.path)
    options = load_options(settings)
    cores = len(os.sched_getaffinity(0))
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for load in ("idle", "busy"):
        with busy(cores) if load == "busy" else contextlib.nullcontext():
            for _ in range(rounds):
                for name in SETTINGS:
                    timings = asyncio.run(measure(path, options, name))
                    found.setdefault(name, {}).setdefault(load, []).append(timings)
    result = {
        name: {
            load: {
                "prefill_ms": round(statistics.median(one for one, _ in values), 2),
                "decode_ms": round(statistics.median(two for _, two in values), 1),
            }
            for load, values in loads.items()
        }
        for name, loads in found.items()
    }
    sys.stdout.write(f"{'ms per token':<12} {'idle':>20} {'busy':>20}\n")
    for name, loads in result.items():
        cells = (f"{cell['prefill_ms']:>9} {cell['decode_ms']:>10}" for cell in loads.values())
        sys.stdout.write(f"{name:<12} {' '.join(cells)}\n")
    sys.stdout.write(json.dumps({"cores": cores, "rounds": rounds, "medians": result}) + "\n")


if __name__ == "__main__":
    main()
