"""Whether another number of threads, or pieces of another size, would be faster on this machine.

Measures, and says so; nothing is changed, since what else runs there only its user knows.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lsp_server.cli.variants import ROUNDS, Bench
from lsp_server.inference.machine import physical_cores
from lsp_server.inference.recipes import request_ms
from lsp_server.inference.tuning import Settings, Times, Tried, TrySettings

WORTH_SAYING = 0.05
"""Share of a request's time below which another setting is not worth a line in one's settings."""

_BATCHES = (32, 64, 128, 256)

_MOST_CORES = 16
"""More threads than this never helped a model of this kind: memory is too slow for them."""


def settings_to_try(served: Settings, cores: int) -> list[Settings]:
    """Return what serves now, then each other number of threads, then each other batch."""
    threads = [
        count for count in range(1, min(cores, _MOST_CORES) + 1) if count <= 4 or count % 2 == 0
    ]
    others = [msgspec.structs.replace(served, threads=count) for count in threads]
    others += [msgspec.structs.replace(served, batch=size) for size in _BATCHES]
    return [served, *(settings for settings in others if settings != served)]


def measure(bench: Bench, file: Path) -> list[tuple[Settings, Times]]:
    """Take the times of a model under several settings, by turns; raise `EngineError`."""
    settings = settings_to_try(bench.settings, physical_cores())
    tried: Tried = bench.ask(
        TrySettings(model=str(file), text=bench.texts[0], rounds=ROUNDS, settings=settings), Tried
    )
    return list(zip(settings, tried.times, strict=True))


def report(tried: Sequence[tuple[Settings, Times]], user_file: Path) -> str:
    """Return for people what the settings are worth; the first is what serves now."""
    (served, now), *_ = tried
    threads = {one.threads: request_ms(times) for one, times in tried if one.batch == served.batch}
    batches = {one.batch: times.prefill for one, times in tried if one.threads == served.threads}
    lines = [
        f"Threads, time of a request by that of {served.threads}: "
        f"{_listed(threads, served.threads)}.",
        f"Tokens read at once, time by that of {served.batch}: {_listed(batches, served.batch)}.",
    ]
    best = min(threads, key=threads.__getitem__)
    saved = 1.0 - threads[best] / request_ms(now)
    if saved >= WORTH_SAYING:
        lines.append(
            f"With `threads = {best}` under [engine] in {user_file} a request would take"
            f" {saved:.0%} less time."
        )
    return "\n".join(lines)


def _listed(times: dict[int, float], served: int) -> str:
    return ", ".join(f"{key} {times[key] / times[served]:.2f}" for key in sorted(times))
