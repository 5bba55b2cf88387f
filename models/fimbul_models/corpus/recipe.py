"""What a corpus is made of, and how: one TOML file.

Each table belongs to the module that works by it; what is missing has the defaults written there.
Knows nothing about how anything is done, but for which stages there are, and in which order.
"""

import tomllib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.corpus.balance import BalanceRules
from fimbul_models.corpus.contamination import (
    Contamination,
    ContaminationRules,
    read_evaluations,
)
from fimbul_models.corpus.duplicates import DuplicateRules
from fimbul_models.corpus.fim import FimRules
from fimbul_models.corpus.gathering import GatherRules
from fimbul_models.corpus.languages import LanguageRules, Languages
from fimbul_models.corpus.licence_policy import LicenceRules
from fimbul_models.corpus.licences import LicenceStage
from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.quality import Quality, QualityRules
from fimbul_models.corpus.records import Stage
from fimbul_models.corpus.redaction import Redaction, RedactionRules
from fimbul_models.corpus.shards import ShardRules
from fimbul_models.corpus.splitting import SplitRules
from fimbul_models.corpus.units import AnySource
from fimbul_models.errors import RecipeError


class CorpusRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recipe."""

    name: str
    description: str = ""
    """For the data card."""
    seed: int = 0
    """Of every random choice."""
    sources: tuple[AnySource, ...]
    packages: tuple[Package, ...] = ()
    """What a source of packages takes if it names none itself."""
    packages_from: tuple[str, ...] = ()
    """Other recipes, relative to this one, whose packages are taken, too."""
    gather: GatherRules = GatherRules()
    languages: LanguageRules = LanguageRules()
    licences: LicenceRules = LicenceRules()
    quality: QualityRules = QualityRules()
    redaction: RedactionRules = RedactionRules()
    contamination: ContaminationRules = ContaminationRules()
    duplicates: DuplicateRules = DuplicateRules()
    split: SplitRules = SplitRules()
    balance: BalanceRules = BalanceRules()
    fim: FimRules = msgspec.field(default_factory=FimRules)
    shards: ShardRules = ShardRules()

    def sifting(self, folder: Path) -> tuple[Any, ...]:
        """Return all that sifting a repository depends on; relative paths begin in `folder`.

        Raises RecipeError if an evaluation set cannot be read.
        """
        known = read_evaluations(self.contamination, folder)
        tables = self.languages, self.licences, self.quality, self.redaction, self.duplicates
        return (*tables, known.digest)

    def deciding(self) -> tuple[Any, ...]:
        """Return all that is decided by when every file is known."""
        return self.duplicates, self.split, self.balance, self.seed

    def settings(self) -> dict[str, Any]:
        """Return the tables of the recipe, without the packages."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        without = {"packages", "packages_from"}
        return {name: value for name, value in values.items() if name not in without}


def stages_of(recipe: CorpusRecipe, folder: Path) -> Sequence[Stage]:
    """Return the stages that the files of a repository go through, in their order.

    Licences come before quality, which drops the files that only licences are found by.
    """
    return (
        Languages(recipe.languages),
        LicenceStage(recipe.licences),
        Quality(recipe.quality),
        Redaction(recipe.redaction),
        Contamination(read_evaluations(recipe.contamination, folder)),
    )


def read_corpus_recipe(path: Path) -> CorpusRecipe:
    """Read the recipe at `path`.

    Raises RecipeError if it cannot be read or does not fit.
    """
    try:
        recipe = msgspec.convert(_values_in(path), CorpusRecipe)
        others = [_packages_in(path.parent / name) for name in recipe.packages_from]
        packages = (*recipe.packages, *chain.from_iterable(others))
        return msgspec.structs.replace(recipe, packages=packages)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"The recipe {path} cannot be used: {error}.") from error
    except msgspec.ValidationError as error:
        raise RecipeError(f"The recipe {path} does not fit: {error}.") from error


def _values_in(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _packages_in(path: Path) -> tuple[Package, ...]:
    """Return the packages that a recipe names itself."""
    return msgspec.convert(_values_in(path).get("packages", ()), tuple[Package, ...])
