"""What a typist gets to see: blocks of files typed again in real time, every key a request.

The keys (`benchmarks.traces`) come at the speed of a typist: 150 ms apart at the median, a fifth
less than 100 ms, with a pause after each Enter and a longer one now and then. Each goes through
the same workspace, pipeline and engine as in the server, and cancels the request before, as
editors do. Two ways take turns, block by block: as the server does it, and `anew`, where each key
forgets what was suggested and ends what is under way. An answer that is not there when the next
key comes counts as none, and so does an empty one. LSP itself is not part of it. Prints a table
and, last, one line of JSON.

    python -m benchmarks.keys [--blocks N] [--keys N] [FILE ...]
"""

import argparse
import asyncio
import json
import math
import random
import re
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from benchmarks.traces import Block, Step, blocks, typed
from lsp_server.completion.pipeline import Pipeline, ServedModel
from lsp_server.completion.serving import chooser, load_options
from lsp_server.completion.workspace import Workspace
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.client import worker_command
from lsp_server.inference.engine import LocalEngine
from lsp_server.syntax.languages import language_of_path
from lsp_server.trigger import check_trigger
from lsp_server.types import Completion, CompletionRequest, Document, Outcome, TriggerKind

ROOT = Path(__file__).parents[1]

SOON = 0.2
"""Seconds within which a suggestion is meant to be there."""

MEDIAN_GAP, SPREAD = 0.15, 0.48
"""Of the logarithmic normal distribution of the seconds between two keys."""

ENTER_PAUSE = 0.4
"""Seconds that a typist thinks after Enter."""

THINK_EVERY, THINK_PAUSE = 25, 1.5
"""Keys between two longer pauses, and their seconds."""

SEED = 1
WAYS = ("server", "anew")

_NEXT_NAME = re.compile(r"\W*\w+")
_LONG_ENOUGH = 4
"""Right characters that make a suggestion useful, whatever follows."""


@dataclass
class Key:
    """One key press after which a suggestion may be shown."""

    gap: float
    """Seconds to the next key."""
    seconds: float | None = None
    """From the key to the suggestion; None if there was none before the next key."""
    text: str = ""
    rest: str = ""
    """What the typist was going to type in this line, without what stood right of the cursor."""
    is_kept: bool = False

    @property
    def is_soon(self) -> bool:
        """Whether a suggestion was there soon enough."""
        return self.seconds is not None and self.seconds <= SOON

    @property
    def is_useful(self) -> bool:
        """Whether its next name, or its first characters, are right."""
        name = _NEXT_NAME.match(self.rest)
        if name and self.text.startswith(name[0]):
            return not re.match(r"\w", self.text[name.end() : name.end() + 1])
        return (
            len(self.rest) >= _LONG_ENOUGH and self.text[:_LONG_ENOUGH] == self.rest[:_LONG_ENOUGH]
        )

    @property
    def is_right(self) -> bool:
        """Whether the whole rest of the line is."""
        return bool(self.rest.strip()) and self.text.rstrip() == self.rest.rstrip()


@dataclass
class Typist:
    """Types blocks in one way."""

    pipeline: Pipeline
    workspace: Workspace
    anew: bool
    keys: list[Key] = field(default_factory=list)

    async def type(self, steps: Sequence[Step]) -> None:
        """Type one block."""
        pause = gaps(steps)
        running: asyncio.Task[Outcome] | None = None
        for version, step in enumerate(steps, start=1):
            begun = time.perf_counter()
            document = document_of(step, version)
            (self.workspace.changed if version > 1 else self.workspace.opened)(document)
            if self.anew:
                self.pipeline.closed(document.uri)
            self.pipeline.changed(document)
            if running is not None:
                running.cancel()
            request = CompletionRequest(document, step.position, TriggerKind.AUTOMATIC)
            running = asyncio.create_task(self.pipeline.complete(request))
            gap = next(pause)
            await asyncio.wait({running}, timeout=gap)
            ended = time.perf_counter()
            if check_trigger(request, self.pipeline.settings.completion) is None:
                self.keys.append(self._key(step, document, running, gap, ended - begun))
            await asyncio.sleep(gap - (time.perf_counter() - begun))
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        self.pipeline.closed(document_of(steps[0], 0).uri)

    @staticmethod
    def _key(
        step: Step, document: Document, running: "asyncio.Task[Outcome]", gap: float, seconds: float
    ) -> Key:
        right = document.line(step.position.line)[step.position.column :].rstrip()
        key = Key(gap, rest=step.rest.removesuffix(right))
        outcome = running.result() if running.done() else None
        if isinstance(outcome, Completion):
            key.seconds, key.text, key.is_kept = seconds, outcome.text, outcome.is_kept
        return key


def document_of(step: Step, version: int) -> Document:
    """Return the state of a document after a step."""
    language = language_of_path(step.path)
    path = ROOT / "benchmarks" / step.path
    return Document(
        path.as_uri(), language.name if language else "", version, step.lines, step.path
    )


def gaps(steps: Sequence[Step]) -> Iterator[float]:
    """Yield the seconds after each step, the same at every run."""
    chance = random.Random(SEED)  # noqa: S311  # The same choice at every run.
    for number, step in enumerate(steps, start=1):
        gap = chance.lognormvariate(math.log(MEDIAN_GAP), SPREAD)
        gap += ENTER_PAUSE * (step.event == "enter")
        yield gap + THINK_PAUSE * (number % THINK_EVERY == 0)


def summary(keys: Sequence[Key], cpu: float) -> dict[str, Any]:
    """Return the figures of one way."""
    shown = [key for key in keys if key.seconds is not None]
    times = sorted(key.seconds for key in shown if key.seconds is not None)
    calm = [key for key in keys if key.gap >= 0.3]

    def share(found: Sequence[Key], among: Sequence[Key]) -> float:
        return round(100 * len(found) / max(1, len(among)), 1)

    return {
        "keys": len(keys),
        "shown_percent": share(shown, keys),
        "soon_percent": share([key for key in keys if key.is_soon], keys),
        "shown_in_pause_percent": share([key for key in calm if key.seconds is not None], calm),
        "useful_percent": share([key for key in keys if key.is_soon and key.is_useful], keys),
        "right_percent": share([key for key in keys if key.is_soon and key.is_right], keys),
        "kept_percent": share([key for key in shown if key.is_kept], shown),
        "p50_ms": round(1000 * statistics.median(times)) if times else None,
        "p95_ms": round(1000 * times[int(len(times) * 0.95)]) if times else None,
        "cpu_s_per_100_keys": round(100 * cpu / max(1, len(keys)), 1),
    }


async def run(chosen_blocks: Sequence[Block], most: int) -> dict[str, Any]:
    """Type all blocks in both ways."""
    settings, paths = Settings(), Paths.of_user()
    chosen = chooser(paths)(settings)
    found: dict[str, list[Key]] = {way: [] for way in WAYS}
    cpu = dict.fromkeys(WAYS, 0.0)
    for number, block in enumerate(chosen_blocks):
        steps = list(islice(typed(block), most or None))
        # Whoever comes second has no advantage: the engine is a new one.
        for way in WAYS if number % 2 else WAYS[::-1]:
            engine = LocalEngine(worker_command(), paths.selftest_file)
            await engine.open(chosen.file, load_options(settings))
            workspace = Workspace()
            pipeline = Pipeline(engine, settings, workspace)
            assert engine.description is not None
            pipeline.serve(ServedModel(chosen.file.name, chosen.fim_format(engine.description)))
            typist = Typist(pipeline, workspace, way == "anew")
            before = _cpu_seconds()
            await typist.type(steps)
            cpu[way] += _cpu_seconds() - before
            await engine.close()
            found[way] += typist.keys
    return {way: summary(keys, cpu[way]) for way, keys in found.items()}


def _cpu_seconds() -> float:
    """Return the processor time of this process and the engine's."""
    here = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (here, *here.children()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--blocks", type=int, default=4, help="most blocks")
    parser.add_argument("--keys", type=int, default=0, help="events of each block; 0 is all")
    arguments = parser.parse_args()
    files = arguments.files or sorted((ROOT / "examples").iterdir())
    found = [block for path in files for block in blocks(path.name, path.read_text("utf-8"))]
    if not found:
        parser.error("no file has an indented block of 30 to 60 lines")
    result = asyncio.run(run(found[: arguments.blocks], arguments.keys))
    for name in next(iter(result.values())):
        cells = "".join(f"{result[way][name]!s:>12}" for way in WAYS)
        sys.stdout.write(f"{name:<24}{cells}\n")
    sys.stdout.write(json.dumps({"blocks": len(found[: arguments.blocks]), **result}) + "\n")


if __name__ == "__main__":
    main()
