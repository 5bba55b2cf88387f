"""Which copy of a file stays: exact and near duplicates over all repositories, and forks.

Every file is signed where it is sifted; here all signatures come together. A signature holds
hashes only: 42 bands of 8 bytes and some names, about 1.4 kB a file in memory. Pairs that
share a band are compared exactly, by shingles that lie in a file of their own; of files that
belong together the best stays. Knows nothing about where texts are kept.
"""

import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from fimbul_models.corpus.near import (
    PERMUTATIONS,
    Joined,
    Shingles,
    bands_of,
    candidates,
    jaccard,
    shingles_of,
    shingles_of_words,
    sketch_of,
    words_of,
)
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, LicenceClass, Record

STAGE = "duplicates"

_FEW = 10
"""Repositories that may have a file before it counts as one that very many have."""


class DuplicateRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What counts as a duplicate."""

    similarity: float = 0.7
    """Jaccard similarity of the sets of five words from which on files are near duplicates; 1
    leaves exact ones only. 0.7 is what the best public pipelines have come to."""
    rows: int = 6
    """Values in a band; fewer find more pairs and compare more. 6 finds 99.5 % of pairs at 0.7."""
    least_words: int = 10
    """Files of fewer words are compared exactly only; nearly all short files are alike."""
    fork_share: float = 0.6
    """Of the files of a repository that another has, too, from which on it counts as a fork."""
    fork_files: int = 5
    """Files that a fork has at least."""
    keep: bool = False
    """Leave all copies where they are, to see what they cost. They count as alike all the same
    where sides are drawn."""

    def __post_init__(self) -> None:
        """Refuse what no run could work by."""
        if not 0 < self.similarity <= 1 or not 0 < self.fork_share <= 1:
            raise ValueError("similarity and fork_share have to be above 0 and at most 1")
        if not 1 <= self.rows <= PERMUTATIONS // 2:
            raise ValueError(f"rows has to be from 1 to {PERMUTATIONS // 2}")


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file when duplicates are looked for."""

    key: str
    repository: str
    exact: str
    """xxh3 of the text with all blanks and line ends made one."""
    bands: bytes
    """64-bit hashes; empty for files that are compared exactly only."""
    shingles: int
    """How many it has; 0 for files that are compared exactly only."""
    size: int
    language: str
    licence_rank: int
    """0 is the freest class."""
    date: str


_RANKS = {one: rank for rank, one in enumerate(LicenceClass)}


def sign(record: Record, rules: DuplicateRules) -> Signature:
    """Return the signature of a file."""
    words = words_of(record.text) if rules.similarity < 1 else []
    shingles = shingles_of_words(words) if words and len(words) >= rules.least_words else None
    return Signature(
        key=record.key,
        repository=record.repository,
        exact=xxhash.xxh3_128_hexdigest(" ".join(record.text.split()).encode()),
        bands=b"" if shingles is None else bands_of(sketch_of(shingles), rules.rows),
        shingles=0 if shingles is None else len(shingles),
        size=record.size,
        language=record.language,
        licence_rank=_RANKS[record.licence_class],
        date=record.date,
    )


def bands_for(text: str, rules: DuplicateRules) -> bytes:
    """Return the bands of a text, whatever its length."""
    return bands_of(sketch_of(shingles_of(text)), rules.rows)


@dataclass
class Found:
    """What was found out about duplicates."""

    drops: dict[str, Drop] = field(default_factory=dict)
    """By key."""
    cluster_of: dict[str, str] = field(default_factory=dict)
    """Key of the file that stays, for every file."""
    forks: dict[str, str] = field(default_factory=dict)
    """Of which repository another is a fork."""
    compared: int = 0
    """Pairs that were compared exactly."""
    near: int = 0
    """Of them, pairs that are near duplicates."""


TextsOf = Callable[[Sequence[str]], Iterable[tuple[str, str]]]
"""Given keys, yields key and text of each, in any order."""


def find_duplicates(
    signatures: Sequence[Signature],
    texts_of: TextsOf,
    rules: DuplicateRules,
    folder: Path | None = None,
) -> Found:
    """Return which files are duplicates of which, and which repositories are forks.

    The order of `signatures` does not matter. Shingles of candidates lie in `folder` meanwhile.
    """
    found = Found()
    signatures = sorted(signatures, key=lambda one: one.key)
    sizes = Counter(one.repository for one in signatures)
    kept, copies = _exact(signatures, sizes)
    joined = _near(kept, texts_of, rules, found, folder)
    for members in joined.sets():
        group = [kept[number] for number in members]
        best = min(group, key=lambda one: _worth(one, sizes))
        for one in group:
            found.cluster_of[one.key] = best.key
            if one is not best:
                found.drops[one.key] = _drop(one, Reason.NEAR_DUPLICATE, best.key)
    for one, original in copies:
        found.cluster_of[one.key] = found.cluster_of[original.key]
        found.drops[one.key] = _drop(one, Reason.EXACT_DUPLICATE, original.key)
    _forks(signatures, sizes, found, rules)
    if rules.keep:
        found.drops.clear()
    return found


def _exact(
    signatures: Sequence[Signature], sizes: Mapping[str, int]
) -> tuple[list[Signature], list[tuple[Signature, Signature]]]:
    """Return one file of each text, and the others with the one that stays."""
    by_text: dict[str, list[Signature]] = {}
    for one in signatures:
        by_text.setdefault(one.exact, []).append(one)
    kept, copies = [], []
    for same in by_text.values():
        best = min(same, key=lambda one: _worth(one, sizes))
        kept.append(best)
        copies += [(one, best) for one in same if one is not best]
    return sorted(kept, key=lambda one: one.key), copies


def _worth(one: Signature, sizes: Mapping[str, int]) -> tuple[object, ...]:
    """Return what sorts the best copy first: freer, of a larger repository, newer, less deep."""
    newest = not one.date, tuple(-ord(sign) for sign in one.date)
    return one.licence_rank, -sizes[one.repository], newest, one.key.count("/"), one.key


def _drop(one: Signature, reason: Reason, detail: str) -> Drop:
    told = detail.replace("\n", " ")
    return Drop(one.key, STAGE, reason, told, one.language, one.size)


def _near(
    kept: Sequence[Signature],
    texts_of: TextsOf,
    rules: DuplicateRules,
    found: Found,
    folder: Path | None,
) -> Joined:
    joined = Joined(len(kept))
    longer = [number for number, one in enumerate(kept) if one.bands]
    for one, other in similar_pairs([kept[number] for number in longer], texts_of, rules, folder):
        found.compared += 1
        if one is not None and other is not None:
            found.near += 1
            joined.join(longer[one], longer[other])
    return joined


def similar_pairs(
    signatures: Sequence[Signature],
    texts_of: TextsOf,
    rules: DuplicateRules,
    folder: Path | None = None,
    sides: Sequence[int] | None = None,
) -> Iterator[tuple[int | None, int | None]]:
    """Yield for each pair that was compared the places of both, or nothing if they differ.

    With `sides`, a number for each file, only pairs of different sides are compared, but all.
    """
    if not signatures:
        return
    bands = np.stack([np.frombuffer(one.bands, dtype="<u8") for one in signatures])
    numbers = None if sides is None else np.array(sides, dtype=np.int64)
    pairs = [
        pair
        for pair in candidates(bands, numbers)
        if _may_be_similar(signatures[pair[0]], signatures[pair[1]], rules.similarity)
    ]
    with _Shelf(
        signatures, sorted({one for pair in pairs for one in pair}), texts_of, folder
    ) as on:
        for one, other in pairs:
            alike = jaccard(on.shingles(one), on.shingles(other)) >= rules.similarity
            yield (one, other) if alike else (None, None)


def _may_be_similar(one: Signature, other: Signature, least: float) -> bool:
    """Leave out pairs of which one is too large; sets of such sizes cannot be as similar."""
    low, high = sorted((one.shingles, other.shingles))
    return low >= high * least


class _Shelf:
    """Shingles of some files, in a temporary file that the system maps into memory."""

    def __init__(
        self,
        signatures: Sequence[Signature],
        wanted: Sequence[int],
        texts_of: TextsOf,
        folder: Path | None,
    ) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._place: dict[int, tuple[int, int]] = {}
        numbers = {signatures[number].key: number for number in wanted}
        end = 0
        for key, text in texts_of(list(numbers)):
            shingles = shingles_of(text)
            self._file.write(shingles.tobytes())
            self._place[numbers[key]] = (end, end + len(shingles))
            end += len(shingles)
        self._file.flush()
        self._all: NDArray[np.uint64] = (
            np.memmap(self._file, dtype=np.uint64, mode="r")
            if end
            else np.empty(0, dtype=np.uint64)
        )

    def shingles(self, number: int) -> Shingles:
        """Return those of one file."""
        start, end = self._place[number]
        return self._all[start:end]

    def __enter__(self) -> "_Shelf":
        return self

    def __exit__(self, *_: object) -> None:
        self._all = np.empty(0, dtype=np.uint64)
        self._file.close()


class Shared(msgspec.Struct, frozen=True):
    """How many files pairs of repositories have in common, by (the one, the other)."""

    by_few: Mapping[tuple[str, str], int]
    """Files that few repositories have, of the first that the second has, too; both ways."""
    by_many: Mapping[tuple[str, str], int]
    """Files that very many have, of the first, by the repository whose copy stays."""

    def all_of(self, one: str, other: str) -> int:
        """Return how many files of `one` the repository `other` has, too, as far as counted."""
        return self.by_few.get((one, other), 0) + self.by_many.get((one, other), 0)


def shared_files(signatures: Iterable[Signature], cluster_of: Mapping[str, str]) -> Shared:
    """Count the files that repositories share; the work grows with files, not with pairs.

    What very many have says little about any two of them, unless it is most of what they have.
    """
    members: dict[str, Counter[str]] = {}
    repositories: set[str] = set()
    for one in signatures:
        repositories.add(one.repository)
        members.setdefault(cluster_of.get(one.key, one.key), Counter())[one.repository] += 1
    few, many = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    limit = max(_FEW, math.isqrt(len(repositories)))
    for best, having in members.items():
        for repository, files in having.items():
            if len(having) <= limit:
                for other in having.keys() - {repository}:
                    few[repository, other] += files
            elif (other := best.partition("\n")[0]) != repository:
                many[repository, other] += files
    return Shared(few, many)


def _forks(
    signatures: Sequence[Signature],
    sizes: Mapping[str, int],
    found: Found,
    rules: DuplicateRules,
) -> None:
    """Find repositories most of whose files another one has, and drop what is left of them."""
    shared = shared_files(signatures, found.cluster_of)
    for repository, other in sorted({*shared.by_few, *shared.by_many}):
        files = shared.all_of(repository, other)
        large = sizes[repository] >= rules.fork_files
        is_fork = large and files >= rules.fork_share * sizes[repository]
        later = (-sizes[other], other) < (-sizes[repository], repository)
        if is_fork and later and other not in found.forks and repository not in found.forks:
            found.forks[repository] = other
    # What others have lost their copies to has to stay.
    needed = {best for key, best in found.cluster_of.items() if best != key}
    for one in signatures:
        fork_of = found.forks.get(one.repository)
        if fork_of and one.key not in found.drops and one.key not in needed:
            found.drops[one.key] = _drop(one, Reason.FORK, fork_of)
