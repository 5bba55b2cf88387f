"""What a recipe says about a package: where it is published, and exactly which file it is.

Knows nothing about fetching.
"""

import enum
import re

import msgspec

from fimbul_models.errors import SourceError


class Origin(enum.Enum):
    """Where a package is published, and as what."""

    WHEEL = "wheel"
    """A wheel, fetched by pip."""
    NPM = "npm"
    """A tarball, fetched by npm."""
    DEBIAN = "debian"
    """The upstream part of a Debian source package, fetched by apt-get."""


class Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pinned package of a recipe."""

    name: str
    version: str
    licence: str
    """SPDX expression that somebody vouches for; empty if nobody does."""
    sha256: str
    """Of the wheel, of npm's tarball, or of the upstream tarball of a Debian source package."""
    skip: tuple[str, ...] = ()
    """Globs of files that are not the package's own hand-written code."""
    origin: Origin = Origin.WHEEL


_NAMES = {
    Origin.WHEEL: re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"),
    Origin.NPM: re.compile(r"(@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*"),
    Origin.DEBIAN: re.compile(r"[a-z0-9][a-z0-9+.-]+"),
}
_VERSIONS = {
    Origin.WHEEL: re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+]*"),
    Origin.NPM: re.compile(r"[0-9]+\.[0-9]+\.[0-9]+[A-Za-z0-9.+-]*"),
    Origin.DEBIAN: re.compile(r"([0-9]+:)?[0-9][A-Za-z0-9.+~-]*"),
}


def check(package: Package) -> None:
    """Refuse names and versions that a package client would read as something else.

    Raises SourceError, which says what is wrong.
    """
    name_fits = _NAMES[package.origin].fullmatch(package.name)
    if not name_fits or not _VERSIONS[package.origin].fullmatch(package.version):
        raise SourceError(
            f"{package.name!r} {package.version!r} is not a package and a version of"
            f" {package.origin.value}; see the recipe."
        )
