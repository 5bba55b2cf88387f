"""Says which extra to install where a library of training is missing. Imports none of them."""

from importlib.util import find_spec

from fimbul_models.errors import RecipeError

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "safetensors", "gguf", "pyarrow")
"""What training needs besides the package's own dependencies."""

PRIVATE = ("opacus",)
"""What counts epsilon; needed only where a recipe asks for it."""


def require(*libraries: str) -> None:
    """Raise RecipeError, which says what to install, if one of `libraries` is not here."""
    missing = [name for name in libraries or LIBRARIES if find_spec(name) is None]
    if missing:
        raise RecipeError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing:"
            " pip install 'fimbul-models[corpus,training]'. It takes about 6 GB; everything else"
            " works without it."
        )
