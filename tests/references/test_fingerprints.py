"""Fingerprints: two texts that share a run long enough share one, wherever it stands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.references.fingerprints import EXACT, RENAMED, Rule, grams, probes, winnow
from lsp_server.references.tokens import IDENTIFIER, Hashes

SMALL = Rule(k=3, window=4, names_count=True)


def drawn(seed: int, count: int, different: int = 1 << 60) -> Hashes:
    draw = np.random.default_rng(seed)
    return draw.integers(1 << 20, (1 << 20) + different, count, dtype=np.uint64)


def test_a_gram_depends_on_its_tokens_only() -> None:
    hashes = drawn(1, 400)
    whole = grams(hashes, EXACT)
    assert len(whole) == 381
    assert (grams(hashes[100:200], EXACT) == whole[100:181]).all()
    assert len(set(whole.tolist())) == 381
    assert not len(grams(hashes[:19], EXACT))


def test_without_names_all_identifiers_are_one() -> None:
    hashes = drawn(1, 100) & ~np.uint64(IDENTIFIER)
    names = np.arange(100) % 3 == 0
    one = np.where(names, drawn(2, 100) | np.uint64(IDENTIFIER), hashes)
    other = np.where(names, drawn(3, 100) | np.uint64(IDENTIFIER), hashes)
    assert (grams(one, RENAMED) == grams(other, RENAMED)).all()
    assert not (grams(one, EXACT) == grams(other, EXACT)).any()


@given(
    st.lists(st.integers(0, 3), max_size=40),
    st.lists(st.integers(0, 3), min_size=SMALL.least, max_size=20),
    st.lists(st.integers(0, 3), max_size=40),
    st.lists(st.integers(0, 3), max_size=40),
    st.lists(st.integers(0, 3), max_size=40),
)
def test_a_shared_run_has_a_fingerprint_that_is_looked_up(
    before: list[int], run: list[int], after: list[int], ahead: list[int], behind: list[int]
) -> None:
    # Few different tokens, so that grams are often equal.
    indexed = grams(np.array([*before, *run, *after], np.uint64) + np.uint64(7), SMALL)
    asked = grams(np.array([*ahead, *run, *behind], np.uint64) + np.uint64(7), SMALL)
    kept = set(winnow(indexed, SMALL).tolist())
    looked_up = set(probes(asked, SMALL).tolist())
    shift = len(ahead) - len(before)
    last = len(before) + len(run) - SMALL.k
    shared = [place for place in kept if len(before) <= place <= last]
    assert [place for place in shared if place + shift in looked_up]


@pytest.mark.parametrize("different", [1, 2, 5, 1 << 40])
def test_every_window_keeps_a_gram_and_few_are_kept(different: int) -> None:
    found = grams(drawn(4, 5000, different), EXACT)
    kept = winnow(found, EXACT)
    gaps = np.diff(np.concatenate(([-1], kept, [len(found)])))
    assert gaps.max() <= EXACT.window
    # Of unlike grams 2 / (window + 1) are kept.
    assert len(kept) < 5000 * 2.4 / (EXACT.window + 1)
    assert set(kept.tolist()) <= set(probes(found, EXACT).tolist())
