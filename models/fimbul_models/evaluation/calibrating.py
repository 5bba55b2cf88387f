"""Calibrate on kept answers: what the server is shipped with, and how well that holds.

Joins reading, fitting and judging; writes the file of weights. Knows nothing about arguments.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fimbul_models.evaluation.calibration import (
    BASELINE,
    Data,
    Observation,
    Vector,
    chances,
    choose_features,
    crossed_chances,
    fit,
    split,
)
from fimbul_models.evaluation.plots import curves
from fimbul_models.evaluation.reliability import (
    LINE_COSTS,
    WORD_COSTS,
    Effect,
    Point,
    Reliability,
    coverage_curve,
    curve_area,
    effect,
    interval_by_group,
    reliability,
    threshold_for,
)
from lsp_server.completion.confidence import Calibration, Judgement
from lsp_server.config.options import SURFACES, Show

FEWEST = 60
"""Right suggestions of a surface below which it gets the thresholds of all together."""

LEARNED, PLAIN = "learned", "mean log probability"


@dataclass(frozen=True, slots=True)
class Judged:
    """One way to judge, on the projects that were held out."""

    reliability: Reliability
    effects: Mapping[str, Effect]
    """By the value of `completion.show`."""
    curve: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Crossed:
    """The two ways compared over all projects, each judged by a fit on the others."""

    learned: Reliability
    plain: Reliability
    gain: float
    """By how much the Brier score of the learned way is lower."""
    interval: Point
    """95 % of it, by a bootstrap over projects."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a calibration came to."""

    calibration: Calibration
    line: Mapping[str, Judged]
    """Of whole suggestions, by way."""
    word: Mapping[str, Judged]
    """Of first words, by way."""
    crossed_line: Crossed
    crossed_word: Crossed


@dataclass(frozen=True, slots=True)
class Model:
    """Whose answers they are."""

    name: str
    sha256: str
    prefixes: Sequence[str]


def calibrate(data: Data, held_out: Sequence[str], model: Model, answers: str = "") -> Result:
    """Fit on some projects, choose thresholds there, and judge on those held out.

    `answers` says which they are, for the reader. Raises EvaluationError if one part has none.
    """
    seen, unseen = split(data, held_out)
    line_names, word_names = choose_features(seen.line), choose_features(seen.word)
    line, word = fit(seen.line, line_names), fit(seen.word, word_names)
    plain_line, plain_word = fit(seen.line, [BASELINE]), fit(seen.word, [BASELINE])
    calibration = Calibration(
        model=model.name,
        model_sha256=model.sha256,
        prefixes=list(model.prefixes),
        fitted={
            "answers": answers,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "suggestions": len(seen.line),
            "projects": list(seen.projects),
            "held_out": list(unseen.projects),
            "held_out_suggestions": len(unseen.line),
        },
        line=line,
        word=word,
        least_word=_by_surface(word, seen.word, WORD_COSTS, word_names),
        least_line=_by_surface(line, seen.line, LINE_COSTS, line_names),
        least_mean=_plain_thresholds(seen.word),
    )
    return Result(
        calibration,
        {
            LEARNED: _judge(line, seen.line, unseen.line, line_names),
            PLAIN: _judge(plain_line, seen.line, unseen.line, [BASELINE]),
        },
        {
            LEARNED: _judge(word, seen.word, unseen.word, word_names),
            PLAIN: _judge(plain_word, seen.word, unseen.word, [BASELINE]),
        },
        _crossed(data.line, line_names),
        _crossed(data.word, word_names),
    )


def _by_surface(
    judgement: Judgement,
    observations: Sequence[Observation],
    costs: Mapping[Show, float],
    names: Sequence[str],
) -> dict[str, dict[str, float]]:
    found = {
        name: _thresholds(judgement, _of_surface(observations, name), costs, names)
        for name in SURFACES
    }
    return {show.value: {name: found[name][show] for name in SURFACES} for show in costs}


def _of_surface(observations: Sequence[Observation], surface: str) -> Sequence[Observation]:
    own = [one for one in observations if f"surface {surface}" in one.features]
    return own if sum(one.is_right for one in own) >= FEWEST else observations


def _thresholds(
    judgement: Judgement,
    observations: Sequence[Observation],
    costs: Mapping[Show, float],
    names: Sequence[str],
) -> dict[Show, float]:
    """Return the least chance for each value of `completion.show`.

    Found with chances that each project was given by the others.
    """
    found, right = crossed_chances(judgement, observations, names), _right(observations)
    return {show: round(threshold_for(found, right, cost), 4) for show, cost in costs.items()}


def _plain_thresholds(observations: Sequence[Observation]) -> dict[str, float]:
    means = np.exp(np.array([one.features[BASELINE] for one in observations]))
    right = _right(observations)
    return {
        show.value: round(threshold_for(means, right, cost), 4) for show, cost in WORD_COSTS.items()
    }


def _right(observations: Sequence[Observation]) -> Vector:
    return np.array([one.is_right for one in observations], float)


def _judge(
    judgement: Judgement,
    seen: Sequence[Observation],
    unseen: Sequence[Observation],
    names: Sequence[str],
) -> Judged:
    found, right = chances(judgement, unseen), _right(unseen)
    least = _thresholds(judgement, seen, WORD_COSTS, names)
    return Judged(
        reliability(found, right),
        {show.value: effect(found, right, at) for show, at in least.items()},
        coverage_curve(found, right),
    )


def _crossed(observations: Sequence[Observation], names: Sequence[str]) -> Crossed:
    right = _right(observations)
    learned, plain = (
        crossed_chances(fit(observations, of_way), observations, of_way)
        for of_way in (names, [BASELINE])
    )
    gains = (plain - right) ** 2 - (learned - right) ** 2
    projects = [one.project for one in observations]
    return Crossed(
        reliability(learned, right),
        reliability(plain, right),
        float(gains.mean()),
        interval_by_group(gains, projects),
    )


def write(file: Path, calibration: Calibration) -> None:
    """Write the file of weights, for people to read."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(calibration), indent=1) + b"\n")


def as_values(result: Result) -> dict[str, Any]:
    """Return all figures, without the curves' points."""
    return {
        "fitted": result.calibration.fitted,
        **{
            name: {
                way: {
                    "reliability": _rounded(asdict(judged.reliability)),
                    "mean_precision": round(curve_area(judged.curve), 1),
                    "show": {show: _rounded(asdict(e)) for show, e in judged.effects.items()},
                }
                for way, judged in ways.items()
            }
            | {"all_projects": _crossed_values(crossed)}
            for name, ways, crossed in (
                ("line", result.line, result.crossed_line),
                ("word", result.word, result.crossed_word),
            )
        },
    }


def _crossed_values(crossed: Crossed) -> dict[str, Any]:
    return {
        LEARNED: _rounded(asdict(crossed.learned)),
        PLAIN: _rounded(asdict(crossed.plain)),
        "brier_gain": round(crossed.gain, 4),
        "brier_gain_interval": [round(end, 4) for end in crossed.interval],
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}


def as_table(result: Result) -> str:
    """Return the figures as text."""
    rows = []
    for name, ways in (("first line", result.line), ("first word", result.word)):
        for way, judged in ways.items():
            r = judged.reliability
            rows.append(
                f"{name}, {way}: {r.count} suggestions, {r.right:.1%} right; Brier {r.brier:.3f}"
                f" (constant {r.brier_constant:.3f}), calibration error {r.error:.3f}, area under"
                f" the ROC {r.separation:.3f}, mean precision {curve_area(judged.curve):.1f} %"
            )
            rows += [
                f"  {show:<9} from {e.threshold:.2f}: shown {e.shown:6.1%}, right of these"
                f" {e.precision:6.1%}; left out {e.wrong_left_out:6.1%} of the wrong,"
                f" {e.right_left_out:6.1%} of the right"
                for show, e in judged.effects.items()
            ]
    for name, crossed in (("line", result.crossed_line), ("word", result.crossed_word)):
        low, high = crossed.interval
        rows.append(
            f"first {name}, each project by the others: Brier {crossed.learned.brier:.3f} learned,"
            f" {crossed.plain.brier:.3f} {PLAIN}; {crossed.gain:.4f} lower ({low:.4f} to"
            f" {high:.4f}); calibration error {crossed.learned.error:.3f} and"
            f" {crossed.plain.error:.3f}, area under the ROC {crossed.learned.separation:.3f} and"
            f" {crossed.plain.separation:.3f}"
        )
    return "\n".join(rows)


def plot(result: Result, file: Path) -> None:
    """Draw precision over coverage on the projects held out."""
    series = {
        f"first {name}, {way}": judged.curve
        for name, ways in (("line", result.line), ("word", result.word))
        for way, judged in ways.items()
    }
    labels = ("% of suggestions shown, the surest first", "% of these that are right")
    file.write_text(curves(series, *labels, 100.0), encoding="utf-8")
