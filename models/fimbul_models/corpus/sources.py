"""Fetch the pinned packages of a recipe as data, check them, and keep them.

Nothing of a package is ever installed, imported or run: `wheels`, `npm` and `debian` fetch
archives, `archives` reads them in memory. Knows nothing about what the files are used for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fimbul_models.corpus.archives import digest
from fimbul_models.corpus.debian import download_source, kept_source, source_version
from fimbul_models.corpus.npm import download_tarball, kept_tarball, tarball_version
from fimbul_models.corpus.packages import Origin, Package, check
from fimbul_models.corpus.wheels import download_wheel, kept_wheel, wheel_version
from fimbul_models.errors import SourceError


@dataclass(frozen=True, slots=True)
class _Client:
    """How archives of one origin are had."""

    folder: str
    """Where they are kept, below the folder for all packages."""
    kept: Callable[[str, str, Path], Path | None]
    download: Callable[[str, str, Path], Path]
    version: Callable[[Path], str]


_CLIENTS = {
    Origin.WHEEL: _Client("", kept_wheel, download_wheel, wheel_version),
    Origin.NPM: _Client("npm", kept_tarball, download_tarball, tarball_version),
    Origin.DEBIAN: _Client("debian", kept_source, download_source, source_version),
}


def fetch(package: Package, folder: Path) -> Path:
    """Return the archive of `package`, from `folder` or else fetched into it.

    A file with another digest than the package's is removed.

    Raises SourceError if it cannot be fetched, or has another digest.
    """
    check(package)
    client = _CLIENTS[package.origin]
    place = folder / client.folder
    place.mkdir(parents=True, exist_ok=True)
    archive = client.kept(package.name, package.version, place)
    if archive is None:
        archive = client.download(package.name, package.version, place)
    found = digest(archive)
    if found != package.sha256:
        archive.unlink()
        raise SourceError(
            f"{archive.name}, the {package.origin.value} of {package.name}, has the sha256 {found},"
            f" the recipe says {package.sha256 or 'nothing'}; it was removed. Correct the recipe if"
            " you trust this file, else the place where it comes from."
        )
    return archive


def newest(package: Package, folder: Path) -> tuple[str, str]:
    """Fetch the newest version of `package` into `folder`; return version and sha256.

    Raises SourceError if it cannot be fetched.
    """
    check(package)
    client = _CLIENTS[package.origin]
    place = folder / client.folder
    place.mkdir(parents=True, exist_ok=True)
    archive = client.download(package.name, "", place)
    return client.version(archive), digest(archive)
