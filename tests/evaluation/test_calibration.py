"""Learning which suggestions to show from kept answers."""

import json
import math
import random
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.answers import Record
from fimbul_models.evaluation.calibrating import Model, as_table, calibrate
from fimbul_models.evaluation.calibration import (
    LIKELIHOODS,
    Data,
    Observation,
    chances,
    choose_features,
    fit,
    is_line_right,
    is_word_right,
    knots_of,
    observe,
    read_places,
    split,
)
from fimbul_models.evaluation.driver import Answer, Likelihood
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.reliability import (
    coverage_curve,
    effect,
    interval_by_group,
    reliability,
    separation,
    threshold_for,
)
from fimbul_models.main import main
from lsp_server.completion.confidence import Calibration
from lsp_server.config.options import Show

MODEL = Model("m", "", ["m"])


def made_up(count: int, seed: int, projects: int = 6) -> list[Observation]:
    """Return observations whose true chance is a logistic function of two of their features."""
    order = random.Random(seed)
    found = []
    for number in range(count):
        mean, first = order.uniform(-3, 0), order.uniform(-4, 0)
        chance = 1 / (1 + math.exp(-(2 + 1.5 * mean + 0.5 * first)))
        values = {"mean": mean, "first": first, "noise": order.gauss(0, 1), "true": chance}
        right = order.random() < chance
        found.append(Observation(f"p{number % projects}", values, right))
    return found


def without_truth(observations: list[Observation]) -> list[Observation]:
    return [
        Observation(
            one.project,
            {name: value for name, value in one.features.items() if name != "true"},
            one.is_right,
        )
        for one in observations
    ]


def test_known_probabilities_are_found_again() -> None:
    judgement = fit(without_truth(made_up(3000, 1)))
    strange = made_up(1000, 2)
    found = chances(judgement, strange)
    true = np.array([one.features["true"] for one in strange])
    assert float(np.abs(found - true).mean()) < 0.03
    right = np.array([one.is_right for one in strange], float)
    assert reliability(found, right).error < 0.05
    assert abs(judgement.weights["noise"]) < 0.15


def test_more_features_than_one_are_better_where_they_say_more() -> None:
    seen, strange = without_truth(made_up(1500, 3)), made_up(1000, 4)
    right = np.array([one.is_right for one in strange], float)
    learned = separation(chances(fit(seen), strange), right)
    assert learned > separation(chances(fit(seen, ["mean"]), strange), right) + 0.01


def test_a_likelihood_never_counts_against_a_suggestion() -> None:
    turned = [
        Observation(
            one.project,
            {**one.features, "total": 0.0 if one.is_right else 1.0},
            one.is_right,
        )
        for one in made_up(400, 8)
    ]
    assert fit(turned, ["mean"]).weights["mean"] > 0
    assert "total" not in fit(turned, ["mean", "total"]).weights


def test_the_fewest_features_are_chosen_that_say_as_much() -> None:
    known = without_truth(made_up(600, 9))
    total = [
        Observation(
            one.project,
            {"total": 1.5 * one.features["mean"] + 0.5 * one.features["first"], **one.features},
            one.is_right,
        )
        for one in known
    ]
    assert tuple(choose_features(total)) == LIKELIHOODS
    # Where the places decide, they are taken.
    placed = [
        Observation(one.project, {"at in-word": float(number % 2)}, number % 2 == 0)
        for number, one in enumerate(made_up(200, 10, projects=5))
    ]
    assert "at in-word" in choose_features(placed)


def test_fitting_is_repeatable() -> None:
    assert fit(made_up(200, 5)) == fit(made_up(200, 5))


@pytest.mark.parametrize("turn", [1.0, 0.0, -1.0])
def test_knots_rise_whatever_the_scores_say(turn: float) -> None:
    scores = np.linspace(-2, 2, 50)
    right = (turn * scores > 0).astype(float)
    knots = knots_of(scores, right)
    for (low, below), (high, above) in pairwise(knots):
        assert low < high
        assert below < above


def test_no_project_is_on_both_sides_of_a_split() -> None:
    observations = tuple(made_up(120, 6))
    data = Data(observations, observations, tuple(f"p{n}" for n in range(6)))
    seen, unseen = split(data, ["p1", "p4"])
    assert {one.project for one in (*unseen.line, *unseen.word)} == {"p1", "p4"}
    assert {one.project for one in (*seen.line, *seen.word)} == {"p0", "p2", "p3", "p5"}
    assert not set(seen.projects) & set(unseen.projects)
    assert len(seen.line) + len(unseen.line) == 120


@pytest.mark.parametrize("held_out", [[], ["other"], [f"p{n}" for n in range(6)]])
def test_a_split_needs_projects_on_both_sides(held_out: list[str]) -> None:
    observations = tuple(made_up(30, 7))
    with pytest.raises(EvaluationError, match="held out"):
        split(Data(observations, observations, ()), held_out)


@pytest.mark.parametrize("cost", [0.05, 0.15, 0.4])
def test_a_threshold_costs_what_it_may(cost: float) -> None:
    order = np.random.default_rng(1)
    right = (order.random(400) < 0.5).astype(float)
    found = order.random(400) * 0.5 + right * 0.3
    least = threshold_for(found, right, cost)
    now = effect(found, right, least)
    assert cost - 0.01 <= now.right_left_out <= cost
    assert now.wrong_left_out > now.right_left_out
    assert threshold_for(found, right, 0.0) == 0.0


def test_reliability_of_chances_that_are_known() -> None:
    found, right = np.array([0.2, 0.2, 0.8, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])
    judged = reliability(found, right)
    assert judged.brier == pytest.approx(0.04)
    assert judged.error == pytest.approx(0.2)
    assert judged.separation == 1.0
    assert coverage_curve(found, right)[-1] == (100.0, 50.0)
    assert coverage_curve(found, right)[0] == (25.0, 100.0)


def test_an_interval_is_as_wide_as_groups_differ() -> None:
    values = np.array([1.0, 1.0, 3.0, 3.0])
    assert interval_by_group(values, ["a", "b", "a", "b"]) == (2.0, 2.0)
    low, high = interval_by_group(values, ["a", "a", "b", "b"])
    assert (low, high) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("text", "wanted", "line", "word"),
    [
        ("total(items)", "total(items)", True, True),
        ("total(items)  \nx", "total(items)", True, True),
        ("total(names)", "total(items)", False, True),
        ("totals", "total(items)", False, False),
        ("tal", "tal", True, True),
        (")", ")", True, True),
        (") + 1", ")", False, False),
    ],
)
def test_what_is_right(text: str, wanted: str, line: bool, word: bool) -> None:
    assert is_line_right(text, wanted) is line
    assert is_word_right(text, wanted) is word


def item(number: int, project: str, answer: str) -> Item:
    name = f"{project}/{number}"
    return Item(name, "python", "a.py", "x = ", "\n", answer, "key", project)


def answer_of(tokens: list[tuple[str, float]]) -> Answer:
    ends = np.cumsum([len(text) for text, _ in tokens]).tolist()
    logprobs = tuple(logprob for _, logprob in tokens)
    text = "".join(text for text, _ in tokens)
    return Answer(text, surface="line", likelihood=Likelihood(logprobs, tuple(ends), -0.1, 0.0))


def test_a_suggestion_is_judged_by_its_first_line_and_its_first_word() -> None:
    one = item(1, "p", "total(items)")
    tokens = [("total", -0.1), ("(", -0.2), ("names", -1.0), (")", -0.1)]
    data = observe([(one, Record(one.task_id, one.digest(), answer_of(tokens)))])
    (line,), (word,) = data.line, data.word
    assert not line.is_right
    assert word.is_right
    assert line.features["total"] == pytest.approx(-1.4)
    assert word.features["total"] == pytest.approx(-0.1)
    assert word.features["ending"] == pytest.approx(-0.2)
    assert line.features["at other"] == 1.0


def test_nothing_is_learned_of_answers_without_a_suggestion() -> None:
    one = item(1, "p", "total(items)")
    silent = Record(one.task_id, one.digest(), Answer("", "empty"))
    assert observe([(one, silent)]).line == ()


def folder(path: Path, count: int) -> tuple[Path, Path]:
    """Write items, and answers that are right as often as their log probabilities say."""
    order = random.Random(9)
    items, answers = path / "items.jsonl", path / "answers.jsonl"
    lines, records = [], [b"{}\n"]
    for number in range(count):
        one = item(number, f"p{number % 4}", "total(items)")
        chance = order.random()
        right = order.random() < chance
        tokens = [("total" if right else "other", math.log(chance)), ("(items)", -0.01)]
        lines.append(msgspec.json.encode(one) + b"\n")
        record = Record(one.task_id, one.digest(), answer_of(tokens))
        records.append(msgspec.json.encode(record) + b"\n")
    items.write_bytes(b"".join(lines))
    answers.write_bytes(b"".join(records) + b'{"half a li')
    return items, answers


def test_the_command_writes_weights_that_the_server_can_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items, answers = folder(tmp_path, 400)
    output, plot = tmp_path / "weights.json", tmp_path / "plot.svg"
    files = ["--items", str(items), "--answers", str(answers), "--output", str(output)]
    names = ["--hold-out", "p3", "--model", "m", "--family", "m-"]
    assert main(["calibrate", *files, *names, "--plot", str(plot)]) == 0
    found = msgspec.json.decode(output.read_bytes(), type=Calibration)
    assert found.fitted["projects"] == ["p0", "p1", "p2"]
    assert found.fitted["held_out"] == ["p3"]
    assert found.prefixes == ["m-"]
    assert plot.read_text().startswith("<svg")
    printed = capsys.readouterr().out
    figures = json.loads(printed.splitlines()[-1])
    word = figures["word"]["learned"]
    assert word["reliability"]["separation"] > 0.7
    assert word["show"]["balanced"]["wrong_left_out"] > 0.3
    least = [found.least_word[show.value]["line"] for show in (Show.EAGER, Show.SUBTLE)]
    assert least[0] < least[1]
    assert "balanced" in printed


def test_figures_are_of_the_projects_held_out(tmp_path: Path) -> None:
    data = observe(read_places(*folder(tmp_path, 200)))
    found = calibrate(data, ["p0"], MODEL)
    assert found.word["learned"].reliability.count == 50
    assert "50 suggestions" in as_table(found)


def test_files_that_hold_something_else_are_named(tmp_path: Path) -> None:
    items, answers = folder(tmp_path, 3)
    items.write_text('{"no": "item"}\n')
    with pytest.raises(EvaluationError, match=r"items\.jsonl"):
        list(read_places(items, answers))
