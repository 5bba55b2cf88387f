"""Means with bootstrap intervals, and paired differences between two runs.

Knows nothing about what the numbers mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
"""Samples drawn with replacement for one interval; the bounds then repeat to about 0.2 points."""

_CHUNK = 1_000
"""Samples drawn at once, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the interval in which it lies."""

    mean: float
    low: float
    """2.5 % of the resampled means are below."""
    high: float
    """2.5 % of the resampled means are above."""
    n: int
    """Values that the mean is of."""


def mean_interval(values: Sequence[float], *, seed: int = 0) -> Interval:
    """Return the mean of `values` and its 95 % percentile bootstrap interval.

    The same values and seed give the same interval.

    Raises ValueError if there are no values.
    """
    if not values:
        raise ValueError("A mean needs at least one value.")
    data = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [
            data[rng.integers(len(data), size=(_CHUNK, len(data)))].mean(axis=1)
            for _ in range(RESAMPLES // _CHUNK)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(data.mean()), float(low), float(high), len(data))


def paired_difference(
    first: Mapping[str, float], second: Mapping[str, float], *, seed: int = 0
) -> Interval:
    """Return the mean of second minus first over the items both have, and its interval.

    Pairing takes out what the items have in common, so it shows smaller differences than two
    separate intervals do.

    Raises ValueError if no item is in both.
    """
    shared = sorted(first.keys() & second.keys())
    return mean_interval([second[key] - first[key] for key in shared], seed=seed)
