"""How near an answer comes to what really stood there.

Answers are judged by their first line with something in it, since that is what is seen first; where
a whole body of lines is asked for, by all of it, too. Pure functions of texts; knows nothing about
servers, models or statistics.
"""

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.keywords import KEYWORDS
from fimbul_models.evaluation.parsing import Parse, parse_with
from lsp_server.text import split_lines

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_WORD_AT_END = re.compile(r"[^\W\d]\w*\Z")


@dataclass(frozen=True, slots=True)
class BodyScore:
    """How an answer was judged where a whole body was asked for."""

    exact: bool
    """All lines are the same, blanks and empty lines not counted."""
    similarity: float
    """Edit similarity of those lines, from 0 to 1."""
    identifier_f1: float | None
    """Harmony of all identifiers, from 0 to 1; None where the real body has none."""
    lines: int
    """Lines of the answer with something in them."""
    expected_lines: int


@dataclass(frozen=True, slots=True)
class Score:
    """How one answer was judged."""

    exact: bool
    """The first lines are the same, blanks at their ends not counted."""
    similarity: float
    """Edit similarity of the first lines, from 0 to 1."""
    first_identifier: bool | None
    """The first identifier is the same; None where the real answer has none."""
    identifier_f1: float | None = None
    """Harmony of both first lines' identifiers, from 0 to 1; None where the real one has none."""
    parse: Parse | None = None
    """What it does to the syntax; None without an answer, or in a language that is not parsed."""
    body: BodyScore | None = None
    """More about it where a whole body was asked for."""
    passed: bool | None = None
    """Whether the completed program passes its test; None where that was not tried."""


def score(item: Item, answer: str, replaced: int = 0, *, passed: bool | None = None) -> Score:
    """Judge `answer` to `item`, which takes the place of `replaced` code points behind it."""
    # What it repeats of the text that it replaces was there before.
    text = answer.removesuffix(item.suffix[:replaced]) if replaced else answer
    return Score(
        exact=exact_match(text, item.answer),
        similarity=edit_similarity(text, item.answer),
        first_identifier=same_identifier(item.prefix, text, item.answer),
        identifier_f1=identifier_f1(item, text),
        parse=parse_with(item, answer, replaced),
        body=body_score(item, text) if item.is_body else None,
        passed=passed,
    )


def body_score(item: Item, answer: str) -> BodyScore:
    """Judge all lines of `answer`."""
    given, real = _lines_of(answer), _lines_of(item.answer)
    names = KEYWORDS.get(item.language, frozenset())
    return BodyScore(
        exact=bool(given) and given == real,
        similarity=fuzz.ratio("\n".join(given), "\n".join(real)) / 100,
        identifier_f1=_f1(_words(real) - names, _words(given) - names),
        lines=len(given),
        expected_lines=len(real),
    )


def _lines_of(text: str) -> list[str]:
    """Return the lines with something in them, runs of blanks made one."""
    return [" ".join(line.split()) for line in split_lines(text) if line.strip()]


def _words(lines: list[str]) -> frozenset[str]:
    return frozenset(_IDENTIFIER.findall("\n".join(lines)))


def _f1(real: frozenset[str], given: frozenset[str]) -> float | None:
    return 2 * len(real & given) / (len(real) + len(given)) if real else None


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


def identifier_f1(item: Item, answer: str) -> float | None:
    """Return the F1 score of the identifiers in the first line of `answer`, from 0 to 1.

    Both lines count as sets, keywords left out, after CrossCodeEval (arXiv 2310.11248); words in
    strings and comments count here. The typed part of a word belongs to the word. None if the
    real line has no identifier.
    """
    return _f1(_identifiers(item, item.answer), _identifiers(item, answer))


def _identifiers(item: Item, text: str) -> frozenset[str]:
    # What stands above the line decides nothing but whether the first word was begun.
    line = first_nonblank_line(text)
    begun = _begun_word(item.prefix, text)
    words = frozenset(_IDENTIFIER.findall(begun + line))
    return words - KEYWORDS.get(item.language, frozenset())


def _begun_word(prefix: str, text: str) -> str:
    """Return the part of the first word of `text` that stands at the end of `prefix`."""
    if text[:1].isalnum() or text[:1] == "_":
        typed = _WORD_AT_END.search(prefix)
        return typed.group() if typed else ""
    return ""


def _first_identifier(prefix: str, text: str) -> str | None:
    match = _IDENTIFIER.search(_begun_word(prefix, text) + text)
    return match.group() if match else None
