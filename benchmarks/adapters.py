"""What a LoRA adapter costs: changing to it, and each token under it.

Writes made-up adapters of some ranks for the default model, whose weights change nothing (one half
is zero), so that all answers are the same and only the time differs. Registers them as a training
does and chooses them as a server does. Then one worker, which has loaded the model once, is asked
for the same prompts under each of them and under none, in turn. Says how long a change takes, the
first time (the file is read) and later, without the prompt that has to be evaluated anew; how long
a token of a prompt and a token of an answer take, in time and in processor time (which other work
on the machine changes less), as a share of what they take without; and that the answers are the
same. Prints a table and, last, one line of JSON.

    python -m benchmarks.adapters [--ranks 4 8 16] [--lines N] [--seconds S] [--threads N]
"""

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gguf
import msgspec
import numpy as np
import psutil

from benchmarks.drafts import places
from lsp_server.catalogue.adapter_store import AdapterStore
from lsp_server.catalogue.adapters import Draft, Gate
from lsp_server.catalogue.repositories import identify
from lsp_server.completion.adapting import AdapterState, choose
from lsp_server.completion.serving import ChosenModel, chooser, load_options
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.container import read_container
from lsp_server.inference.engine import ModelFile
from lsp_server.inference.inspection import description_of
from lsp_server.inference.protocol import LoadOptions
from lsp_server.prompt.build import build_prompt
from lsp_server.prompt.formats import FimFormat
from lsp_server.types import NO_ADAPTER, Adapter, Generation, Prompt, StopRules

ALL = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
"""Matrices of each layer that a training changes."""
FEW = ("attn_q", "attn_v")
"""Those of them that one changes where each token has to be cheap."""

STOP = StopRules(20, 20)
NONE = "none"


def write_adapter(path: Path, model: Path, rank: int, matrices: Sequence[str] = ALL) -> Path:
    """Write an adapter for a model that changes nothing and costs what any other of its rank does.

    All values are random in one half of each pair and zero in the other.
    """
    container = read_container(model)
    architecture = container.entry("general.architecture")
    assert architecture is not None, f"{model} does not say what it is"
    writer = gguf.GGUFWriter(path, architecture.text())
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0 * rank)
    chance = np.random.default_rng(0)
    for tensor in container.tensors:
        if tensor.name.split(".")[-2] not in matrices or len(tensor.shape) != 2:
            continue
        width, height = tensor.shape
        first = chance.normal(0, 0.02, (rank, width)).astype(np.float16)
        writer.add_tensor(f"{tensor.name}.lora_a", first)
        writer.add_tensor(f"{tensor.name}.lora_b", np.zeros((height, rank), dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def registered(paths: Paths, model: ModelFile, rank: int, matrices: Sequence[str]) -> Adapter:
    """Register an adapter for this repository, and choose it as a server does."""
    here, store = Path(__file__).parent, AdapterStore(paths)
    file = write_adapter(paths.cache / "made.gguf", model.path, rank, matrices)
    manifest = store.register(
        file,
        Draft(
            name="made-up",
            base=model.name,
            base_sha256=model.digest,
            repository=identify(here),
            rank=rank,
            gates=(Gate("made up", 0.0, at_least=True, value=0.0),),
        ),
    )
    store.use(manifest.sha256, here)
    choice = choose(store, here, model, Settings())
    assert choice.state is AdapterState.IN_USE, choice.why
    assert choice.adapter is not None
    return choice.adapter


@dataclass(frozen=True, slots=True)
class Sample:
    """One prompt, evaluated anew and answered in one way."""

    answer: Generation
    swap: float
    """Milliseconds that the change of the adapter took."""
    prefill: float
    """Milliseconds for each token of the prompt, the change left out."""
    decode: float
    """Milliseconds for each token of the answer."""
    prefill_work: float
    """Processor time for each token of the prompt, in milliseconds, all threads together."""
    decode_work: float
    """The same for each token of the answer; unlike time it means something on a busy machine."""


Samples = Sequence[Mapping[str, Sample]]


async def measure(
    worker: WorkerClient, adapters: dict[str, Adapter], prompts: Sequence[Prompt], seconds: float
) -> list[dict[str, Sample]]:
    """Ask for each prompt in each way, in another order each time."""
    chance = random.Random(0)  # noqa: S311  # Nobody has to be unable to guess it.
    found: list[dict[str, Sample]] = []
    until = time.monotonic() + seconds
    for prompt in prompts:
        if time.monotonic() > until:
            break
        ways = list(adapters)
        chance.shuffle(ways)
        found.append(
            {way: await sample(worker, replace(prompt, adapter=adapters[way])) for way in ways}
        )
    return found


async def sample(worker: WorkerClient, prompt: Prompt) -> Sample:
    """Evaluate a prompt, then answer it."""
    counters, work = await worker.counters(), work_of(worker)
    made = await worker.prefill(prompt)
    swap = (await worker.counters()).swap_ms - counters.swap_ms
    between = work_of(worker)
    answer = await worker.complete(prompt, STOP, line_has_text=True)
    after = work_of(worker)
    fresh, tokens = made.prompt_tokens - made.reused_tokens, max(1, len(answer.logprobs))
    return Sample(
        answer,
        swap,
        (made.timings.prefill - swap) / fresh,
        answer.timings.decode / tokens,
        (between - work) / fresh,
        (after - between) / tokens,
    )


def work_of(worker: WorkerClient) -> float:
    """Return the processor time of a worker so far, in milliseconds."""
    times = psutil.Process(worker.pid).cpu_times()
    return 1000.0 * float(times.user + times.system)


async def run(ranks: Sequence[int], lines: int, seconds: float, threads: int) -> dict[str, Any]:
    """Measure everything, or what there is time for, and sum it up."""
    settings = Settings()
    chosen = chooser(Paths.of_user())(settings)
    options = msgspec.structs.replace(load_options(settings), threads=threads, draft_tokens=0)
    with tempfile.TemporaryDirectory() as folder:
        temporary = Paths(*[Path(folder)] * 5)
        adapters, sizes = {NONE: NO_ADAPTER}, {}
        rows = [(f"rank {rank}", rank, ALL) for rank in ranks]
        for name, rank, matrices in (*rows, ("rank 8, q and v", 8, FEW)):
            adapters[name] = registered(temporary, chosen.file, rank, matrices)
            sizes[name] = Path(adapters[name].path).stat().st_size
        # Nothing is guessed ahead, and first nothing gone back to.
        bare = msgspec.structs.replace(options, state_bytes=0)
        async with loaded(chosen, bare) as (worker, fim):
            prompts = [
                replace(build_prompt(contexts[0], fim, settings.prompt), healed="")
                for contexts in places(lines)
            ]
            # One in front, at which files are read and memory is touched for the first time.
            samples = await measure(worker, adapters, prompts[:1], seconds)
            samples += await measure(worker, adapters, prompts[1:], seconds)
        async with loaded(chosen, options) as (worker, _):
            back = await back_and_forth(worker, list(adapters.values())[:3], prompts)
    return {
        "threads": threads,
        "prompts": len(samples),
        "prompt_tokens": statistics.median(one[NONE].answer.prompt_tokens for one in samples),
        NONE: plain(samples),
        **{way: summary(samples, way, sizes[way]) for way in adapters if way != NONE},
        "back and forth": back,
    }


@contextlib.asynccontextmanager
async def loaded(
    chosen: ChosenModel, options: LoadOptions
) -> AsyncIterator[tuple[WorkerClient, FimFormat]]:
    """Yield a worker that has loaded the model, and the model's format."""
    worker = await WorkerClient.start(worker_command())
    try:
        found = await worker.load(str(chosen.file.path), options)
        yield worker, chosen.fim_format(description_of(found))
    finally:
        await worker.close()


async def back_and_forth(
    worker: WorkerClient, adapters: Sequence[Adapter], prompts: Sequence[Prompt]
) -> dict[str, float]:
    """Go round the adapters with the longest prompt, as one who works in several folders does.

    Returns milliseconds of a change that saves the work so far, and of coming back to a prompt.
    """
    longest = max(prompts, key=lambda prompt: sum(len(one.text) for one in prompt.segments))
    swaps, returns, tokens = [], [], 0
    for turn in range(8):
        for adapter in adapters:
            before = (await worker.counters()).swap_ms
            made = await worker.prefill(replace(longest, adapter=adapter))
            swap = (await worker.counters()).swap_ms - before
            if turn:
                swaps.append(swap)
                returns.append(made.timings.prefill)
                tokens = made.prompt_tokens
    return {
        "tokens": tokens,
        "swap_ms": round(statistics.median(swaps), 2),
        "slowest_swap_ms": round(max(swaps), 2),
        "back_ms": round(statistics.median(returns), 2),
        "slowest_back_ms": round(max(returns), 2),
    }


def plain(samples: Samples) -> dict[str, float]:
    """Return what the model takes without an adapter, in milliseconds."""
    later = [one[NONE] for one in samples[1:]]
    names = ("prefill", "decode", "prefill_work", "decode_work")
    return {
        f"{name}_ms": round(statistics.median(getattr(one, name) for one in later), 2)
        for name in names
    }


def summary(samples: Samples, way: str, size: int) -> dict[str, Any]:
    """Return what an adapter takes, as shares of what there is without in the same moment."""
    later = [(one[NONE], one[way]) for one in samples[1:]]
    swaps = [two.swap for _, two in later]
    result: dict[str, Any] = {
        "megabytes": round(size / 1e6, 1),
        "first_swap_ms": round(samples[0][way].swap, 1),
        "swap_ms": round(statistics.median(swaps), 2),
        "slowest_swap_ms": round(max(swaps), 2),
        "different": sum(one.answer.text != two.answer.text for one, two in later),
    }
    for name in ("decode", "decode_work", "prefill", "prefill_work"):
        shares = [getattr(two, name) / getattr(one, name) for one, two in later]
        result[f"{name}_share"] = round(statistics.median(shares), 3)
        result[f"{name}_share_95"] = [round(end, 3) for end in interval(shares)]
    return result


def interval(values: Sequence[float], draws: int = 2000) -> tuple[float, float]:
    """Return the 95 % interval of a median by the percentile bootstrap."""
    chance = random.Random(0)  # noqa: S311  # Nobody has to be unable to guess it.
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(draws))
    return medians[int(0.025 * draws)], medians[int(0.975 * draws) - 1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--lines", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=600.0, help="begin no prompt after these")
    parser.add_argument("--threads", type=int, default=load_options(Settings()).threads)
    given = parser.parse_args()
    result = asyncio.run(run(given.ranks, given.lines, given.seconds, given.threads))
    for name, values in result.items():
        sys.stdout.write(f"{name:<20}{values}\n")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
