"""Labelling tasks: a question about files, and what of a file may tell the answer.

No single language decides what an answer looks like. A task names concepts; each has terms for
several languages, as many for one as for another, and only the concept is a feature: how many of
its terms a file has, and how many the files beside it have. Knows nothing about classifiers.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np
import numpy.typing as npt

from fimbul_models.corpus.records import Record
from fimbul_models.errors import RecipeError

READ_CHARACTERS = 100_000
"""Code points of a file in which terms are looked for; longer files repeat themselves."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LETTER = re.compile(r"\w")

Features = npt.NDArray[np.float64]
"""One row a file, one column a feature."""


class Concept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that a file may be about, said in several languages."""

    name: str
    terms: dict[str, tuple[str, ...]]
    """By our name of the language: texts that are looked for as they stand, at word borders."""

    def __post_init__(self) -> None:
        """Refuse lists that would let one language say more than another."""
        lengths = {language: len(set(terms)) for language, terms in self.terms.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            listed = ", ".join(f"{name} {number}" for name, number in sorted(lengths.items()))
            raise ValueError(
                f"concept {self.name!r}: each language needs as many different terms as the others"
                f" ({listed or 'none has any'})"
            )


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question, asked about each file."""

    name: str
    question: str
    """For the person who labels."""
    classes: tuple[str, ...]
    """The answers; the first one is what is looked for."""
    concepts: tuple[Concept, ...]
    path_words: tuple[str, ...] = ()
    """Words, in lower case, whose presence in a folder's or a file's name is a feature."""
    same_as: dict[str, str] = {}
    """Languages that use the terms of another one, such as ``tsx`` those of ``typescript``."""

    def __post_init__(self) -> None:
        """Refuse tasks that ask nothing, or that a language could not answer."""
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise ValueError("a task needs two different classes or more")
        if not self.concepts:
            raise ValueError("a task needs a concept or more")
        languages = {frozenset(concept.terms) for concept in self.concepts}
        if len(languages) > 1:
            raise ValueError("all concepts of a task have to have terms in the same languages")
        if wrong := sorted(set(self.same_as.values()) - self.languages):
            raise ValueError(f"same_as: {wrong[0]!r} has no terms")

    @property
    def languages(self) -> frozenset[str]:
        """Our names of the languages that have terms."""
        return frozenset(self.concepts[0].terms)

    def terms_in(self, language: str) -> str:
        """Return the language whose terms are used for another one; empty if none are."""
        found = self.same_as.get(language, language)
        return found if found in self.languages else ""


def read_task(path: Path) -> Task:
    """Read the task at `path`, a TOML file.

    Raises RecipeError if it cannot be read or does not fit.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Task)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise RecipeError(f"The labelling task {path} cannot be used: {error}.") from error


@dataclass(frozen=True)
class _Seen:
    """What was found in one file."""

    hits: tuple[float, ...]
    """Of each concept: the share of its terms that the file has."""
    folders: tuple[str, ...]


class FeatureReader:
    """Reads the features of files for one task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._patterns = {
            language: [
                {term: _pattern(term) for term in sorted(set(concept.terms[language]))}
                for concept in task.concepts
            ]
            for language in sorted(task.languages)
        }
        self._counts = [len(next(iter(concept.terms.values()))) for concept in task.concepts]

    @property
    def names(self) -> tuple[str, ...]:
        """What each column is."""
        concepts = [concept.name for concept in self.task.concepts]
        return (
            *(f"{name} here" for name in concepts),
            *(f"{name} in this folder" for name in concepts),
            *(f"{name} in the repository" for name in concepts),
            *(f"folder {word}" for word in self.task.path_words),
            *(f"file {word}" for word in self.task.path_words),
            "terms known",
        )

    def read(self, records: Sequence[Record]) -> Features:
        """Return the features of `records`; those of one repository are seen together.

        What a file's neighbours have is the mean over the others, the file itself left out.
        """
        seen = [self._look(record) for record in records]
        by_folder = _sums(
            (record.repository, *one.folders) for record, one in zip(records, seen, strict=True)
        )
        hits = np.array([one.hits for one in seen], dtype=np.float64)
        hits = hits.reshape(len(records), len(self.task.concepts))
        rows = np.array([self._of_path(record) for record in records], dtype=np.float64)
        rows = rows.reshape(len(records), 2 * len(self.task.path_words) + 1)
        by_repository = _sums((record.repository,) for record in records)
        folders, repositories = _others(hits, by_folder), _others(hits, by_repository)
        return np.hstack([hits, folders, repositories, rows])

    def found(self, record: Record) -> Mapping[str, Sequence[str]]:
        """Return the terms that a file has, by concept, for the person who labels."""
        language = self.task.terms_in(record.language)
        if not language:
            return {}
        text = record.text[:READ_CHARACTERS]
        found = {
            concept.name: [
                # Most terms are in no file, which is told without a pattern in a hundredth of
                # the time.
                term
                for term, pattern in patterns.items()
                if term in text and pattern.search(text)
            ]
            for concept, patterns in zip(self.task.concepts, self._patterns[language], strict=True)
        }
        return {name: terms for name, terms in found.items() if terms}

    def _look(self, record: Record) -> _Seen:
        found = self.found(record)
        hits = tuple(
            len(found.get(concept.name, ())) / count
            for concept, count in zip(self.task.concepts, self._counts, strict=True)
        )
        return _Seen(hits, PurePosixPath(record.path).parts[:-1])

    def _of_path(self, record: Record) -> list[float]:
        path = PurePosixPath(record.path)
        folders = {word for part in path.parts[:-1] for word in words_of(part)}
        own = set(words_of(path.stem))
        return [
            *(float(word in folders) for word in self.task.path_words),
            *(float(word in own) for word in self.task.path_words),
            float(bool(self.task.terms_in(record.language))),
        ]


def words_of(name: str) -> list[str]:
    """Return the words of a name, in lower case: of ``HttpServer`` http and server."""
    return [word.lower() for word in _WORD.findall(name)]


def _pattern(term: str) -> re.Pattern[str]:
    """Return what finds `term` where no longer word is meant."""
    before = r"(?<!\w)" if _LETTER.match(term[0]) else ""
    behind = r"(?!\w)" if _LETTER.match(term[-1]) else ""
    return re.compile(f"{before}{re.escape(term)}{behind}")


def _sums(groups: Iterable[tuple[str, ...]]) -> Sequence[int]:
    """Return a number for each group, the same for equal ones."""
    numbers: dict[tuple[str, ...], int] = {}
    return [numbers.setdefault(group, len(numbers)) for group in groups]


def _others(hits: Features, groups: Sequence[int]) -> Features:
    """Return for each row the mean of the other rows of its group; zero where it is alone."""
    if not len(hits):
        return hits
    index = np.array(groups)
    count = np.bincount(index)
    sums = np.zeros((len(count), hits.shape[1]))
    np.add.at(sums, index, hits)
    others = np.maximum(count[index] - 1, 1)[:, None]
    means: Features = (sums[index] - hits) / others
    return np.where(count[index][:, None] > 1, means, 0.0)
