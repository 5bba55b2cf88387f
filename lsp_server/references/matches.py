"""What is told of a text that resembles indexed code. Knows nothing about how it is found."""

import enum
from dataclasses import dataclass


class Likeness(enum.StrEnum):
    """How two runs of tokens are alike."""

    VERBATIM = "verbatim"
    """Token for token; comments and white space do not count."""
    RENAMED = "renamed"
    """Token for token but for the names of identifiers, which differ in a consistent way."""


@dataclass(frozen=True)
class Source:
    """A place in indexed code."""

    index: str
    """Name of the index that knows it."""
    project: str
    """Such as ``wheel:flask 3.0.3``."""
    path: str
    """Inside the project, with ``/``."""
    line: int
    """Where the run begins there, counted from 1."""
    licence: str
    """SPDX expression; empty if none was found."""
    licence_class: str
    """``permissive``, ``weak-copyleft``, ``copyleft``, ``proprietary``, ``none``, ``unknown`` or
    ``own``, as `fimbul_models.corpus.records.LicenceClass` has it."""
    link: str = ""
    """Where a person can read it; empty if that is not known."""


@dataclass(frozen=True)
class Match:
    """A longest run of tokens of a text that stands in indexed code, too."""

    start: int
    """Offset of its first character in the text that was looked at, in code points."""
    end: int
    """Offset behind its last character."""
    tokens: int
    """Length of the run."""
    likeness: Likeness
    sources: tuple[Source, ...]
    """Where it stands, the same text in one project once; never empty."""


@dataclass(frozen=True)
class Suppressed:
    """A run that is alike, and of which nothing is told."""

    match: Match
    rule: str
    """Name of the rule that says so, such as ``licence-text``."""


@dataclass(frozen=True)
class Findings:
    """All that was found in a text, in the order in which it stands there."""

    matches: tuple[Match, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
