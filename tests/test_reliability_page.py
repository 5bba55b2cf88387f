"""docs/reliability.md names every fault that is injected, and tests that are there."""

import ast
import re
from pathlib import Path

import pytest

from benchmarks.faults import FAULTS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("| fault |")[2].partition("\n\n")[0].splitlines()[2:]
]
TESTS = [test for row in ROWS for test in re.findall(r"`(\w+/\w+\.py)::(\w+)`", row[-1])]


def test_every_fault_has_its_row() -> None:
    assert [row[0] for row in ROWS] == list(FAULTS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_every_row_has_a_figure_and_a_test(row: list[str]) -> None:
    fault, injected, saw, seconds, documents, test = row
    assert injected
    assert saw
    assert re.search(r"\d", seconds)
    assert documents
    assert re.search(r"`(\w+/\w+\.py)::(\w+)`", test), f"{fault} has no test"


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_the_tests_named_there_are_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {node.name for node in tree.body if isinstance(node, functions)}


@pytest.mark.parametrize("page", ["README.md", "SECURITY.md"])
def test_the_page_is_linked(page: str) -> None:
    assert "docs/reliability.md" in (ROOT / page).read_text(encoding="utf-8")
