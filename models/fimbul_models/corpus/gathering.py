"""The first stage: repositories become records.

`units.py` says what a unit is, `listing_units.py` makes them; here one is read, lazily and in the
order of its paths, in whichever process. What a unit holds and a record does not become is a drop
with its reason. Reads only what belongs to the unit: no network, no clock, no environment.
"""

import fnmatch
import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from fimbul_models.corpus.folders import listed_folder
from fimbul_models.corpus.legal import is_legal
from fimbul_models.corpus.listings import Entry, Listing
from fimbul_models.corpus.published import listed_archive
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, Record, Role
from fimbul_models.corpus.repositories import listed_repository
from fimbul_models.corpus.rows import listed_rows
from fimbul_models.corpus.units import Kind, Unit
from fimbul_models.corpus.vendoring import ATTRIBUTES, MODULES, Vendoring, vendoring_of
from fimbul_models.errors import SourceError

STAGE = "gather"


class GatherRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which files are taken at all."""

    organisations: tuple[str, ...] = ()
    """Globs of owners whose code is taken; empty means everybody's."""
    refused_organisations: tuple[str, ...] = ()
    """Globs of owners whose code is not taken."""
    levels: tuple[str, ...] = ("public", "internal", "confidential", "secret")
    """Levels of sensitivity, the least sensitive first."""
    most_sensitive: str = "internal"
    """The last level that is taken. A level that is not listed never is."""
    opted_out: tuple[str, ...] = ()
    """Globs of repositories, or of ``repository/path``, whose owners do not want to take part."""
    opt_out_marks: tuple[str, ...] = ()
    """Names of files by which an owner says so of the folder that they are in."""
    file_limit: int = 1_000_000
    """Bytes of the largest file that is read; larger ones are data."""
    vendored: bool = False
    """Take copies of other projects, too."""

    def __post_init__(self) -> None:
        """Refuse a level that is none; it would leave everything out."""
        if self.most_sensitive not in self.levels:
            raise ValueError(
                f"`most_sensitive` is {self.most_sensitive!r}, which is none of the `levels`"
                f" ({', '.join(self.levels)})"
            )


def opt_outs_in(path: Path) -> tuple[str, ...]:
    """Return the globs in the list at `path`: one a line, ``#`` begins a comment.

    Raises SourceError if it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"The list of who opted out, {path}, cannot be read: {error}.") from error
    return tuple(name for line in lines if (name := line.partition("#")[0].strip()))


def refusal(unit: Unit, rules: GatherRules) -> tuple[Reason, str] | None:
    """Return why nothing of `unit` may be taken, None if it may."""
    if _fits(unit.repository, (*rules.opted_out, *unit.opted_out)):
        return Reason.OPTED_OUT, unit.repository
    known = not rules.organisations or _fits(unit.organisation, rules.organisations)
    if not known or _fits(unit.organisation, rules.refused_organisations):
        return Reason.ORGANISATION, unit.organisation or "not named"
    taken = rules.levels[: rules.levels.index(rules.most_sensitive) + 1]
    if unit.sensitivity not in taken:
        return Reason.SENSITIVITY, unit.sensitivity or "not named"
    return None


def read_unit(unit: Unit, rules: GatherRules) -> Iterator[Record | Drop]:
    """Yield the files of `unit` in the order of their paths: those that are taken, and drops.

    What is wrong with a file never ends it. A unit that cannot be read at all is one drop, whose
    key has an empty path. Nothing is read of what is refused.
    """
    try:
        if unit.kind is Kind.NOTHING:
            yield _whole(unit, refusal(unit, rules) or (Reason.UNREADABLE, unit.problem))
            return
        with _opened(unit, rules) as listing:
            reader = _Reader(unit, rules, listing)
            for entry in listing.entries:
                yield reader.read(entry)
    except (SourceError, OSError) as error:
        # Messages name files of this machine; what is said is to be the same on every one.
        told = str(error).replace(unit.place, Path(unit.place).name) if unit.place else str(error)
        yield _whole(unit, (Reason.UNREADABLE, told))


def _opened(unit: Unit, rules: GatherRules) -> AbstractContextManager[Listing]:
    place = Path(unit.place)
    if unit.kind is Kind.FOLDER:
        return listed_folder(place)
    if unit.kind is Kind.GIT:
        return listed_repository(place, unit.revision)
    if unit.kind is Kind.ROWS:
        return listed_rows(unit, rules.file_limit)
    # Of what is refused the names are counted, and nothing is unpacked.
    return listed_archive(place, unit.origin, -1 if refusal(unit, rules) else rules.file_limit)


class _Reader:
    """Reads one unit file by file."""

    def __init__(self, unit: Unit, rules: GatherRules, listing: Listing) -> None:
        self._unit = unit
        self._rules = rules
        self._listing = listing
        self._refused = refusal(unit, rules)
        self._opted_out = _regex(_within(unit, (*rules.opted_out, *unit.opted_out)))
        marks = set(rules.opt_out_marks)
        self._marked = {
            folder
            for entry in listing.entries
            for folder, _, name in [entry.path.rpartition("/")]
            if name in marks
        }
        self._vendoring = self._provenance()

    def read(self, entry: Entry) -> Record | Drop:
        """Return what becomes of one file."""
        found = self._refused or self._unread(entry)
        if found is not None:
            return self._drop(entry, found)
        try:
            content = self._listing.read(entry)
        except SourceError as error:
            return self._drop(entry, (Reason.UNREADABLE, str(error)))
        return self._record(entry, content)

    def _unread(self, entry: Entry) -> tuple[Reason, str] | None:
        """Return why `entry` is dropped without a look into it."""
        if entry.problem:
            return entry.problem
        if self._has_opted_out(entry.path):
            return Reason.OPTED_OUT, entry.path
        foreign = self._vendoring.verdict(entry.path)
        if foreign and not (self._rules.vendored and foreign[0] is Reason.VENDORED):
            return foreign
        if entry.size > self._rules.file_limit:
            return Reason.TOO_LARGE, f"{entry.size} bytes"
        return None

    def _has_opted_out(self, path: str) -> bool:
        if self._opted_out and self._opted_out.fullmatch(f"{self._unit.repository}/{path}"):
            return True
        folders = path.split("/")[:-1]
        places = ("/".join(folders[:depth]) for depth in range(len(folders) + 1))
        return bool(self._marked) and any(place in self._marked for place in places)

    def _record(self, entry: Entry, content: bytes) -> Record | Drop:
        text = _text(content)
        if text is None:
            return self._drop(entry, (Reason.NOT_TEXT, ""), len(content))
        unit = self._unit
        return Record(
            source=unit.source,
            repository=unit.repository,
            revision=unit.revision,
            path=entry.path,
            text=text,
            digest=hashlib.sha256(content).hexdigest(),
            date=entry.date,
            organisation=unit.organisation,
            sensitivity=unit.sensitivity,
            declared=entry.licence or unit.declared,
            role=Role.LEGAL if is_legal(entry.path) else Role.CODE,
        )

    def _drop(self, entry: Entry, why: tuple[Reason, str], size: int | None = None) -> Drop:
        key = f"{self._unit.repository}\n{entry.path}"
        return Drop(key, STAGE, *why, size=entry.size if size is None else size)

    def _provenance(self) -> Vendoring:
        """Return what the repository tells about foreign files in it."""
        told = {}
        for entry in self._listing.entries:
            if entry.path in (MODULES, ATTRIBUTES) and not (self._refused or entry.problem):
                told[entry.path] = self._own_word(entry)
        return vendoring_of(
            [entry.path for entry in self._listing.entries],
            self._unit.origin,
            self._unit.skip,
            self._listing.nested,
            told.get(MODULES, ""),
            told.get(ATTRIBUTES, ""),
        )

    def _own_word(self, entry: Entry) -> str:
        if entry.size > self._rules.file_limit:
            return ""
        try:
            return self._listing.read(entry).decode("utf-8", "replace")
        except SourceError:  # It is said when its turn comes.
            return ""


def _whole(unit: Unit, why: tuple[Reason, str]) -> Drop:
    return Drop(f"{unit.repository}\n", STAGE, *why)


def _text(content: bytes) -> str | None:
    """Return `content` as text, without a byte order mark; None if it is none."""
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _fits(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def _within(unit: Unit, globs: Iterable[str]) -> list[str]:
    """Return those of `globs` that may mean single files of `unit`; lists of owners are long."""
    start = f"{unit.repository}/"
    heads = ((glob, re.split(r"[*?[]", glob, maxsplit=1)[0]) for glob in globs)
    return [glob for glob, head in heads if head.startswith(start) or start.startswith(head)]


def _regex(globs: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(fnmatch.translate, globs))) if globs else None
