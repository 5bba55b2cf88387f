"""How much of an accepted text is still there. Pure.

The measure is an edit distance over words and signs rather than characters, against the best
place in a window of the document, as Copilot's engine does it for its retention figures.
"""

import re

_LEXEMES = re.compile(r"\w+|[^\w\s]")

MOST_WORDS = 256
"""Words of an accepted text that are looked at."""

MOST_AROUND = 1024
"""Words of the document that are looked at."""


def share_left(text: str, window: str) -> float:
    """Return how much of `text` is left in `window`, from 0 (nothing) to 1 (all of it).

    That is 1 - d / n, where n is the number of words of `text` and d the smallest number of words
    to be put in, taken out or exchanged to make `text` a stretch of `window`. Space is not
    counted, so that formatting changes nothing.
    """
    wanted = _LEXEMES.findall(text)[:MOST_WORDS]
    around = _LEXEMES.findall(window)[:MOST_AROUND]
    if not wanted:
        return 1.0
    if _is_stretch(wanted, around):
        return 1.0
    return max(0.0, 1.0 - _distance(wanted, around) / len(wanted))


def _is_stretch(wanted: list[str], around: list[str]) -> bool:
    size, first = len(wanted), wanted[0]
    return any(word == first and around[at : at + size] == wanted for at, word in enumerate(around))


def _distance(wanted: list[str], around: list[str]) -> int:
    """Return the distance to the nearest stretch (Sellers' algorithm: both ends are free)."""
    row = [0] * (len(around) + 1)
    for count, word in enumerate(wanted, start=1):
        diagonal, row[0] = row[0], count
        for at, other in enumerate(around, start=1):
            changed = diagonal + (word != other)
            diagonal = row[at]
            row[at] = min(changed, row[at] + 1, row[at - 1] + 1)
    return min(row)
