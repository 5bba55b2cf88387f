"""What a run of the pipeline has to tell: funnel, shares before and after, drops, costs.

Sums only; no text of any file. Knows nothing about how it is shown.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from fimbul_models.corpus import spread
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Counts, Drop, Record
from fimbul_models.corpus.steps import Cost

EXAMPLES = 8
"""Dropped files that are named for each reason."""


class Share(msgspec.Struct):
    """How much of a corpus is of one language, licence, origin or year."""

    files: int = 0
    bytes: int = 0
    repositories: int = 0


Shares = dict[str, Share]

ASPECTS: dict[str, Callable[[Record], str]] = {
    "language": lambda record: record.language or "unknown",
    "licence": lambda record: record.licence or record.licence_class.value,
    "licence class": lambda record: record.licence_class.value,
    "origin": lambda record: record.repository.partition(":")[0],
    "year": lambda record: record.date[:4] or "unknown",
    "role": lambda record: record.role.value,
}
"""What records are told apart by."""


class Composition:
    """Counts records by every aspect, as they come; a repository's have to come together."""

    def __init__(self) -> None:
        self.shares: dict[str, Shares] = {aspect: {} for aspect in ASPECTS}
        self._repository = ""
        self._seen: set[tuple[str, str]] = set()

    def take(self, record: Record) -> None:
        """Count one record."""
        if record.repository != self._repository:
            self._repository, self._seen = record.repository, set()
        for aspect, value_of in ASPECTS.items():
            value = value_of(record)
            share = self.shares[aspect].setdefault(value, Share())
            share.files += 1
            share.bytes += record.size
            if (aspect, value) not in self._seen:
                self._seen.add((aspect, value))
                share.repositories += 1


class Dropped(msgspec.Struct):
    """What was dropped for one reason."""

    sentence: str
    files: int = 0
    bytes: int = 0
    examples: list[str] = []
    """Keys of some of them, with the detail; spread over what came."""


class StageCost(msgspec.Struct):
    """What one stage has cost."""

    seconds: float
    memory: int
    """Most bytes that a process has held after it."""


class Account(msgspec.Struct, kw_only=True):
    """Everything that a report says."""

    name: str
    seed: int
    engine: str
    processes: int
    repositories: int
    digest: str = ""
    """Of all files of examples; the same for the same recipe, sources and versions."""
    funnel: list[Counts] = []
    dropped: dict[str, Dropped] = {}
    before: dict[str, Shares] = {}
    """By aspect, then by value: what was gathered."""
    after: dict[str, Shares] = {}
    """What is used."""
    evaluation: dict[str, Shares] = {}
    """The same of the test split, so that a bias that both share shows."""
    languages: list[spread.Share] = []
    """How the languages of what was gathered are spread over repositories."""
    clusters: dict[int, int] = {}
    """How many clusters of duplicates there are of each size."""
    redacted: dict[str, int] = {}
    """Spans replaced, by kind."""
    splits: dict[str, dict[str, int]] = {}
    """Repositories, files, bytes and examples of each side."""
    examples: dict[str, int] = {}
    """Examples by kind."""
    strictness: dict[str, float] = {}
    """Share of the bytes that each strictness about licences would keep."""
    balance: dict[str, dict[str, float]] = {}
    """Shares before and after balancing, by language or class."""
    costs: dict[str, StageCost] = {}
    seconds: float = 0.0
    """Of the whole run, by the clock; of a run that went on, the last part."""


def account_drops(drops: Iterable[Drop]) -> dict[str, Dropped]:
    """Return what was dropped by reason, most files first."""
    found: dict[Reason, list[Drop]] = {}
    for drop in drops:
        found.setdefault(drop.reason, []).append(drop)
    most = sorted(found.items(), key=lambda item: (-len(item[1]), item[0].value))
    return {
        reason.value: Dropped(
            reason.sentence,
            len(some),
            sum(drop.size for drop in some),
            [_example(drop) for drop in some[:: -(-len(some) // EXAMPLES)]],
        )
        for reason, some in most
    }


def _example(drop: Drop) -> str:
    repository, _, path = drop.key.partition("\n")
    detail = f" ({drop.detail})" if drop.detail else ""
    return f"{repository} {path}{detail}".replace("\n", " ")


def account_costs(costs: Iterable[Cost]) -> dict[str, StageCost]:
    """Return what each step, and within it each stage, has cost over all repositories."""
    sums: dict[str, StageCost] = {}
    for cost in costs:
        _add(sums, cost.step, cost.seconds, cost.memory)
        for stage, seconds in cost.stages.items():
            _add(sums, f"{cost.step}: {stage}", seconds, cost.stage_memory.get(stage, 0))
    return sums


def _add(sums: dict[str, StageCost], name: str, seconds: float, memory: int) -> None:
    into = sums.setdefault(name, StageCost(0.0, 0))
    into.seconds += seconds
    into.memory = max(into.memory, memory)


def cluster_sizes(cluster_of: Mapping[str, str]) -> dict[int, int]:
    """Return how many clusters there are of each size, from the cluster of each file."""
    return dict(sorted(Counter(Counter(cluster_of.values()).values()).items()))
