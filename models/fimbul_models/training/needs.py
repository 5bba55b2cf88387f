"""Says which extra to install where a library of training is missing. Imports none of them."""

from importlib.util import find_spec

from fimbul_models.errors import RecipeError

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "safetensors", "gguf", "pyarrow")
"""What training needs besides the package's own dependencies."""

PRIVATE = ("opacus",)
"""What counts epsilon; needed only where a recipe asks for it."""

ENGINE = "llama_cpp"
"""What splits texts of a GGUF, and checks what was exported."""


def require(*libraries: str) -> None:
    """Raise RecipeError, with what to install, if one of `libraries` or the engine is not here.

    Without any named, all that training needs are asked for.
    """
    missing = [name for name in libraries or LIBRARIES if find_spec(name) is None]
    if missing:
        raise RecipeError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing:"
            " pip install 'fimbul-models[corpus,training]'. It takes about 6 GB; everything else"
            " works without it."
        )
    if find_spec(ENGINE) is None:
        raise RecipeError(
            "The engine is missing, which splits texts as it does when it serves: `fimbul setup`."
        )
