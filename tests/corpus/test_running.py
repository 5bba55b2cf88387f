"""Steps over repositories: counted, resumed, and the same wherever they run."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from fimbul_models.corpus.engines import Engine, Processes, Serial
from fimbul_models.corpus.guarding import halves, pass_through
from fimbul_models.corpus.keeping import RECORDS, read_rows
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.running import Run, total
from fimbul_models.corpus.steps import Gather, Sift, rows_of
from tests.corpus.toys import (
    SIGNATURES,
    Picky,
    ToyUnit,
    contents,
    places,
    read,
    record,
    sign,
    stages,
)

UNITS = [
    ToyUnit(
        f"folder:{number}",
        {f"f{file}.py": f"a = {number * file}\n" + "generated" * (file == 3) for file in range(6)}
        | {"data": "binary"},
    )
    for number in range(8)
]


def make(work: Path, engine: Engine, units: list[ToyUnit] = UNITS) -> Run:
    run = Run(work, engine, lambda _: None, progress=False)
    run.run(Gather(work, read), places(units))
    run.run(Sift(work, stages=stages, sign=sign, signatures=SIGNATURES), places(units))
    return run


def test_what_comes_in_goes_out_or_is_dropped_with_a_reason(tmp_path: Path) -> None:
    run = Run(tmp_path, Serial(), lambda _: None, progress=False)
    gathered = run.run(Gather(tmp_path, read), places(UNITS))
    sifted = run.run(Sift(tmp_path, stages=stages), places(UNITS))
    gather, picky, late = [*total(gathered), *total(sifted)]
    assert (gather.files_in, gather.files_out, gather.reasons) == (56, 48, {"not-text": 8})
    assert (picky.files_in, picky.files_out, picky.reasons) == (48, 40, {"generated": 8})
    assert (late.files_in, late.files_out, late.reasons) == (40, 40, {})
    assert late.bytes_in == picky.bytes_out
    assert [drop.key for drop in sifted[0].drops] == ["folder:0\nf3.py"]
    kept = list(read_rows(rows_of(tmp_path, "sifted", places(UNITS)[1]), RECORDS))
    assert [one.path for one in kept] == ["f0.py", "f1.py", "f2.py", "f4.py", "f5.py"]
    assert kept[0].text == "A = 0\n"


def test_several_processes_make_the_same_bytes(tmp_path: Path) -> None:
    make(tmp_path / "one", Serial())
    make(tmp_path / "two", Processes(2))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_ray_makes_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    from fimbul_models.corpus.distributed import RayData

    make(tmp_path / "one", Serial())
    engine = RayData(processes=2)
    try:
        make(tmp_path / "ray", engine)
    finally:
        engine.close()
    assert contents(tmp_path / "one") == contents(tmp_path / "ray")


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    make(tmp_path, Serial())
    assert not make(tmp_path, Serial()).costs
    rows_of(tmp_path, "sifted", places(UNITS)[3]).with_suffix(".json").unlink()
    assert [cost.place for cost in make(tmp_path, Serial()).costs] == ["0003"]


def test_files_that_break_a_stage_are_dropped_alone() -> None:
    texts = ["a", "raise", "b", "raise too", "late", "c"]
    passage = pass_through(
        [record("folder:x", str(number), text) for number, text in enumerate(texts)], stages()
    )
    assert [one.text for one in passage.records] == ["A", "B", "C"]
    assert {(drop.key[-1], drop.reason, drop.detail) for drop in passage.drops} == {
        ("1", Reason.FAILED, "ValueError"),
        ("3", Reason.FAILED, "ValueError"),
        ("4", Reason.FAILED, "KeyError"),
    }
    assert [count.files_in for count in passage.counts] == [6, 4]


def test_a_file_that_a_stage_does_not_finish_with_is_dropped() -> None:
    records = [record("folder:x", name, name) for name in ("a", "hang", "b")]
    passage = pass_through(records, [Picky()], stall=0.2)
    assert [one.text for one in passage.records] == ["A", "B"]
    assert [drop.detail for drop in passage.drops] == ["TimeoutError"]


def test_a_file_that_ends_its_process_is_found_and_dropped(tmp_path: Path) -> None:
    said: list[str] = []
    units = [UNITS[0], UNITS[1], ToyUnit("folder:bad", {"a": "a", "b": "crash", "c": "c"})]
    run = Run(tmp_path, Processes(2), said.append, progress=False)
    run.run(Gather(tmp_path, read), places(units))
    results = run.run(
        Sift(tmp_path, stages=stages, sign=sign, signatures=SIGNATURES), places(units)
    )
    assert [drop.reason for drop in results[2].drops] == [Reason.CRASHED]
    assert results[2].drops[0].key == "folder:bad\nb"
    kept = read_rows(rows_of(tmp_path, "sifted", places(units)[2]), RECORDS)
    assert [one.text for one in kept] == ["A", "C"]
    assert said
    crashes = {count.stage: count for count in total(results)}["sift-crashes"]
    assert (crashes.files_in, crashes.files_out, crashes.reasons) == (3, 2, {"crashed": 1})


def test_a_run_that_is_killed_goes_on_and_makes_the_same_bytes(tmp_path: Path) -> None:
    make(tmp_path / "calm", Serial())
    chance = random.Random(7)
    context = multiprocessing.get_context("spawn")
    kills = 0
    for _ in range(10):
        child = context.Process(target=make, args=(tmp_path / "killed", Serial()))
        child.start()
        # The first results come late, since the interpreter has to start; so it is waited for one
        # more of them than last time, and then some moments more.
        before = sum(1 for _ in (tmp_path / "killed").rglob("*"))
        until = time.monotonic() + 60
        while child.is_alive() and time.monotonic() < until:
            if sum(1 for _ in (tmp_path / "killed").rglob("*")) > before:
                break
            time.sleep(0.001)
        time.sleep(chance.random() * 0.01)
        if child.is_alive() and child.pid:
            os.kill(child.pid, signal.SIGKILL)
            kills += 1
        child.join(60)
    make(tmp_path / "killed", Serial())
    left = {
        name: data
        for name, data in contents(tmp_path / "killed").items()
        if not name.endswith(".part")
    }
    assert kills
    assert left == contents(tmp_path / "calm")


def test_halves_finds_one_and_what_only_fails_together() -> None:
    assert halves(range(100), lambda part: 37 in part) == range(37, 38)
    assert halves("abcd", lambda part: "b" in part and "c" in part) == "abcd"
