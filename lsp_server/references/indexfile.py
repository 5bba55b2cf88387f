"""The file that an index is: sections of numbers, mapped into memory, and what they are about.

    head      mark and format
    sections  each an array, beginning at a multiple of 64 bytes
    about     JSON: what the index is, where sections are, their digests
    tail      length and digest of `about`, mark: what is written last, so a file without it is
              half built or cut off

Numbers are little-endian. Knows nothing about how anything is found in it; `fimbul_models` builds
such files.
"""

import contextlib
import mmap
import os
import struct
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt
import xxhash

from lsp_server.errors import ReferencesError
from lsp_server.references.tokens import LEXER

FORMAT = 1
"""Raised when a file means something else than before."""

ENDING = ".fimref"

_HEAD = struct.Struct("<12sI")
_TAIL = struct.Struct("<QQ12s")
_MARK = b"fimbul refs\n"
_ALIGNMENT = 64
_PIECE = 1 << 20

Array = npt.NDArray[Any]


class Section(msgspec.Struct, frozen=True):
    """Where an array is."""

    offset: int
    count: int
    """Of numbers."""
    kind: str
    """As numpy writes it, such as ``<u4``."""
    digest: str
    """xxh3 of 128 bits, in hexadecimal digits."""


class Project(msgspec.Struct, frozen=True):
    """Where code was published."""

    name: str
    """Such as ``wheel:flask 3.0.3``."""
    link: str = ""
    """Where a person can read it; empty if that is not known."""


class Licence(msgspec.Struct, frozen=True):
    """What code may be used under."""

    expression: str
    """SPDX; empty if none was found."""
    licence_class: str
    """As `matches.Source.licence_class`."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What an index is about; everything but the numbers."""

    name: str
    version: str = ""
    """What its makers call this state of it."""
    created: str = ""
    """ISO date and time; no part of the digest."""
    origins: tuple[str, ...] = ()
    """What it was made of, for people: recipes, folders, other indexes."""
    lexer: int = LEXER
    projects: tuple[Project, ...] = ()
    licences: tuple[Licence, ...] = ()
    languages: tuple[str, ...] = ()
    """What the numbers of languages mean."""
    files: dict[str, int] = {}
    """Of each language; copies counted."""
    bytes: int = 0
    """Of source, copies counted."""


class _Trailer(msgspec.Struct, frozen=True):
    about: About
    sections: dict[str, Section]


@dataclass(frozen=True)
class IndexFile:
    """An index that is open for reading; threads may share it."""

    path: Path
    about: About
    digest: str
    """Of everything but the date; the same contents under the same name have the same."""
    size: int
    """Bytes of the file."""
    arrays: Mapping[str, Array]
    """By the name of their section."""
    sections: Mapping[str, Section]
    handle: int
    """File descriptor, to see whether it was cut off meanwhile; reading what is not there ends a
    process."""

    def is_whole(self) -> bool:
        """Say whether the file still has all its bytes."""
        try:
            return os.fstat(self.handle).st_size == self.size
        except OSError:
            return False

    def close(self) -> None:
        """Close the file; what is mapped is let go with the last array."""
        with contextlib.suppress(OSError):
            os.close(self.handle)


def open_index(path: Path) -> IndexFile:
    """Open the index at `path`.

    Raises ReferencesError if it is none, not whole, or of another format.
    """
    if sys.byteorder != "little":
        raise ReferencesError(f"{path} cannot be used: indexes need a little-endian processor.")
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise ReferencesError(f"The index {path} cannot be opened: {error.strerror}.") from error
    try:
        return _opened(path, handle)
    except (OSError, ValueError, msgspec.MsgspecError, struct.error) as error:
        os.close(handle)
        raise ReferencesError(f"The index {path} is damaged ({error}); build it again.") from error
    except ReferencesError:
        os.close(handle)
        raise


def _opened(path: Path, handle: int) -> IndexFile:
    size = os.fstat(handle).st_size
    if size < _HEAD.size + _TAIL.size:
        raise ReferencesError(f"{path} is cut off or half built; build it again.")
    mapped = mmap.mmap(handle, size, access=mmap.ACCESS_READ)
    mark, number = _HEAD.unpack_from(mapped)
    if mark != _MARK:
        raise ReferencesError(f"{path} is no index of references.")
    if number != FORMAT:
        raise ReferencesError(
            f"{path} has format {number}, and this version reads {FORMAT}; build it again."
        )
    length, digest, mark = _TAIL.unpack_from(mapped, size - _TAIL.size)
    if mark != _MARK or length > size:
        raise ReferencesError(f"{path} is cut off or half built; build it again.")
    told = mapped[size - _TAIL.size - length : size - _TAIL.size]
    if xxhash.xxh3_64_intdigest(told) != digest:
        raise ReferencesError(f"{path} is damaged: what it says of itself was changed.")
    trailer = msgspec.json.decode(told, type=_Trailer)
    if trailer.about.lexer != LEXER:
        raise ReferencesError(
            f"{path} was read by lexer {trailer.about.lexer}, and this version has {LEXER};"
            " build it again."
        )
    arrays = {
        name: np.frombuffer(mapped, one.kind, one.count, one.offset)
        for name, one in trailer.sections.items()
    }
    missing = SECTIONS.keys() - arrays.keys()
    if missing:
        raise ReferencesError(f"{path} is damaged: it lacks {', '.join(sorted(missing))}.")
    whole = _digest(trailer)
    return IndexFile(path, trailer.about, whole, size, arrays, trailer.sections, handle)


SECTIONS: Mapping[str, str] = {
    "tokens": "of each text one after the other, the upper 15 bits of each token's hash, and"
    " whether it is an identifier",
    "starts": "where each text begins among tokens, and the end",
    "keys": "xxh3 of 128 bits of each text's tokens, in two numbers",
    "sizes": "bytes of each text",
    "spoken": "number of each text's language",
    "lines": "of each text, how many tokens stand in each line; 255 is added to what follows",
    "line_starts": "where each text begins among lines, and the end",
    "owner_starts": "where the owners of each text begin, and the end",
    "owner_projects": "number of a project that has the text",
    "owner_licences": "number of the licence under which it does",
    "owner_flags": "1 where a program has written it",
    "paths": "where in the project, as UTF-8",
    "path_starts": "where each owner's path begins, and the end",
    "exact_buckets": "where the fingerprints that begin with these bits begin, and the end",
    "exact_rests": "the other bits of each fingerprint, sorted",
    "exact_places": "where it begins among tokens",
    "renamed_buckets": "the same for fingerprints without names",
    "renamed_rests": "",
    "renamed_places": "",
}
"""What each array holds."""

GENERATED = 1
"""Flag of an owner: a program has written the file."""


def _digest(trailer: _Trailer) -> str:
    told = msgspec.structs.replace(trailer.about, created="")
    same = msgspec.json.encode([told, trailer.sections], order="deterministic")
    return xxhash.xxh3_128_hexdigest(same)


@dataclass
class IndexWriter:
    """An index that is being written; it appears under its name when it is whole."""

    file: BinaryIO
    sections: dict[str, Section] = field(default_factory=dict)

    def write(self, name: str, kind: str, pieces: Iterable[Array]) -> None:
        """Write the section `name` of numbers of `kind`; `pieces` follow each other in it."""
        self.file.write(b"\0" * (-self.file.tell() % _ALIGNMENT))
        offset = self.file.tell()
        digest = xxhash.xxh3_128()
        count = 0
        for piece in pieces:
            content = np.ascontiguousarray(piece, kind)
            digest.update(content.data if content.size else b"")
            self.file.write(content.data if content.size else b"")
            count += content.size
        self.sections[name] = Section(offset, count, kind, digest.hexdigest())

    def finish(self, about: About) -> None:
        """Say what it is about; the last thing to do."""
        told = msgspec.json.encode(_Trailer(about, self.sections))
        self.file.write(told)
        self.file.write(_TAIL.pack(len(told), xxhash.xxh3_64_intdigest(told), _MARK))


@contextlib.contextmanager
def writing(path: Path) -> Iterator[IndexWriter]:
    """Write the index at `path`: whole, or nothing is there and what was there stays.

    Raises ReferencesError if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        place = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_HEAD.pack(_MARK, FORMAT))
                yield IndexWriter(file)
                file.flush()
                os.fsync(file.fileno())
            place.chmod(0o644)
            place.replace(path)
        finally:
            place.unlink(missing_ok=True)
    except OSError as error:
        raise ReferencesError(f"The index {path} cannot be written: {error}.") from error


def verify(path: Path) -> IndexFile:
    """Read all of the index at `path`; return it, open.

    Raises ReferencesError, which says what is wrong, if a byte of it was changed or numbers do not
    fit together.
    """
    index = open_index(path)
    try:
        for name, section in index.sections.items():
            _verify_section(path, name, index.arrays[name], section)
        _verify_sense(path, index.arrays, index.about)
    except ReferencesError:
        index.close()
        raise
    return index


def _verify_section(path: Path, name: str, array: Array, section: Section) -> None:
    digest = xxhash.xxh3_128()
    for begin in range(0, len(array), _PIECE):
        digest.update(array[begin : begin + _PIECE].data)
    if digest.hexdigest() != section.digest:
        raise ReferencesError(f"{path} is damaged: its section {name} was changed.")


def _verify_sense(path: Path, arrays: Mapping[str, Array], about: About) -> None:
    texts = len(arrays["starts"]) - 1
    owners = len(arrays["owner_projects"])
    checks = {
        "starts": _rises_to(arrays["starts"], len(arrays["tokens"])),
        "line_starts": _rises_to(arrays["line_starts"], len(arrays["lines"])),
        "owner_starts": _rises_to(arrays["owner_starts"], owners),
        "path_starts": _rises_to(arrays["path_starts"], len(arrays["paths"])),
        "spoken": len(arrays["spoken"]) == texts == len(arrays["line_starts"]) - 1,
        "owner_projects": _below(arrays["owner_projects"], len(about.projects)),
        "owner_licences": _below(arrays["owner_licences"], len(about.licences)),
        "exact_buckets": _rises_to(arrays["exact_buckets"], len(arrays["exact_places"])),
        "exact_places": _below(arrays["exact_places"], len(arrays["tokens"])),
        "renamed_buckets": _rises_to(arrays["renamed_buckets"], len(arrays["renamed_places"])),
        "renamed_places": _below(arrays["renamed_places"], len(arrays["tokens"])),
    }
    wrong = [name for name, holds in checks.items() if not holds]
    if wrong:
        raise ReferencesError(f"{path} is damaged: {', '.join(wrong)} do not fit the rest.")


def _rises_to(starts: Array, end: int) -> bool:
    rises = bool((starts[1:] >= starts[:-1]).all()) and len(starts) > 0
    return rises and int(starts[0]) == 0 and int(starts[-1]) == end


def _below(numbers: Array, limit: int) -> bool:
    return not len(numbers) or int(numbers.max()) < limit
