"""Two releases of one repository: what an adapter learns from, and what it is asked about.

It is asked about lines of files that are new or changed in the newer release, and only about lines
that stand nowhere in the older one. Needs the extra ``corpus``, no torch.
"""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec

from fimbul_models.corpus.fim import Example, FimRules
from fimbul_models.corpus.keeping import RECORDS, read_rows
from fimbul_models.corpus.licence_policy import LicenceRules
from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.recipe import CorpusRecipe
from fimbul_models.corpus.records import LicenceClass, Record
from fimbul_models.corpus.shards import read_shards
from fimbul_models.corpus.splitting import SplitRules
from fimbul_models.corpus.units import PackageSource
from fimbul_models.errors import RecipeError
from fimbul_models.training.data import corpus_of
from fimbul_models.training.judging import key_of
from lsp_server.text import split_lines

Tell = Callable[[str], None]

_ITEM_BYTES, _ITEMS_OF_A_FILE = 250, 40
"""How closely lines are cut out of the newer release; few of them are new."""


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of a package."""

    version: str
    sha256: str


class Repository(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One package in two versions."""

    name: str
    older: Release
    newer: Release
    licence: str = ""
    """SPDX expression that somebody vouches for."""

    def package(self, release: Release) -> Package:
        """Return one of its versions, as recipes of corpora have it."""
        return Package(self.name, release.version, self.licence, release.sha256)


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A recipe."""

    name: str
    seed: int = 0
    adapter: str
    """Recipe of training, relative to this one; its data are replaced."""
    items: int = 100
    """Lines that each repository is asked about."""
    tokens: int = 100_000
    """Of each older release, at most."""
    repositories: tuple[Repository, ...]


def read_comparison(path: Path) -> Comparison:
    """Read the recipe at `path`; raise RecipeError if it cannot be read or does not fit."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Comparison)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"The recipe {path} cannot be used: {error}.") from error


@dataclass(frozen=True)
class Asked:
    """Lines that are asked about, each with other files in view and without, in the same order."""

    with_context: list[Example]
    alone: list[Example]


def corpus_recipe(package: Package, fim: FimRules, seed: int) -> CorpusRecipe:
    """Return the recipe of a corpus of one package: all on the side that trains."""
    return CorpusRecipe(
        name=f"{package.name}-{package.version}",
        seed=seed,
        sources=(PackageSource(name="package", packages=(package,)),),
        licences=LicenceRules(keep=tuple(LicenceClass)),
        split=SplitRules(validation=0.0, test=0.0),
        fim=fim,
    )


def asked_of(
    repository: Repository, fim: FimRules, most: int, seed: int, work: Path, tell: Tell
) -> Asked:
    """Return `most` new lines of a repository, drawn by the seed.

    Raises SourceError if a package is not to be had, RecipeError if no line is new.
    """
    older = corpus_of(
        corpus_recipe(repository.package(repository.older), fim, seed), work, work, tell
    )
    known = known_of(records_of(older))
    sides = []
    for withheld in (0.0, 1.0):
        rules = msgspec.structs.replace(
            fim,
            shares={"line": 1.0},
            orders={"auto": 1.0},
            bytes_per_example=_ITEM_BYTES,
            most_per_file=_ITEMS_OF_A_FILE,
            without_context=withheld,
            without_suffix=0.0,
            unhealed=0.0,
            late=0.0,
        )
        recipe = corpus_recipe(repository.package(repository.newer), rules, seed)
        examples = read_shards(corpus_of(recipe, work, work, tell), "train")
        sides.append({key_of(one): one for one in examples if is_new(one, known)})
    # The same places were cut both times; what is not, was refused in one of them.
    shared = sorted(sides[0].keys() & sides[1].keys())
    if not shared:
        raise RecipeError(f"No line of {repository.name} {repository.newer.version} is new.")
    Random(f"{seed}:asked").shuffle(shared)  # noqa: S311  # Repeatable, not secret.
    chosen = shared[:most]
    return Asked([sides[0][key] for key in chosen], [sides[1][key] for key in chosen])


@dataclass(frozen=True)
class Known:
    """What stands in the older release."""

    digests: frozenset[str]
    lines: frozenset[str]
    """Stripped."""


def records_of(corpus: Path) -> Iterable[Record]:
    """Yield the files of a corpus that was made in a folder."""
    for path in sorted((corpus / "work" / "decided").glob("*.parquet")):
        yield from read_rows(path, RECORDS)


def known_of(records: Iterable[Record]) -> Known:
    """Return what is known of the older release."""
    digests, lines = set[str](), set[str]()
    for record in records:
        digests.add(record.digest)
        lines.update(line.strip() for line in split_lines(record.text))
    return Known(frozenset(digests), frozenset(lines))


def is_new(example: Example, known: Known) -> bool:
    """Tell whether an example is of a changed file, and its line stands nowhere in the older one.

    The prompt has to end with the line's beginning, as it does in the order that serves.
    """
    last = example.prompt[-1]
    typed = "" if last.special else split_lines(last.text)[-1]
    line = (typed + split_lines(example.completion)[0]).strip()
    return example.digest not in known.digests and line not in known.lines
