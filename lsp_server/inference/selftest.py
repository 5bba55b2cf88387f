"""Try a model in a throw-away process before it is used, and remember what held.

Some builds of llama.cpp die at the first evaluation on some processors. The self-test loads the
model with the fastest setting and evaluates real tokens; if that process dies, it tries the next
safer setting. The outcome is kept per machine, build and model, in one JSON file.
"""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock
from msgspec import structs

from lsp_server.errors import EngineCrashed, EngineError, EngineRefused
from lsp_server.inference.client import WorkerClient
from lsp_server.inference.machine import build_key, machine_key
from lsp_server.inference.protocol import LoadOptions
from lsp_server.types import Prompt, Segment, StopRules

_TEXT = (
    "def area(width, height):\n    return width * height\n\n\n"
    "def perimeter(width, height):\n    return 2 * (width + height)\n\n\n"
) * 4
"""About 150 tokens, so that the kernels for batches and for single tokens both run."""

_GENERATED = 8

LONGEST = 180.0
"""Seconds after which a self-test counts as hung; a busy machine needs about ten."""


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """What held on this machine."""

    extra_buffers: bool
    """Whether weights repacked for the processor work."""
    one_thread: bool
    """Whether only a single thread works."""
    crashes: tuple[str, ...] = ()
    """How the faster settings died."""
    load_ms: float = 0.0
    prefill_tokens_per_second: float = 0.0
    decode_ms_per_token: float = 0.0

    @property
    def full_speed(self) -> bool:
        """Whether the fastest setting held."""
        return self.extra_buffers and not self.one_thread

    def apply(self, options: LoadOptions) -> LoadOptions:
        """Return `options`, restricted to what held."""
        threads = 1 if self.one_thread else options.threads
        extra = options.extra_buffers and self.extra_buffers
        return structs.replace(options, threads=threads, extra_buffers=extra)


SETTINGS: tuple[tuple[bool, bool], ...] = ((True, False), (False, False), (False, True))
"""Pairs of extra buffers and one thread, from the fastest to the safest."""


def result_key(model_digest: str) -> str:
    """Return the key under which a result is kept."""
    return f"{machine_key()}/{build_key()}/{model_digest}"


def remembered(file: Path, key: str) -> SelfTestResult | None:
    """Return the result kept in `file` under `key`; a damaged file counts as empty."""
    entry = _read(file).get(key)
    if not isinstance(entry, dict):
        return None
    try:
        return replace(SelfTestResult(**entry), crashes=tuple(entry.get("crashes", ())))
    except TypeError:
        return None


def remember(file: Path, key: str, result: SelfTestResult) -> None:
    """Keep `result` in `file`; other entries stay."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"):
        entries = {**_read(file), key: asdict(result)}
        partial = file.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(entries, indent=1), encoding="utf-8")
        partial.replace(file)


async def run_selftest(command: Sequence[str], model: Path, options: LoadOptions) -> SelfTestResult:
    """Evaluate real tokens with ever safer settings until one holds.

    Raises EngineCrashed if none does, and EngineRefused if the file is not a model that can be
    loaded, which no setting would change.
    """
    crashes: list[str] = []
    for extra_buffers, one_thread in SETTINGS:
        trial = SelfTestResult(extra_buffers, one_thread)
        try:
            attempt = _try(command, model, trial.apply(options))
            result = await asyncio.wait_for(attempt, LONGEST)
        except TimeoutError:
            crashes.append(f"no answer within {LONGEST:.0f} s.")
            continue
        except EngineRefused:
            raise
        except EngineError as error:
            crashes.append(str(error))
            continue
        return replace(
            result, extra_buffers=extra_buffers, one_thread=one_thread, crashes=tuple(crashes)
        )
    raise EngineCrashed(
        f"The engine crashes with {model.name} in every setting ({crashes[-1]}) "
        "Run `fimbul setup --rebuild` to build it for this machine again."
    )


async def selftest_once(
    command: Sequence[str], model: Path, options: LoadOptions, *, file: Path, digest: str
) -> SelfTestResult:
    """Return the remembered result for `model`, testing it first if there is none."""
    key = result_key(digest)
    result = remembered(file, key)
    if result is None:
        result = await run_selftest(command, model, options)
        # A disk that is full or not writable costs another self-test at the next start.
        with contextlib.suppress(OSError):
            remember(file, key, result)
    return result


async def _try(command: Sequence[str], model: Path, options: LoadOptions) -> SelfTestResult:
    worker = await WorkerClient.start(command)
    try:
        started = time.perf_counter()
        await worker.load(str(model), options)
        load_ms = (time.perf_counter() - started) * 1000.0
        prompt = Prompt((Segment(_TEXT),))
        generation = await worker.complete(
            prompt, StopRules(_GENERATED, max_lines=_GENERATED), line_has_text=True
        )
    finally:
        await worker.close()
    if not generation.logprobs:
        return SelfTestResult(extra_buffers=True, one_thread=False, load_ms=load_ms)
    prefill, decode = generation.timings.prefill, generation.timings.decode
    return SelfTestResult(
        extra_buffers=True,
        one_thread=False,
        load_ms=load_ms,
        prefill_tokens_per_second=generation.prompt_tokens / prefill * 1000.0 if prefill else 0.0,
        decode_ms_per_token=decode / len(generation.logprobs),
    )


def _read(file: Path) -> dict[str, object]:
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}
