"""Read the archives that packages are published as: zip and tar, in memory only.

Nothing is ever unpacked to disk. Archives come from strangers, so names that lead out, and sizes
that would fill the memory, are errors; links and devices are passed over, because they hold no
text of their own. Knows nothing about where archives come from or what the files are used for.
"""

import fnmatch
import hashlib
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from fimbul_models.errors import SourceError

MEMBER_LIMIT = 4 * 1024 * 1024
"""Largest file that is read out of an archive, in bytes; no hand-written source is larger."""

TOTAL_LIMIT = 256 * 1024 * 1024
"""Most bytes that are read out of one archive."""

COUNT_LIMIT = 100_000
"""Most members of one archive."""

SIZE_LIMIT = 2 * 1024 * 1024 * 1024
"""Most bytes that a tar archive may unpack to, members that nobody wants included."""

_BLOCK = 1024 * 1024


def digest(path: Path) -> str:
    """Return the sha256 of the file at `path` in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_members(archive: Path, pattern: str | Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files in `archive` that fit a glob, sorted by name.

    In `pattern`, one glob or several, ``*`` also crosses ``/``: ``*.py``. Where the archive
    holds a name twice the last one counts, as it does for those who unpack it. Contents are kept
    in memory only, so a name can never lead out of a folder; one that tries to is an error all
    the same, since names go on into messages, URIs and workspaces.

    Raises SourceError if it is no archive, damaged, or made to trick its reader.
    """
    patterns = (pattern,) if isinstance(pattern, str) else tuple(pattern)
    reading = _Reading(archive, patterns)
    try:
        files = _read_zip(reading) if zipfile.is_zipfile(archive) else _read_tar(reading)
    except (
        OSError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        lzma.LZMAError,
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise SourceError(
            f"{archive} cannot be read as a zip or tar archive ({error}); remove it to fetch it"
            " again."
        ) from error
    yield from sorted(files.items())


@dataclass
class _Reading:
    """How much of one archive was read so far."""

    archive: Path
    patterns: tuple[str, ...]
    total: int = 0
    count: int = 0
    files: dict[str, bytes] = field(default_factory=dict)

    def wants(self, name: str) -> bool:
        """Count one member and say whether it fits; refuse names that are tricks."""
        self.count += 1
        if self.count > COUNT_LIMIT:
            raise SourceError(f"{self.archive} holds more than {COUNT_LIMIT} files; not read.")
        path = PurePosixPath(name)
        leaves = path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name)
        if leaves or "\\" in name or not name.isprintable():
            raise SourceError(
                f"{self.archive} holds a file named {name!r}, which leads out of it; not read."
            )
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns)

    def keep(self, name: str, file: IO[bytes]) -> None:
        """Read one member."""
        # One byte more than allowed, because the size in the archive's directory may be a lie.
        content = file.read(MEMBER_LIMIT + 1)
        if len(content) > MEMBER_LIMIT:
            raise SourceError(
                f"{self.archive}: {name} is larger than {MEMBER_LIMIT} bytes; not read."
            )
        self.total += len(content)
        if self.total > TOTAL_LIMIT:
            raise SourceError(f"{self.archive} unpacks to over {TOTAL_LIMIT} bytes; not read.")
        self.files[name] = content


def _read_zip(reading: _Reading) -> dict[str, bytes]:
    with zipfile.ZipFile(reading.archive) as archive:
        for member in archive.infolist():
            wanted = reading.wants(member.orig_filename)
            if wanted and not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16):
                with archive.open(member) as file:
                    reading.keep(member.filename, file)
    return reading.files


def _read_tar(reading: _Reading) -> dict[str, bytes]:
    with tarfile.open(reading.archive, "r:*") as archive:
        # One member at a time: a list of all would unpack a bomb before anyone looked.
        while (member := archive.next()) is not None:
            if member.offset > SIZE_LIMIT or member.size > SIZE_LIMIT:
                raise SourceError(f"{reading.archive} unpacks to over {SIZE_LIMIT} bytes; not read")
            name = member.name.removeprefix("./")
            file = archive.extractfile(member) if member.isreg() else None
            if reading.wants(name) and file is not None:
                reading.keep(name, file)
    return reading.files
