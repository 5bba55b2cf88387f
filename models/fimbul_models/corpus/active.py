"""Which files and places are worth a label, or training on: those that a model knows least.

Two things tell so: how likely the model holds what really stands there, by token, so that long
middles do not seem harder than short ones; and what the user has made of its suggestions, where
he has opted in to keep texts. Of places that say nearly the same only one is chosen, and of one
repository not too many. Likelihoods come as data; knows nothing about models.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fimbul_models.corpus.near import shingles_of, sketch_of
from fimbul_models.corpus.records import Record
from fimbul_models.errors import RecipeError
from lsp_server.feedback.records import Fate
from lsp_server.feedback.similarity import share_left
from lsp_server.feedback.store import read_rows, read_texts

WHOLE_FILE = -1
"""Offset that stands for no place but the whole file."""

AROUND = 600
"""Code points on each side of a place by which it is compared with others."""

COMPARED = 20_000
"""Code points of a file by which it is compared with others."""

LEAST_FOUND = 24
"""Code points that a corrected text has at least to be looked for in files; shorter ones stand
in too many."""

FEEDBACK = "feedback"
"""Repository of corrected texts that no file holds."""

_ACCEPTED = frozenset(fate.value for fate in Fate if fate.is_accepted)


class ActiveRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is chosen."""

    count: int = 200
    """Files and places at most."""
    corrected: float = 0.5
    """Share of them that may be corrections of the user, where there are others, too."""
    similarity: float = 0.5
    """Jaccard similarity, as MinHash estimates it, from which on two say nearly the same."""
    per_repository: int = 20
    """Files and places of one repository at most; 0 is no limit."""
    most_tokens: int = 64
    """Tokens of a middle up to which its likelihood counts; of longer ones, such as whole bodies,
    it says little (Wu and others, Repoformer, 2024, appendix C)."""

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.count < 1 or self.per_repository < 0 or self.most_tokens < 1:
            raise ValueError("count and most_tokens have to be 1 or more, per_repository 0 or more")
        if not 0 <= self.corrected <= 1 or not 0 < self.similarity <= 1:
            raise ValueError("corrected has to be from 0 to 1, similarity above 0 and at most 1")


class Likelihood(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How likely a model holds what stands at one place of a file; a line of the data."""

    key: str
    """As `Record.key`."""
    logprobs: tuple[float, ...]
    """Natural logarithms of the probabilities of the tokens that stand there."""
    offset: int = WHOLE_FILE
    """Code points before it."""

    def __post_init__(self) -> None:
        """Refuse what is no logarithm of a probability."""
        if not self.logprobs or not all(-math.inf < one <= 0 for one in self.logprobs):
            raise ValueError("logprobs has to hold finite numbers of 0 or less, one or more")

    @property
    def by_token(self) -> float:
        """Mean over the tokens."""
        return sum(self.logprobs) / len(self.logprobs)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A file or place that may be chosen."""

    key: str
    """As `Record.key`, or ``feedback`` and the number of a suggestion that no file holds."""
    repository: str
    language: str
    offset: int = WHOLE_FILE
    text: str
    """By which it is compared with others; what the user wrote, if it is a correction."""
    likelihood: float | None = None
    """Mean log probability of a token, or of the likeliest class; None if it is not known."""
    corrected: float = 0.0
    """How much of a suggestion the user changed, from 0 to 1; 0 if it is no correction."""
    fate: str = ""
    """What became of the suggestion, as feedback calls it."""
    suggested: str = ""


def read_likelihoods(path: Path) -> list[Likelihood]:
    """Return the lines of a file of likelihoods.

    Raises RecipeError if it cannot be read or a line does not fit.
    """
    found = []
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    found.append(msgspec.json.decode(line, type=Likelihood))
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise RecipeError(
                        f"{path}, line {number}, is no likelihood: {error}."
                    ) from error
    except OSError as error:
        raise RecipeError(f"The likelihoods in {path} cannot be read: {error}.") from error
    return found


def unsure_places(
    records: Iterable[Record], likelihoods: Iterable[Likelihood], rules: ActiveRules
) -> Iterator[Candidate]:
    """Yield the places of `records` whose likelihood is known and counts.

    Likelihoods of other files are left, and so are those behind the end of a file, which has
    changed since.
    """
    of_file: dict[str, list[Likelihood]] = {}
    for one in likelihoods:
        if len(one.logprobs) <= rules.most_tokens:
            of_file.setdefault(one.key, []).append(one)
    for record in records:
        for one in of_file.get(record.key, ()):
            if WHOLE_FILE <= one.offset <= len(record.text):
                yield Candidate(
                    key=record.key,
                    repository=record.repository,
                    language=record.language,
                    offset=one.offset,
                    text=_around(record.text, one.offset),
                    likelihood=one.by_token,
                )


def unsure_files(records: Sequence[Record], chances: NDArray[np.float64]) -> Iterator[Candidate]:
    """Yield a candidate for each record, given the chances of its classes, one row a record."""
    for record, row in zip(records, chances, strict=True):
        yield Candidate(
            key=record.key,
            repository=record.repository,
            language=record.language,
            text=record.text,
            likelihood=math.log(max(float(row.max()), 1e-300)),
        )


def _around(text: str, offset: int) -> str:
    if offset == WHOLE_FILE:
        return text
    return text[max(0, offset - AROUND) : offset + AROUND]


def read_corrections(file: Path) -> list[Candidate]:
    """Return what the user has made of suggestions, from the store of feedback at `file`.

    Only suggestions whose texts were kept are there, which is where the user has opted in: those
    that were rejected and something else written, and those that were accepted and then changed.
    Raises FeedbackError if the file cannot be read.
    """
    texts = read_texts(file)
    rows = [row for row in read_rows(file) if row["id"] in texts]
    return corrections(rows, texts)


def corrections(
    rows: Iterable[Mapping[str, Any]], texts: Mapping[int, tuple[str, str]]
) -> list[Candidate]:
    """Return those of `rows` of the store that are corrections, with their texts."""
    found = []
    for row in rows:
        suggested, became = texts.get(row["id"], ("", ""))
        changed = 1.0 - share_left(suggested, became)
        judged = row["fate"] in _ACCEPTED or row["fate"] == Fate.REJECTED.value
        if judged and became.strip() and changed > 0:
            found.append(
                Candidate(
                    key=f"{FEEDBACK}\n{row['id']}",
                    repository=FEEDBACK,
                    language=row["language"],
                    text=became,
                    corrected=changed,
                    fate=row["fate"],
                    suggested=suggested,
                )
            )
    return found


def located(corrected: Sequence[Candidate], records: Iterable[Record]) -> list[Candidate]:
    """Return corrections with the file and place where their text stands now.

    One that stands in no file of its language, at several places, or is too short to be sure,
    stays as it is: the store remembers no paths.
    """
    places: dict[int, list[tuple[Record, int]]] = {}
    wanted = [
        (number, one.language, one.text.strip())
        for number, one in enumerate(corrected)
        if len(one.text.strip()) >= LEAST_FOUND
    ]
    for record in records:
        for number, language, text in wanted:
            if language == record.language and (at := record.text.find(text)) >= 0:
                several = record.text.find(text, at + 1) >= 0
                places.setdefault(number, []).extend([(record, at)] * (1 + several))
    return [
        _moved(one, *places[number][0]) if len(places.get(number, ())) == 1 else one
        for number, one in enumerate(corrected)
    ]


def _moved(one: Candidate, record: Record, offset: int) -> Candidate:
    return msgspec.structs.replace(one, key=record.key, repository=record.repository, offset=offset)


def choose(
    candidates: Iterable[Candidate], rules: ActiveRules, labelled: Iterable[str] = ()
) -> list[Candidate]:
    """Return the candidates that are chosen, the most telling ones first.

    First what the user has corrected, the most changed first, then where the model is least sure;
    corrections that go beyond their share come last. The order of `candidates` does not matter.
    There may be fewer than wanted, where the rest says the same as others or as the texts that are
    `labelled` already, or where repositories have their share.
    """
    known = sorted(candidates, key=lambda one: (one.key, one.offset, one.text, one.suggested))
    corrected = sorted((one for one in known if one.corrected), key=lambda one: -one.corrected)
    unsure = [one for one in known if not one.corrected and one.likelihood is not None]
    unsure.sort(key=lambda one: one.likelihood or 0.0)
    chosen = _Chosen(rules, labelled)
    left = [one for one in corrected if not chosen.take(one, round(rules.corrected * rules.count))]
    for one in (*unsure, *left):
        chosen.take(one, rules.count)
    return chosen.found


def unlike_first(
    order: Sequence[int], records: Sequence[Record], labelled: Iterable[str], rules: ActiveRules
) -> list[int]:
    """Return `order`, numbers of `records`, with those first that say something new.

    These are `rules.count` at most, in their order; then come all the others in theirs.
    """
    chosen = _Chosen(rules, labelled)
    first = [
        number
        for number, one in zip(order, _as_candidates(order, records), strict=True)
        if chosen.take(one, rules.count)
    ]
    taken = set(first)
    return [*first, *(number for number in order if number not in taken)]


def _as_candidates(order: Sequence[int], records: Sequence[Record]) -> Iterator[Candidate]:
    for number in order:
        one = records[number]
        yield Candidate(
            key=one.key, repository=one.repository, language=one.language, text=one.text
        )


def _sketch(text: str) -> NDArray[np.uint32]:
    return sketch_of(shingles_of(text[:COMPARED]))


class _Chosen:
    """What is chosen so far, and what is like it."""

    def __init__(self, rules: ActiveRules, labelled: Iterable[str]) -> None:
        self._rules = rules
        self.found: list[Candidate] = []
        self._keys: set[str] = set()
        self._repositories: Counter[str] = Counter()
        self._sketches = [_sketch(text) for text in labelled]
        self._stacked = np.empty((0, 0), dtype=np.uint32)

    def take(self, one: Candidate, limit: int) -> bool:
        """Choose `one` if there is room for it and nothing says the same; return whether."""
        cap = self._rules.per_repository
        is_full = bool(cap) and self._repositories[one.repository] >= cap
        # Corrections that no file holds have no repository that could be too large.
        if len(self.found) >= limit or (is_full and one.repository != FEEDBACK):
            return False
        if one.offset == WHOLE_FILE and one.key in self._keys:
            return False
        sketch = _sketch(one.text)
        if self._is_known(sketch):
            return False
        self.found.append(one)
        self._keys.add(one.key)
        self._repositories[one.repository] += 1
        self._sketches.append(sketch)
        return True

    def _is_known(self, sketch: NDArray[np.uint32]) -> bool:
        if not self._sketches:
            return False
        if len(self._stacked) != len(self._sketches):
            self._stacked = np.stack(self._sketches)
        alike = (self._stacked == sketch).mean(axis=1)
        return bool((alike >= self._rules.similarity).any())
