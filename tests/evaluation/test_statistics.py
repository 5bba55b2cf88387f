import math

import pytest

from fimbul_models.evaluation.statistics import mean_interval, paired_difference


def test_equal_values_have_no_spread() -> None:
    interval = mean_interval([0.5] * 20)
    assert (interval.mean, interval.low, interval.high, interval.n) == (0.5, 0.5, 0.5, 20)


def test_an_interval_of_a_share_agrees_with_the_normal_approximation() -> None:
    interval = mean_interval([1.0] * 160 + [0.0] * 240)
    half_width = 1.96 * math.sqrt(0.4 * 0.6 / 400)
    assert interval.mean == pytest.approx(0.4)
    assert interval.low == pytest.approx(0.4 - half_width, abs=0.006)
    assert interval.high == pytest.approx(0.4 + half_width, abs=0.006)


def test_the_seed_decides_the_interval() -> None:
    values = [float(number) for number in range(30)]
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_no_values_have_no_mean() -> None:
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])


def test_a_constant_gain_shows_through_differences_between_items() -> None:
    first = {str(number): float(number % 10) for number in range(50)}
    second = {key: value + 0.25 for key, value in first.items()}
    interval = paired_difference(first, second)
    assert interval.mean == pytest.approx(0.25)
    assert interval.high - interval.low == pytest.approx(0.0, abs=1e-9)


def test_a_difference_is_second_minus_first_over_shared_items() -> None:
    interval = paired_difference({"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 0.0, "b": 1.0, "d": 5.0})
    assert (interval.mean, interval.n) == (-0.5, 2)


def test_runs_without_a_shared_item_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="at least one"):
        paired_difference({"a": 1.0}, {"b": 1.0})
