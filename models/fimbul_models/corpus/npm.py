"""Fetch npm packages with `npm pack`: the published tarball, no script of it run.

npm is asked as the user set it up (registry, proxy), but from an empty folder, so that no
project's settings apply, and with a cache of its own, so that the user's is left alone. Knows
nothing about digests.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec

from fimbul_models.errors import SourceError

_LAST_LINES = 3


class _Packed(msgspec.Struct):
    """What npm says about one tarball."""

    version: str
    filename: str


def kept_tarball(name: str, version: str, folder: Path) -> Path | None:
    """Return the tarball of `name` at `version` in `folder`, None if there is none."""
    path = folder / _file_name(name, version)
    return path if path.is_file() else None


def download_tarball(name: str, version: str, folder: Path) -> Path:
    """Fetch the tarball of `name` at `version`, the newest if that is empty, into `folder`.

    Raises SourceError if there is no npm, or if it finds no such package.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work:
        packed = _pack(f"{name}@{version or 'latest'}", Path(work))
        # A name without folders: what npm says is not believed further than that.
        found = Path(work, "out", Path(packed.filename).name)
        if not found.is_file():
            raise SourceError(f"npm fetched {name} {version}, but not as a file it names.")
        return Path(shutil.move(found, folder / _file_name(name, packed.version)))


def tarball_version(tarball: Path) -> str:
    """Return the version that the name of `tarball` tells."""
    match = re.search(r"-([0-9]+\.[0-9]+\.[0-9]+.*)\.tgz$", tarball.name)
    return match[1] if match else ""


def _file_name(name: str, version: str) -> str:
    return f"{name.replace('/', '+')}-{version}.tgz"


def _pack(wanted: str, work: Path) -> _Packed:
    program = shutil.which("npm")
    if program is None:
        raise SourceError(f"npm is needed to fetch {wanted}; install Node.js with npm.")
    for name in ("empty", "out"):
        (work / name).mkdir()
    command = [program, "pack", "--ignore-scripts", "--json", "--loglevel=error"]
    command += ["--cache", str(work / "cache"), "--prefix", str(work / "empty")]
    command += ["--pack-destination", str(work / "out"), "--", wanted]
    outcome = subprocess.run(
        command, cwd=work / "empty", capture_output=True, text=True, check=False
    )
    try:
        packed = msgspec.json.decode(outcome.stdout, type=list[_Packed])
    except msgspec.DecodeError:
        packed = []
    if outcome.returncode or len(packed) != 1:
        last = " ".join(outcome.stderr.strip().splitlines()[-_LAST_LINES:])
        raise SourceError(f"npm fetched no {wanted}: {last or 'it says nothing'}")
    return packed[0]
