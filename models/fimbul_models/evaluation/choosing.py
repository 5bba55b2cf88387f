"""Choose places out of many, by shares and in turn, the same ones every time.

Knows nothing about what the places are.
"""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar


class _OfProject(Protocol):
    @property
    def project(self) -> str: ...


_Place = TypeVar("_Place", bound=_OfProject)


def counts(shares: Mapping[str, float], number: int) -> dict[str, int]:
    """Return whole numbers in the proportion of `shares`, `number` together, rare ones first."""
    total = sum(shares.values())
    found = {name: int(number * share / total) for name, share in shares.items()}
    largest = max(found, key=found.__getitem__)
    found[largest] += number - sum(found.values())
    return dict(sorted(found.items(), key=lambda entry: entry[1]))


def in_turn(places: Sequence[_Place], seed: str) -> Iterator[_Place]:
    """Yield `places` in a random order, project by project in turn."""
    order = random.Random(seed)  # noqa: S311  # Repeatable, not secret.
    queues: dict[str, list[_Place]] = {}
    for place in order.sample(places, len(places)):
        queues.setdefault(place.project, []).append(place)
    for turn in itertools.zip_longest(*(queues[name] for name in sorted(queues))):
        yield from (place for place in turn if place is not None)
