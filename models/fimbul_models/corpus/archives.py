"""Read the archives that packages are published as: zip and tar, in memory only.

Nothing is ever unpacked to disk. Archives come from strangers, so names that lead out, and sizes
that would fill the memory, are errors; links and devices are passed over, because they hold no
text of their own. Knows nothing about where archives come from or what the files are used for.
"""

import contextlib
import fnmatch
import hashlib
import io
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
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

_FIRST_YEAR = 1990
"""Archives that are made to be the same each time say 1970, 1980 or 1985 of all their files."""


@dataclass(frozen=True, slots=True)
class Member:
    """One regular file of an archive."""

    name: str
    size: int
    """Bytes, as the archive says."""
    content: bytes | None
    """None if it was not wanted."""
    date: str = ""
    """When it was changed, in UTC and ISO format, where the archive tells."""


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

    def wants(name: str, _size: int) -> bool:
        return any(fnmatch.fnmatchcase(name, glob) for glob in patterns)

    for member in members_of(archive, wants):
        if member.content is not None:
            yield member.name, member.content


def members_of(archive: Path, wants: Callable[[str, int], bool]) -> list[Member]:
    """Return the files in `archive`, sorted by name, with the contents that are wanted.

    `wants` is given a name and a size in bytes. Otherwise as `read_members`.

    Raises SourceError if it is no archive, damaged, or made to trick its reader.
    """
    reading = _Reading(archive, wants)
    try:
        (_read_zip if zipfile.is_zipfile(archive) else _read_tar)(reading)
    except (
        OSError,
        EOFError,
        NotImplementedError,
        OverflowError,
        RuntimeError,
        ValueError,
        lzma.LZMAError,
        struct.error,
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise SourceError(
            f"{archive} cannot be read as a zip or tar archive ({error}); remove it to fetch it"
            " again."
        ) from error
    return [member for _, member in sorted(reading.files.items())]


@dataclass
class _Reading:
    """How much of one archive was read so far."""

    archive: Path
    wants: Callable[[str, int], bool]
    total: int = 0
    count: int = 0
    files: dict[str, Member] = field(default_factory=dict)

    def check(self, name: str) -> None:
        """Count one member; refuse names that are tricks."""
        self.count += 1
        if self.count > COUNT_LIMIT:
            raise SourceError(f"{self.archive} holds more than {COUNT_LIMIT} files; not read.")
        path = PurePosixPath(name)
        leaves = path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name)
        if leaves or "\\" in name or not name.isprintable():
            raise SourceError(
                f"{self.archive} holds a file named {name!r}, which leads out of it; not read."
            )

    def keep(self, name: str, size: int, date: str, opened: Callable[[], IO[bytes] | None]) -> None:
        """Keep one regular file; read it if it is wanted."""
        content = None
        if self.wants(name, size):
            with opened() or io.BytesIO() as file:
                content = self._read(name, file)
        self.files[name] = Member(name, size, content, date)

    def _read(self, name: str, file: IO[bytes]) -> bytes:
        # One byte more than allowed, because the size in the archive's directory may be a lie.
        content = file.read(MEMBER_LIMIT + 1)
        if len(content) > MEMBER_LIMIT:
            raise SourceError(
                f"{self.archive}: {name} is larger than {MEMBER_LIMIT} bytes; not read."
            )
        self.total += len(content)
        if self.total > TOTAL_LIMIT:
            raise SourceError(f"{self.archive} unpacks to over {TOTAL_LIMIT} bytes; not read.")
        return content


def _read_zip(reading: _Reading) -> None:
    with zipfile.ZipFile(reading.archive) as archive:
        for member in archive.infolist():
            reading.check(member.orig_filename)
            if not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16):
                date = _zip_date(member)
                reading.keep(member.filename, member.file_size, date, partial(archive.open, member))


def _read_tar(reading: _Reading) -> None:
    with tarfile.open(reading.archive, "r:*") as archive:
        # One member at a time: a list of all would unpack a bomb before anyone looked.
        while (member := archive.next()) is not None:
            if member.offset > SIZE_LIMIT or member.size > SIZE_LIMIT:
                raise SourceError(f"{reading.archive} unpacks to over {SIZE_LIMIT} bytes; not read")
            name = member.name.removeprefix("./")
            reading.check(name)
            if member.isreg():
                date = _tar_date(member)
                reading.keep(name, member.size, date, partial(archive.extractfile, member))


def _zip_date(member: zipfile.ZipInfo) -> str:
    with contextlib.suppress(ValueError):  # The directory may say anything.
        return _date(datetime(*member.date_time, tzinfo=UTC))
    return ""


def _tar_date(member: tarfile.TarInfo) -> str:
    with contextlib.suppress(ValueError, OverflowError, OSError):
        return _date(datetime.fromtimestamp(int(member.mtime), UTC))
    return ""


def _date(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment.year >= _FIRST_YEAR else ""
