import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.items import (
    Item,
    read_humaneval,
    read_items,
    sample_kinds,
    write_items,
)

ROWS = [
    {
        "task_id": f"SingleLineInfilling/HumanEval/{number}/L0",
        "entry_point": "f",
        "prompt": "def f():\n",
        "suffix": "    return a\n",
        "canonical_solution": f"    a = {number}\n",
        "test": "",
    }
    for number in range(30)
]


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def test_a_missing_line_is_an_empty_line_in_the_document(tmp_path: Path) -> None:
    (item,) = read_humaneval(written(tmp_path / "data.jsonl.gz", ROWS[7:8]), None, 0)
    assert item == Item(
        task_id="SingleLineInfilling/HumanEval/7/L0",
        language="python",
        path="humaneval_7.py",
        prefix="def f():\n",
        suffix="\n    return a\n",
        answer="    a = 7",
        kind="SingleLineInfilling",
        test="\n\ncheck(f)\n",
    )


def test_the_test_of_a_problem_calls_its_function(tmp_path: Path) -> None:
    row = {**ROWS[0], "test": "def check(candidate):\n    assert candidate() == 0\n"}
    odd = {**row, "task_id": "SingleLineInfilling/HumanEval/1/L0", "entry_point": "f); print(1"}
    items = read_humaneval(written(tmp_path / "data.jsonl.gz", [row, odd]), None, 0)
    tests = {item.task_id: item.test for item in items}
    assert tests[row["task_id"]] == f"{row['test']}\n\ncheck(f)\n"
    assert tests[odd["task_id"]] == ""


def test_a_test_decides_no_answer(make_item: Callable[..., Item]) -> None:
    assert make_item(test="check(f)").digest() == make_item().digest()
    assert make_item(prefix="x").digest() != make_item().digest()


@pytest.mark.parametrize(
    ("kind", "is_body"), [("block/loop", True), ("function/bare", True), ("cross/other", False)]
)
def test_bodies_are_told_by_their_kind(
    make_item: Callable[..., Item], kind: str, is_body: bool
) -> None:
    assert make_item(kind=kind).is_body is is_body


def test_a_span_inside_a_line_stays_as_it_is(tmp_path: Path) -> None:
    row = {**ROWS[0], "task_id": "RandomSpanInfillingLight/HumanEval/2/1"}
    row |= {"prompt": "return number", "canonical_solution": " % 1.0", "suffix": "\n"}
    (item,) = read_humaneval(written(tmp_path / "data.jsonl.gz", [row]), None, 0)
    assert (item.prefix, item.answer, item.suffix) == ("return number", " % 1.0", "\n")
    assert item.kind == "RandomSpanInfillingLight"


def test_the_seed_decides_the_order_and_the_limit_cuts_it(tmp_path: Path) -> None:
    path = written(tmp_path / "data.jsonl.gz", ROWS)
    whole = read_humaneval(path, None, 5)
    assert sorted(item.task_id for item in whole) == sorted(row["task_id"] for row in ROWS)
    assert read_humaneval(path, 10, 5) == whole[:10]
    assert read_humaneval(path, 10, 6) != whole[:10]


def test_a_sample_has_as_many_of_each_kind(make_item: Callable[..., Item]) -> None:
    kinds = ["dot"] * 9 + ["word"] * 5 + ["comment"]
    items = [make_item(str(number), kind=kind) for number, kind in enumerate(kinds)]
    sample = sample_kinds(items, 4, seed=1)
    assert Counter(item.kind for item in sample) == {"dot": 4, "word": 4, "comment": 1}
    assert sample == sample_kinds(items, 4, seed=1)
    assert sample != sample_kinds(items, 4, seed=2)
    assert [item.kind for item in sample] != sorted(item.kind for item in sample)


@pytest.mark.parametrize("name", ["items.jsonl", "items.jsonl.gz"])
def test_items_come_back_as_they_were_written(
    tmp_path: Path, name: str, make_item: Callable[..., Item]
) -> None:
    items = [make_item("a", prefix='\t"𝄞\u2028'), make_item("b", suffix="")]
    write_items(tmp_path / name, items)
    first = (tmp_path / name).read_bytes()
    assert read_items(tmp_path / name) == items
    write_items(tmp_path / name, items)
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"task_id": "a"}\n', "line 1"),
        (b"no json\n", "line 1"),
        (b'{"task_id":1}\n', "line 1"),
        (b"\xff\n", "line 1"),
    ],
)
def test_a_file_of_something_else_is_explained(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=says):
        read_items(path)


def test_a_task_that_stands_twice_is_refused(
    tmp_path: Path, make_item: Callable[..., Item]
) -> None:
    write_items(tmp_path / "items.jsonl", [make_item("a"), make_item("a")])
    with pytest.raises(RecipeError, match="twice"):
        read_items(tmp_path / "items.jsonl")


def test_no_file_and_a_cut_file_are_explained(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        read_items(tmp_path / "none.jsonl")
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(b"{}\n" * 1000)[:20])
    with pytest.raises(RecipeError, match="cannot be read"):
        read_items(cut)
