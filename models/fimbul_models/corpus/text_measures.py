"""Measures of a text that tell hand-written code from data: shares and lengths, no verdicts.

Knows nothing about languages.
"""

import re
from collections import Counter

_ENCODED = (
    re.compile(r"[A-Za-z0-9+/\n=]{64,}"),
    re.compile(r"(?:\b(?:0[xX])?[0-9a-fA-F]{2}\b[,;:]?[\s\\]{0,40}){8,}"),
    re.compile(r"(?:\\x[0-9a-fA-F]{2}){8,}"),
    re.compile(r"(?:\\u[0-9a-fA-F]{4}){8,}"),
)
"""Long base64, bytes in hexadecimal with separators, escapes; after StarCoder2."""

_MIXED = re.compile(r"(?=[^\n]*[0-9+/])(?=[^\n]*[a-z])(?=[^\n]*[A-Z])")
_WORD = re.compile(r"\w+")
_HEX = re.compile(r"(?:0[xX])?[0-9a-fA-F]*\d[0-9a-fA-F]*[uUlLh]{0,3}")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.){0,1000}"|\'(?:[^\'\\\n]|\\.){0,1000}\'')
_NGRAM = 10
_FEW_REPEATS = 0.3
"""Share of repeated lines below which longer repetitions are not looked for: they are slow to find
and always repeat lines."""


def encoded_shares(text: str) -> tuple[int, float]:
    """Return characters of the longest stretch of encoded data, and the share of all of it."""
    longest, spans = 0, []
    for number, pattern in enumerate(_ENCODED):
        for match in pattern.finditer(text):
            if number == 0 and not _MIXED.match(match[0].replace("\n", "")):
                # Rules of equal signs, and words one a line, are no base64.
                continue
            longest = max(longest, len(match[0]))
            spans.append(match.span())
    covered, end = 0, 0
    for start, stop in sorted(spans):
        covered += max(0, stop - max(start, end))
        end = max(end, stop)
    return longest, covered / max(1, len(text))


def letter_share(text: str) -> float:
    """Return the share of letters among all characters that are no blanks."""
    filled = sum(map(len, text.split()))
    return sum(map(str.isalpha, text)) / max(1, filled)


def digit_share(text: str) -> float:
    """Return the share of digits among all characters that are no blanks."""
    filled = sum(map(len, text.split()))
    return sum(map(str.isdigit, text)) / max(1, filled)


def number_share(text: str) -> float:
    """Return the share of words that are numbers, hexadecimal ones included."""
    words = _WORD.findall(text)
    return sum(_HEX.fullmatch(word) is not None for word in words) / max(1, len(words))


def string_share(text: str) -> float:
    """Return the share of characters that stand in strings of one line."""
    filled = sum(map(len, text.split()))
    quoted: list[str] = _STRING.findall(text)
    return sum(len(found) - found.count(" ") for found in quoted) / max(1, filled)


def count_words(text: str) -> int:
    """Return how many words a text has."""
    return sum(1 for _ in _WORD.finditer(text))


def repeated_lines(lines: list[str]) -> float:
    """Return the share of lines that stand above already; blank lines and lone marks left out."""
    filled = [line for line in map(str.strip, lines) if any(map(str.isalnum, line))]
    return 1 - len(set(filled)) / max(1, len(filled))


def repeated_text(text: str, lines: list[str]) -> float:
    """Return the share of a text that lies in stretches of ten words which come more than once."""
    if repeated_lines(lines) < _FEW_REPEATS:
        return 0.0
    words = _WORD.findall(text)
    grams = [tuple(words[at : at + _NGRAM]) for at in range(len(words) - _NGRAM + 1)]
    counts = Counter(grams)
    total = sum(map(len, words))
    repeated, covered_to = 0, 0
    for at, gram in enumerate(grams):
        if counts[gram] > 1:
            begin = max(at, covered_to)
            repeated += sum(map(len, words[begin : at + _NGRAM]))
            covered_to = at + _NGRAM
    return repeated / max(1, total)
