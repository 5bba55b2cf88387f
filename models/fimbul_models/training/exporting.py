"""What was learnt, as files that llama.cpp loads, and a check that both compute the same.

Needs the extra ``training``, and the engine for the check.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fimbul_models.errors import RecipeError
from fimbul_models.training.adapter_file import About, Array, Shape, write_adapter
from fimbul_models.training.base import cast, weights_of
from fimbul_models.training.model_file import stored_names, write_model
from fimbul_models.training.probe import EngineProbe, Subject

_BASE_LAYER = ".base_layer."


@dataclass(frozen=True)
class Agreement:
    """How near the engine's logits come to those of the training."""

    tokens: int
    most: float
    """Largest difference of two logits."""
    mean: float
    """Mean difference."""
    divergence: float
    """Mean Kullback-Leibler divergence of the engine's distribution from the training's, nats."""
    same_choice: float
    """Share of the places at which both find the same token likeliest."""


def shape_of(model: Any) -> Shape:
    """Return what an export has to know of `model`."""
    config = model.config
    return Shape(
        architecture=config.model_type,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        key_heads=config.num_key_value_heads,
    )


def export_adapter(path: Path, model: Any, about: About) -> int:
    """Write what `model` has learnt beside its base; return the bytes."""
    weights = {name: weight.float().numpy() for name, weight in weights_of(model).items()}
    return write_adapter(path, weights, shape_of(model), about)


def export_model(
    path: Path, model: Any, like: Path, kind: str, facts: Mapping[str, str | int | float]
) -> int:
    """Write the whole model, an adapter merged into it, as `like` has it; return the bytes.

    Raises RecipeError if `like` is no GGUF of the same model.
    """
    state = model.state_dict()
    names = {_plain(name): name for name in state if ".lora_" not in name}
    tied = bool(getattr(model.config, "tie_word_embeddings", False))
    shapes = {
        name: tuple(state[own].shape)
        for name, own in names.items()
        if not (tied and name == "lm_head.weight")
    }
    shape = shape_of(model)

    def weight_of(name: str) -> Array:
        weight = state[names[name]].detach().float().cpu()
        added = _added(model, name)
        merged: Array = (weight if added is None else weight + added).numpy()
        return merged

    stored = stored_names(shapes, shape)
    return write_model(path, like, stored, weight_of, shape, kind=kind, facts=facts)


def _plain(name: str) -> str:
    return name.replace(_BASE_LAYER, ".")


def _added(model: Any, name: str) -> Any:
    """Return what the adapter adds to a weight; None if nothing."""
    module = model.get_submodule(name.rpartition(".")[0])
    if not name.endswith(".weight") or not hasattr(module, "get_delta_weight"):
        return None
    return module.get_delta_weight("default").detach().float().cpu()


def torch_logits(model: Any, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
    """Return the logits of `model` behind every token, computed in 32 bits."""
    embeddings = model.get_input_embeddings().weight
    was_training, dtype = model.training, embeddings.dtype
    model.eval()
    cast(model, torch.float32)
    with torch.no_grad():
        found = model(input_ids=torch.tensor([list(tokens)], device=embeddings.device)).logits[0]
    logits: npt.NDArray[np.float32] = found.cpu().numpy()
    cast(model, dtype)
    model.train(was_training)
    return logits


def compare(model: Any, subject: Subject, tokens: Sequence[int]) -> Agreement:
    """Compare the logits of both behind `tokens`.

    Raises EvaluationError if the engine cannot load the file.
    """
    here = torch_logits(model, tokens)
    with EngineProbe(subject, logits=True) as probe:
        there = probe.logits(tokens)
    return agreement(here, there)


def agreement(here: npt.NDArray[np.float32], there: npt.NDArray[np.float32]) -> Agreement:
    """Compare logits, a row for each token.

    Raises RecipeError if there are not as many.
    """
    if here.shape != there.shape:
        raise RecipeError(
            f"The engine has logits of the shape {there.shape}, training of {here.shape}: they are"
            " different models."
        )
    difference = np.abs(here.astype(np.float64) - there)
    ours, theirs = _log_chances(here), _log_chances(there)
    return Agreement(
        tokens=len(here),
        most=float(difference.max()),
        mean=float(difference.mean()),
        divergence=float((np.exp(ours) * (ours - theirs)).sum(axis=1).mean()),
        same_choice=float((here.argmax(axis=1) == there.argmax(axis=1)).mean()),
    )


def _log_chances(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    rows = logits.astype(np.float64)
    rows -= rows.max(axis=1, keepdims=True)
    chances: npt.NDArray[np.float64] = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    return chances
