"""Fit how likely suggestions are right on answers that were kept, and see how well it holds.

Places are split by project: weights and knots come from some projects, thresholds too, and every
published figure from the others, whose code was seen by neither. Beside the learned judgement the
plain mean log probability is calibrated in the same way; the learned one has to beat it. Knows
nothing about servers; the features are those of `lsp_server.completion.confidence`.
"""

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.answers import Record
from fimbul_models.evaluation.items import Item
from lsp_server.completion.confidence import (
    FIRST_WORD,
    Judgement,
    Spot,
    chance_at,
    features,
    first_line,
    first_word,
    likelihood_of,
    score,
    where_is,
)
from lsp_server.text import split_lines
from lsp_server.types import (
    CompletionRequest,
    Document,
    Generation,
    Position,
    StopReason,
    Surface,
)

Vector = npt.NDArray[np.float64]

BASELINE = "mean"
"""The feature that is a judgement by itself: the mean log probability of a token."""

LIKELIHOODS = ("total", "ending", "probability", "length")
MORE_LIKELIHOODS = (*LIKELIHOODS, "mean", "least", "first", "count")
RISING = frozenset(MORE_LIKELIHOODS) - {"length", "count"}
"""Features with which the chance can only rise."""

PLACES = tuple(f"at {spot.value}" for spot in Spot)
CANDIDATES: Sequence[Sequence[str]] = (
    LIKELIHOODS,
    MORE_LIKELIHOODS,
    (*LIKELIHOODS, *PLACES),
    (*MORE_LIKELIHOODS, *PLACES),
)
"""Sets of features that are tried, the fewest first."""

RIDGE = 1.0
"""Strength of the penalty on standardised weights, in observations."""

_SAME = 1e-6
"""Spread below which a feature is the same everywhere, but for rounding."""

KNOTS, KNOTS_TO = 17, 4.0
"""Knots of a curve of chances, and the logit of the last one."""

_FLATTEST = 0.05
"""Least rise of the logit of a chance with the score."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One suggestion and whether it was right."""

    project: str
    features: Mapping[str, float]
    is_right: bool


@dataclass(frozen=True, slots=True)
class Data:
    """What was observed."""

    line: tuple[Observation, ...]
    """Whole suggestions: is the first line right?"""
    word: tuple[Observation, ...]
    """The same: is the first word right?"""
    projects: tuple[str, ...] = field(default=())


def read_places(items: Path, answers: Path) -> Iterator[tuple[Item, Record]]:
    """Yield the items that have an answer, with it.

    Raises EvaluationError if a file cannot be read or holds something else.
    """
    try:
        by_digest = {
            item.digest(): item
            for item in (msgspec.json.decode(line, type=Item) for line in _lines(items))
        }
        for line in _lines(answers)[1:]:
            record = msgspec.json.decode(line, type=Record)
            if record.item in by_digest:
                yield by_digest[record.item], record
    except (OSError, msgspec.DecodeError) as error:
        raise EvaluationError(
            f"{items} and {answers} are not items and their answers: {error}."
        ) from error


def _lines(path: Path) -> list[bytes]:
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines(keepends=True)
    # The end of a file that is being written may be half a line.
    return [line for line in lines if line.endswith(b"\n")]


def observe(places: Iterable[tuple[Item, Record]]) -> Data:
    """Return what is to be learned from items and their answers."""
    line: list[Observation] = []
    word: list[Observation] = []
    for item, record in places:
        answer = record.answer
        if answer.text and answer.likelihood is not None and answer.likelihood.ends:
            line += _observed(item, record, first_line, is_line_right)
            word += _observed(item, record, first_word, is_word_right)
    projects = sorted({one.project for one in line})
    return Data(tuple(line), tuple(word), tuple(projects))


def _observed(
    item: Item,
    record: Record,
    length_of: Callable[[str], int],
    is_right: Callable[[str, str], bool],
) -> Iterator[Observation]:
    text = record.answer.text
    likelihood = likelihood_of(generation_of(record), length_of(text))
    if likelihood is not None:
        where = where_is(request_of(item), Surface(record.answer.surface))
        values = features(likelihood, length_of(text), where)
        yield Observation(item.project, values, is_right(text, item.answer))


def generation_of(record: Record) -> Generation:
    """Return the generation behind an answer that was kept."""
    likelihood = record.answer.likelihood
    assert likelihood is not None  # noqa: S101  # `observe` has seen to it.
    return Generation(
        record.answer.text,
        StopReason.LINES,
        likelihood.logprobs,
        ends=likelihood.ends,
        end_logprob=likelihood.end_logprob,
        typed_logprob=likelihood.typed_logprob,
    )


def request_of(item: Item) -> CompletionRequest:
    """Return the request at the place of an item."""
    before = split_lines(item.prefix)
    lines = tuple(split_lines(item.prefix + item.suffix))
    document = Document("file:///item", item.language, 1, lines, item.path)
    return CompletionRequest(document, Position(len(before) - 1, len(before[-1])))


def is_line_right(text: str, wanted: str) -> bool:
    """Tell whether the first line of a suggestion is what is wanted, but for blanks at the end."""
    return text[: first_line(text)].rstrip() == wanted.partition("\n")[0].rstrip()


def is_word_right(text: str, wanted: str) -> bool:
    """Tell whether the next name of a suggestion is the one that is wanted."""
    name = FIRST_WORD.match(wanted)
    if name is None:
        return is_line_right(text, wanted)
    follows = text[name.end() : name.end() + 1]
    return text.startswith(name[0]) and not (follows.isalnum() or follows == "_")


def split(data: Data, held_out: Iterable[str]) -> tuple[Data, Data]:
    """Return what is of other projects, and what is of those held out.

    Raises EvaluationError if one of the two is empty.
    """
    names = set(held_out)
    parts = [
        Data(
            tuple(one for one in data.line if (one.project in names) is held),
            tuple(one for one in data.word if (one.project in names) is held),
            tuple(name for name in data.projects if (name in names) is held),
        )
        for held in (False, True)
    ]
    if not all(part.line for part in parts):
        raise EvaluationError(
            "Both some projects to fit on and some held out have to have answers; the answers are"
            f" of {', '.join(data.projects) or 'none'}."
        )
    return parts[0], parts[1]


def fit(observations: Sequence[Observation], names: Sequence[str] | None = None) -> Judgement:
    """Fit a logistic model with a ridge penalty, and the knots that calibrate its score.

    The knots come from scores that each project was given by the other projects, so they know
    what a strange project does to it.
    """
    chosen = _names(observations, names)
    crossed = _crossed(observations, chosen)
    bias, weights = _logistic(observations, chosen)
    right = np.array([one.is_right for one in observations], float)
    return Judgement(round(bias, 4), weights, knots_of(crossed, right))


def choose_features(observations: Sequence[Observation]) -> Sequence[str]:
    """Return the smallest set of features that is as good as any on projects a fit has not seen.

    By the mean squared error of chances, a hundredth of it aside.
    """
    right = np.array([one.is_right for one in observations], float)

    def error(names: Sequence[str]) -> float:
        found = crossed_chances(fit(observations, names), observations, names)
        return float(((found - right) ** 2).mean())

    errors = [error(names) for names in CANDIDATES]
    good = 1.01 * min(errors)
    return next(names for names, one in zip(CANDIDATES, errors, strict=True) if one <= good)


def crossed_chances(
    judgement: Judgement, observations: Sequence[Observation], names: Sequence[str] | None = None
) -> Vector:
    """Return chances for which no observation of the same project was used, but for the knots."""
    scores = _crossed(observations, _names(observations, names))
    return np.array([chance_at(judgement.knots, one) for one in scores])


def _names(observations: Sequence[Observation], names: Sequence[str] | None) -> Sequence[str]:
    return names or sorted({name for one in observations for name in one.features})


def _crossed(observations: Sequence[Observation], names: Sequence[str]) -> Vector:
    """Return the score of each observation by a fit without its project."""
    found = np.zeros(len(observations))
    groups = _folds(observations)
    for fold in set(groups):
        others = [one for one, group in zip(observations, groups, strict=True) if group != fold]
        bias, weights = _logistic(others or observations, names)
        for index, group in enumerate(groups):
            if group == fold:
                found[index] = bias + _dot(weights, observations[index].features)
    return found


def _folds(observations: Sequence[Observation], count: int = 8) -> list[int]:
    """Return a number for each observation, the same for all of one project."""
    projects = sorted({one.project for one in observations})
    return [projects.index(one.project) % count for one in observations]


def _dot(weights: Mapping[str, float], values: Mapping[str, float]) -> float:
    return sum(weights.get(name, 0.0) * value for name, value in values.items())


def _logistic(
    observations: Sequence[Observation], names: Sequence[str]
) -> tuple[float, dict[str, float]]:
    """Return bias and weights, by Newton's method on standardised features.

    What the model finds likelier is never less likely right: log probabilities that would count
    against it, next to others that say almost the same, are left out.
    """
    bias, weights = _free_logistic(observations, names)
    while against := [name for name in names if name in RISING and weights[name] < 0]:
        names = [name for name in names if name not in against]
        bias, weights = _free_logistic(observations, names)
    return bias, weights


def _free_logistic(
    observations: Sequence[Observation], names: Sequence[str]
) -> tuple[float, dict[str, float]]:
    table = np.array([[one.features.get(name, 0.0) for name in names] for one in observations])
    right = np.array([one.is_right for one in observations], float)
    middle, spread = table.mean(axis=0), table.std(axis=0)
    # Of rare places little is known, so they are not made large, either.
    spread[(spread < _SAME) | np.array([name in PLACES for name in names])] = 1.0
    inputs = np.hstack([np.ones((len(table), 1)), (table - middle) / spread])
    penalty = np.diag([1e-6, *[RIDGE] * len(names)])
    found = _newton(inputs, right, penalty)
    weights = found[1:] / spread
    bias = float(found[0] - weights @ middle)
    return bias, {name: round(float(w), 4) for name, w in zip(names, weights, strict=True)}


def knots_of(scores: Vector, right: Vector) -> list[tuple[float, float]]:
    """Return knots of a rising curve from scores to shares of right ones.

    The curve is a logistic one in the score (Platt scaling), which a few hundred observations
    suffice for; knots lie at even distances of its logit.
    """
    inputs = np.column_stack([np.ones(len(scores)), scores])
    bias, slope = _newton(inputs, right, np.diag([1e-6, 1e-6]))
    # Scores that say nothing, or the contrary, give next to the same chance everywhere.
    slope = max(float(slope), _FLATTEST)
    logits = np.linspace(-KNOTS_TO, KNOTS_TO, KNOTS)
    return [
        (round(float((logit - bias) / slope), 4), round(float(1 / (1 + np.exp(-logit))), 4))
        for logit in logits
    ]


def _newton(inputs: Vector, right: Vector, penalty: Vector) -> Vector:
    """Return the weights that make the outcomes likeliest, less a quadratic penalty."""
    found: Vector = np.zeros(inputs.shape[1])
    for _ in range(100):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ found, -30, 30)))
        slope = inputs.T @ (chance - right) + penalty @ found
        spread = np.maximum(chance * (1 - chance), 1e-9)
        step = np.linalg.solve((inputs.T * spread) @ inputs + penalty, slope)
        found -= np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return found


def chances(judgement: Judgement, observations: Sequence[Observation]) -> Vector:
    """Return the chance of each observation."""
    return np.array(
        [chance_at(judgement.knots, score(judgement, one.features)) for one in observations]
    )
