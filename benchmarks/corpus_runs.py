"""A whole corpus, made in several ways: the same bytes, seconds and memory of each, and kills.

    python -m benchmarks.corpus_runs [--recipe FILE] [--limit N] [--ways serial:1,processes:2,ray:2]
                                     [--kills N] [--keep DIR]

Each way runs `fimbul-models corpus` as a process and in a folder of its own, and has to give the
same files as the first one. With --kills, the first way that needs no cluster is run once more,
and its whole group of processes is killed N times at random moments (seeded) before it may end;
that has to give them, too. Packages are fetched before anything is measured. Ends with one line of
JSON; the exit status is 1 if files differ.
"""

import argparse
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from fimbul_models.corpus.planning import Planner
from fimbul_models.corpus.recipe import read_corpus_recipe
from fimbul_models.corpus.units import Places
from lsp_server.config.paths import Paths

RECIPE = Path(__file__).parents[1] / "models" / "recipes" / "open-corpus.toml"

_MAIN = "import sys; from fimbul_models.main import main; sys.exit(main())"
_COMMAND = (sys.executable, "-P", "-c", _MAIN, "corpus")

_OF_A_RUN = {"report.json", "report.html"}
"""Files that tell what a run has cost, which no two runs have in common."""


@dataclass
class Made:
    """What one run has made."""

    way: str
    wall: float
    """Seconds, of all attempts together."""
    processor: float
    """Seconds of all processes that ended as its children; those of a cluster are not."""
    peak: int
    """Most bytes that all processes together have held (PSS), sampled once a second."""
    files: dict[str, str]
    """Digest of each file that was made, by its path."""
    report: dict[str, Any] = field(default_factory=dict)
    kills: int = 0


def main(arguments: list[str] | None = None) -> int:
    """Run, compare and print."""
    options = _options(arguments)
    _fetch(options)
    with tempfile.TemporaryDirectory(prefix="fimbul-corpus-") as temporary:
        folder = options.keep or Path(temporary)
        made = [_run(options, way, folder / way.replace(":", "-")) for way in options.ways]
        if options.kills:
            way = next(way for way in options.ways if not way.startswith("ray"))
            moments = _moments(options.kills, made[0].wall, options.seed)
            made.append(_run(options, way, folder / "killed", moments))
    alike = [one.files == made[0].files for one in made]
    for one, is_alike in zip(made, alike, strict=True):
        print(
            f"{one.way}{f', killed {one.kills} times' * bool(one.kills)}: {one.wall:.0f} s,"
            f" {one.processor:.0f} s of processor time, {one.peak / 2**20:.0f} MB together at most,"
            f" {'the same' if is_alike else 'OTHER'} files ({len(one.files)})"
        )
    _print_stages(made)
    values = [
        {
            "way": one.way,
            "kills": one.kills,
            "seconds": round(one.wall, 1),
            "processor_s": round(one.processor, 1),
            "peak_mb": one.peak >> 20,
            "same": is_alike,
        }
        for one, is_alike in zip(made, alike, strict=True)
    ]
    print(json.dumps({"limit": options.limit, "runs": values}))
    return 0 if all(alike) else 1


def _run(
    options: argparse.Namespace, way: str, output: Path, moments: tuple[float, ...] = ()
) -> Made:
    """Make the corpus in one way, killed after each of `moments` (seconds) and begun again."""
    engine, _, processes = way.partition(":")
    command = [*_COMMAND, "--recipe", str(options.recipe), "--output", str(output)]
    command += ["--packages", str(options.packages), "--engine", engine]
    command += ["--processes", processes or "1"]
    command += ["--limit", str(options.limit)] * (options.limit is not None)
    print(f"== {' '.join(command[4:])}", file=sys.stderr, flush=True)
    before, began, peak, kills = _spent(), time.monotonic(), 0, 0
    for moment in (*moments, None):
        with subprocess.Popen(command, start_new_session=True, stdout=sys.stderr) as process:
            ended, reached = _watch(process, moment)
        peak = max(peak, reached)
        kills += not ended
        if ended:
            if process.returncode:
                raise SystemExit(f"{way} ended with status {process.returncode}.")
            break
    wall = time.monotonic() - began
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    return Made(way, wall, _spent() - before, peak, _digests(output), report, kills)


def _watch(process: "subprocess.Popen[bytes]", moment: float | None) -> tuple[bool, int]:
    """Wait for a run, or kill it with all that it has started; say whether it ended by itself."""
    due = None if moment is None else time.monotonic() + moment
    peak, sampled = 0, 0.0
    while process.poll() is None:
        if due is not None and time.monotonic() >= due:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False, peak
        if time.monotonic() - sampled >= 1.0:
            peak, sampled = max(peak, _memory(process.pid)), time.monotonic()
        time.sleep(0.05)
    return True, peak


def _memory(pid: int) -> int:
    """Return the bytes that a process and all below it hold, what they share counted once."""
    total = 0
    try:
        found = psutil.Process(pid)
        for one in (found, *found.children(recursive=True)):
            total += one.memory_full_info().pss
    except (psutil.Error, OSError):
        # One of them has just ended; the next sample is another chance.
        return 0
    return total


def _digests(output: Path) -> dict[str, str]:
    return {
        path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.name not in _OF_A_RUN and "work" not in path.parts
    }


def _moments(count: int, wall: float, seed: int) -> tuple[float, ...]:
    """Return after how many seconds each attempt is killed: mostly well before its end.

    Together they last about twice as long as an undisturbed run, so kills meet all of its parts.
    """
    chance = random.Random(seed)  # noqa: S311  # The same moments at every run.
    return tuple(chance.uniform(0.02, 0.38) * wall for _ in range(count))


def _print_stages(made: list[Made]) -> None:
    stages = list(made[0].report["costs"])
    print("| stage | " + " | ".join(one.way for one in made) + " |")
    print("| --- |" + " ---: |" * len(made))
    for stage in stages:
        cells = (one.report["costs"].get(stage) for one in made)
        shown = (
            f"{cell['seconds']:.1f} s, {cell['memory'] / 2**20:.0f} MB" if cell else "-"
            for cell in cells
        )
        print(f"| {stage} | " + " | ".join(shown) + " |")


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fetch(options: argparse.Namespace) -> None:
    recipe = read_corpus_recipe(options.recipe)
    places = Places(
        recipe=options.recipe.parent,
        packages=options.packages,
        repositories=options.packages / "repositories",
    )
    planner = Planner(
        places, recipe.gather, recipe.packages, tell=lambda line: print(line, file=sys.stderr)
    )
    planner.list_all(recipe.sources)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--packages", type=Path, default=Paths.of_user().cache / "wheels")
    parser.add_argument("--limit", type=int, help="only the first N repositories")
    parser.add_argument(
        "--ways",
        type=lambda text: text.split(","),
        default=["serial:1", "processes:2", "ray:2"],
        help="engine:processes, by commas",
    )
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--keep", type=Path, help="keep what was made, in a folder that is empty")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
