"""Several examples in one sequence, in an order that only the seed decides.

Each example keeps positions of its own and a number that tells it from its neighbours, so that none
sees another. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt

from fimbul_models.training.encoding import Encoded, Tokens, Weights

_OPEN = 32
"""Sequences that are looked at for room; more would pack little better and forget the order."""


@dataclass(frozen=True)
class Packed:
    """One sequence."""

    tokens: Tokens
    positions: Tokens
    """Place of each token in its own example, from 0."""
    owners: Tokens
    """Which example each token belongs to, from 0."""
    weights: Weights
    """What each token weighs as something to be foretold from those before it in its example."""
    plain: npt.NDArray[np.bool_]
    """Whether each token belongs to text from left to right."""
    last: npt.NDArray[np.bool_]
    """Whether each token is one that ends a middle."""

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.tokens)


def pack(examples: Sequence[Encoded]) -> Packed:
    """Put `examples` behind one another."""
    ends = []
    for example in examples:
        last = np.zeros(len(example), dtype=np.bool_)
        last[-1] = example.ends
        ends.append(last)
    return Packed(
        tokens=np.concatenate([one.tokens for one in examples]),
        positions=np.concatenate([np.arange(len(one), dtype=np.int64) for one in examples]),
        owners=np.concatenate(
            [np.full(len(one), number, dtype=np.int64) for number, one in enumerate(examples)]
        ),
        weights=np.concatenate([one.weights for one in examples]),
        plain=np.concatenate([np.full(len(one), one.plain) for one in examples]),
        last=np.concatenate(ends),
    )


def pack_all(examples: Iterable[Encoded], most: int) -> list[Packed]:
    """Pack `examples` into sequences of at most `most` tokens, each where it fits first.

    The order of the sequences is that of their first examples.
    """
    made: list[list[Encoded]] = []
    room: list[int] = []
    opened: list[int] = []
    for example in examples:
        place = next((number for number in opened if room[number] >= len(example)), None)
        if place is None:
            place = len(made)
            made.append([])
            room.append(most)
            opened.append(place)
            # The fullest gives way: it is the least likely to have room.
            if len(opened) > _OPEN:
                opened.remove(min(opened, key=room.__getitem__))
        made[place].append(example)
        room[place] -= len(example)
    return [pack(group) for group in made]


def shuffled_pass(examples: Sequence[Encoded], most: int, seed: int, number: int) -> list[Packed]:
    """Return the sequences of one pass over the data; every pass has an order of its own."""
    order = list(examples)
    # Repeatable, not secret.
    random = Random(f"{seed}:pass:{number}")  # noqa: S311
    random.shuffle(order)
    sequences = pack_all(order, most)
    random.shuffle(sequences)
    return sequences


def sequences_from(
    examples: Sequence[Encoded], most: int, seed: int, skipped: int
) -> Iterator[Packed]:
    """Yield sequences pass after pass, without end, behind the first `skipped` ones."""
    number = 0
    while True:
        made = shuffled_pass(examples, most, seed, number)
        yield from made[skipped:]
        skipped = max(0, skipped - len(made))
        number += 1


def by_file(examples: Iterable[Encoded], most: int) -> list[Packed]:
    """Return one sequence for each file, of as many of its examples as fit, in their order."""
    files: dict[str, list[Encoded]] = {}
    for example in examples:
        kept = files.setdefault(example.file, [])
        if sum(map(len, kept)) + len(example) <= most:
            kept.append(example)
    return [pack(kept) for kept in files.values() if kept]
