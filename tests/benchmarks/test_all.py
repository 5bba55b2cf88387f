"""One benchmark that fails or hangs costs none of the others."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.all import PARTS, Result, Task, keep, run, summary, tasks

FIGURES = 'import json; print("a table"); print(json.dumps({"ms": 5}))'
SUMS_UP = f"""
import signal, sys, time
def end(*_):
    exec({FIGURES!r})
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("begun", flush=True)
time.sleep(600)
"""
DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("begun", flush=True)
subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])
"""


def task(code: str, seconds: float = 60.0) -> Task:
    return Task("part", (sys.executable, "-c", code), seconds)


@pytest.mark.parametrize(
    ("code", "state", "figures"),
    [
        (FIGURES, "done", {"ms": 5}),
        ("print('no figures')", "ended without figures", None),
        ("", "ended without figures", None),
        ("print(5)", "ended without figures", None),
        ("raise SystemExit(3)", "failed with exit status 3", None),
        (f"{FIGURES}; raise SystemExit(1)", "failed with exit status 1", {"ms": 5}),
    ],
)
def test_what_becomes_of_a_part_is_said(
    tmp_path: Path, code: str, state: str, figures: object
) -> None:
    result = run(task(code), tmp_path)
    assert (result.state, result.figures) == (state, figures)


def test_a_part_that_takes_too_long_may_sum_up(tmp_path: Path) -> None:
    result = run(task(SUMS_UP, seconds=5.0), tmp_path)
    assert (result.state, result.figures) == ("cut off by its time limit", {"ms": 5})


def test_a_part_that_does_not_listen_is_ended_with_all_it_started(tmp_path: Path) -> None:
    result = run(task(DEAF, seconds=5.0), tmp_path, grace=0.2)
    assert result.state == "cut off by its time limit, without figures"
    # The pipe has ended, so nobody is left who could write into it.
    assert (tmp_path / "part.txt").read_text() == "begun\n"


def test_figures_are_written_as_they_come_and_old_ones_go(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    results = {"good": Result("done", 1.0, {"ms": 5})}
    keep(results, "good", tmp_path)
    results["bad"] = Result("failed with exit status 1", 2.0)
    keep(results, "bad", tmp_path)
    assert json.loads((tmp_path / "good.json").read_text()) == {"ms": 5}
    assert not (tmp_path / "bad.json").exists()
    states = json.loads((tmp_path / "summary.json").read_text())
    assert [row["state"] for row in states.values()] == ["done", "failed with exit status 1"]
    assert summary(results).splitlines()[1].split(maxsplit=3)[3] == "failed with exit status 1"


def test_every_part_has_a_time_limit_and_typing_ends_by_itself(tmp_path: Path) -> None:
    found = tasks(tmp_path, 3, quick=False)
    assert [*found] == [*PARTS]
    assert all(one.seconds > 0 for one in found.values())
    command = list(found["keys"].command)
    seconds = float(command[command.index("--seconds") + 1])
    assert 3 * seconds < found["keys"].seconds
