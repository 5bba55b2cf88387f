"""All indexes of a folder: what of a text stands in any of them, and what of that is worth telling.

An index that cannot be used is said, and the others answer. Knows nothing about what becomes of
what is found.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from lsp_server.errors import ReferencesError
from lsp_server.references import noise
from lsp_server.references.fingerprints import EXACT
from lsp_server.references.index import Index, Run, question_of
from lsp_server.references.indexfile import ENDING, IndexFile, open_index
from lsp_server.references.indexfile import verify as verify_file
from lsp_server.references.matches import Findings, Likeness, Match, Source, Suppressed
from lsp_server.references.tokens import Lexer

MOST_SOURCES = 20
"""Of a match; of each licence class one at least is among them."""

_MOST_OWNERS = 200
"""Projects of one text that are looked at."""


@dataclass(frozen=True)
class IndexInfo:
    """What is known of an index."""

    name: str
    version: str
    digest: str
    """The same contents have the same, whenever they were built."""
    created: str
    """ISO date and time."""
    origins: tuple[str, ...]
    """What it was made of, for people."""
    path: Path
    size: int
    """Bytes on disk."""
    projects: int
    files: int
    """Copies counted."""
    texts: int
    """Different ones."""
    tokens: int
    source_bytes: int
    """Of all files, copies counted."""
    languages: Mapping[str, int]
    """Files of each."""


def info_of(file: IndexFile) -> IndexInfo:
    """Return what is known of an open index."""
    about = file.about
    return IndexInfo(
        name=about.name,
        version=about.version,
        digest=file.digest,
        created=about.created,
        origins=about.origins,
        path=file.path,
        size=file.size,
        projects=len(about.projects),
        files=sum(about.files.values()),
        texts=len(file.arrays["starts"]) - 1,
        tokens=len(file.arrays["tokens"]),
        source_bytes=about.bytes,
        languages=MappingProxyType(about.files),
    )


def verify(path: Path) -> IndexInfo:
    """Read all of an index; raises ReferencesError, which says what is wrong with it."""
    file = verify_file(path)
    try:
        return info_of(file)
    finally:
        file.close()


class Shelf:
    """The indexes in a folder, open for reading."""

    def __init__(self, folder: Path) -> None:
        """Open all that can be used; of the others `problems` tells."""
        self._lexer = Lexer()
        self._lock = threading.Lock()
        self._indexes: tuple[Index, ...] = ()
        self._problems: tuple[str, ...] = ()
        names: set[str] = set()
        for path in sorted(folder.glob(f"*{ENDING}")):
            try:
                file = open_index(path)
            except ReferencesError as error:
                self._problems += (str(error),)
                continue
            if file.about.name in names:
                self._problems += (f"{path} is another index named {file.about.name}; remove one.",)
                file.close()
                continue
            names.add(file.about.name)
            self._indexes += (Index(file),)

    @property
    def indexes(self) -> tuple[IndexInfo, ...]:
        """The indexes that answer."""
        return tuple(info_of(index.file) for index in self._indexes)

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each index that does not answer."""
        return self._problems

    def look(
        self,
        text: str,
        language: str,
        *,
        least: int = EXACT.least,
        own: Callable[[Source], bool] | None = None,
    ) -> Findings:
        """Return the runs of `least` tokens or more of `text` that stand in an index.

        `language` is what an editor calls it. What `own` says yes to is no source. With `least`
        below 65 not all runs are found. May be called in several threads at once.
        """
        asked = question_of(self._lexer.read(text, language).hashes)
        found: list[_Found] = []
        for index in self._indexes:
            try:
                if not index.file.is_whole():
                    raise ReferencesError(f"{index.file.path} was cut off; build it again.")  # noqa: TRY301
                runs = index.runs(asked, least)
                found += [_found(index, run) for run in runs]
            except (ReferencesError, IndexError, ValueError) as error:
                self._refuse(index, error)
        if not found:
            return Findings()
        spans = self._lexer.spans(text, language)
        return _told(text, spans, found, own or (lambda _: False))

    def close(self) -> None:
        """Close all indexes; they answer no more."""
        with self._lock:
            indexes, self._indexes = self._indexes, ()
        for index in indexes:
            index.file.close()

    def _refuse(self, index: Index, error: Exception) -> None:
        """Ask an index no more, and say why."""
        path = index.file.path
        known = isinstance(error, ReferencesError)
        with self._lock:
            if index in self._indexes:
                self._indexes = tuple(one for one in self._indexes if one is not index)
                told = str(error) if known else f"The index {path} is damaged; build it again."
                self._problems += (told,)


@dataclass(frozen=True)
class _Found:
    """A run in one index, and where it stands there."""

    run: Run
    sources: tuple[tuple[Source, bool], ...]


def _found(index: Index, run: Run) -> _Found:
    by_project: dict[str, tuple[Source, bool]] = {}
    for number, (source, generated) in enumerate(index.sources(run)):
        if number >= _MOST_OWNERS:
            break
        by_project.setdefault(source.project, (source, generated))
    return _Found(run, tuple(by_project.values()))


@dataclass
class _Group:
    """All that is known of one run of the text, from sources of one kind."""

    first: int
    last: int
    likeness: Likeness
    rule: str
    """By which its sources do not count; empty if they do."""
    sources: list[Source] = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        return {source.licence_class for source in self.sources}


def _told(
    text: str,
    spans: Sequence[tuple[int, int]],
    found: Sequence[_Found],
    own: Callable[[Source], bool],
) -> Findings:
    projects = noise.projects_by_token(
        len(spans),
        (
            (one.run.first, one.run.last, [source.project for source, _ in one.sources])
            for one in found
        ),
    )
    matches, suppressed = [], []
    for group in _longest(_grouped(found, own)):
        inside = spans[group.first : group.last]
        seen = noise.Seen(text, inside, projects[group.first : group.last])
        rule = group.rule or noise.rule_for(seen)
        match = Match(
            start=inside[0][0],
            end=inside[-1][1],
            tokens=group.last - group.first,
            likeness=group.likeness,
            sources=_chosen(group.sources),
        )
        if rule:
            suppressed.append(Suppressed(match, rule))
        else:
            matches.append(match)
    return Findings(tuple(matches), tuple(suppressed))


def _grouped(found: Iterable[_Found], own: Callable[[Source], bool]) -> list[_Group]:
    """Bring together what is told of the same run; sources that do not count stay apart."""
    groups: dict[tuple[int, int, Likeness, str], _Group] = {}
    for one in found:
        run = one.run
        for source, generated in one.sources:
            rule = noise.OWN if own(source) else noise.GENERATED if generated else ""
            key = (run.first, run.last, run.likeness, rule)
            groups.setdefault(key, _Group(*key)).sources.append(source)
    return list(groups.values())


def _longest(groups: list[_Group]) -> list[_Group]:
    """Leave out what lies within a longer run, but for licence classes that this one lacks."""
    kept: list[_Group] = []
    # What is alike word by word is never left out for what is alike but for names.
    order = [Likeness.VERBATIM, Likeness.RENAMED]
    for group in sorted(
        groups, key=lambda one: (order.index(one.likeness), one.first - one.last, one.first)
    ):
        around = [
            other
            for other in kept
            if other.rule == group.rule and other.first <= group.first and group.last <= other.last
        ]
        known = {name for other in around for name in other.classes}
        if around:
            new = [one for one in group.sources if one.licence_class not in known]
            group = replace(group, sources=new)
        if group.sources:
            kept.append(group)
    return sorted(kept, key=lambda one: (one.first, -one.last, one.rule))


def _chosen(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Return at most `MOST_SOURCES`, each project once, and of each licence class one at least."""
    by_project = {(one.index, one.project): one for one in reversed(sources)}
    every = sorted(by_project.values(), key=lambda one: (one.index, one.project, one.path))
    first_of = {one.licence_class: one for one in reversed(every)}
    firsts = sorted(first_of.values(), key=every.index)
    rest = [one for one in every if one not in firsts]
    return tuple([*firsts, *rest][:MOST_SOURCES])
