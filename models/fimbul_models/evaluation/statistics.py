"""Means and ratios with bootstrap intervals, and paired differences between two runs.

Knows nothing about what the numbers mean.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
"""Samples drawn with replacement for one interval; the bounds then repeat to about 0.2 points."""

_CHUNK = 1_000
"""Samples drawn at once, which bounds the memory."""

_BOUNDS = (2.5, 97.5)

_Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, or a ratio of two, and the interval in which it lies."""

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
    means = np.concatenate([data[places].mean(axis=1) for places in _samples(len(data), seed)])
    low, high = np.percentile(means, _BOUNDS)
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


def ratio_interval(
    parts: Sequence[float], wholes: Sequence[float], *, seed: int = 0
) -> Interval | None:
    """Return the sum of `parts` over the sum of `wholes`, pair by pair, and its interval.

    None if the wholes do not add up to more than 0, so that there is nothing to have a share of.
    A sample in which they do not counts as infinitely much or little; so may a bound be.
    """
    above, below = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    if below.sum() <= 0:
        return None
    ratios = np.concatenate(
        [
            _ratios(above[places].sum(axis=1), below[places].sum(axis=1))
            for places in _samples(len(above), seed)
        ]
    )
    # Without a value between two others, since one of them may be infinite.
    low, high = np.percentile(ratios, _BOUNDS, method="inverted_cdf")
    return Interval(float(above.sum() / below.sum()), float(low), float(high), len(above))


def _ratios(above: _Numbers, below: _Numbers) -> _Numbers:
    defined = below > 0
    without = np.where(above == 0, 0.0, np.copysign(np.inf, above))
    return np.where(defined, above / np.where(defined, below, 1.0), without)


def _samples(size: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the places drawn for every sample, many samples at once."""
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES // _CHUNK):
        yield rng.integers(size, size=(_CHUNK, size))
