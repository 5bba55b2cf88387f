"""What there is to read: the units of a recipe's sources.

This is where packages are fetched, repositories cloned and code hosts asked, in one process,
before anything is read. Knows nothing about what is read of a unit.
"""

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from fimbul_models.corpus.folders import repositories_in
from fimbul_models.corpus.gathering import GatherRules, refusal
from fimbul_models.corpus.hosting import Client
from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.repositories import clone, commit_of, git_folder
from fimbul_models.corpus.rows import units_of_rows
from fimbul_models.corpus.sampling import Found, sample
from fimbul_models.corpus.sources import fetch
from fimbul_models.corpus.units import (
    AnySource,
    ArchiveSource,
    FolderSource,
    GitSource,
    Kind,
    ListingSource,
    Missing,
    PackageSource,
    Places,
    RowSource,
    Unit,
    unit_of,
)
from fimbul_models.errors import RecipeError, SourceError

Tell = Callable[[str], None]
"""Takes one line about what is being done."""


def _quiet(_line: str) -> None:
    pass


class Planner:
    """Lists the units of sources."""

    def __init__(
        self,
        places: Places,
        rules: GatherRules,
        packages: Sequence[Package] = (),
        connect: Callable[[ListingSource], Client] | None = None,
        tell: Tell = _quiet,
    ) -> None:
        """Take where things are, the recipe's rules and packages, and who asks code hosts.

        `connect` is `client_of`, or None where no code host may be asked.
        """
        self._places = places
        self._rules = rules
        self._packages = packages
        self._connect = connect
        self._tell = tell

    def list_all(self, sources: Iterable[AnySource]) -> list[Unit]:
        """Return the units of all `sources`, sorted by repository.

        Raises SourceError if something is missing that must not be, RecipeError if two units
        have the same name.
        """
        units: dict[str, Unit] = {}
        for source in sources:
            for unit in self.list_units(source):
                if other := units.get(unit.repository):
                    raise RecipeError(
                        f"The sources {other.source} and {unit.source} both hold"
                        f" {unit.repository}; leave it out of one."
                    )
                units[unit.repository] = unit
        return [unit for _, unit in sorted(units.items())]

    def list_units(self, source: AnySource) -> Iterator[Unit]:
        """Yield the units of `source`.

        Raises SourceError if it cannot be had.
        """
        match source:
            case FolderSource():
                yield from self._folders(source)
            case GitSource():
                yield from self._git(source)
            case PackageSource():
                yield from self._packaged(source)
            case ArchiveSource():
                yield from self._archives(source)
            case RowSource():
                yield from units_of_rows(
                    source, self._places.recipe / source.path, self._rules.file_limit
                )
            case ListingSource():
                yield from self._listed(source)

    def _folders(self, source: FolderSource) -> Iterator[Unit]:
        path = (self._places.recipe / source.path).absolute()
        for name, folder in _each(f"folder:{source.name}", path, each=source.each):
            yield unit_of(source, Kind.FOLDER, name, place=str(folder))

    def _git(self, source: GitSource) -> Iterator[Unit]:
        if bool(source.path) == bool(source.address):
            raise RecipeError(f"The git source {source.name} needs either a path or an address.")
        if source.address:
            yield self._cloned(source, repository_name(source.address), source.address)
            return
        path = (self._places.recipe / source.path).absolute()
        for name, folder in _each(f"git:{source.name}", path, each=source.each):
            yield _git_unit(source, name, git_folder(folder), source.revision)

    def _cloned(
        self, source: GitSource | ListingSource, repository: str, address: str, **more: str
    ) -> Unit:
        """Return the unit of a repository that is cloned, unless that was done before."""
        named = unit_of(source, Kind.NOTHING, repository, problem="it was not cloned", **more)
        if refusal(named, self._rules):
            return named
        revision = source.revision if isinstance(source, GitSource) else "HEAD"
        folder = self._places.repositories / (_file_name(repository) + ".git")
        self._tell(f"{repository}: {'kept' if folder.is_dir() else 'cloned'}")
        try:
            place = clone(address, folder, source.protocols)
            return _git_unit(source, repository, place, revision, **more)
        except SourceError as error:
            if source.missing is Missing.ERROR:
                raise
            return unit_of(source, Kind.NOTHING, repository, problem=str(error), **more)

    def _packaged(self, source: PackageSource) -> Iterator[Unit]:
        for package in source.packages or self._packages:
            name = f"{package.origin.value}:{package.name}"
            more = {
                "revision": package.version,
                "origin": package.origin,
                "declared": package.licence or source.licence,
                "skip": (*source.skip, *package.skip),
            }
            named = unit_of(source, Kind.NOTHING, name, problem="it was not fetched", **more)
            if refusal(named, self._rules):
                yield named
                continue
            self._tell(f"{name} {package.version}")
            try:
                archive = fetch(package, self._places.packages)
            except SourceError as error:
                if source.missing is Missing.ERROR:
                    raise
                yield unit_of(source, Kind.NOTHING, name, problem=str(error), **more)
            else:
                yield unit_of(source, Kind.ARCHIVE, name, place=str(archive), **more)

    def _archives(self, source: ArchiveSource) -> Iterator[Unit]:
        for pattern in source.paths:
            found = sorted(glob.glob(str(self._places.recipe / pattern)))  # noqa: PTH207
            if not found:
                raise SourceError(f"{source.name}: there is no archive {pattern}.")
            for path in map(Path, found):
                stem = re.sub(r"(\.tar)?\.[a-z0-9]+$", "", path.name)
                name = f"archive:{source.name}/{stem}"
                yield unit_of(source, Kind.ARCHIVE, name, place=str(path.absolute()))

    def _listed(self, source: ListingSource) -> Iterator[Unit]:
        if self._connect is None:
            raise SourceError(f"{source.name}: code hosts are not asked here.")

        def refused(found: Found) -> bool:
            return refusal(self._named(source, found), self._rules) is not None

        drawn = sample(source, self._connect(source), self._places.repositories, refused)
        for found in drawn.refused:
            yield self._named(source, found)
        for found in drawn.taken:
            repository = repository_name(found.address)
            organisation = source.organisation or found.owner
            yield self._cloned(
                source,
                repository,
                found.address,
                organisation=organisation,
                declared=source.licence or found.licence,
            )

    def _named(self, source: ListingSource, found: Found) -> Unit:
        """Return a unit that is known by name only, to be judged and counted."""
        return unit_of(
            source,
            Kind.NOTHING,
            repository_name(found.address),
            organisation=source.organisation or found.owner,
            problem="it was not cloned",
        )


def client_of(source: ListingSource) -> Client:
    """Return who asks the host of `source`, with the key that it names.

    Raises RecipeError if there is no such key.
    """
    if source.key_variable and source.key_variable not in os.environ:
        raise RecipeError(
            f"The source {source.name} wants a key: set the environment variable"
            f" {source.key_variable}."
        )
    return Client(key=os.environ.get(source.key_variable, "") if source.key_variable else "")


def repository_name(address: str) -> str:
    """Return how a repository at `address` is called: host and path, without user or ending."""
    # `user@host:path` is ssh's short form.
    whole = address if "://" in address else "ssh://" + address.replace(":", "/", 1)
    parts = urlsplit(whole)
    path = parts.path.strip("/").removesuffix(".git")
    return "git:" + "/".join(part for part in (parts.hostname or "", path) if part)


def _git_unit(
    source: GitSource | ListingSource, name: str, folder: Path, revision: str, **more: str
) -> Unit:
    commit = commit_of(folder, revision)
    return unit_of(source, Kind.GIT, name, place=str(folder), revision=commit, **more)


def _each(name: str, path: Path, *, each: bool) -> Iterator[tuple[str, Path]]:
    if not each:
        yield name, path
        return
    for folder in repositories_in(path):
        yield f"{name}/{folder.name.removesuffix('.git')}", folder


def _file_name(repository: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "+", repository.removeprefix("git:"))
