"""Fingerprints of a run of tokens: which of its k-grams stand for it.

Winnowing (Schleimer, Wilkerson and Aiken, SIGMOD 2003): of every `window` neighbouring k-grams the
one with the least hash is taken, so that two texts which share `window` + k - 1 tokens in a row
share a fingerprint, wherever that run begins. Knows nothing about texts or indexes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lsp_server.references.tokens import IDENTIFIER, Hashes

VALUE_BITS = 48
"""Of a k-gram's hash are kept. Two of a billion fingerprints that are looked for by chance are
found in 250,000 look-ups, and then do not agree token by token."""

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_NAME = np.uint64(0xD6E8FEB86659FD92)
"""Stands for every identifier where names do not count."""
_LOW = np.uint64(0xFFFFFFFF)

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rule:
    """Which k-grams stand for a text."""

    k: int
    """Tokens of a gram; shorter runs are never found."""
    window: int
    """Of so many neighbouring grams one is taken."""
    names_count: bool
    """Two identifiers are alike only if they are the same."""

    @property
    def least(self) -> int:
        """Tokens of the shortest run that is found for certain."""
        return self.k + self.window - 1


EXACT = Rule(k=20, window=46, names_count=True)
"""Runs of 65 tokens, about 150 characters: the threshold that the market leader has published."""
RENAMED = Rule(k=40, window=81, names_count=False)
"""Runs of 120 tokens. Without names much code is alike, so they have to be longer."""


def grams(hashes: Hashes, rule: Rule) -> Hashes:
    """Return the hash of the `rule.k` tokens that begin at each token."""
    count = len(hashes) - rule.k + 1
    if count < 1:
        return np.zeros(0, np.uint64)
    if not rule.names_count:
        hashes = np.where(hashes & np.uint64(IDENTIFIER), _NAME, hashes)
    # A polynomial modulo 2^64: sums from the beginning, divided by powers, since the base is odd.
    sums = np.zeros(len(hashes) + 1, np.uint64)
    np.cumsum(hashes * _powers(_INVERSE, len(hashes)), out=sums[1:])
    rolled = (sums[rule.k :] - sums[: -rule.k]) * _powers(_BASE, count)
    return _mixed(rolled)


def values_of(found: Hashes) -> Hashes:
    """Return the `VALUE_BITS` of hashes of grams that an index keeps."""
    return found >> np.uint64(64 - VALUE_BITS)


def winnow(found: Hashes, rule: Rule) -> Positions:
    """Return which grams an index keeps: one at least in each window, the fewest of equal ones."""
    if len(found) < rule.window:
        return np.zeros(0, np.int64)
    # Of equal ones the last, so its place counts from the end.
    places = _LOW - np.arange(len(found), dtype=np.uint64)
    keys = _minima((found & ~_LOW) | places, rule.window)
    keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))]
    chosen = (_LOW - (keys & _LOW)).astype(np.int64)
    return _thinned(chosen, found[chosen] & ~_LOW, rule.window)


def probes(found: Hashes, rule: Rule) -> Positions:
    """Return which grams of a text are looked up: all that an index may have kept."""
    if len(found) < rule.window:
        return np.zeros(0, np.int64)
    high = found & ~_LOW
    least = _minima(high, rule.window)
    # A gram is least somewhere if it equals the greatest of the minima of the windows it is in.
    edge = np.zeros(rule.window - 1, np.uint64)
    around = ~_minima(~np.concatenate((edge, least, edge)), rule.window)
    return np.flatnonzero(around == high)


def _thinned(chosen: Positions, keys: Hashes, window: int) -> Positions:
    """Leave out what stands between two of its equals that no window lies between."""
    if not (keys[1:] == keys[:-1]).any():
        return chosen
    kept: list[int] = []
    places, values = chosen.tolist(), keys.tolist()
    for index, place in enumerate(places):
        around = values[max(0, index - 1) : index + 2]
        if around == [values[index]] * 3 and places[index + 1] - kept[-1] <= window:
            continue
        kept.append(place)
    return np.array(kept, np.int64)


def _minima(values: Hashes, window: int) -> Hashes:
    """Return the least of each `window` neighbours, by van Herk's method."""
    count = len(values)
    rows = -(-count // window)
    padded = np.full(rows * window, np.iinfo(np.uint64).max, np.uint64)
    padded[:count] = values
    blocks = padded.reshape(rows, window)
    before = np.minimum.accumulate(blocks, axis=1).ravel()
    after = np.minimum.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].ravel()
    return np.minimum(after[: count - window + 1], before[window - 1 : count])


def _powers(base: int, count: int) -> Hashes:
    powers = np.full(count, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers, out=powers)


def _mixed(values: Hashes) -> Hashes:
    """Spread what differs over all bits (Stafford's mix 13)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
