"""Answers pass or fail by their programs; each program runs once, and a broken sandbox is seen."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.driver import Answer
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.passing import Checker, passes, program
from fimbul_models.evaluation.sandbox import Sandbox, Verdict

TEST = "assert f(1) == 2\n"
PREFIX, SUFFIX = "def f(x):\n    ", "\n    return x\n"

MakeItem = Callable[..., Item]


class Counting(Sandbox):
    """A sandbox that remembers what it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[str] = []

    async def run(self, program: str) -> Verdict:
        self.ran.append(program)
        return await super().run(program)


@pytest.fixture
def sandbox() -> Counting:
    return Counting()


def item(make: MakeItem, name: str = "t1", answer: str = "x += 1", test: str = TEST) -> Item:
    return make(name, prefix=PREFIX, suffix=SUFFIX, answer=answer, test=test)


def test_what_an_answer_replaces_is_no_part_of_the_program(make_item: MakeItem) -> None:
    one = make_item(prefix="a(", suffix=")\n", test="b()\n")
    assert program(one, Answer("1)", replaced=1)) == "a(1)\n\nb()\n"


def test_answers_pass_by_what_they_do(make_item: MakeItem, sandbox: Counting) -> None:
    items = [item(make_item, f"t{number}") for number in range(4)]
    items.append(item(make_item, "untested", test=""))
    texts = ["x = x + 1", "x += 2", "x +=", "", "x += 1"]
    answers = {
        one.task_id: Answer(text, "" if text else "empty")
        for one, text in zip(items, texts, strict=True)
    }
    found = passes(Checker(sandbox), items, {"run": answers}, print)
    assert found == {"run": {"t0": True, "t1": False, "t2": False, "t3": False}}


def test_nothing_shown_never_passes(make_item: MakeItem, sandbox: Counting) -> None:
    one = item(make_item, answer="pass", test="f(1)\n")
    (found,) = passes(Checker(sandbox), [one], {"run": {"t1": Answer("", "empty")}}, print).values()
    assert found == {"t1": False}


def test_a_program_runs_once_and_its_verdict_is_kept(
    make_item: MakeItem, sandbox: Counting, tmp_path: Path
) -> None:
    items = [item(make_item, "t0"), item(make_item, "t1")]
    runs = {name: {one.task_id: Answer("x += 1") for one in items} for name in ("a", "b")}
    passes(Checker(sandbox, tmp_path), items, runs, print)
    assert len(sandbox.ran) == 1
    # As if an earlier call had been killed while it wrote.
    kept = tmp_path / "verdicts.jsonl"
    kept.write_bytes(kept.read_bytes() + b'{"key":"a')
    again = passes(Checker(sandbox, tmp_path), items, runs, print)
    assert len(sandbox.ran) == 1
    assert again["b"] == {"t0": True, "t1": True}


def test_a_verdict_that_is_not_certain_is_not_kept(tmp_path: Path) -> None:
    class Busy(Sandbox):
        async def run(self, program: str) -> Verdict:
            return Verdict(passed=False, reason="waited")

    assert not Checker(Busy(), tmp_path).check(["pass"])[0].passed
    assert not (tmp_path / "verdicts.jsonl").exists()


def test_reference_solutions_that_fail_are_left_out_and_said(
    make_item: MakeItem, sandbox: Counting
) -> None:
    items = [item(make_item, f"t{number}") for number in range(30)]
    items[7] = item(make_item, "t7", answer="x -= 1")
    answers = {one.task_id: Answer("x += 1") for one in items}
    told: list[str] = []
    found = passes(Checker(sandbox), items, {"run": answers}, told.append)
    assert found["run"].keys() == answers.keys() - {"t7"}
    (message,) = told
    assert "1 of 30 reference solutions fail in the sandbox (t7: AssertionError)" in message


def test_a_sandbox_in_which_nothing_runs_says_nothing_about_a_model(make_item: MakeItem) -> None:
    class Broken(Sandbox):
        async def run(self, program: str) -> Verdict:
            return Verdict(passed=False, reason="killed")

    with pytest.raises(EvaluationError, match=r"1 of 1 reference solutions fail .*t1: killed"):
        passes(Checker(Broken()), [item(make_item)], {"run": {"t1": Answer("x += 1")}}, print)


def test_items_without_tests_have_no_pass_rate(make_item: MakeItem, sandbox: Counting) -> None:
    with pytest.raises(EvaluationError, match="No item carries a test"):
        passes(Checker(sandbox), [item(make_item, test="")], {"run": {}}, print)
