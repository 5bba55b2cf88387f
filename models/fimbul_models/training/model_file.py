"""A whole model as a GGUF file: the tokens and settings of its base's file, and other weights.

The base's GGUF says everything but the weights, so what serves splits texts and turns heads as
before. Needs `gguf`, no torch: weights come as arrays, one at a time.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

from fimbul_models.errors import RecipeError
from fimbul_models.training.adapter_file import Array, Shape, turned
from lsp_server.inference.container import (
    STRING,
    Container,
    Entry,
    Stored,
    read_container,
    write_container,
)

WeightOf = Callable[[str], Array]
"""Returns the weight that transformers calls so."""

TYPES = {"f32": 0, "f16": 1, "q8_0": 8}
"""ggml's numbers of the types that matrices can be written in."""

_FILE_TYPES = {"f32": 0, "f16": 1, "q8_0": 7}
"""llama.cpp's numbers of files of which most tensors have that type."""

_BLOCK = 32
"""Weights of one block of q8_0; rows of another length are written in 16 bits."""

_UINT32, _FLOAT64 = 4, 12
"""Numbers of kinds of values in a GGUF."""


def write_model(
    path: Path,
    like: Path,
    names: Mapping[str, str],
    weight_of: WeightOf,
    shape: Shape,
    *,
    kind: str = "f16",
    facts: Mapping[str, str | int | float] | None = None,
) -> int:
    """Write the model at `path`, with all that `like` says but its weights; return its bytes.

    `names` are what transformers calls the tensors, by what a GGUF calls them; tensors of `like`
    that are not among them stay as they are. The file is written whole or not at all. Raises
    ModelUnusable if `like` cannot be read, RecipeError if a weight has another shape than there.
    """
    template = read_container(like)
    stored = [_typed(one, kind) if one.name in names else one for one in template.tensors]
    lacking = names.keys() - {one.name for one in template.tensors}
    if lacking:
        raise RecipeError(f"{like} has no tensor {min(lacking)}; it is no file of the same model.")
    container = Container(_entries(template, kind, facts or {}), tuple(stored))
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = np.memmap(like, dtype=np.uint8, mode="r")

    def data() -> Iterator[tuple[int, Iterator[memoryview]]]:
        for one, before in zip(stored, template.tensors, strict=True):
            if one.name in names:
                made = _bytes_of(one, weight_of(names[one.name]), shape, like)
                yield len(made), iter([memoryview(made)])
            else:
                kept = raw[before.offset : before.offset + _size(before)]
                yield len(kept), iter([memoryview(kept.tobytes())])

    write_container(part, container, data())
    part.replace(path)
    return path.stat().st_size


def stored_names(named: Mapping[str, tuple[int, ...]], shape: Shape) -> dict[str, str]:
    """Return what transformers calls tensors by what a GGUF calls them.

    `named` are the names of all tensors of the model in transformers.
    """
    found = {}
    for name in named:
        stem, _, ending = name.rpartition(".")
        found[f"{shape.stored_name(stem)}.{ending}"] = name
    return found


def _typed(tensor: Stored, kind: str) -> Stored:
    """Return an entry of the directory with the type that it will be written in."""
    if len(tensor.shape) == 1:
        return replace(tensor, type=TYPES["f32"])
    if kind == "q8_0" and tensor.shape[0] % _BLOCK:
        return replace(tensor, type=TYPES["f16"])
    return replace(tensor, type=TYPES[kind])


def _size(tensor: Stored) -> int:
    """Return the bytes of a stored tensor."""
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(tensor.type)]
    return int(int(np.prod(tensor.shape)) // block * size)


def _bytes_of(tensor: Stored, weight: Array, shape: Shape, like: Path) -> bytes:
    if weight.shape != tuple(reversed(tensor.shape)):
        raise RecipeError(
            f"{tensor.name} has the shape {weight.shape}, in {like}"
            f" {tuple(reversed(tensor.shape))}; it is no file of the same model."
        )
    rows = turned(weight.astype(np.float32), shape.heads_of(tensor.name))
    if tensor.type == TYPES["f32"]:
        return rows.tobytes()
    if tensor.type == TYPES["f16"]:
        return rows.astype(np.float16).tobytes()
    made: npt.NDArray[np.uint8] = gguf.quants.quantize(rows, gguf.GGMLQuantizationType.Q8_0)
    return made.tobytes()


def _entries(
    template: Container, kind: str, facts: Mapping[str, str | int | float]
) -> tuple[Entry, ...]:
    added = [entry_of("general.file_type", _FILE_TYPES[kind])]
    added += [entry_of(key, value) for key, value in facts.items()]
    renewed = {entry.key for entry in added}
    return (*(entry for entry in template.entries if entry.key not in renewed), *added)


def entry_of(key: str, value: str | float) -> Entry:
    """Return an entry of metadata: a text, a whole number of 32 bits, or another number."""
    if isinstance(value, str):
        said = value.encode()
        return Entry(key, STRING, struct.pack("<Q", len(said)) + said)
    if isinstance(value, int):
        return Entry(key, _UINT32, struct.pack("<I", value))
    return Entry(key, _FLOAT64, struct.pack("<d", value))
