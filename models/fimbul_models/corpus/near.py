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
_ALL_PAIRS = 24
"""Files that share a band up to which each is compared with each; of more, with some."""

Shingles = NDArray[np.uint64]
"""Sorted hashes of the shingles of a file, each once."""


def words_of(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return _WORD.findall(text.lower())


def shingles_of(text: str) -> Shingles:
    """Return the shingles of a text; a text of fewer than five words has one."""
    words = words_of(text)
    hashes = [
        xxhash.xxh3_64_intdigest(" ".join(words[start : start + WORDS]).encode())
        for start in range(max(1, len(words) - WORDS + 1))
    ]
    return np.unique(np.array(hashes, dtype=np.uint64))


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


def candidates(bands: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows of `bands` (files, bands) that share a band, each once, sorted.

    Of a band that very many files share each is compared with the first and the next ones only;
    those are texts that everybody has, where one is as good as the other.
    """
    found: list[NDArray[np.int64]] = []
    for column in bands.T:
        order = np.argsort(column, kind="stable")
        ends = np.flatnonzero(np.diff(column[order])) + 1
        groups = np.split(order, ends)
        found.extend(_pairs(np.sort(group)) for group in groups if len(group) > 1)
    if found:
        for one, other in np.unique(np.concatenate(found), axis=0):
            yield int(one), int(other)


def _pairs(group: NDArray[np.int64]) -> NDArray[np.int64]:
    count = len(group)
    if count <= _ALL_PAIRS:
        one, other = np.triu_indices(count, 1)
        return np.stack([group[one], group[other]], axis=1)
    first = np.stack([np.full(count - 1, group[0]), group[1:]], axis=1)
    near = [
        np.stack([group[:-step], group[step:]], axis=1) for step in range(1, _ALL_PAIRS // 2 + 1)
    ]
    return np.concatenate([first, *near])


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
