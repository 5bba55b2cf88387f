import math

import numpy as np
import pytest

from lsp_server.inference.agreement import Tally, divergences


def logits(*rows: tuple[float, ...]) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Return logits of these probabilities, shifted: only differences may count."""
    return np.log(np.array(rows, dtype=np.float32)) + np.float32(7.0)


def test_divergence_is_the_one_of_the_definition() -> None:
    first, second = logits((0.5, 0.25, 0.25)), logits((0.25, 0.25, 0.5)) - np.float32(3.0)
    expected = 0.5 * math.log(0.5 / 0.25) + 0.25 * math.log(0.25 / 0.5)
    assert divergences(first, second) == pytest.approx([expected], rel=1e-5)
    # It is not symmetric in general: the original's probabilities weigh.
    lopsided = logits((0.9, 0.05, 0.05))
    one, other = divergences(first, lopsided), divergences(lopsided, first)
    assert one[0] != pytest.approx(other[0], rel=0.01)


def test_equal_models_agree_everywhere() -> None:
    tally = Tally()
    same = np.random.default_rng(1).normal(0, 5, (40, 300)).astype(np.float32)
    tally.add(same, same.copy())
    assert (tally.positions, tally.equal, tally.agreement) == (40, 40, 1.0)
    assert tally.mean_divergence == pytest.approx(0.0, abs=1e-6)


def test_positions_add_up_over_batches() -> None:
    tally = Tally()
    tally.add(logits((0.6, 0.4), (0.3, 0.7)), logits((0.7, 0.3), (0.6, 0.4)))
    tally.add(logits((0.2, 0.8)), logits((0.1, 0.9)))
    assert (tally.positions, tally.equal) == (3, 2)
    assert tally.agreement == pytest.approx(2 / 3)
    whole = divergences(
        logits((0.6, 0.4), (0.3, 0.7), (0.2, 0.8)), logits((0.7, 0.3), (0.6, 0.4), (0.1, 0.9))
    )
    assert tally.mean_divergence == pytest.approx(whole.mean(), rel=1e-6)


def test_huge_logits_do_not_overflow() -> None:
    first = np.array([[3e4, 0.0, -3e4]], dtype=np.float32)
    assert np.isfinite(divergences(first, first - np.float32(10.0))).all()


@pytest.mark.parametrize(("missed", "possible"), [(0, True), (30, True), (31, False)])
def test_when_an_agreement_is_out_of_reach(missed: int, possible: bool) -> None:
    tally = Tally(positions=40, equal=40 - missed)
    assert tally.can_reach(0.97, 1000) is possible


def test_nothing_seen_is_no_agreement() -> None:
    assert (Tally().agreement, Tally().mean_divergence) == (0.0, 0.0)


def test_different_vocabularies_are_refused() -> None:
    with pytest.raises(ValueError, match="compared"):
        Tally().add(logits((0.5, 0.5)), logits((0.5, 0.3, 0.2)))


def test_a_candidate_with_fewer_tokens_is_compared_on_those_it_has() -> None:
    original = logits((0.5, 0.3, 0.2), (0.2, 0.2, 0.6), (0.1, 0.7, 0.2))
    # It knows the first and the last token, and says of them what the original says.
    candidate = np.ascontiguousarray(original[:, [0, 2]])
    tally = Tally()
    tally.add(original, candidate, np.array([0, 2]))
    # Only the third choice is one that it cannot make.
    assert (tally.positions, tally.equal) == (3, 2)
    assert tally.mean_divergence == pytest.approx(0.0, abs=1e-6)
