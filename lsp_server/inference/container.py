"""GGUF files as containers: entries of metadata and a directory of tensors, read and written.

Layout as in GGUF's specification, versions 2 and 3, little-endian. Needs no engine and reads
nothing of the weights. Knows nothing about what entries and tensors mean.
"""

import mmap
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lsp_server.errors import ModelUnusable

MAGIC = b"GGUF"

DEFAULT_ALIGNMENT = 32
"""Bytes that the data of each tensor is aligned to, unless `general.alignment` says otherwise."""

STRING, ARRAY = 8, 9
"""Numbers of the kinds of values that have no fixed size."""

SCALARS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
"""The other kinds by number, in the letters of `struct`."""

_MOST = 1 << 24
"""Strings, arrays and directories with more entries than this are taken for damage."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of metadata."""

    key: str
    kind: int
    raw: bytes
    """Its value, as it stands in the file."""

    def number(self) -> int:
        """Return the value of an entry that holds one number."""
        return int(struct.unpack(f"<{SCALARS[self.kind]}", self.raw)[0])

    def text(self) -> str:
        """Return the value of an entry that holds a string."""
        return self.raw[8:].decode()

    def strings(self) -> list[bytes]:
        """Return the value of an entry that holds an array of strings."""
        reader = _Reader(self.raw)
        _inner, count = reader.unpack("IQ")
        return [reader.string() for _ in range(count)]

    def numbers(self) -> tuple[float, ...]:
        """Return the value of an entry that holds an array of numbers."""
        inner, count = struct.unpack_from("<IQ", self.raw)
        return struct.unpack_from(f"<{count}{SCALARS[inner]}", self.raw, 12)

    def with_strings(self, values: Sequence[bytes]) -> "Entry":
        """Return it with another array of strings."""
        body = b"".join(struct.pack("<Q", len(value)) + value for value in values)
        return Entry(self.key, self.kind, struct.pack("<IQ", STRING, len(values)) + body)

    def with_numbers(self, values: Sequence[float]) -> "Entry":
        """Return it with another array of numbers of the same kind."""
        (inner,) = struct.unpack_from("<I", self.raw)
        body = struct.pack(f"<{len(values)}{SCALARS[inner]}", *values)
        return Entry(self.key, self.kind, struct.pack("<IQ", inner, len(values)) + body)

    def with_number(self, value: int) -> "Entry":
        """Return it with another number of the same kind."""
        return Entry(self.key, self.kind, struct.pack(f"<{SCALARS[self.kind]}", value))


@dataclass(frozen=True, slots=True)
class Stored:
    """One entry of the directory of tensors."""

    name: str
    shape: tuple[int, ...]
    """Weights in each direction, the length of a row first."""
    type: int
    """ggml's number of its type."""
    offset: int
    """Where its data begins in the file, in bytes."""


@dataclass(frozen=True, slots=True)
class Container:
    """What stands in a file in front of the weights."""

    entries: tuple[Entry, ...]
    tensors: tuple[Stored, ...]

    def entry(self, key: str) -> Entry | None:
        """Return the entry of that name, if there is one."""
        return next((entry for entry in self.entries if entry.key == key), None)

    @property
    def alignment(self) -> int:
        """Bytes that data is aligned to."""
        entry = self.entry("general.alignment")
        return entry.number() if entry else DEFAULT_ALIGNMENT


def read_container(path: Path) -> Container:
    """Read what stands in front of the weights.

    Raises `ModelUnusable` if there is no file, or it ends too early or makes no sense.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read(_Reader(data))
    except OSError as exc:
        raise ModelUnusable(f"{path} cannot be read: {exc.strerror}.") from exc
    except (struct.error, ValueError, KeyError) as exc:
        raise ModelUnusable(
            f"{path} holds no directory of tensors that can be read ({exc}); fetch it again."
        ) from exc


def write_container(
    path: Path, container: Container, data: Iterable[tuple[int, Iterator[memoryview]]]
) -> None:
    """Write a file: the entries and tensors of `container`, and of each tensor its data.

    `data` gives, in the order of the tensors, how many bytes each takes and these bytes in pieces.
    Offsets in `container` are not looked at. Raises `OSError`.
    """
    sized = list(data)
    align = container.alignment
    offsets, position = [], 0
    for size, _ in sized:
        offsets.append(position)
        position += _padded(size, align)
    head = bytearray(MAGIC)
    head += struct.pack("<IQQ", 3, len(container.tensors), len(container.entries))
    for entry in container.entries:
        head += _packed(entry.key.encode()) + struct.pack("<I", entry.kind) + entry.raw
    for tensor, offset in zip(container.tensors, offsets, strict=True):
        head += _packed(tensor.name.encode()) + struct.pack("<I", len(tensor.shape))
        head += struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape)
        head += struct.pack("<IQ", tensor.type, offset)
    with path.open("wb") as file:
        file.write(head + bytes(_padded(len(head), align) - len(head)))
        for size, pieces in sized:
            _write(file, size, pieces)
            file.write(bytes(_padded(size, align) - size))


def _write(file: BinaryIO, size: int, pieces: Iterator[memoryview]) -> None:
    written = sum(file.write(piece) for piece in pieces)
    if written != size:
        raise ValueError(f"{written} bytes of a tensor came instead of {size}")


def _padded(size: int, align: int) -> int:
    return -(-size // align) * align


def _packed(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


class _Reader:
    """Reads one thing after another."""

    def __init__(self, data: "mmap.mmap | bytes") -> None:
        self._data = data
        self.position = 0

    def unpack(self, layout: str) -> tuple[int, ...]:
        """Return numbers in the letters of `struct`."""
        whole = f"<{layout}"
        values = struct.unpack_from(whole, self._data, self.position)
        self.position += struct.calcsize(whole)
        return values

    def take(self, size: int) -> bytes:
        """Return that many bytes."""
        start, self.position = self.position, self.position + size
        if self.position > len(self._data):
            raise ValueError("it ends too early")
        return self._data[start : self.position]

    def string(self) -> bytes:
        """Return a string."""
        (length,) = self.unpack("Q")
        return self.take(_limited(length))

    def value(self, kind: int) -> bytes:
        """Return a value as it stands there."""
        start = self.position
        self._skip(kind)
        if self.position > len(self._data):
            raise ValueError("it ends too early")
        return self._data[start : self.position]

    def _skip(self, kind: int) -> None:
        if kind == STRING:
            (length,) = self.unpack("Q")
            self.position += _limited(length)
        elif kind == ARRAY:
            inner, count = self.unpack("IQ")
            if inner in SCALARS:
                self.position += _limited(count) * struct.calcsize(f"<{SCALARS[inner]}")
            else:
                for _ in range(_limited(count)):
                    self._skip(inner)
        else:
            self.position += struct.calcsize(f"<{SCALARS[kind]}")


def _read(reader: _Reader) -> Container:
    if reader.take(4) != MAGIC:
        raise ValueError("it does not begin with GGUF")
    version, tensors, entries = reader.unpack("IQQ")
    if version not in (2, 3) or max(tensors, entries) > _MOST:
        raise ValueError(f"version {version}, {tensors} tensors, {entries} entries")
    found = []
    for _ in range(entries):
        key = reader.string().decode()
        (kind,) = reader.unpack("I")
        found.append(Entry(key, kind, reader.value(kind)))
    directory = [_stored(reader) for _ in range(tensors)]
    container = Container(tuple(found), tuple(directory))
    start = _padded(reader.position, container.alignment)
    return Container(
        container.entries,
        tuple(
            Stored(tensor.name, tensor.shape, tensor.type, start + tensor.offset)
            for tensor in directory
        ),
    )


def _stored(reader: _Reader) -> Stored:
    name = reader.string().decode()
    (directions,) = reader.unpack("I")
    if directions > 8:
        raise ValueError(f"a tensor of {directions} directions")
    shape = reader.unpack(f"{directions}Q")
    number, offset = reader.unpack("IQ")
    return Stored(name, shape, number, offset)


def _limited(count: int) -> int:
    if count > _MOST:
        raise ValueError(f"a length of {count}")
    return count
