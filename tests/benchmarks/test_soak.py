"""A short soak with the scripted engine, and what it would notice."""

import asyncio
import json
import mmap
import signal
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchmarks.fuzz_oracle import Held, Oracle
from benchmarks.soak import Course, Plan, failures, figures, soak, waits
from benchmarks.soak_typing import Asked, change_between
from benchmarks.soak_watch import Sample, leaks, own_memory

ROOT = Path(__file__).parents[2]

SAMPLE = Sample(0.0, 100.0, 400.0, 30.0, 15, 8, 3)
STEADY = [replace(SAMPLE, seconds=float(at)) for at in range(0, 1000, 10)]


async def test_typing_with_a_worker_that_is_killed() -> None:
    plan = Plan(seconds=8.0, rate=10.0, kill_every=3.0, engine="scripted")
    course = await soak(plan, asyncio.Event(), lambda _line: None)
    found = figures(course)
    assert found["requests"] > 20
    assert found["unanswered"] == 0
    assert found["suggestions"] > 0
    assert found["documents_compared"] >= 1
    assert found["documents_differing"] == 0
    assert found["kills"] >= 1
    assert len(course.heard.told) <= 1
    # How long suggestions are away is the machine's affair.
    assert [why for why in found["failures"] if "behind a kill" not in why] == []


async def test_it_ends_at_a_signal_with_what_there_is() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.soak", "--engine", "scripted", "--minutes", "30", "--rate", "20"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(120):
            assert process.stdout is not None
            # The first look at the processes.
            said = [await process.stdout.readline()]
            process.send_signal(signal.SIGTERM)
            said += (await process.stdout.read()).splitlines()
            assert await process.wait() == 0, said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert json.loads(said[-1])["unanswered"] == 0


def test_memory_of_its_own_is_what_a_process_has_written(tmp_path: Path) -> None:
    process, size = psutil.Process(), 60_000_000
    before = own_memory(process)
    held = b"x" * size
    assert own_memory(process) - before > 0.9 * size / 1e6
    del held
    file = tmp_path / "file"
    file.write_bytes(b"x" * size)
    before = own_memory(process)
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        assert sum(mapped[::4096]) > 0
        # A library, or a model, of which other processes have the same pages.
        assert own_memory(process) - before < 0.5 * size / 1e6
        mapped.close()


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("server_mb", 106.0, "the server grew"),
        ("worker_mb", 430.0, "the worker grew"),
        ("descriptors", 16, "descriptors: 15 became 16"),
        ("threads", 99, "threads: 8 became 99"),
        ("processes", 4, "processes: 3 became 4"),
    ],
)
def test_what_grows_is_noticed(name: str, value: float, why: str) -> None:
    assert leaks(STEADY, worker_is_killed=False) == []
    grown = [
        replace(one, **{name: value}) if one.seconds > 700 else one  # type: ignore[arg-type]
        for one in STEADY
    ]
    (told,) = leaks(grown, worker_is_killed=False)
    assert why in told


def test_what_is_opened_for_a_moment_or_grows_while_it_is_warmed_up_is_no_leak() -> None:
    early = [replace(one, server_mb=50.0) if one.seconds < 200 else one for one in STEADY]
    busy = [replace(one, descriptors=15 + (one.seconds % 20 == 0)) for one in early]
    busy[-1] = replace(busy[-1], threads=9)
    assert leaks(busy, worker_is_killed=False) == []


def test_lost_requests_late_suggestions_and_wrong_documents_are_noticed() -> None:
    course = Course(Plan(60.0, 5.0, 20.0), begun=0.0, ended=60.0, kills=[20.0, 40.0])
    course.asked = [
        Asked(21.0, 21.5, has_suggestion=True),
        Asked(39.0, 40.5, has_suggestion=True),
        Asked(44.0, 44.5, has_suggestion=True),
    ]
    assert waits(course, course.kills) == [1.5, 4.5]
    course.asked += [Asked(50.0), Asked(51.0, 51.1, error="RuntimeError: no")]
    course.differing = ["file:///a.py: another"]
    course.server_is_alive = False
    told = "\n".join(failures(course))
    assert "1 requests were not answered" in told
    assert "an error: RuntimeError: no" in told
    assert "another document" in told
    assert "the server has ended" in told
    assert "1 times no suggestion" in told


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "a"),
        ("a\nb", "a\nb"),
        ("é😀x\nb", "é😀y\nb"),
        ("aaa", "aa"),
        ("a\n\nb\n", "a\n\n\nb\n"),
    ],
)
def test_the_smallest_change_makes_the_text(before: str, after: str) -> None:
    oracle = Oracle("utf-16")
    oracle.documents["a"] = Held(before, 1)
    change = change_between(before, after)
    params = {"textDocument": {"uri": "a", "version": 2}, "contentChanges": [change]}
    oracle.take({"method": "textDocument/didChange", "params": params})
    assert oracle.documents["a"].text == after
