"""An adapter as a GGUF file that llama.cpp loads over its base.

Names are those of the base's tensors; the rows that belong to heads of queries and keys are put in
the order in which llama.cpp has them for models of Llama's kind. Needs `gguf`, no torch.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

from fimbul_models.errors import RecipeError

Array = npt.NDArray[np.float32]

_PART = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.[^.]+)?\.weight")

_TURNED = {"llama": ("attn_q", "attn_k")}
"""Tensors by architecture whose rows llama.cpp has in another order."""


@dataclass(frozen=True)
class Shape:
    """What an export has to know of the base."""

    architecture: str
    """``llama`` or ``qwen2``."""
    layers: int
    heads: int
    key_heads: int

    def stored_name(self, name: str) -> str:
        """Return what a GGUF calls the tensor that transformers calls `name`, without endings.

        Raises RecipeError if it has no such tensor.
        """
        kinds = {value: key for key, value in gguf.MODEL_ARCH_NAMES.items()}
        names = gguf.get_tensor_name_map(kinds[self.architecture], self.layers)
        found = names.get_name(name)
        if found is None:
            raise RecipeError(f"A GGUF of the kind {self.architecture} has no tensor for {name}.")
        return str(found)

    def heads_of(self, stored: str) -> int:
        """Return how many heads the rows of a stored tensor are of; 0 if their order is kept."""
        turned = _TURNED.get(self.architecture, ())
        last = stored.removesuffix(".weight").removesuffix(".bias").rpartition(".")[2]
        if last not in turned:
            return 0
        return self.heads if last == "attn_q" else self.key_heads


def turned(rows: Array, heads: int) -> Array:
    """Return `rows` as llama.cpp has them: of each head, the two halves take turns.

    Transformers rotates the first half of a head against the second, llama.cpp neighbours.
    """
    if not heads:
        return rows
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows.shape))


@dataclass(frozen=True)
class About:
    """What a file says of itself."""

    alpha: float
    name: str = ""
    half: bool = True
    """Whether weights are kept in 16 bits: half the file, and as right as the base that they are
    added to."""
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    """More entries of metadata; keys with dots."""


def write_adapter(path: Path, weights: Mapping[str, Array], shape: Shape, about: About) -> int:
    """Write the adapter made of `weights`, by the names that peft gives them; return its bytes.

    The file is written whole or not at all. Raises RecipeError if a weight has no place in the
    base, or a half is missing.
    """
    halves: dict[str, dict[str, Array]] = {}
    for name, weight in weights.items():
        match = _PART.fullmatch(name)
        if match is None:
            raise RecipeError(f"{name} is no part of an adapter that llama.cpp could load.")
        halves.setdefault(match[1], {})[match[2]] = weight
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(part, shape.architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", about.alpha)
    if about.name:
        writer.add_name(about.name)
    for key, value in about.facts.items():
        _add(writer, key, value)
    kind = np.float16 if about.half else np.float32
    for module, pair in sorted(halves.items()):
        if pair.keys() != {"A", "B"}:
            raise RecipeError(f"Of {module} one half is missing.")
        stored = f"{shape.stored_name(module)}.weight"
        outward = turned(pair["B"], shape.heads_of(stored))
        writer.add_tensor(f"{stored}.lora_a", pair["A"].astype(kind))
        writer.add_tensor(f"{stored}.lora_b", outward.astype(kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)
    return path.stat().st_size


def _add(writer: gguf.GGUFWriter, key: str, value: str | float) -> None:
    if isinstance(value, str):
        writer.add_string(key, value)
    elif isinstance(value, int):
        writer.add_uint64(key, value)
    else:
        writer.add_float64(key, value)
