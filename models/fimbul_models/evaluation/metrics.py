"""How near an answer comes to what really stood there.

Answers are judged by their first line with something in it, since that is what is seen first.
Pure functions of texts; knows nothing about servers, models or statistics.
"""

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from fimbul_models.evaluation.items import Item
from lsp_server.text import split_lines

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_WORD_AT_END = re.compile(r"[^\W\d]\w*\Z")


@dataclass(frozen=True, slots=True)
class Score:
    """How one answer was judged."""

    exact: bool
    """The first lines are the same, blanks at their ends not counted."""
    similarity: float
    """Edit similarity of the first lines, from 0 to 1."""
    first_identifier: bool | None
    """The first identifier is the same; None where the real answer has none."""


def score(item: Item, answer: str) -> Score:
    """Judge `answer` to `item`."""
    return Score(
        exact=exact_match(answer, item.answer),
        similarity=edit_similarity(answer, item.answer),
        first_identifier=same_identifier(item.prefix, answer, item.answer),
    )


def first_nonblank_line(text: str) -> str:
    """Return the first line of `text` with something in it, stripped; empty if there is none."""
    return next((line.strip() for line in split_lines(text) if line.strip()), "")


def exact_match(answer: str, reference: str) -> bool:
    """Say whether the first lines of both are the same and not empty."""
    line = first_nonblank_line(answer)
    return bool(line) and line == first_nonblank_line(reference)


def edit_similarity(answer: str, reference: str) -> float:
    """Return the edit similarity of the first lines, from 0 to 1.

    It is twice the length of their longest common subsequence over the sum of their lengths,
    which is the measure that CrossCodeEval and RepoEval publish.
    """
    return fuzz.ratio(first_nonblank_line(answer), first_nonblank_line(reference)) / 100


def same_identifier(prefix: str, answer: str, reference: str) -> bool | None:
    """Say whether both texts, put after `prefix`, go on with the same identifier.

    Where the cursor stands inside a word, the typed part of the word counts as its beginning.
    None if the reference has no identifier.
    """
    expected = _first_identifier(prefix, reference)
    return None if expected is None else _first_identifier(prefix, answer) == expected


def _first_identifier(prefix: str, text: str) -> str | None:
    if text[:1].isalnum() or text[:1] == "_":
        typed = _WORD_AT_END.search(prefix)
        text = (typed.group() if typed else "") + text
    match = _IDENTIFIER.search(text)
    return match.group() if match else None
