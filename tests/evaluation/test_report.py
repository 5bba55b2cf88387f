"""Sums over answers that are few enough to be added up by hand."""

import msgspec
import pytest

from fimbul_models.evaluation.driver import Answer
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.report import (
    Judged,
    as_line,
    as_values,
    compare,
    gain_shares,
    grouped,
    judge,
    make_report,
    summarise,
)
from fimbul_models.evaluation.tables import as_table

KINDS = ("cross/after-dot", "cross/after-dot", "cross/in-word", "natural/in-word")
LANGUAGES = ("python", "go", "go", "go")
ITEMS = [
    Item(f"t{number}", language, "a", "x = ", "\n", "right(a)", kind)
    for number, (kind, language) in enumerate(zip(KINDS, LANGUAGES, strict=True))
]

RIGHT, HALF, WRONG, NONE = "right(a)", "right(b)", "wrong", ""


def answered(*texts: str, **more: object) -> list[Judged]:
    answers = {
        item.task_id: Answer(text, "" if text else "empty", **more)  # type: ignore[arg-type]
        for item, text in zip(ITEMS, texts, strict=True)
    }
    return judge(ITEMS, answers)


WITHOUT = answered(RIGHT, WRONG, WRONG, RIGHT)
WITH = answered(WRONG, RIGHT, HALF, RIGHT)
ORACLE = answered(RIGHT, RIGHT, RIGHT, RIGHT)


def test_items_fall_into_kinds_families_languages_and_all() -> None:
    groups = {name: [row.item.task_id for row in rows] for name, rows in grouped(WITH).items()}
    assert groups == {
        "cross/after-dot": ["t0", "t1"],
        "cross/in-word": ["t2"],
        "natural/in-word": ["t3"],
        "cross": ["t0", "t1", "t2"],
        "cross python": ["t0"],
        "cross go": ["t1", "t2"],
        "all": ["t0", "t1", "t2", "t3"],
    }


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (WITH[:1], ["cross/after-dot"]),
        (WITH[1:3], ["cross/after-dot", "cross/in-word", "cross"]),
        (WITH[:2], ["cross/after-dot", "cross python", "cross go"]),
    ],
)
def test_a_group_that_says_nothing_new_is_left_out(rows: list[Judged], names: list[str]) -> None:
    assert list(grouped(rows)) == names


def test_a_run_is_summed_up_by_group() -> None:
    rows = {row.group: row for row in summarise("with", WITH)}
    whole = rows["all"]
    assert (whole.n, whole.exact.mean, whole.kept) == (4, 0.5, 0)
    assert whole.identifier_f1 is not None
    assert whole.identifier_f1.mean == (0 + 1 + 0.5 + 1) / 4
    assert whole.first_identifier is not None
    assert whole.first_identifier.mean == 0.75
    assert rows["cross"].exact.mean == pytest.approx(1 / 3)
    assert whole.exact.low <= whole.exact.mean <= whole.exact.high


def test_tokens_times_and_sources_are_those_of_answers_that_have_them() -> None:
    seen = (
        Answer("a", milliseconds=9, prompt_tokens=90, context_tokens=30, sources=("twin", "tabs")),
        Answer("a", milliseconds=5, prompt_tokens=50, context_tokens=10, sources=("tabs",)),
        Answer("a", milliseconds=1, prompt_tokens=10, generated=False),
        Answer("", "disabled", milliseconds=2, generated=False),
    )
    tasks = [item.task_id for item in ITEMS]
    row = summarise("run", judge(ITEMS, dict(zip(tasks, seen, strict=True))))[-1]
    assert (row.median_prompt_tokens, row.median_context_tokens) == (50, 10)
    assert (row.median_milliseconds, row.kept) == (7, 2)
    assert row.sources == {"tabs": 2, "twin": 1}
    assert row.empty == {"disabled": 1}


def test_no_answer_may_have_needed_the_engine() -> None:
    row = summarise("run", answered(RIGHT, RIGHT, RIGHT, RIGHT, generated=False))[-1]
    assert (row.median_milliseconds, row.kept) == (None, 4)


def test_helped_and_harmed_are_counted_item_by_item() -> None:
    rows = {row.group: row for row in compare({"without": WITHOUT, "with": WITH})}
    whole = rows["all"]
    assert (whole.run, whole.against, whole.exact.n) == ("with", "without", 4)
    assert whole.exact.mean == 0
    assert (whole.helped, whole.harmed) == (1, 1)
    assert (whole.harmed_share, whole.harmed_share_of_exact) == (0.25, 0.5)
    go = rows["cross go"]
    assert (go.helped, go.harmed, go.harmed_share, go.harmed_share_of_exact) == (1, 0, 0, None)
    assert go.identifier_f1 is not None
    assert go.identifier_f1.mean == 0.75


def test_a_share_of_the_oracles_gain_is_of_the_same_items() -> None:
    runs = {"without": WITHOUT, "with": WITH, "oracle": ORACLE}
    rows = {row.group: row for row in gain_shares(runs, "oracle")}
    go = rows["cross go"]  # The run gains one of two, the oracle two of two.
    assert (go.run, go.against, go.oracle) == ("with", "without", "oracle")
    assert go.exact is not None
    assert (go.exact.mean, go.exact.n) == (0.5, 2)
    assert (go.exact.low, go.exact.high) == (0.0, 1.0)
    whole = rows["all"]
    assert whole.exact is not None
    assert whole.exact.mean == 0
    assert whole.identifier_f1 is not None
    assert whole.identifier_f1.mean == (-1 + 1 + 0.5) / 2
    assert rows["natural/in-word"].exact is None


def test_tables_and_values_hold_what_was_found() -> None:
    runs = {"without": WITHOUT, "with": WITH, "oracle": ORACLE}
    report = make_report(runs, "oracle")
    table = as_table(report)
    assert "run - without" in table
    assert "share of the gain of oracle" in table
    assert any(row.split()[:3] == ["with", "all", "4"] for row in table.splitlines())
    values = msgspec.json.decode(msgspec.json.encode(as_values(runs, report)))
    assert values["differences"][0]["against"] == "without"
    assert values["answers"]["with"][2]["identifier_f1"] == 0.5
    line = as_line(report)
    assert line["runs"]["with"]["all"]["exact"] == 0.5
    assert line["exact_differences"]["with"]["all"][0] == 0
    assert line["oracle_gain_shares"]["with"]["cross go"][0] == 0.5
    assert "natural/in-word" not in line["oracle_gain_shares"]["with"]


def test_without_other_runs_there_is_one_table() -> None:
    report = make_report({"only": WITH})
    assert (list(report.differences), list(report.gains)) == ([], [])
    assert "run - " not in as_table(report)


def test_what_is_shown_has_a_precision_of_its_own() -> None:
    row = summarise("run", answered(RIGHT, NONE, WRONG, NONE))[-1]
    assert row.precision is not None
    assert (row.exact.mean, row.precision.mean, row.shown) == (0.25, 0.5, 2)
    silent = summarise("run", answered(NONE, NONE, NONE, NONE))[-1]
    assert (silent.precision, silent.adds_errors, silent.parses, silent.shown) == (
        None, None, None, 0,
    )  # fmt: skip


def test_suggestions_that_add_syntax_errors_are_counted_among_those_shown() -> None:
    broken = answered(RIGHT, "right(", NONE, "}")
    row = summarise("run", broken)[-1]
    assert row.adds_errors is not None
    assert row.parses is not None
    assert row.parses.mean == pytest.approx(1 / 3)
    change = compare({"a": answered(*[RIGHT] * 4), "b": broken})[-1]
    assert change.right_shown == (4, 1)
    assert change.wrong_shown == (0, 2)
    assert change.added_errors[0] == 0


def test_pass_rates_are_of_the_items_that_were_tried() -> None:
    answers = {item.task_id: Answer(RIGHT) for item in ITEMS}
    tried = judge(ITEMS, answers, {"t0": True, "t1": False})
    row = summarise("run", tried)[-1]
    assert row.passed is not None
    assert (row.passed.mean, row.passed.n) == (0.5, 2)
    assert summarise("run", judge(ITEMS, answers))[-1].passed is None
    better = judge(ITEMS, answers, {"t0": True, "t1": True})
    change = compare({"a": tried, "b": better})[-1]
    assert change.passed is not None
    assert change.passed.mean == 0.5
    assert as_line(make_report({"a": tried}))["runs"]["a"]["all"]["passed"] == 0.5


BODIES = [
    Item(f"b{number}", "python", "a.py", "def f():\n    ", "\n", "a()\n    b()", "function/bare")
    for number in range(4)
]


def test_bodies_have_a_table_of_their_own() -> None:
    texts = ("a()\n    b()", "a()", "a()\n    c()\nd()", "")
    answers = {
        item.task_id: Answer(text, "" if text else "empty")
        for item, text in zip(BODIES, texts, strict=True)
    }
    report = make_report({"run": judge([*BODIES, *ITEMS], answers)})
    row = report.summaries[-1].bodies
    assert row is not None
    assert (row.n, row.exact.mean) == (4, 0.25)
    assert row.ended is not None
    assert row.ended.mean == pytest.approx(2 / 3)  # The third goes on behind the function.
    assert row.same_length is not None
    assert row.same_length.mean == pytest.approx(1 / 3)
    assert (row.median_lines, row.median_expected_lines) == (2, 2)
    assert "whole exact %" in as_table(report)
    assert as_line(report)["runs"]["run"]["function/bare"]["bodies"]["exact"] == 0.25
    assert "whole exact %" not in as_table(make_report({"run": WITH}))


def test_the_runs_stand_below_each_other_group_by_group() -> None:
    table = as_table(make_report({"before": WITHOUT, "after": WITH}))
    first = table.split("\n\n")[0].splitlines()[1:]
    names = [line.split()[0] for line in first]
    assert names == ["before", "after"] * 7
