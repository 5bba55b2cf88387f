"""Which files are nearly the same: sketches of their text, and the pairs that may be alike.

A file is the set of its runs of five words. MinHash (Broder, 1997) keeps of each of many
permutations the least hash of the set; two files agree in one with the probability of their
Jaccard similarity. Bands of several such values find pairs without comparing all (Leskovec,
Rajaraman and Ullman, Mining of Massive Datasets, chapter 3). What is found is compared exactly by
whoever asks. Knows nothing about repositories or licences.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import rensa
import xxhash
from numpy.typing import NDArray

WORDS = 5
"""Words in a shingle, as in all public pipelines for code."""

PERMUTATIONS = 256

_SEED = 20251128
_WORD = re.compile(r"\w+")
_FACTORS = np.array(
    [xxhash.xxh3_64_intdigest(b"place", place) | 1 for place in range(WORDS)], dtype=np.uint64
)
_MIXING = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_ALL_PAIRS = 24
"""Files that share a band up to which each is compared with each; of more, with some."""

_TRIANGLES = tuple(np.column_stack(np.triu_indices(count, 1)) for count in range(_ALL_PAIRS + 1))
"""Of so many files, the numbers of all pairs."""

_MANY_PAIRS = 4_000_000
"""Pairs from which on those that were found several times are made one; 64 MB."""

Shingles = NDArray[np.uint64]
"""Sorted hashes of the shingles of a file, each once."""


def words_of(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return _WORD.findall(text.lower())


def shingles_of(text: str) -> Shingles:
    """Return the shingles of a text; a text of fewer than five words has one."""
    return shingles_of_words(words_of(text))


def shingles_of_words(words: Sequence[str]) -> Shingles:
    """Return the shingles of the words of a text.

    A word is hashed once; a shingle is the sum of its words' hashes, each times an odd number of
    its place, mixed anew (Steele, Lea and Flood, 2014, the finalizer of SplitMix64).
    """
    known = {word: xxhash.xxh3_64_intdigest(word.encode()) for word in set(words)}
    hashes = np.array([known[word] for word in words], dtype=np.uint64)
    count = max(1, len(hashes) - WORDS + 1)
    sums = np.zeros(count, dtype=np.uint64)
    for place, factor in enumerate(_FACTORS):
        some = hashes[place : place + count]
        sums[: len(some)] += some * factor
    for shift, factor in _MIXING:
        sums = (sums ^ (sums >> shift)) * factor
    return np.unique(sums ^ (sums >> np.uint64(31)))


def sketch_of(shingles: Shingles) -> NDArray[np.uint32]:
    """Return the MinHash of a file, one value for each permutation."""
    matrix = rensa.RMinHash.digest_matrix_from_token_hash_sets(
        [shingles.tolist()], PERMUTATIONS, _SEED
    )
    return np.array(matrix.to_rows()[0], dtype=np.uint32)


def bands_of(sketch: NDArray[np.uint32], rows: int) -> bytes:
    """Return a hash of 64 bits for each run of `rows` values; what does not fill one is left."""
    count = PERMUTATIONS // rows
    values = np.ascontiguousarray(sketch[: count * rows].reshape(count, rows))
    hashes = [xxhash.xxh3_64_intdigest(row.tobytes()) for row in values]
    return np.array(hashes, dtype="<u8").tobytes()


def jaccard(one: Shingles, other: Shingles) -> float:
    """Return how much of two files together is in both, from 0 to 1."""
    if not len(one) and not len(other):
        return 1.0
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


def candidates(
    bands: NDArray[np.uint64], sides: NDArray[np.int64] | None = None
) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows of `bands` (files, bands) that share a band, each once, sorted.

    Of a band that very many files share each is compared with the first and the next ones only;
    those are texts that everybody has, where one is as good as the other. With `sides`, a number
    for each file, all pairs of different sides are given, and no others.
    """
    found: list[NDArray[np.int64]] = []
    for column in bands.T:
        for group in _groups(column):
            pairs = _pairs(group) if sides is None else _crossing(group, sides[group])
            if len(pairs):
                found.append(pairs)
        # Pairs that share several bands are made one now and then, to bound memory.
        if sum(map(len, found)) > _MANY_PAIRS:
            found = [np.unique(np.concatenate(found), axis=0)]
    if found:
        for one, other in np.unique(np.concatenate(found), axis=0):
            yield int(one), int(other)


def _groups(column: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """Yield the rows that have the same value, where there are several, in order."""
    order = np.argsort(column, kind="stable")
    ordered = column[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.append(begins[1:], len(ordered))
    several = ends - begins > 1
    for begin, end in zip(begins[several], ends[several], strict=True):
        yield order[begin:end]


def _pairs(group: NDArray[np.int64]) -> NDArray[np.int64]:
    count = len(group)
    if count <= _ALL_PAIRS:
        # An index of two columns gives two columns.
        return group[_TRIANGLES[count]]
    first = np.stack([np.full(count - 1, group[0]), group[1:]], axis=1)
    near = [
        np.stack([group[:-step], group[step:]], axis=1) for step in range(1, _ALL_PAIRS // 2 + 1)
    ]
    return np.concatenate([first, *near])


def _crossing(group: NDArray[np.int64], sides: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return all pairs of a group that are on different sides, the smaller number first."""
    found = [np.empty((0, 2), dtype=np.int64)]
    for side in np.unique(sides)[1:]:
        upper, lower = group[sides == side], group[sides < side]
        found.append(np.stack([np.repeat(upper, len(lower)), np.tile(lower, len(upper))], axis=1))
    return np.sort(np.concatenate(found), axis=1)


def chance_of_being_found(similarity: float, rows: int) -> float:
    """Return the probability that two files of a similarity share a band."""
    return float(1 - (1 - similarity**rows) ** (PERMUTATIONS // rows))


class Joined:
    """Which of many things belong together (union-find); the first of each set stands for it."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def first_of(self, one: int) -> int:
        """Return what stands for the set of `one`."""
        root = one
        while self._above[root] != root:
            root = self._above[root]
        while self._above[one] != root:
            self._above[one], one = root, self._above[one]
        return root

    def join(self, one: int, other: int) -> None:
        """Put the sets of two things together."""
        low, high = sorted((self.first_of(one), self.first_of(other)))
        self._above[high] = low

    def sets(self) -> list[Sequence[int]]:
        """Return all sets, of their members in order."""
        found: dict[int, list[int]] = {}
        for one in range(len(self._above)):
            found.setdefault(self.first_of(one), []).append(one)
        return list(found.values())
