import math

import pytest

from fimbul_models.evaluation.statistics import mean_interval, paired_difference, ratio_interval


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


def test_a_ratio_is_of_the_sums() -> None:
    ratio = ratio_interval([1.0, 0.0, 2.0, -1.0], [1.0, 1.0, 1.0, 1.0])
    assert ratio is not None
    assert (ratio.mean, ratio.n) == (0.5, 4)
    assert ratio.low <= ratio.mean <= ratio.high


def test_a_constant_ratio_has_no_spread() -> None:
    ratio = ratio_interval([0.5, 1.0, 1.5] * 9, [1.0, 2.0, 3.0] * 9)
    assert ratio is not None
    assert [ratio.low, ratio.high] == pytest.approx([0.5, 0.5])


def test_pairs_stay_together_in_every_sample() -> None:
    # Where one grows so does the other: apart from each other the interval would be far wider.
    parts = [0.0, 8.0] * 40
    ratio = ratio_interval(parts, [value + 1.0 for value in parts])
    assert ratio is not None
    assert ratio.low > 0.7


@pytest.mark.parametrize("wholes", [[0.0, 0.0], [1.0, -1.0], [-1.0, 0.0]])
def test_there_is_no_share_of_nothing(wholes: list[float]) -> None:
    assert ratio_interval([1.0, 1.0], wholes) is None


def test_samples_without_a_whole_make_a_bound_infinite() -> None:
    ratio = ratio_interval([1.0, 1.0, 1.0], [1.0, 0.0, 0.0])
    assert ratio is not None
    assert (ratio.mean, ratio.low, ratio.high) == (3.0, 1.0, math.inf)
