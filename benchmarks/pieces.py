"""What the engine's steps cost: several tokens at once, pieces of a prefill, saved states.

Uses the engine's KV cache in this process, with the default model. What is compared takes turns,
round after round, so that a machine whose speed drifts treats all alike; times are processor
times, which other processes disturb less, the least with one thread. Prints tables of medians
and, last, one line of JSON.

    python -m benchmarks.pieces [--rounds N] [--threads N]
"""

import argparse
import ctypes
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from lsp_server.completion.serving import chooser, load_options
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.client import WORKER_ENVIRONMENT

# As in the worker, and before the engine's libraries are loaded.
os.environ.update(WORKER_ENVIRONMENT)

import llama_cpp
from msgspec.structs import replace

from lsp_server.inference import kvcache
from lsp_server.inference.kvcache import KvCache

LARGEST = 8
"""Tokens evaluated at once, at most."""

PIECES = (8, 16, 32, 64, 128)
"""Lengths of a piece of a prefill."""

PREFILLED = 128
"""Tokens that stand before the others, and that a prefill has."""

STATES = (256, 768)
"""Tokens of the states that are saved and restored."""


def tokens(length: int, begin: int = 1000) -> list[int]:
    """Return ordinary tokens of any vocabulary."""
    return [begin + 7 * index % 20_000 for index in range(length)]


def timed(work: Callable[[], object], threads: int) -> float:
    """Return the milliseconds of processor time that `work` takes in each of `threads` threads."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000.0 / threads


class Measurements:
    """Everything that is measured with one model."""

    def __init__(self, model: Any, threads: int) -> None:
        self._model = model
        options = load_options(Settings())
        self._options = replace(options, threads=threads, draft_tokens=LARGEST - 1)
        self.together: dict[int, list[float]] = {count: [] for count in range(1, LARGEST + 1)}
        self.prefill: dict[int, list[float]] = {piece: [] for piece in PIECES}
        self.states: dict[int, list[float]] = {length: [] for length in STATES}

    def _cache(self) -> KvCache:
        return KvCache(self._model, self._options, lambda: False, lambda what: what)

    def round(self) -> None:
        """Measure everything once."""
        self._measure_together()
        self._measure_prefill()

    def _measure_together(self) -> None:
        cache = self._cache()
        cache.evaluate(tokens(PREFILLED), 0)
        for count, found in self.together.items():
            cache.trim(PREFILLED)
            work = partial(cache.evaluate, tokens(count), count)
            found.append(timed(work, self._options.threads))
        cache.close()

    def _measure_prefill(self) -> None:
        usual = kvcache.BATCH
        for piece, found in self.prefill.items():
            kvcache.BATCH = piece
            cache = self._cache()
            found.append(
                timed(partial(cache.evaluate, tokens(PREFILLED), 0), self._options.threads)
            )
            cache.close()
        kvcache.BATCH = usual

    def measure_states(self) -> None:
        """Measure how long it takes to save one place and to go back to another."""
        cache = self._cache()
        for length, found in self.states.items():
            places = [tokens(length, begin) for begin in (1000, 50_000)]
            for place in places:
                cache.evaluate(place[cache.enter(place) :], 0)
            for turn in range(6):
                found.append(timed(partial(cache.enter, [*places[turn % 2], 1]), 1))
        cache.close()


QUIET = llama_cpp.llama_log_callback(lambda *_arguments: None)
"""Kept here, as llama.cpp goes on calling it."""


def load() -> Any:
    """Load the default model."""
    llama_cpp.llama_log_set(QUIET, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    path = chooser(Paths.of_user())(Settings()).file.path
    parameters = llama_cpp.llama_model_default_params()
    return llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=load_options(Settings()).threads)
    arguments = parser.parse_args()
    measured = Measurements(load(), arguments.threads)
    for _ in range(arguments.rounds):
        measured.round()
    measured.measure_states()
    together = {
        count: round(statistics.median(found), 1) for count, found in measured.together.items()
    }
    relative = {
        count: round(
            statistics.median(
                one / single for one, single in zip(found, measured.together[1], strict=True)
            ),
            2,
        )
        for count, found in measured.together.items()
    }
    prefill = {
        piece: round(PREFILLED / statistics.median(found) * 1000.0, 1)
        for piece, found in measured.prefill.items()
    }
    states = {
        length: round(statistics.median(found), 1) for length, found in measured.states.items()
    }
    result = {
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "together_ms": together,
        "together_relative": relative,
        "prefill_tokens_per_second": prefill,
        "go_back_ms": states,
    }
    for name, values in result.items():
        sys.stdout.write(f"{name:<28}{values}\n")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
