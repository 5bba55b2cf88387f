"""All benchmarks of speed, one after the other: what `make bench` runs.

Each runs as a program of its own, so that none sees what another left behind. Prints their tables,
writes their plots and figures into a folder, and, last, prints one line of JSON with all figures.
With --quick each does as little as it can, which shows that it works and no more.

    python -m benchmarks.all [--quick] [--runs N] [--only keys,serving,…] [--output FOLDER]
"""

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

QUICK = {
    "keys": ["--sessions", "2", "--keys", "40", "--sample", "20"],
    "serving": ["--rounds", "1"],
    "busy": ["--rounds", "1", "--keys", "3"],
    "growth": ["--keys", "2"],
    "latency": ["--rounds", "1"],
    "cancel": [],
}
"""Benchmarks, the important ones first, and what they are given to be quick."""


def commands(output: Path, runs: int, *, quick: bool) -> dict[str, list[str]]:
    """Return the arguments of each benchmark that is there."""
    found = {}
    for name, least in QUICK.items():
        if importlib.util.find_spec(f"benchmarks.{name}") is None:
            continue
        arguments = list(least) if quick else []
        if name == "keys":
            arguments += ["--runs", str(runs), "--plot", str(output / "keys.svg")]
        found[name] = arguments
    return found


def run(name: str, arguments: list[str]) -> Any:
    """Run one benchmark, showing what it prints; return its figures, None if it failed."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    sys.stdout.write(f"\n== {name} {' '.join(arguments)}\n")
    sys.stdout.flush()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    *table, last = done.stdout.splitlines() or [""]
    sys.stdout.write("\n".join(table) + "\n")
    try:
        return json.loads(last)
    except ValueError:
        sys.stdout.write(f"{last}\n{name} ended with {done.returncode} and without figures.\n")
        return None


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
    todo = commands(output, arguments.runs, quick=arguments.quick)
    if arguments.only:
        todo = {name: todo[name] for name in arguments.only.split(",")}
    figures = {}
    for name, more in todo.items():
        figures[name] = run(name, more)
        (output / f"{name}.json").write_text(json.dumps(figures[name]) + "\n", encoding="utf-8")
    sys.stdout.write(f"\nplots and figures: {output}\n{json.dumps(figures)}\n")
    sys.exit(int(None in figures.values()))


if __name__ == "__main__":
    main()
