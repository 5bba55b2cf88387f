"""The projects that items are from, as folders on disk that a server can be given.

Files stay as they were published, the answers in them: a server that showed its model the file
under completion from disk would give itself away. Knows nothing about servers.
"""

import hashlib
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.projects import Project, lay_out, read_project
from fimbul_models.corpus.sources import fetch
from fimbul_models.errors import RecipeError, SourceError
from fimbul_models.evaluation.items import Item
from lsp_server.config.private import make_folder


@dataclass(frozen=True, slots=True)
class Workspaces:
    """Folders of projects."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    """By the name of the project."""
    digest: str = ""
    """Of all paths and contents; empty without folders."""


class _Packages(msgspec.Struct):
    """What matters here of a recipe of any form."""

    packages: tuple[Package, ...]


def projects_of(items: Iterable[Item]) -> list[str]:
    """Return the names of the projects that `items` are from, sorted."""
    return sorted({item.project for item in items if item.project})


def workspaces_from(
    recipe: Path, projects: Collection[str], packages: Path, folder: Path
) -> Workspaces:
    """Write the files of `projects` into `folder`; their packages are kept in `packages`.

    Raises RecipeError if the recipe does not name a project, SourceError if its package cannot be
    fetched or written.
    """
    pinned = {package.name: package for package in _read_packages(recipe)}
    folders = {}
    for name in sorted(projects):
        if name not in pinned:
            raise RecipeError(f"{recipe} has no package {name}, which items are from.")
        package = pinned[name]
        # Another version's files never lie in between, and the folder has the project's name.
        folders[name] = (folder / package.sha256[:12] / name).resolve()
        lay_out(read_project(package, fetch(package, packages)), folders[name])
    return _with_digest(folders)


def workspaces_in(folder: Path, projects: Collection[str]) -> Workspaces:
    """Return `projects`, each of which has a folder of its name in `folder`.

    Raises RecipeError if one has not.
    """
    folders = {name: (folder / name).resolve() for name in sorted(projects)}
    for name, path in folders.items():
        if not path.is_dir():
            raise RecipeError(f"{path} is missing; the items of {name} need its files there.")
    return _with_digest(folders)


def workspaces_of(project: Project, folder: Path) -> Workspaces:
    """Write the files of `project` into `folder`, for its owner only.

    Raises SourceError if that cannot be.
    """
    try:
        make_folder(folder)
    except OSError as error:
        raise SourceError(f"{folder} cannot be made: {error.strerror}.") from error
    place = (folder / project.name).resolve()
    lay_out(project, place)
    return _with_digest({project.name: place})


def together(*some: Workspaces) -> Workspaces:
    """Return all folders of several."""
    folders = {name: path for one in some for name, path in one.folders.items()}
    digests = [one.digest for one in some if one.digest]
    if len(digests) < 2:
        return Workspaces(folders, "".join(digests))
    return Workspaces(folders, hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16])


def _read_packages(recipe: Path) -> tuple[Package, ...]:
    try:
        values = tomllib.loads(recipe.read_text(encoding="utf-8"))
        return msgspec.convert(values, _Packages).packages
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise RecipeError(f"The recipe {recipe} cannot be used: {error}.") from error


def _with_digest(folders: Mapping[str, Path]) -> Workspaces:
    whole = hashlib.sha256()
    for name, folder in folders.items():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                where = f"{name}/{path.relative_to(folder).as_posix()}\n{len(data)}\n"
                whole.update(where.encode("utf-8", "surrogateescape") + data)
    return Workspaces(folders, whole.hexdigest()[:16])
