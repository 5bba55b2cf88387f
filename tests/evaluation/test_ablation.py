import pytest

from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.ablation import (
    EVERY,
    NONE,
    ablation_runs,
    as_line,
    as_table,
    cross_items,
    sum_up,
)
from fimbul_models.evaluation.driver import Answer
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.report import Judged, judge
from fimbul_models.evaluation.runs import parse_run

ITEMS = [
    Item(f"t{number}", "python", "a.py", "x = ", "\n", "y", f"{family}/in-word")
    for number, family in enumerate(("cross", "natural", "cross", "cross"))
]


def test_each_source_is_left_out_once_and_alone_once() -> None:
    base = "a:context.sources=twin+tabs,context.suffix_tokens=8,context.hint_tokens=0"
    runs = ablation_runs(parse_run(base))
    assert {run.name: run.settings().context.sources for run in runs} == {
        EVERY: ("twin", "tabs"),
        NONE: (),
        "without-twin": ("tabs",),
        "only-twin": ("twin",),
        "without-tabs": ("twin",),
        "only-tabs": ("tabs",),
    }
    assert {run.settings().context.hint_tokens for run in runs} == {0}
    assert {run.settings().context.suffix_tokens for run in runs} == {8}


def test_the_comment_above_the_line_is_left_out_like_a_source() -> None:
    runs = ablation_runs(parse_run("a:context.sources=twin,context.hint_tokens=16"))
    contexts = [(run.name, run.settings().context) for run in runs]
    assert {name: (context.sources, context.hint_tokens) for name, context in contexts} == {
        EVERY: (("twin",), 16),
        NONE: ((), 0),
        "without-twin": ((), 16),
        "only-twin": (("twin",), 0),
        "without-hint": (("twin",), 0),
        "only-hint": ((), 16),
    }


def test_the_sources_are_those_of_the_server_if_the_run_does_not_say() -> None:
    run = parse_run("a")
    assert len(ablation_runs(run)) == 2 + 2 * len(run.settings().context.sources)
    run = parse_run("a:context.hint_tokens=40")
    assert len(ablation_runs(run)) == 2 + 2 * (len(run.settings().context.sources) + 1)


def test_there_must_be_something_to_leave_out() -> None:
    with pytest.raises(RecipeError, match="no source"):
        ablation_runs(parse_run("a:context.sources=,context.hint_tokens=0"))
    with pytest.raises(RecipeError, match="no source"):
        ablation_runs(parse_run("a:context.snippet_tokens=0,context.hint_tokens=0"))
    with pytest.raises(RecipeError, match="no item of a kind"):
        cross_items(ITEMS[1:2], 60, seed=1)


def test_items_are_cross_file_ones_chosen_by_a_seed() -> None:
    assert {item.task_id for item in cross_items(ITEMS, 60, seed=1)} == {"t0", "t2", "t3"}
    assert cross_items(ITEMS, 2, seed=1) == cross_items(ITEMS, 2, seed=1)
    choices = {tuple(item.task_id for item in cross_items(ITEMS, 2, seed=n)) for n in range(20)}
    assert len(choices) > 1


def answered(texts: str, *sources: str) -> list[Judged]:
    rows = zip(ITEMS, texts, strict=True)
    return judge(ITEMS, {item.task_id: Answer(text, sources=sources) for item, text in rows})


def test_a_source_is_worth_what_is_lost_without_it_and_gained_by_it_alone() -> None:
    found = sum_up(
        {
            EVERY: answered("yyyn", "twin"),
            NONE: answered("ynnn"),
            "without-twin": answered("ynnn"),
            "only-twin": answered("yyyy"),
            "without-tabs": answered("yyyy"),
            "only-tabs": answered("nnnn"),
        }
    )
    twin, tabs = found.sources
    assert (found.every.exact.mean, found.none.exact.mean) == (0.75, 0.25)
    assert (twin.source, twin.taken, twin.left_out.exact.mean, twin.alone.exact.mean) == (
        "twin", 4, -0.5, 0.75,
    )  # fmt: skip
    assert (twin.left_out.helped, twin.left_out.harmed) == (0, 2)
    assert (tabs.source, tabs.taken, tabs.left_out.exact.mean, tabs.alone.exact.mean) == (
        "tabs", 0, 0.25, -0.25,
    )  # fmt: skip
    assert as_line(found)["left_out"] == {"twin": -0.5, "tabs": 0.25}
    lines = as_table(found).splitlines()
    assert lines[1].startswith(EVERY)
    assert [line.split()[0] for line in lines[4:]] == ["source", "twin", "tabs"]
