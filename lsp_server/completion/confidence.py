"""How likely a suggestion is right, and whether that is enough to show it.

The log probabilities of the tokens that make its first line, and where it stands, are weighed by
a small logistic model, and what comes out is calibrated on code that the model was fitted without
(``fimbul-models calibrate``, which writes `confidence.json` beside this file). Two questions are
answered: is the first line right as a whole (`Completion.chance`), and is its first word? The
second one judges the beginning of a suggestion whose rest is still being computed. The weights
belong to one family of models; for any other a plain likelihood takes their place. Pure; knows
nothing about engines, editors or how the figures were found.
"""

import enum
import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import msgspec

from lsp_server.config.options import Show
from lsp_server.syntax.languages import language_for
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Generation,
    Outcome,
    Rejection,
    RejectionReason,
    Surface,
    TriggerKind,
)

DATA = "confidence.json"
"""Name of the file of weights, in this package."""

LEAST = -12.0
"""Natural log probability below which it makes no difference any more."""

BODIES = frozenset({Surface.BLOCK, Surface.FUNCTION})
"""Surfaces of more than one statement."""

FIRST_WORD = re.compile(r"\W*\w+")
"""What of a text is judged as its first word: the first name and what stands before it."""


class Spot(enum.Enum):
    """Where in its line a suggestion begins."""

    LINE_START = "line-start"
    IN_COMMENT = "in-comment"
    IN_STRING = "in-string"
    IN_WORD = "in-word"
    AFTER_DOT = "after-dot"
    AFTER_OPENER = "after-opener"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Where:
    """What is known of the place besides the model's answer."""

    spot: Spot
    surface: Surface


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one question is answered."""

    bias: float
    weights: dict[str, float]
    """By the name of a feature, see `features`; those that are missing count nothing."""
    knots: list[tuple[float, float]]
    """Score and chance, both rising; in between it is straight, beyond the ends it stays."""


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of weights."""

    model: str
    """The model whose answers it was fitted on."""
    model_sha256: str
    prefixes: list[str]
    """Beginnings of the names of models that it holds for: variants of the same weights."""
    fitted: dict[str, str | int | float | list[str]]
    """Where it comes from: date, seed, items, projects; for the reader only."""
    line: Judgement
    """Is the first line right?"""
    word: Judgement
    """Is the first word right?"""
    least_word: dict[str, dict[str, float]]
    """Least chance of the first word at which a suggestion or its beginning is shown, by
    `completion.show` and surface."""
    least_line: dict[str, dict[str, float]]
    """Least chance of the first line that a whole suggestion has to have besides."""
    least_mean: dict[str, float]
    """Least mean probability of the first word's tokens, for any other model."""


@cache
def shipped() -> Calibration:
    """Return the calibration that comes with the product."""
    data = files("lsp_server.completion").joinpath(DATA).read_bytes()
    return msgspec.json.decode(data, type=Calibration)


_LONGEST = 4000
"""Code points left of the cursor that are looked at, one by one."""


def where_is(asked: CompletionRequest, surface: Surface) -> Where:
    """Return what is known of the place of a request."""
    column = asked.position.column
    left = asked.document.line(asked.position.line)[max(0, column - _LONGEST) : column]
    language = language_for(asked.document.language, asked.document.path)
    comment = language.line_comment if language else ""
    quotes = language.quotes if language else "\"'"
    return Where(spot_of(left, comment, quotes), surface)


def spot_of(left: str, comment: str, quotes: str) -> Spot:
    """Return where a cursor is, by the text left of it in its line; strings over lines are code."""
    if not left.strip():
        return Spot.LINE_START
    inside = _inside(left, comment, quotes)
    if inside is not None:
        return inside
    last = left.rstrip()[-1]
    if left[-1].isalnum() or left[-1] == "_":
        return Spot.IN_WORD
    if last == ".":
        return Spot.AFTER_DOT
    return Spot.AFTER_OPENER if last in "([{" else Spot.OTHER


def _inside(left: str, comment: str, quotes: str) -> Spot | None:
    """Return whether the end of a line's beginning is in a comment or a string."""
    opened, index = "", 0
    while index < len(left):
        character = left[index]
        if opened:
            index += character == "\\"
            opened = "" if character == opened else opened
        elif comment and left.startswith(comment, index):
            return Spot.IN_COMMENT
        elif character in quotes:
            opened = character
        index += 1
    return Spot.IN_STRING if opened else None


def first_line(text: str) -> int:
    """Return how many code points of a suggestion are judged as its first line."""
    blank = len(text) - len(text.lstrip())
    line = split_lines(text[blank:])[0] if text[blank:] else ""
    return blank + len(line.rstrip())


def first_word(text: str) -> int:
    """Return how many code points of a suggestion are judged as its first word."""
    found = FIRST_WORD.match(text)
    return found.end() if found else len(text)


def statements(text: str, typed: str) -> list[int]:
    """Return where the statements of a body begin, but for the first and for those inside others.

    `typed` is what stands left of it in its line. A line that begins with no word, such as one with
    a closing bracket, goes on with the statement before.
    """
    found: list[int] = []
    margin: str | None = None
    begin = 0
    for number, line in enumerate(split_lines(text)):
        code = line.lstrip()
        ahead = line if number else typed + line
        indentation = ahead[: len(ahead) - len(ahead.lstrip())]
        if code and margin is None:
            margin = indentation
        elif code and indentation == margin and re.match(r"\w|@", code):
            found.append(begin + len(line) - len(code))
        begin += len(line)
    return found


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely the model found a beginning of its answer, in natural log probabilities."""

    tokens: tuple[float, ...]
    """Of the tokens that make it, given what was typed."""
    ending: float
    """Of the token behind it, which says that it ends there; 0 if that is not known."""


def likelihood_of(generation: Generation, length: int, begin: int = 0) -> Likelihood | None:
    """Return how likely the code points from `begin` to `length` of an answer are.

    None if the engine did not say.
    """
    logprobs = generation.logprobs
    if not logprobs or length <= begin:
        return None
    ends = generation.ends
    if len(ends) != len(logprobs):
        # Where tokens end is not known, so all of them are taken for the answer's beginning.
        ends = (max(length, len(generation.text)),) * len(logprobs)
    found: list[float] = []
    before, typed = 0.0, -generation.typed_logprob
    for index, (logprob, end) in enumerate(zip(logprobs, ends, strict=True)):
        start = ends[index - 1] if index else 0
        if start >= length and found:
            return Likelihood(tuple(found), max(LEAST, logprob))
        if end <= begin:
            # A token of typed text alone: what it was worth goes to the one that follows.
            before += logprob
            continue
        # Nothing that was typed before is judged, but for the healed text, which is certain.
        carried = before + typed if begin == 0 else 0.0
        found.append(min(0.0, max(LEAST, logprob + carried)))
        before = typed = 0.0
    ending = generation.end_logprob
    return Likelihood(tuple(found), 0.0 if ending is None else ending) if found else None


def features(likelihood: Likelihood, length: int, where: Where) -> dict[str, float]:
    """Return what is weighed, by name; `length` is of the judged text, in code points."""
    tokens = likelihood.tokens
    total = sum(tokens)
    return {
        "total": max(LEAST, total),
        "mean": total / len(tokens),
        "least": min(tokens),
        "first": tokens[0],
        "ending": max(LEAST, likelihood.ending),
        "probability": math.exp(total),
        "length": math.log1p(length),
        "count": math.log1p(len(tokens)),
        f"at {where.spot.value}": 1.0,
        f"surface {where.surface.value}": 1.0,
    }


def score(judgement: Judgement, found: Mapping[str, float]) -> float:
    """Return what the weighing comes to, before it is calibrated."""
    weights = judgement.weights
    return judgement.bias + sum(weights.get(name, 0.0) * value for name, value in found.items())


def chance_at(knots: Sequence[tuple[float, float]], at: float) -> float:
    """Return the chance that belongs to a score."""
    index = bisect_right(knots, at, key=lambda knot: knot[0])
    if index in (0, len(knots)):
        return knots[min(index, len(knots) - 1)][1]
    (low, below), (high, above) = knots[index - 1], knots[index]
    return below + (above - below) * (at - low) / (high - low)


@dataclass(frozen=True, slots=True)
class Judge:
    """Says how likely suggestions of one model are right, and which of them are shown."""

    calibration: Calibration
    is_calibrated: bool
    """Whether the calibration was made for the model."""

    @classmethod
    def of(cls, model: str) -> "Judge":
        """Return the judge of the answers of a model."""
        found = shipped()
        return cls(found, model.startswith(tuple(found.prefixes)))

    def judged(
        self, asked: CompletionRequest, made: Completion, new: str, begin: int = 0
    ) -> Completion:
        """Return a suggestion with its chances, which stay what they were if that is better.

        `new` is what goes on at the cursor of `asked`, and `begin` where that begins in the text
        of the generation; behind its first word the next one is judged anew. Where the engine gave
        no log probabilities, nothing is said.
        """
        where = where_is(asked, made.surface)
        word = self._word(made.generation, begin, first_word(new), where)
        line = None
        if self.is_calibrated and not made.is_part:
            judgement = self.calibration.line
            line = _chance(judgement, made.generation, begin, first_line(new), where)
        is_same_word = begin < first_word(made.generation.text)
        earlier = made.word_chance if is_same_word else None
        return replace(made, chance=_better(made.chance, line), word_chance=_better(earlier, word))

    def _word(self, generation: Generation, begin: int, length: int, where: Where) -> float | None:
        if self.is_calibrated:
            return _chance(self.calibration.word, generation, begin, length, where)
        likelihood = likelihood_of(generation, begin + length, begin)
        return math.exp(features(likelihood, length, where)["mean"]) if likelihood else None

    def is_sure(self, made: Completion, show: Show) -> bool:
        """Tell whether a suggestion is likely enough right to be shown."""
        if show is Show.ALL or made.word_chance is None:
            return True
        if made.word_chance < self._least_word(show, made.surface):
            return False
        least_line = self.calibration.least_line[show.value][made.surface.value]
        return made.chance is None or made.chance >= least_line

    def _least_word(self, show: Show, surface: Surface) -> float:
        if not self.is_calibrated:
            return self.calibration.least_mean[show.value]
        return self.calibration.least_word[show.value][surface.value]

    def cut(self, asked: CompletionRequest, made: Completion, new: str, show: Show) -> Completion:
        """Return a body up to the first statement whose first word is not sure enough.

        `new` is what goes on at the cursor of `asked`, and the whole text of the generation; the
        first statement is `gated`'s to judge. What was asked for is never cut.
        """
        automatic = asked.trigger_kind is TriggerKind.AUTOMATIC
        if made.surface not in BODIES or show is Show.ALL or not automatic:
            return made
        typed = asked.document.line(asked.position.line)[: asked.position.column]
        begin = self._first_unsure(made.generation, new, statements(new, typed), made.surface, show)
        if begin is not None:
            return replace(made, text=made.text.removesuffix(new) + new[:begin].rstrip())
        return made

    def doubt(
        self, asked: CompletionRequest, came: Generation, surface: Surface, show: Show
    ) -> int | None:
        """Return where what has come of an answer stops being sure enough to be shown.

        That is where a statement begins whose first word has come as a whole and is too unlikely:
        0 for the suggestion itself, more for a later statement of a body. Nothing that follows can
        change that. None as long as all is sure enough, and for what was asked for.
        """
        if show is Show.ALL or asked.trigger_kind is not TriggerKind.AUTOMATIC:
            return None
        text = came.text
        typed = asked.document.line(asked.position.line)[: asked.position.column]
        # A word that ends where the text does may go on.
        whole = [
            begin
            for begin in (0, *(statements(text, typed) if surface in BODIES else ()))
            if begin + first_word(text[begin:]) < len(text)
        ]
        if whole[:1] == [0]:
            first = self._word(came, 0, first_word(text), where_is(asked, surface))
            if first is not None and first < self._least_word(show, surface):
                return 0
        return self._first_unsure(came, text, [one for one in whole if one], surface, show)

    def _first_unsure(
        self,
        generation: Generation,
        text: str,
        begins: Sequence[int],
        surface: Surface,
        show: Show,
    ) -> int | None:
        """Return the first of `begins`, those of later statements, whose word is too unlikely."""
        where, least = Where(Spot.LINE_START, surface), self._least_word(show, surface)
        for begin in begins:
            chance = self._word(generation, begin, first_word(text[begin:]), where)
            if chance is not None and chance < least:
                return begin
        return None

    def gated(self, request: CompletionRequest, outcome: Outcome, show: Show) -> Outcome:
        """Return `outcome`, or that it is not sure enough; what was asked for always is."""
        if (
            isinstance(outcome, Rejection)
            or request.trigger_kind is TriggerKind.INVOKED
            or self.is_sure(outcome, show)
        ):
            return outcome
        return Rejection(
            RejectionReason.UNSURE,
            _said(outcome),
            outcome.timings,
            outcome.used,
            outcome.generation.prompt_tokens,
        )


def _chance(
    judgement: Judgement, generation: Generation, begin: int, length: int, where: Where
) -> float | None:
    likelihood = likelihood_of(generation, begin + length, begin)
    if likelihood is None:
        return None
    return chance_at(judgement.knots, score(judgement, features(likelihood, length, where)))


def _better(before: float | None, now: float | None) -> float | None:
    return now if before is None else before if now is None else max(before, now)


def _said(made: Completion) -> str:
    """Return the chances of a suggestion for whoever asks why it is not shown."""
    word = f"first word {made.word_chance:.2f}"
    return word if made.chance is None else f"first line {made.chance:.2f}, {word}"
