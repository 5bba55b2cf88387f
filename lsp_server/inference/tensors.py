"""What the matrices of a model are called, their shapes, and the types their weights have.

Knows nothing about what the tensors are for.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from lsp_server.inference.container import read_container


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
    """Return the directory of the GGUF file at `path`, in its order; raise `ModelUnusable`."""
    return tuple(
        Tensor(stored.name, stored.shape, _NAMES.get(stored.type, f"#{stored.type}"))
        for stored in read_container(path).tensors
    )
