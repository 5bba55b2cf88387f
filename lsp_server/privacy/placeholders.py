"""What stands in a prompt in the place of a secret value.

A placeholder has the length of the value and its kind of characters, and nothing else of it: all
values of one length and one kind get the same. So it cannot be turned back, it is the same from
key to key, from process to process and from day to day, a value that grows by a character only
appends one, and no position in the document moves. Pure.
"""

from itertools import pairwise

_PERIOD = 1009
"""Characters after which a placeholder begins anew; longer than all but key files."""

_TELLING = 6
"""Characters of a placeholder by which it is recognised in an answer: fewer may be chance."""

_DIGITS = "0123456789"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()

_ALPHABETS = (
    _DIGITS,
    _DIGITS + "abcdef",
    _DIGITS + "ABCDEF",
    _LOWER,
    _UPPER,
    _LOWER + _DIGITS,
    _UPPER + _DIGITS,
    _UPPER + _LOWER + _DIGITS,
)
"""The kinds of characters; a value is of the first that has all of its letters and digits."""

_SETS = tuple(frozenset(alphabet) for alphabet in _ALPHABETS)


def _sequence(alphabet: str) -> str:
    """Return `_PERIOD` characters in no order, the same each time, none twice in a row."""
    found, state = [alphabet[-3]], len(alphabet)
    while len(found) < _PERIOD:
        # The constants are those of the C standard's example generator.
        state = (state * 1103515245 + 12345) % 2**31
        character = alphabet[(state >> 16) % len(alphabet)]
        if character != found[-1]:
            found.append(character)
    return "".join(found)


_SEQUENCES = tuple(_sequence(alphabet) for alphabet in _ALPHABETS)
_BEGINS = tuple(sequence[:_TELLING] for sequence in _SEQUENCES)
assert all(one != other for one, other in pairwise(sorted(_BEGINS)))  # noqa: S101


def placeholder(value: str) -> str:
    """Return what stands for `value`: as long, of letters and digits of the same kind.

    Other characters, such as those of a password, become letters and digits too, so that nothing
    of them is told and no quote or escape is made or unmade.
    """
    letters = set(filter(str.isalnum, value))
    kind = next((number for number, known in enumerate(_SETS) if letters <= known), len(_SETS) - 1)
    return _filled(_SEQUENCES[kind], len(value))


def is_placeholder(value: str) -> bool:
    """Tell whether `value` is one."""
    return any(value == _filled(sequence, len(value)) for sequence in _SEQUENCES)


def has_placeholder(text: str) -> bool:
    """Tell whether a placeholder, or the telling beginning of one, is part of `text`."""
    return any(begin in text for begin in _BEGINS)


def _filled(sequence: str, length: int) -> str:
    return sequence[:length] if length <= _PERIOD else (sequence * (length // _PERIOD + 1))[:length]
