"""Runs that are alike and mean nothing: rules by name, each a question about one run.

What all rules say together is that nobody has copied anything: the text is a licence, a table, a
list of imports, or stands in projects that have nothing else in common. Knows nothing about
indexes.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

OWN = "own-project"
"""All of its sources are excluded: the workspace itself, or what it depends on."""
GENERATED = "generated"
"""In all of its sources a program has written it."""
LICENCE_TEXT = "licence-text"
IMPORTS = "imports"
TABLE = "table"
MANY_PROJECTS = "many-projects"

MOST_PROJECTS = 10
"""Unrelated projects in which a run may stand and still be somebody's."""

_REST = 22
"""Tokens of a run of 65 that have to be left when a rule has taken its own; a third."""

_LICENCE_WORDS = frozenset({
    "copyright", "copyrights", "licence", "license", "licensed", "licensee", "licensor",
    "licenses", "warranty", "warranties", "merchantability", "noninfringement",
    "redistribution", "redistributions", "liability", "liable", "damages", "hereby", "herein",
    "sublicense", "permission", "permitted", "disclaimer", "disclaims", "disclaimed",
    "consequential", "tort", "patent", "copyleft", "conditions", "distribute",
})  # fmt: skip
_LICENCE_SHARE = 0.08
"""Of the words; licence texts have 12 % to 20 %, code about licences less than 5 %."""

_DISTINCT = 0.3
"""Least share of different tokens among 65 in a row; code has 0.45 to 0.7."""
_WORDS = 0.15
"""Least share of words among tokens; the rest are marks, numbers and strings."""
_STRETCH = 65

_IMPORT = re.compile(
    r"""^[ \t]*(?:
        from\s+[\w.]+\s+import\s+(?:\([^)]*\)?|[^\n]*)
      | import\s+(?:type\s+)?(?:[\w$*,\s]{0,200}\{[^}]*\}?|\([^)]*\)?)?[^\n]*
      | export\s+(?:type\s+)?(?:\*|\{[^}]*\})[^\n]*\sfrom\s[^\n]*
      | (?:const|let|var)\s+(?:\{[^}]*\}|[\w$]+)\s*=\s*require\b[^\n]*
      | (?:var|let|const)\s+_?\w+\s*=\s*(?:_?interop\w*|__importDefault|__importStar)\b[^\n]*
      | \#\s*(?:include|import|pragma)\b[^\n]*
      | (?:pub\s+)?use\s+[^;]*;?
      | (?:using|package|namespace|require|require_relative|require_once|include|extern\s+crate
          |mod)\b[^\n]*
      | ["']use\ strict["'];?
    )""",
    re.MULTILINE | re.VERBOSE,
)


@dataclass(frozen=True)
class Seen:
    """A run, as rules see it."""

    text: str
    """All that was looked at."""
    spans: Sequence[tuple[int, int]]
    """Where each token of the run stands in `text`."""
    projects: npt.NDArray[np.int64]
    """In how many unrelated projects each token of it stands, in a run of its own."""

    @cached_property
    def tokens(self) -> list[str]:
        """The tokens of the run."""
        return [self.text[begin:end] for begin, end in self.spans]


def is_licence_text(seen: Seen) -> bool:
    """Say whether a run speaks as licences do."""
    words = [token.lower() for token in seen.tokens if token[0].isalpha()]
    # A string is one token, and may hold a whole licence.
    words += [
        word.lower()
        for token in seen.tokens
        if token[0] in "\"'"
        for word in re.findall(r"[A-Za-z]+", token)
    ]
    return sum(word in _LICENCE_WORDS for word in words) > _LICENCE_SHARE * max(20, len(words))


def is_imports(seen: Seen) -> bool:
    """Say whether hardly anything but imports stands in a run."""
    imported = [match.span() for match in _IMPORT.finditer(seen.text)]
    if not imported:
        return False
    begins = np.array([begin for begin, _ in imported])
    ends = np.array([end for _, end in imported])
    at = np.array([begin for begin, _ in seen.spans])
    which = np.searchsorted(begins, at, side="right") - 1
    inside = (which >= 0) & (at < ends[which])
    return int((~inside).sum()) < _REST


def is_table(seen: Seen) -> bool:
    """Say whether a run repeats itself, or is made of marks, numbers and strings."""
    tokens = seen.tokens
    words = sum(token[0].isalpha() or token[0] == "_" for token in tokens)
    if words < _WORDS * len(tokens):
        return True
    parts = [tokens[at : at + _STRETCH] for at in range(0, len(tokens), _STRETCH)]
    whole = [part for part in parts if len(part) == _STRETCH] or parts[:1]
    return sum(len(set(part)) / len(part) for part in whole) < _DISTINCT * len(whole)


def is_in_many_projects(seen: Seen) -> bool:
    """Say whether what stands in few projects is too little to be somebody's."""
    return int((seen.projects <= MOST_PROJECTS).sum()) < _REST


RULES: tuple[tuple[str, Callable[[Seen], bool]], ...] = (
    (LICENCE_TEXT, is_licence_text),
    (IMPORTS, is_imports),
    (TABLE, is_table),
    (MANY_PROJECTS, is_in_many_projects),
)
"""In the order in which they are asked; the first that holds gives its name."""


def rule_for(seen: Seen) -> str:
    """Return the name of the rule by which nothing is told of a run; empty if there is none."""
    return next((name for name, holds in RULES if holds(seen)), "")


_FIRST_PART = re.compile(r"[^-_.]+")


def family_of(project: str) -> str:
    """Return what projects share that belong together: their scope, owner or first word.

    Takes names such as ``npm:@scope/name 1.2``, ``git:host/owner/name`` and ``wheel:name 3``.
    """
    name = project.partition(" ")[0].partition(":")[2] or project
    if "/" in name:
        return name.rpartition("/")[0]
    first = _FIRST_PART.match(name)
    return first.group() if first else name


def projects_by_token(
    count: int, runs: Iterable[tuple[int, int, Iterable[str]]]
) -> npt.NDArray[np.int64]:
    """Return in how many families of projects each of `count` tokens stands.

    `runs` are given by their first token, the one behind their last, and the projects.
    """
    stands: dict[str, npt.NDArray[np.bool_]] = {}
    for first, last, projects in runs:
        for family in {family_of(project) for project in projects}:
            row = stands.setdefault(family, np.zeros(count, np.bool_))
            row[first:last] = True
    total = np.zeros(count, np.int64)
    for row in stands.values():
        total += row
    return total
