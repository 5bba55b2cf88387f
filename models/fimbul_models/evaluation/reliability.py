"""How well chances hold, what a threshold lets through, and which thresholds to choose.

Knows nothing about where chances come from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fimbul_models.evaluation.calibration import Vector
from lsp_server.config.options import Show

WORD_COSTS: Mapping[Show, float] = {Show.EAGER: 0.03, Show.BALANCED: 0.07, Show.SUBTLE: 0.2}
"""Share of the suggestions whose first word is right that each value of `completion.show` may
cost where they are found. On projects that were held out it was up to twice as much, and 15 % is
what `balanced` may cost there."""

LINE_COSTS: Mapping[Show, float] = {Show.EAGER: 0.0, Show.BALANCED: 0.0, Show.SUBTLE: 0.15}
"""Share of the right lines that may be left out besides; 0 asks nothing of the line. Of small
models most lines go wrong somewhere behind a right beginning, which is of use all the same."""

BINS = 10
"""Bins of the calibration error, of equal size."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reliability:
    """How well chances hold on some suggestions."""

    count: int
    right: float
    """Share of right ones."""
    brier: float
    """Mean squared difference of chance and outcome."""
    brier_constant: float
    """The same of who always says the share of right ones."""
    error: float
    """Expected calibration error: mean difference of chance and share in bins of equal size."""
    separation: float
    """Probability that a right one has a higher chance than a wrong one (area under the ROC)."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a threshold does."""

    threshold: float
    shown: float
    """Share of suggestions that are shown."""
    precision: float
    """Share of right ones among them."""
    wrong_left_out: float
    """Share of the wrong ones that are not shown."""
    right_left_out: float


def reliability(chances: Vector, right: Vector) -> Reliability:
    """Return how well `chances` hold."""
    order = np.argsort(chances, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    error = sum(len(b) * abs(chances[b].mean() - right[b].mean()) for b in bins) / len(right)
    share = float(right.mean())
    return Reliability(
        len(right),
        share,
        float(((chances - right) ** 2).mean()),
        share * (1 - share),
        float(error),
        separation(chances, right),
    )


def separation(chances: Vector, right: Vector) -> float:
    """Return the probability that a right one has a higher chance than a wrong one."""
    good, bad = chances[right > 0], chances[right == 0]
    if not (len(good) and len(bad)):
        return 0.5
    higher = (good[:, None] > bad[None, :]).mean() + 0.5 * (good[:, None] == bad[None, :]).mean()
    return float(higher)


def effect(chances: Vector, right: Vector, threshold: float) -> Effect:
    """Return what showing only chances from `threshold` on does."""
    shown = chances >= threshold
    bad = right == 0
    return Effect(
        threshold,
        float(shown.mean()),
        float(right[shown].mean()) if shown.any() else 1.0,
        float((~shown)[bad].mean()) if bad.any() else 0.0,
        float((~shown)[right > 0].mean()) if (right > 0).any() else 0.0,
    )


def threshold_for(chances: Vector, right: Vector, cost: float) -> float:
    """Return the highest threshold that leaves out at most the share `cost` of the right ones.

    A cost of 0 gives 0, which lets everything through.
    """
    good = np.sort(chances[right > 0])
    if not len(good) or not cost:
        return 0.0
    return float(good[min(len(good) - 1, int(cost * len(good)))])


def coverage_curve(chances: Vector, right: Vector) -> list[Point]:
    """Return points of coverage and precision, in percent, the surest suggestions first.

    The first point stands for a twentieth of all: fewer say nothing.
    """
    order = np.argsort(-chances, kind="stable")
    hits = np.cumsum(right[order])
    least = max(1, len(order) // 20)
    return [
        (100 * count / len(order), 100 * float(hits[count - 1]) / count)
        for count in range(least, len(order) + 1)
    ]


def interval_by_group(values: Vector, groups: Sequence[str]) -> Point:
    """Return the 95 % interval of a mean, by a seeded percentile bootstrap over groups."""
    names = sorted(set(groups))
    members = [np.flatnonzero(np.array(groups) == name) for name in names]
    sums = np.array([values[part].sum() for part in members])
    counts = np.array([len(part) for part in members])
    order = np.random.default_rng(0)
    drawn = order.integers(len(names), size=(2000, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def curve_area(curve: Sequence[Point]) -> float:
    """Return the mean precision over all coverages, in percent."""
    return float(np.mean([precision for _, precision in curve]))
