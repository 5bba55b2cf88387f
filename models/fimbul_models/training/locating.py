"""Where the weights lie that training begins with. Reads none of them but for their digest."""

from dataclasses import dataclass
from pathlib import Path

from fimbul_models.errors import RecipeError
from fimbul_models.training.recipe import Base
from lsp_server.catalogue.files import sha256_of
from lsp_server.catalogue.store import ModelStore
from lsp_server.config.paths import Paths


@dataclass(frozen=True)
class Found:
    """Where a base lies."""

    path: Path
    """A GGUF file, or a folder as the hub has them."""
    sha256: str
    """Of the GGUF; of a folder's weights, in the order of their names."""

    @property
    def is_gguf(self) -> bool:
        """Whether it is one file that llama.cpp can load."""
        return self.path.is_file()


def find_base(base: Base, folder: Path) -> Found:
    """Return where the base of a recipe in `folder` lies.

    Raises ModelError if the catalogue's model is not installed, RecipeError if there is no such
    path or nothing in it.
    """
    if base.model:
        installed = ModelStore(Paths.of_user()).require(base.model)
        return Found(installed.path, installed.sha256)
    path = folder / base.path
    if path.is_file():
        return Found(path, sha256_of(path))
    weights = sorted(path.glob("*.safetensors"))
    if not weights:
        raise RecipeError(
            f"{path} is neither a GGUF file nor a folder with safetensors; correct `path` in the"
            " recipe's table `base`."
        )
    return Found(path, "+".join(sha256_of(one) for one in weights))
