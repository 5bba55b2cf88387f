"""What decisions about data do to a model, one way to handle them against another.

The training is the same, so is the number of tokens; examples of other repositories judge. Needs
the extra ``corpus``, no torch.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from fimbul_models.corpus.duplicates import DuplicateRules
from fimbul_models.corpus.fim import FimRules
from fimbul_models.corpus.licence_policy import LicenceRules
from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.quality import QualityRules
from fimbul_models.corpus.recipe import CorpusRecipe
from fimbul_models.corpus.records import LicenceClass, Role
from fimbul_models.corpus.redaction import RedactionRules
from fimbul_models.corpus.splitting import SplitRules
from fimbul_models.corpus.units import ArchiveSource
from fimbul_models.errors import RecipeError

RUN = 40
"""Lexemes in a row that count as copied, twice what counts as a clone of a short function."""

_LEXEME = re.compile(r"[^\W\d]\w*|\d+|[^\w\s]")

ANYTHING = QualityRules(
    roles=tuple(Role),
    generated=True,
    fewest_lines=0,
    fewest_characters=0,
    fewest_words=0,
    most_lines=0,
    longest_line=0,
    longest_mean=0,
    longest_prose_line=0,
    letters=0,
    digits=0,
    numbers=0,
    strings=0,
    encoded_run=0,
    encoded_share=0,
    data_lines=0,
    repeated_lines=0,
    repeated_text=0,
    parse_errors=0,
    truncated=True,
)
"""Drops nothing."""

VARIANTS: dict[str, tuple[QualityRules, RedactionRules, DuplicateRules]] = {
    "raw": (
        ANYTHING,
        RedactionRules(secrets=False, personal=(), most_secrets=0),
        DuplicateRules(keep=True),
    ),
    "not de-duplicated": (QualityRules(), RedactionRules(), DuplicateRules(keep=True)),
    "cleaned": (QualityRules(), RedactionRules(), DuplicateRules()),
}
"""How the data are handled, by name."""


class Ablation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A recipe."""

    name: str
    seed: int = 0
    training: str
    """Recipe of training, relative to this one; its data are replaced."""
    tokens: int
    """That each model learns from."""
    fim: FimRules
    packages: tuple[Package, ...]
    """What is learnt from. Several releases of a package are what a code host is full of."""
    judging: tuple[Package, ...]
    """What judges."""


def read_ablation(path: Path) -> Ablation:
    """Read the recipe at `path`; raise RecipeError if it cannot be read or does not fit."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Ablation)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"The recipe {path} cannot be used: {error}.") from error


def variant_recipe(
    ablation: Ablation, variant: str, archives: Sequence[Path], split: SplitRules
) -> CorpusRecipe:
    """Return the recipe of a corpus of packages that lie in `archives`, each a repository."""
    quality, redaction, duplicates = VARIANTS[variant]
    return CorpusRecipe(
        name=variant,
        seed=ablation.seed,
        sources=(ArchiveSource(name="archives", paths=tuple(map(str, archives))),),
        licences=LicenceRules(keep=tuple(LicenceClass)),
        quality=quality,
        redaction=redaction,
        duplicates=duplicates,
        split=split,
        fim=ablation.fim,
    )


def runs_of(text: str, length: int = RUN) -> set[int]:
    """Return the hashes of all stretches of `length` lexemes; blanks between them do not count."""
    lexemes = _LEXEME.findall(text)
    return {
        hash(tuple(lexemes[place : place + length])) for place in range(len(lexemes) - length + 1)
    }


def copies(answers: Iterable[str], known: set[int]) -> list[float]:
    """Return 1 for each answer with a stretch that is known, and 0 for each other one."""
    return [float(not known.isdisjoint(runs_of(answer))) for answer in answers]
