"""The directory of tensors in a GGUF file: what they are called, their shapes and their types.

Read from the head of the file without the engine, so it takes milliseconds. Layout as in GGUF's
specification, versions 2 and 3. Knows nothing about what the tensors are for.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lsp_server.errors import ModelUnusable

MAGIC = b"GGUF"

_STRING, _ARRAY = 8, 9

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
"""Kinds of metadata values by number, in the letters of `struct`."""

_MOST = 1 << 24
"""Strings, arrays and directories with more entries than this are taken for damage."""


@dataclass(frozen=True, slots=True)
class TensorType:
    """A way to store weights."""

    number: int
    """What ggml calls it in files and in its interface."""
    block: int
    """Weights that are stored together; a row holds a whole number of blocks."""
    block_bytes: int

    @property
    def bits(self) -> float:
        """Bits a weight."""
        return self.block_bytes * 8 / self.block


TYPES = {
    "f32": TensorType(0, 1, 4),
    "f16": TensorType(1, 1, 2),
    "q4_0": TensorType(2, 32, 18),
    "q4_1": TensorType(3, 32, 20),
    "q5_0": TensorType(6, 32, 22),
    "q5_1": TensorType(7, 32, 24),
    "q8_0": TensorType(8, 32, 34),
    "q2_k": TensorType(10, 256, 84),
    "q3_k": TensorType(11, 256, 110),
    "q4_k": TensorType(12, 256, 144),
    "q5_k": TensorType(13, 256, 176),
    "q6_k": TensorType(14, 256, 210),
    "iq4_nl": TensorType(20, 32, 18),
    "iq3_s": TensorType(21, 256, 110),
    "iq4_xs": TensorType(23, 256, 136),
    "bf16": TensorType(30, 1, 2),
}
"""The types that weights of published models have, by ggml's names in lower case."""

_NAMES = {kind.number: name for name, kind in TYPES.items()}


def number_of(name: str) -> int:
    """Return ggml's number of the type that a `Tensor` names."""
    return int(name[1:]) if name.startswith("#") else TYPES[name].number


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of the directory."""

    name: str
    shape: tuple[int, ...]
    """Weights in each direction, the length of a row first."""
    type: str
    """A key of `TYPES`, or ``#`` and the number of a type that is not among them."""

    @property
    def weights(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def bits(self) -> float:
        """Bits a weight; 0 if the type is unknown."""
        return TYPES[self.type].bits if self.type in TYPES else 0.0

    def size_as(self, name: str) -> int:
        """Return how many bytes it takes as another type."""
        kind = TYPES[name]
        return self.weights // kind.block * kind.block_bytes

    def fits(self, name: str) -> bool:
        """Say whether its rows can be stored as that type."""
        return self.shape[0] % TYPES[name].block == 0


def read_tensors(path: Path) -> tuple[Tensor, ...]:
    """Return the directory of the GGUF file at `path`, in its order.

    Raises `ModelUnusable` if there is no file, or it ends too early or makes no sense.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except OSError as exc:
        raise ModelUnusable(f"{path} cannot be read: {exc.strerror}.") from exc
    except (struct.error, ValueError, KeyError, UnicodeDecodeError) as exc:
        raise ModelUnusable(
            f"{path} holds no directory of tensors that can be read ({exc}); fetch it again."
        ) from exc


def _read(file: BinaryIO) -> tuple[Tensor, ...]:
    if file.read(4) != MAGIC:
        raise ValueError("it does not begin with GGUF")
    version, tensors, entries = _unpack(file, "IQQ")
    if version not in (2, 3) or max(tensors, entries) > _MOST:
        raise ValueError(f"version {version}, {tensors} tensors, {entries} entries")
    for _ in range(entries):
        _string(file)
        _skip(file, *_unpack(file, "I"))
    return tuple(_tensor(file) for _ in range(tensors))


def _tensor(file: BinaryIO) -> Tensor:
    name = _string(file).decode()
    (directions,) = _unpack(file, "I")
    shape = _unpack(file, f"{_limited(directions)}Q")
    number, _offset = _unpack(file, "IQ")
    return Tensor(name, shape, _NAMES.get(number, f"#{number}"))


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _STRING:
        _string(file)
    elif kind == _ARRAY:
        inner, count = _unpack(file, "IQ")
        _skip_array(file, inner, _limited(count))
    else:
        _unpack(file, _SCALARS[kind])


def _skip_array(file: BinaryIO, kind: int, count: int) -> None:
    if kind in _SCALARS:
        file.seek(count * struct.calcsize(f"<{_SCALARS[kind]}"), 1)
        return
    for _ in range(count):
        _skip(file, kind)


def _string(file: BinaryIO) -> bytes:
    (length,) = _unpack(file, "Q")
    text = file.read(_limited(length))
    if len(text) < length:
        raise ValueError("it ends too early")
    return text


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    whole = f"<{layout}"
    return struct.unpack(whole, file.read(struct.calcsize(whole)))


def _limited(count: int) -> int:
    if count > _MOST:
        raise ValueError(f"a length of {count}")
    return count
