"""What guessing tokens ahead is worth: the same prompts with and without drafts, in turn.

Takes lines of the examples out and types their beginnings again, a few characters at a time;
each is asked of two engines with the default model, one of which guesses ahead. The first request
of a line is told apart from the later ones, which know an earlier answer. Says how long a
token takes (the evaluation of what was typed included) with drafts as a share of without, how
many guesses were right, how many evaluations a token needs, and whether any answer differs.
Prints a table and, last, one line of JSON.

    python -m benchmarks.drafts [--lines N] [--seconds S] [--threads N]
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from lsp_server.completion.serving import chooser, load_options
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.inspection import description_of
from lsp_server.prompt.build import build_prompt
from lsp_server.text import split_lines
from lsp_server.types import Context, Generation, Prompt, StopRules

FILES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))

SHORTEST_LINE = 25
"""Characters of code in a line that is typed again."""

STEP = 8
"""Characters between two requests."""

ABOVE, NEAR, BELOW = 30, 3, 8
"""Lines of a prompt: older ones, those that begin the growing middle, those below."""

SURFACES = {"line": StopRules(32, 1), "block": StopRules(64, 6)}

Sample = tuple[Generation, Generation]
"""An answer without drafts and one with."""


def places(lines: int) -> Iterator[list[Context]]:
    """Yield the states of each line that is typed again."""
    for path in FILES:
        text = split_lines(path.read_text(encoding="utf-8"))
        rows = [row for row, line in enumerate(text) if len(line.strip()) >= SHORTEST_LINE]
        count = max(1, lines // len(FILES))
        for row in rows[len(rows) // (2 * count) :: len(rows) // count][:count]:
            yield list(states(text, row, path.name))


def states(text: list[str], row: int, path: str) -> Iterator[Context]:
    """Yield the line `row` as it grows."""
    line = text[row].rstrip("\r\n")
    near = max(0, row - NEAR)
    for end in range(len(line) - len(line.lstrip()), len(line), STEP):
        yield Context(
            older="".join(text[max(0, near - ABOVE) : near]),
            recent="".join(text[near:row]) + line[:end],
            suffix="".join(text[row + 1 : row + 1 + BELOW]),
            rest_of_line="",
            path=path,
        )


async def ask(workers: list[WorkerClient], prompt: Prompt, stop: StopRules, turn: int) -> Sample:
    """Ask both, each first in turn."""
    found: dict[int, Generation] = {}
    for index in (turn % 2, 1 - turn % 2):
        found[index] = await workers[index].complete(prompt, stop, line_has_text=True)
    return found[0], found[1]


async def run(lines: int, seconds: float, threads: int) -> dict[str, Any]:
    """Ask everything, or what there is time for, and sum it up."""
    settings = Settings()
    chosen = chooser(Paths.of_user())(settings)
    options = replace(load_options(settings), threads=threads)
    workers = []
    for drafts in (0, options.draft_tokens):
        worker = await WorkerClient.start(worker_command())
        loaded = await worker.load(str(chosen.file.path), replace(options, draft_tokens=drafts))
        workers.append(worker)
    fim = chosen.fim_format(description_of(loaded))
    kinds = (*SURFACES, "first of a line", "typed on")
    samples: dict[str, list[Sample]] = {name: [] for name in kinds}
    until = time.monotonic() + seconds
    for turn, contexts in enumerate(places(lines)):
        if time.monotonic() > until:
            break
        prompts = [build_prompt(context, fim, settings.prompt) for context in contexts]
        # What typing has evaluated before is not what this is about.
        for worker in workers:
            await worker.prefill(prompts[0])
        name = list(SURFACES)[turn % len(SURFACES)]
        for index, prompt in enumerate(prompts):
            sample = await ask(workers, prompt, SURFACES[name], turn + index)
            samples[name].append(sample)
            samples["typed on" if index else "first of a line"].append(sample)
    counters = await workers[1].counters()
    for worker in workers:
        await worker.close()
    result: dict[str, Any] = {name: summary(found) for name, found in samples.items()}
    generated = counters.generated_tokens
    result["threads"] = threads
    result["drafted"], result["accepted"] = counters.drafted, counters.accepted
    result["acceptance"] = round(counters.accepted / max(1, counters.drafted), 2)
    result["evaluations_per_token"] = round(1.0 - counters.accepted / max(1, generated), 2)
    return result


def per_token(generation: Generation) -> float:
    """Return milliseconds for each token of an answer."""
    spent = generation.timings.prefill + generation.timings.decode
    return spent / max(1, len(generation.logprobs))


def summary(samples: list[Sample]) -> dict[str, Any]:
    """Return medians of requests, the share of time being that of both in the same moment."""
    ratios = [per_token(drafted) / per_token(plain) for plain, drafted in samples]
    return {
        "requests": len(samples),
        "tokens": round(statistics.median(len(plain.logprobs) for plain, _ in samples), 1),
        "plain_ms": round(statistics.median(per_token(plain) for plain, _ in samples), 1),
        "drafted_ms": round(statistics.median(per_token(drafted) for _, drafted in samples), 1),
        "share_of_time": round(statistics.median(ratios), 2),
        "share_of_sum": round(
            sum(per_token(two) * len(two.logprobs) for _, two in samples)
            / sum(per_token(one) * len(one.logprobs) for one, _ in samples),
            2,
        ),
        "different": sum(plain.text != drafted.text for plain, drafted in samples),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=600.0, help="begin no line after these")
    parser.add_argument("--threads", type=int, default=load_options(Settings()).threads)
    arguments = parser.parse_args()
    result = asyncio.run(run(arguments.lines, arguments.seconds, arguments.threads))
    for name, values in result.items():
        sys.stdout.write(f"{name:<24}{values}\n")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
