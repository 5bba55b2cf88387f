"""What a corpus is made of, and how: one TOML file.

Each table belongs to the module that works by it; what is missing has the defaults written there.
Knows nothing about how anything is done.
"""

import tomllib
from pathlib import Path

import msgspec

from fimbul_models.corpus.gathering import GatherRules
from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.units import AnySource
from fimbul_models.errors import RecipeError


class CorpusRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recipe."""

    name: str
    seed: int = 0
    """Of every random choice."""
    sources: tuple[AnySource, ...]
    packages: tuple[Package, ...] = ()
    """What a source of packages takes if it names none itself."""
    gather: GatherRules = GatherRules()


def read_corpus_recipe(path: Path) -> CorpusRecipe:
    """Read the recipe at `path`.

    Raises RecipeError if it cannot be read or does not fit.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(values, CorpusRecipe)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"The recipe {path} cannot be used: {error}.") from error
    except msgspec.ValidationError as error:
        raise RecipeError(f"The recipe {path} does not fit: {error}.") from error
