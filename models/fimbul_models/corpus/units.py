"""What a recipe says about where a corpus comes from, and the units of work made of it.

A unit is one repository: small, so that it can be sent to another process or machine, and
complete, so that it is read there without the recipe. Knows nothing about how anything is read.
"""

import enum
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.corpus.packages import Origin, Package


class Missing(enum.Enum):
    """What becomes of a recipe whose package or repository is not to be had."""

    ERROR = "error"
    """Nothing is gathered, so that the same recipe never gives different corpora."""
    SKIP = "skip"
    """The rest is gathered, and what is missing is counted as unreadable."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every source says."""

    name: str
    """How reports call it; each source of a recipe has another."""
    organisation: str = ""
    """Who owns the code."""
    sensitivity: str = "internal"
    """How sensitive it is, a level of the recipe's `GatherRules.levels`."""
    licence: str = ""
    """SPDX expression that somebody vouches for, for all of it; empty if nobody does."""
    opted_out: tuple[str, ...] = ()
    """Globs of repositories, or of ``repository/path``, that are not to be used."""
    skip: tuple[str, ...] = ()
    """Globs of paths that are not its own hand-written code."""


class FolderSource(Source, tag_field="kind", tag="folder", frozen=True, kw_only=True):
    """A folder on this machine. Symbolic links in it are never followed."""

    path: str
    """Relative to the recipe, if it is relative."""
    each: bool = False
    """Every folder directly in it is a repository of its own."""


class GitSource(Source, tag_field="kind", tag="git", frozen=True, kw_only=True):
    """Git repositories, ordinary or bare. What is committed counts, not what lies in the folder."""

    path: str = ""
    """A repository, or with `each` a folder of them."""
    address: str = ""
    """Where to clone one from instead."""
    revision: str = "HEAD"
    """Commit, tag or branch."""
    each: bool = False
    protocols: tuple[str, ...] = ("https", "ssh")
    """Ways of git to clone that are allowed."""
    missing: Missing = Missing.ERROR


class PackageSource(Source, tag_field="kind", tag="packages", frozen=True, kw_only=True):
    """Packages, fetched by the clients of their registries and read as data."""

    sensitivity: str = "public"
    packages: tuple[Package, ...] = ()
    """If there are none, the packages of the recipe itself."""
    missing: Missing = Missing.ERROR


class ArchiveSource(Source, tag_field="kind", tag="archives", frozen=True, kw_only=True):
    """Zip and tar archives on this machine; each is one repository."""

    paths: tuple[str, ...]
    """Globs, relative to the recipe."""


class RowFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the fields of a file of JSON lines are called."""

    text: str = "text"
    path: str = "path"
    repository: str = "repository"
    """Rows without it belong to one repository, named after the source."""
    revision: str = "revision"
    date: str = "date"
    licence: str = "licence"


class RowSource(Source, tag_field="kind", tag="jsonl", frozen=True, kw_only=True):
    """A file of JSON lines, one source file in each."""

    path: str
    fields: RowFields = RowFields()


class ListingFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the answer of a code host's search says what; a dot leads into an object."""

    items: str = "items"
    """The list of repositories; empty if the answer is that list."""
    name: str = "full_name"
    address: str = "clone_url"
    owner: str = "owner.login"
    active: str = "pushed_at"
    """When it was changed last, in ISO format."""
    size: str = "size"
    """Kibibytes."""
    fork: str = "fork"
    archived: str = "archived"
    licence: str = "license.spdx_id"


class ListingSource(Source, tag_field="kind", tag="listing", frozen=True, kw_only=True):
    """A sample of the active repositories that a code host lists."""

    sensitivity: str = "public"
    address: str
    """Of the search itself, such as ``https://HOST/search/repositories``."""
    queries: tuple[dict[str, str], ...]
    """Parameters of each search; from each, as many repositories are drawn."""
    per_query: int = 20
    pages: int = 10
    """Most pages that are looked at for one search."""
    page_size: int = 100
    page_parameter: str = "page"
    size_parameter: str = "per_page"
    fields: ListingFields = ListingFields()
    active_since: str = ""
    """ISO date; repositories that were changed last before are left out."""
    size_limit: int = 500_000
    """Kibibytes of the largest repository that is taken."""
    key_variable: str = ""
    """Environment variable that holds the key to send, if the host wants one."""
    seed: int = 0
    protocols: tuple[str, ...] = ("https",)
    missing: Missing = Missing.SKIP


AnySource = FolderSource | GitSource | PackageSource | ArchiveSource | RowSource | ListingSource


class Kind(enum.Enum):
    """How the files of a unit are read."""

    FOLDER = "folder"
    GIT = "git"
    ARCHIVE = "archive"
    ROWS = "rows"
    NOTHING = "nothing"
    """There is nothing to read; `Unit.problem` or the rules say why."""


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One repository to be read."""

    kind: Kind
    source: str
    repository: str
    """As in a record; no two units of a corpus have the same."""
    revision: str = ""
    place: str = ""
    """Path of the folder, git directory, archive or file of rows."""
    origin: Origin | None = None
    """What it was published as, if it is a package."""
    rows: tuple[tuple[int, int], ...] = ()
    """Of a file of rows: where stretches of rows begin and end, in bytes."""
    fields: RowFields = RowFields()
    organisation: str = ""
    sensitivity: str = ""
    declared: str = ""
    opted_out: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    problem: str = ""
    """Why it cannot be read; empty if it can."""


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are on this machine."""

    recipe: Path
    """Folder that relative paths of the recipe begin in."""
    packages: Path
    """Where fetched packages are kept."""
    repositories: Path
    """Where cloned repositories, and answers of code hosts, are kept."""


def unit_of(source: AnySource, kind: Kind, repository: str, **more: Any) -> Unit:
    """Return a unit with what `source` says of all its repositories, and `more` of this one."""
    common = {
        "organisation": source.organisation,
        "sensitivity": source.sensitivity,
        "declared": source.licence,
        "opted_out": source.opted_out,
        "skip": source.skip,
    }
    return Unit(
        kind=kind,
        source=source.name,
        repository=repository,
        **(common | {name: value for name, value in more.items() if value}),
    )
