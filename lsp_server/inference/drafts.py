"""Guesses of the next tokens, which one evaluation checks all at once.

Speculative decoding (Leviathan et al., 2023) without a second model: code repeats itself, so the
tokens that followed the last few ones before are likely to follow again (prompt lookup, Saxena,
2023). A hashed table of n-grams holds what followed; how often such a guess is right and what a
larger evaluation costs are both observed, and decide how long a draft is, down to nothing. Knows
nothing about models, text and clocks.
"""

import statistics
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ORDERS = (5, 3, 2)
"""How many tokens a guess looks back at; the longest one that is known decides."""

_SLOT_BITS = 16
"""Each order remembers at most 2 ** 16 places, in 0.6 MB."""

_MASK = (1 << 64) - 1
_MULTIPLIER = 0x9E3779B97F4A7C15
"""The odd number nearest to 2 ** 64 divided by the golden ratio (Fibonacci hashing, Knuth)."""

_MOST_SEEN = 3
"""Up to which a place counts how often the same token followed there."""

_LONG_ENOUGH = 100.0
"""Observations after which older ones begin to count half."""

_COST_SAMPLES = 9
_SINGLES = 3
"""Measurements of a single token that are waited for before anything is compared with them."""

_COST_AGE = 400
"""Evaluations after which what another one took says nothing about the machine any more."""

_EXPECTED = (1.0, 1.15, 1.35, 1.45, 2.1, 2.4, 2.5, 2.5)
"""Cost of evaluating 1 to 8 tokens at once, in single ones, until it was measured; kernels take
four at a time (`python -m benchmarks.pieces`, in `LOG.md`)."""

_EXPECTED_MORE = 0.2
"""Cost of each token above those."""


@dataclass(frozen=True, slots=True)
class Guess:
    """The token that may come next."""

    token: int
    kind: int
    """Guesses of one kind are right equally often: of one order, and seen equally often."""


class NgramTable:
    """What followed the last tokens before, of bounded size; new things replace old ones."""

    def __init__(self, slot_bits: int = _SLOT_BITS) -> None:
        shape = (len(ORDERS), 1 << slot_bits)
        self._shift = 64 - slot_bits
        self._checks = np.zeros(shape, dtype=np.uint32)
        self._tokens = np.full(shape, -1, dtype=np.int32)
        self._seen = np.zeros(shape, dtype=np.uint8)

    def learn(self, tokens: Sequence[int]) -> None:
        """Take in a stretch of text; of two things that followed the same, the later one stays."""
        ids = np.asarray(tokens, dtype=np.uint64)
        for row, order in enumerate(ORDERS):
            if len(ids) > order:
                self._learn(row, _hashes(ids[:-1], order), ids[order:].astype(np.int32))

    def _learn(
        self, row: int, hashes: npt.NDArray[np.uint64], following: npt.NDArray[np.int32]
    ) -> None:
        slots = (hashes >> np.uint64(self._shift)).astype(np.int64)
        checks = hashes.astype(np.uint32)
        known = (self._checks[row, slots] == checks) & (self._tokens[row, slots] == following)
        seen = np.where(known, np.minimum(self._seen[row, slots] + 1, _MOST_SEEN), 1)
        self._checks[row, slots] = checks
        self._tokens[row, slots] = following
        self._seen[row, slots] = seen

    def guess(self, tokens: Sequence[int]) -> Guess | None:
        """Return what may follow `tokens`, of which only the last few matter."""
        for row, order in enumerate(ORDERS):
            if len(tokens) < order:
                continue
            key = _hash(tokens[-order:])
            slot = key >> self._shift
            if int(self._checks[row, slot]) == key & 0xFFFFFFFF:
                token = int(self._tokens[row, slot])
                if token >= 0:
                    return Guess(token, row * (_MOST_SEEN + 1) + int(self._seen[row, slot]))
        return None


class Chances:
    """How often guesses of each kind were right of late."""

    def __init__(self) -> None:
        kinds = len(ORDERS) * (_MOST_SEEN + 1)
        # One right guess of two to begin with, so that it is tried before much is known.
        self._right = [2.0] * kinds
        self._all = [4.0] * kinds

    def of(self, kind: int) -> float:
        """Return the chance of a guess of `kind`, from 0 to 1."""
        return self._right[kind] / self._all[kind]

    def observe(self, kind: int, *, right: bool) -> None:
        """Note how one guess turned out, evaluated or not."""
        self._right[kind] += right
        self._all[kind] += 1.0
        if self._all[kind] > _LONG_ENOUGH:
            self._right[kind] /= 2.0
            self._all[kind] /= 2.0


class Costs:
    """What evaluations of a few tokens take, relative to one with a single token."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._samples: dict[int, deque[tuple[int, float]]] = {}
        self._count = 0

    def observe(self, tokens: int, milliseconds: float) -> None:
        """Note what one evaluation of `tokens` tokens took."""
        if tokens <= self._largest:
            self._count += 1
            samples = self._samples.setdefault(tokens, deque(maxlen=_COST_SAMPLES))
            samples.append((self._count, milliseconds))

    @property
    def is_known(self) -> bool:
        """Whether enough evaluations of a single token were measured lately to compare with."""
        return len(self._fresh(1)) >= _SINGLES

    def relative(self, tokens: int) -> float:
        """Return the cost of an evaluation of `tokens` tokens in single ones."""
        unit = self._median(1)
        own = self._median(tokens) if tokens > 1 else None
        if unit is not None and own is not None:
            return max(1.0, own / unit)
        return 1.0 + (_expected(tokens) - 1.0) * self._scale(unit)

    def _scale(self, unit: float | None) -> float:
        """Return how much dearer than expected further tokens are, by what was measured lately."""
        if unit is None:
            return 1.0
        scales = [
            (found / unit - 1.0) / (_expected(tokens) - 1.0)
            for tokens in self._samples
            if tokens > 1 and (found := self._median(tokens)) is not None
        ]
        # What is expected counts as one measurement, so that a single hiccup decides nothing.
        return max(0.0, statistics.median([*scales, 1.0]))

    def _median(self, tokens: int) -> float | None:
        fresh = self._fresh(tokens)
        return statistics.median(fresh) if fresh else None

    def _fresh(self, tokens: int) -> list[float]:
        samples = self._samples.get(tokens, ())
        return [value for count, value in samples if count > self._count - _COST_AGE]


class Drafter:
    """Learns, guesses ahead, and decides how far."""

    def __init__(self, draft_tokens: int) -> None:
        """Guess at most `draft_tokens` tokens ahead; 0 switches all of it off."""
        self._draft_tokens = draft_tokens
        self._table = NgramTable()
        self._chances = Chances()
        self._costs = Costs(draft_tokens + 1)
        self.drafted = 0
        """Tokens that were guessed and evaluated."""
        self.accepted = 0
        """Those of them that were right."""

    @property
    def is_on(self) -> bool:
        """Whether anything is guessed at all."""
        return self._draft_tokens > 0

    def learn(self, tokens: Sequence[int]) -> None:
        """Take in a stretch of text."""
        if self._draft_tokens:
            self._table.learn(tokens)

    def learn_from(self, tokens: Sequence[int], start: int) -> None:
        """Take in the part of a text that begins at `start`, by what stands before it."""
        self.learn(tokens[max(0, start - max(ORDERS)) :])

    def observe(self, before: Sequence[int], token: int) -> None:
        """Note that `token` followed `before`: each guess is judged, evaluated or not."""
        if self._draft_tokens and (guess := self._table.guess(before)):
            self._chances.observe(guess.kind, right=guess.token == token)

    def measured(self, tokens: int, milliseconds: float) -> None:
        """Note what an evaluation of `tokens` tokens took, logits for each of them included."""
        self._costs.observe(tokens, milliseconds)

    def propose(self, before: Sequence[int], limit: int, batch: int = 1) -> list[int]:
        """Return what to evaluate behind `before`, at most `limit` tokens, perhaps none.

        `batch` tokens are evaluated in any case, in the same piece.
        """
        if batch == 1 and not self._costs.is_known:
            return []
        tokens = list(before[-max(ORDERS) :])
        draft: list[int] = []
        reaches: list[float] = []
        reach = 1.0
        while len(draft) < min(limit, self._draft_tokens):
            guess = self._table.guess(tokens)
            if guess is None:
                break
            reach *= self._chances.of(guess.kind)
            reaches.append(reach)
            draft.append(guess.token)
            tokens = [*tokens, guess.token][-max(ORDERS) :]
        return draft[: self._best_length(reaches, batch)]

    def _best_length(self, reaches: Iterable[float], batch: int) -> int:
        """Return the length that gives most tokens for the time, by the chances to reach each."""
        best, most = 0, 1.0
        tokens = 1.0
        without = self._costs.relative(batch)
        for length, reach in enumerate(reaches, start=1):
            tokens += reach
            rate = tokens / (1.0 + self._costs.relative(batch + length) - without)
            if rate > most:
                best, most = length, rate
        return best


def _expected(tokens: int) -> float:
    more = max(0, tokens - len(_EXPECTED))
    return _EXPECTED[min(tokens, len(_EXPECTED)) - 1] + more * _EXPECTED_MORE


def _hashes(ids: npt.NDArray[np.uint64], order: int) -> npt.NDArray[np.uint64]:
    """Return the hash of each stretch of `order` tokens, as `_hash` makes it."""
    count = len(ids) - order + 1
    found = np.zeros(count, dtype=np.uint64)
    for offset in range(order):
        found = (found ^ ids[offset : offset + count]) * np.uint64(_MULTIPLIER)
        found ^= found >> np.uint64(29)
    return found * np.uint64(_MULTIPLIER)


def _hash(tokens: Sequence[int]) -> int:
    found = 0
    for token in tokens:
        found = ((found ^ token) * _MULTIPLIER) & _MASK
        found ^= found >> 29
    return (found * _MULTIPLIER) & _MASK
