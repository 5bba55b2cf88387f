"""Whether an adapter's file is one for a model: told by both files, before either is loaded.

Knows nothing about how good it is.
"""

from pathlib import Path

from lsp_server.errors import ModelUnusable
from lsp_server.inference.container import Container, read_container

BASE_DIGEST = "fimbul.base.sha256"
"""Entry in which training says which file it began with."""

_HALVES = (".lora_a", ".lora_b")


def misfit(adapter: Path, base: Path, base_sha256: str) -> str:
    """Return why `adapter` is none for the model `base`; empty if it is one.

    Its architecture, and the digest of the base where it names one, have to be the model's, and
    each of its matrices has to have a tensor that it can be added to.

    Raises ModelUnusable if the model's own file cannot be read.
    """
    model = read_container(base)
    try:
        found = read_container(adapter)
    except ModelUnusable as error:
        return str(error)
    kind, wanted = _text(found, "general.architecture"), _text(model, "general.architecture")
    if _text(found, "adapter.type") != "lora":
        return f"{adapter.name} is no LoRA adapter"
    if kind != wanted:
        return f"it is for models of the kind {kind}, and this one is {wanted}"
    named = _text(found, BASE_DIGEST)
    if named and base_sha256 and named != base_sha256:
        return f"it was trained on the model {named[:12]}, and this one is {base_sha256[:12]}"
    return _misshapen(found, model)


def rank_of(adapter: Path) -> int:
    """Return the rank of the largest matrices of an adapter; 0 if it has none.

    Raises ModelUnusable if the file cannot be read.
    """
    tensors = read_container(adapter).tensors
    return max((one.shape[-1] for one in tensors if one.name.endswith(_HALVES[0])), default=0)


def _misshapen(adapter: Container, model: Container) -> str:
    shapes = {tensor.name: tensor.shape for tensor in model.tensors}
    halves = {tensor.name: tensor.shape for tensor in adapter.tensors}
    names = {name.removesuffix(half) for name in halves for half in _HALVES if name.endswith(half)}
    if not names or len(halves) != 2 * len(names):
        return "its matrices are not in pairs"
    for name in sorted(names):
        # In a GGUF file the length of a row stands first.
        inner, outer = (halves.get(name + half, ()) for half in _HALVES)
        whole = shapes.get(name)
        if whole is None:
            return f"this model has no tensor {name}"
        if len(inner) != 2 or len(outer) != 2 or (inner[0], outer[1]) != whole:
            return f"{name} has another size in this model"
        if inner[1] != outer[0]:
            return f"the two halves of {name} do not fit each other"
    return ""


def _text(container: Container, key: str) -> str:
    entry = container.entry(key)
    return entry.text() if entry is not None else ""
