"""The weights that training begins with, and those beside them that learn.

A GGUF is dequantised, so an adapter learns beside the very weights that it will run with. Opens no
connection. Needs the extra ``training``.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch

from fimbul_models.errors import RecipeError
from fimbul_models.training.locating import Found
from fimbul_models.training.recipe import Lora, Method, Precision

ARCHITECTURES = ("llama", "qwen2")
"""What an adapter can be written for; their names as transformers has them."""

_DTYPES = {Precision.FLOAT: torch.float32, Precision.BRAIN: torch.bfloat16}


def on_processor() -> bool:
    """Return whether there is nothing but the machine's own processor to compute on."""
    return not (torch.cuda.is_available() or torch.backends.mps.is_available())


def one_first() -> AbstractContextManager[None]:
    """Return a context that one process goes through before the others of the same training."""
    import accelerate

    first: AbstractContextManager[None] = accelerate.PartialState(
        cpu=on_processor()
    ).main_process_first()
    return first


def load_model(found: Found, method: Method, precision: Precision) -> Any:
    """Load a causal model, its weights in the precision that they are kept in.

    All weights of a full training are kept in 32 bits, whatever it computes in. Raises RecipeError
    if transformers cannot read it, or no adapter could be written for it.
    """
    # What runs here reads files only; the library would ask a hub about them.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    keep = torch.float32 if method is Method.FULL else _DTYPES[precision]
    place = {"gguf_file": found.path.name} if found.is_gguf else {}
    folder = found.path.parent if found.is_gguf else found.path
    try:
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=torch.float32, attn_implementation="sdpa", **place
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise RecipeError(f"{found.path} cannot be loaded to train with: {error}") from error
    if model.config.model_type not in ARCHITECTURES:
        raise RecipeError(
            f"{found.path} is of the kind {model.config.model_type}; what is learnt can be written"
            f" for {' and '.join(ARCHITECTURES)} only."
        )
    cast(model, keep)
    return model


def cast(model: Any, dtype: Any) -> None:
    """Keep the weights of `model` in another precision, but for those of an adapter.

    What is no weight, such as the angles of positions, stays as exact as it is.
    """
    for name, weight in model.named_parameters():
        if not _is_lora(name):
            weight.data = weight.data.to(dtype)


def add_lora(model: Any, lora: Lora, seed: int) -> None:
    """Put an adapter into `model`, in place; nothing else of it will learn."""
    import peft

    torch.manual_seed(seed)
    settings = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        bias="none",
    )
    peft.inject_adapter_in_model(settings, model)
    for name, weight in model.named_parameters():
        weight.requires_grad_(_is_lora(name))
        if _is_lora(name):
            # What is added at each step is small, and would be rounded away in 16 bits.
            weight.data = weight.data.float()


def _is_lora(name: str) -> bool:
    return ".lora_A." in name or ".lora_B." in name


def learning(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names and weights that learn, in a fixed order, each once."""
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            yield name, weight


def weights_of(model: Any) -> dict[str, Any]:
    """Return copies of the weights that learn, where the machine's own processor has them."""
    return {name: weight.detach().cpu().clone() for name, weight in learning(model)}


def put_weights(model: Any, weights: dict[str, Any]) -> None:
    """Put `weights` in the place of those that learn.

    Raises RecipeError if they are others.
    """
    own = dict(learning(model))
    if own.keys() != weights.keys():
        raise RecipeError(
            "The kept weights are of another kind of training; give another --output, or remove"
            " what is in it."
        )
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(weights[name])
