"""Split source text into the words that similarity is measured by.

The same words go into the index and into a question to it. Pure; knows nothing about languages.
"""

import re
from collections.abc import Iterable, Iterator

import regex

_IDENTIFIER = regex.compile(r"[\p{L}_$][\p{L}\p{N}_$]*")
_PART = regex.compile(r"\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{Lo}+|\p{Lu}+")
# The same for text that is ASCII, as nearly all is: a third of the time.
_ASCII_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_ASCII_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_SHORTEST = 3
"""Code points of the shortest part that is a word of its own."""


def identifiers(text: str) -> Iterator[str]:
    """Yield every identifier of `text`, in order, as written."""
    pattern = _ASCII_IDENTIFIER if text.isascii() else _IDENTIFIER
    return iter(pattern.findall(text))


def words(text: str) -> Iterator[str]:
    """Yield every identifier of `text` in lower case, and behind it its parts if it has several.

    ``parseHttpHeader`` gives ``parsehttpheader``, ``parse``, ``http`` and ``header``.
    """
    for identifier in identifiers(text):
        yield from words_of(identifier)


def words_of(identifier: str) -> tuple[str, ...]:
    """Return what `words` yields for text that is one identifier."""
    whole = identifier.lower()
    pattern = _ASCII_PART if identifier.isascii() else _PART
    parts = [part.lower() for part in pattern.findall(identifier)]
    if len(parts) < 2:
        return (whole,)
    return (whole, *(part for part in parts if len(part) >= _SHORTEST and part != whole))


class WordSets:
    """Splits many lines, of each identifier once: the same few hundred occur again and again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, lines: Iterable[str]) -> frozenset[str]:
        """Return the words of `lines`."""
        found: set[str] = set()
        for line in lines:
            for identifier in identifiers(line):
                split = self._known.get(identifier)
                if split is None:
                    split = self._known[identifier] = words_of(identifier)
                found.update(split)
        return frozenset(found)
