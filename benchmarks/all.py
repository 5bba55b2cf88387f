"""All benchmarks of speed, one after the other: what `make bench` runs.

Each runs as a program of its own, so that none sees what another left behind, and for a limited
time: a part that fails or takes too long costs none of the others. Prints their tables, writes
their plots, output and figures into a folder as they come, and, last, prints what became of each
part and one line of JSON with all figures. With --quick each does as little as it can, which shows
that it works and no more.

    python -m benchmarks.all [--quick] [--runs N] [--only keys,serving,…] [--output FOLDER]
"""

import argparse
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

GRACE = 60.0
"""Seconds in which a part that was told to end may sum up what it has."""

ENDING = 0.9
"""Part of its time after which a benchmark that can stops by itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark."""

    quick: tuple[str, ...]
    """What it is given to be quick."""
    minutes: float
    """Longest time; several times what it takes on two idle cores."""
    quick_minutes: float = 10.0


PARTS = {
    "keys": Part(("--sessions", "2", "--keys", "40", "--sample", "20"), 120, 20),
    "serving": Part(("--rounds", "1"), 40),
    "busy": Part(("--rounds", "1", "--keys", "3"), 40),
    "growth": Part(("--keys", "2"), 40),
    "latency": Part(("--rounds", "1"), 40),
    "cancel": Part(("--cancels", "10"), 20),
}
"""The benchmarks, the important ones first."""


@dataclass(frozen=True, slots=True)
class Task:
    """One benchmark as it is to be run."""

    name: str
    command: Sequence[str]
    seconds: float
    """Longest time."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of it."""

    state: str
    """``done``, or what went wrong."""
    seconds: float
    figures: Any = None
    """None if there are none."""


def tasks(output: Path, runs: int, *, quick: bool) -> dict[str, Task]:
    """Return the benchmarks that are there."""
    found = {}
    for name, part in PARTS.items():
        if importlib.util.find_spec(f"benchmarks.{name}") is None:
            continue
        seconds = 60 * (part.quick_minutes if quick else part.minutes)
        arguments = list(part.quick) if quick else []
        if name == "keys":
            arguments += ["--runs", str(runs), "--plot", str(output / "keys.svg")]
            arguments += ["--seconds", str(round(ENDING * seconds))]
            seconds *= runs
        command = (sys.executable, "-m", f"benchmarks.{name}", *arguments)
        found[name] = Task(name, command, seconds)
    return found


def run(task: Task, output: Path, grace: float = GRACE) -> Result:
    """Run one benchmark, show what it prints and keep that in `output`."""
    begun = time.monotonic()
    process = subprocess.Popen(
        task.command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    is_late = False
    try:
        try:
            said, _ = process.communicate(timeout=task.seconds)
        except subprocess.TimeoutExpired:
            is_late = True
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace)
            _kill_group(process)
            said, _ = process.communicate()
    finally:
        _kill_group(process)
    seconds = round(time.monotonic() - begun, 1)
    (output / f"{task.name}.txt").write_text(said, encoding="utf-8")
    sys.stdout.write(said)
    figures = _figures(said)
    return Result(_state(process.returncode, figures, is_late=is_late), seconds, figures)


def _kill_group(process: "subprocess.Popen[str]") -> None:
    """End a process and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _figures(said: str) -> Any:
    try:
        found = json.loads((said.splitlines() or [""])[-1])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _state(status: int, figures: Any, *, is_late: bool) -> str:
    if is_late:
        return "cut off by its time limit" + ("" if figures else ", without figures")
    if status:
        return f"failed with exit status {status}"
    return "done" if figures else "ended without figures"


def keep(results: Mapping[str, Result], name: str, output: Path) -> None:
    """Write the figures of the benchmark `name`, and what became of all so far."""
    place = output / f"{name}.json"
    if results[name].figures is None:
        # What an earlier call left is not of this one.
        place.unlink(missing_ok=True)
    else:
        place.write_text(json.dumps(results[name].figures) + "\n", encoding="utf-8")
    states = {
        part: {"state": result.state, "seconds": result.seconds} for part, result in results.items()
    }
    (output / "summary.json").write_text(json.dumps(states, indent=1) + "\n", encoding="utf-8")


def summary(results: Mapping[str, Result]) -> str:
    """Return what became of each benchmark, one line each."""
    return "".join(
        f"{name:<10}{result.seconds:>9.0f} s  {result.state}\n" for name, result in results.items()
    )


def main() -> None:
    """Run and print; exit with 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", type=int, default=1, help="runs of the typing benchmark")
    parser.add_argument("--only", help="names, with commas between them")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench")
    arguments = parser.parse_args()
    output = arguments.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    todo = tasks(output, arguments.runs, quick=arguments.quick)
    names = arguments.only.split(",") if arguments.only else [*todo]
    if unknown := [name for name in names if name not in todo]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(todo)}")
    # Told to end, this process first ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    results: dict[str, Result] = {}
    for name in names:
        sys.stdout.write(f"\n== {' '.join(todo[name].command[2:])}\n")
        sys.stdout.flush()
        results[name] = run(todo[name], output)
        keep(results, name, output)
        sys.stdout.write(f"{name}: {results[name].state}\n")
    sys.stdout.write(f"\n{summary(results)}\nplots and figures: {output}\n")
    sys.stdout.write(json.dumps({name: one.figures for name, one in results.items()}) + "\n")
    sys.exit(int(any(result.state != "done" for result in results.values())))


if __name__ == "__main__":
    main()
