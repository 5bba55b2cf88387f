"""Packing: nothing is lost or doubled, nothing runs over, and only the seed decides the order."""

from collections import Counter
from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fimbul_models.training.encoding import Encoded
from fimbul_models.training.packing import (
    Packed,
    by_file,
    pack,
    pack_all,
    sequences_from,
    shuffled_pass,
)


def one(length: int, number: int = 0, file: str = "f") -> Encoded:
    return Encoded(
        np.full(length, number, dtype=np.int64),
        np.array([0.0] + [1.0] * (length - 1), dtype=np.float32),
        file,
        plain=number % 2 == 1,
        ends=number % 2 == 0,
    )


def whole(sequences: list[Packed]) -> Counter[tuple[int, int]]:
    """Count the examples in sequences: number and length."""
    found: Counter[tuple[int, int]] = Counter()
    for sequence in sequences:
        for owner in np.unique(sequence.owners):
            own = sequence.tokens[sequence.owners == owner]
            found[int(own[0]), len(own)] += 1
    return found


def test_each_example_keeps_places_and_owner_of_its_own() -> None:
    packed = pack([one(3, 8), one(2, 9)])
    assert packed.tokens.tolist() == [8, 8, 8, 9, 9]
    assert packed.positions.tolist() == [0, 1, 2, 0, 1]
    assert packed.owners.tolist() == [0, 0, 0, 1, 1]
    assert packed.last.tolist() == [False, False, True, False, False]
    assert packed.plain.tolist() == [False, False, False, True, True]


@given(st.lists(st.integers(2, 20), min_size=1, max_size=60))
def test_nothing_is_lost_and_nothing_runs_over(lengths: list[int]) -> None:
    examples = [one(length, number) for number, length in enumerate(lengths)]
    sequences = pack_all(examples, 20)
    assert max(map(len, sequences)) <= 20
    assert whole(sequences) == Counter(enumerate(lengths))


def test_packing_leaves_little_room() -> None:
    lengths = [3 + number * 7 % 30 for number in range(200)]
    sequences = pack_all([one(length, number) for number, length in enumerate(lengths)], 64)
    assert sum(lengths) / (64 * len(sequences)) > 0.9


def test_passes_have_orders_of_their_own_which_only_the_seed_decides() -> None:
    examples = [one(5, number) for number in range(40)]

    def told(seed: int, number: int) -> list[int]:
        made = shuffled_pass(examples, 10, seed, number)
        return [int(token) for sequence in made for token in sequence.tokens]

    assert told(1, 0) == told(1, 0)
    assert told(1, 0) != told(1, 1)
    assert told(1, 0) != told(2, 0)
    assert sorted(told(1, 0)) == sorted(told(1, 1))


def test_sequences_go_on_where_they_were_over_the_end_of_a_pass() -> None:
    examples = [one(5, number) for number in range(7)]
    first = [one.tokens.tolist() for one in islice(sequences_from(examples, 10, 3, 0), 11)]
    for skipped in (0, 3, 4, 9):
        rest = islice(sequences_from(examples, 10, 3, skipped), 11 - skipped)
        assert [one.tokens.tolist() for one in rest] == first[skipped:]


def test_a_file_is_one_sequence_of_what_fits() -> None:
    examples = [one(6, 1, "a"), one(6, 2, "b"), one(6, 3, "a"), one(3, 4, "a")]
    files = by_file(examples, 10)
    assert [file.tokens.tolist() for file in files] == [[1] * 6 + [4] * 3, [2] * 6]
