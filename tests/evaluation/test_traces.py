"""Typing a file again ends with that file, takes the stated time, and is the same at every run."""

import statistics
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.sessions import is_fitting
from fimbul_models.evaluation.traces import BRISK, CALM, Block, Step, blocks, gaps, typed, unit_of
from lsp_server.types import Position

EXAMPLES = Path(__file__).parents[2] / "examples"
BRACES = """\
package main

func outer(values []string) map[string]int {
\tcounts := map[string]int{}
\tfor _, value := range values {
\t\tcounts[value]++
\t\tif len(value) > 3 && (counts[value] > 1 ||
\t\t\tvalue == "odd") {
\t\t\treport(
\t\t\t\tvalue, (int)(4), `it's`)
\t\t}
\t}
\treturn counts
}

func main() {
\touter([]string{"a"})
}
"""


def go_block() -> Block:
    head, text = BRACES.split("int {\n", 1)
    body, rest = text.split("\n}\n", 1)
    return Block("outer.go", f"{head}int {{", body, "\n}\n" + rest)


def all_blocks() -> list[Block]:
    paths = [path for path in sorted(EXAMPLES.iterdir()) if path.is_file()]
    found = [block for path in paths for block in blocks(path.name, path.read_text("utf-8"))]
    return [*found, go_block()]


@pytest.mark.parametrize("habits", [replace(CALM, import_every=0), BRISK])
@pytest.mark.parametrize("block", all_blocks(), ids=lambda block: block.path)
def test_what_was_typed_is_the_file_again(block: Block, habits: object) -> None:
    assert isinstance(habits, type(BRISK))
    other = Block("other.py", "a = 1", "b = 2", "\n")
    last = [step for step in typed(block, other, habits) if step.path == block.path][-1]

    assert "".join(last.lines) == f"{block.above}\n{block.text}{block.below}"


def test_a_trace_is_the_same_at_every_run() -> None:
    block = go_block()
    first, second = list(typed(block, None, BRISK)), list(typed(block, None, BRISK))

    assert first == second
    assert list(gaps(first, 3)) == list(gaps(first, 3))
    assert list(gaps(first, 3)) != list(gaps(first, 4))


def test_brisk_habits_bring_every_kind_of_event_soon() -> None:
    seen: set[str] = set()
    for block in all_blocks():
        other = Block("other.py", "a = 1", "b = 2", "\n")
        seen |= {step.event for step in list(typed(block, other, BRISK))[:160]}

    assert seen >= {
        "key",
        "enter",
        "auto-close",
        "typed-over closer",
        "correction",
        "paste",
        "undo",
        "tab switch",
    }


def test_gaps_have_the_stated_median_and_bursts() -> None:
    other = Block("other.py", "a = 1", "b = 2", "\n")
    traces = [list(typed(block, other, BRISK))[:120] for block in all_blocks() * 4]
    found = [gap for seed, steps in enumerate(traces) for gap in gaps(steps, seed)]
    quick = [gap < 0.1 for gap in found]
    after_quick = [now for before, now in pairwise(quick) if before]

    assert statistics.median(found) == pytest.approx(0.15, abs=0.012)
    assert statistics.mean(quick) == pytest.approx(0.2, abs=0.04)
    assert statistics.mean(after_quick) > 1.2 * statistics.mean(quick)


def test_a_typist_thinks_after_enter_and_looks_after_a_tab_switch() -> None:
    key, enter, tab = (
        Step(event, "a", ("",), Position(0, 0)) for event in ("key", "enter", "tab switch")
    )
    one, two, three = (next(gaps([step], 7)) for step in (key, enter, tab))

    assert one < two < three


def test_indentation_is_the_file_s() -> None:
    assert unit_of(go_block()) == "\t"
    assert unit_of(Block("a.ts", "if (a) {", "  b();\n  if (c) {\n    d();\n  }", "\n}\n")) == "  "
    assert unit_of(Block("a.py", "a = 1", "b = 2", "\n")) == "    "


def test_sessions_are_code_within_files() -> None:
    around = "\n".join(["a = 1"] * 12)
    code, prose = "\n".join(["b = 2"] * 30), "\n".join(["# why"] * 30)

    assert is_fitting(Block("a.py", around, code, "\n" + around))
    assert not is_fitting(Block("a.py", around, prose, "\n" + around))
    assert not is_fitting(Block("a.py", around, code, "\n"))
