"""What becomes of a text that resembles published code: a decision by licence, and its user's.

Pure. Knows nothing about how a resemblance is found or shown.
"""

import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase

from lsp_server.config.options import ReferenceOptions, Resembling
from lsp_server.references.matches import Match, Source
from lsp_server.types import Reference

_STRICTEST_LAST = list(Resembling)

_WORDS = re.compile(r"[()]|[^\s()]+")


def decide(match: Match, options: ReferenceOptions) -> Resembling:
    """Return what the user's policy makes of a match.

    Code that stands in several projects can be had from the one whose licence the policy takes
    best, so one of them blocks nothing that another allows; but then all of them are told.
    """
    found = {policy_of(source, options) for source in match.sources}
    best = min(found, key=_STRICTEST_LAST.index)
    return best if len(found) == 1 else max(best, Resembling.ANNOTATE, key=_STRICTEST_LAST.index)


def policy_of(source: Source, options: ReferenceOptions) -> Resembling:
    """Return what the user's policy makes of one source; a class that is unknown here is strict."""
    if _is_dependency(source.project, options.dependencies):
        return Resembling.ALLOW
    if source.licence and permits(source.licence, options.licences):
        return Resembling.ALLOW
    of_class = {
        "permissive": options.policy_permissive,
        "weak-copyleft": options.policy_weak_copyleft,
        "copyleft": options.policy_copyleft,
        "proprietary": options.policy_proprietary,
        "none": options.policy_unknown,
        "unknown": options.policy_unknown,
        "own": options.policy_own,
    }
    strictest = max(of_class.values(), key=_STRICTEST_LAST.index)
    return of_class.get(source.licence_class, strictest)


def references_of(match: Match) -> tuple[Reference, ...]:
    """Return the sources of a match as what travels with a suggestion."""
    return tuple(
        Reference(
            source.project,
            source.path,
            source.line,
            source.licence,
            source.licence_class,
            source.link,
            source.index,
            match.likeness.value,
            match.tokens,
        )
        for source in match.sources
    )


def _is_dependency(project: str, patterns: Collection[str]) -> bool:
    # A project is named with its version, which patterns may leave out.
    names = (project, project.partition(" ")[0])
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def permits(expression: str, licences: Collection[str]) -> bool:
    """Return whether an SPDX expression can be met with `licences` alone, exceptions left aside.

    Of an ``OR`` one side is enough, of an ``AND`` both are needed. What is no expression is not
    permitted.
    """
    known = {licence.lower() for licence in licences}
    words = iter([*_WORDS.findall(expression), ""])
    try:
        permitted, rest = _choice(words, known)
    except ValueError:
        return False
    return permitted and rest == ""


def _choice(words: Iterator[str], known: Collection[str]) -> tuple[bool, str]:
    """Read alternatives; return whether one is known, and the word behind them."""
    permitted, word = _sum(words, known)
    while word.upper() == "OR":
        other, word = _sum(words, known)
        permitted = permitted or other
    return permitted, word


def _sum(words: Iterator[str], known: Collection[str]) -> tuple[bool, str]:
    permitted, word = _name(words, known)
    while word.upper() == "AND":
        other, word = _name(words, known)
        permitted = permitted and other
    return permitted, word


def _name(words: Iterator[str], known: Collection[str]) -> tuple[bool, str]:
    word = next(words, "")
    if word == "(":
        permitted, closing = _choice(words, known)
        if closing != ")":
            raise ValueError("a bracket stays open")
    elif not word or word == ")" or word.upper() in ("AND", "OR", "WITH"):
        raise ValueError("a name is missing")
    else:
        permitted = word.lower() in known
    word = next(words, "")
    if word.upper() == "WITH":
        if not next(words, ""):
            raise ValueError("an exception is missing")
        word = next(words, "")
    return permitted, word
