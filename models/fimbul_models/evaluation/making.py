"""Make the items of a recipe of any form: fetch its packages, read them, cut.

Knows nothing about how items are chosen.
"""

import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.projects import Project, read_project
from fimbul_models.corpus.sources import fetch
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation import bodies, crossfile, cutting
from fimbul_models.evaluation.bodies import BodyRecipe
from fimbul_models.evaluation.crossfile import CrossFileRecipe
from fimbul_models.evaluation.cutting import Recipe
from fimbul_models.evaluation.items import Item

AnyRecipe = Recipe | CrossFileRecipe | BodyRecipe
"""A recipe of any form."""


def read_recipe(path: Path) -> AnyRecipe:
    """Read the recipe at `path`, of whichever form it is.

    Raises RecipeError if it cannot be read or does not fit.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"The recipe {path} cannot be used: {error}.") from error
    for key, reads in (("cross_items", crossfile.read_recipe), ("block_items", bodies.read_recipe)):
        if key in values:
            return reads(path)
    return cutting.read_recipe(path)


def make_items(recipe: AnyRecipe, folder: Path, tell: Callable[[str], None]) -> list[Item]:
    """Return the items of `recipe`, its packages kept in `folder`; say what is read.

    Raises SourceError if a package cannot be fetched or read.
    """
    if isinstance(recipe, CrossFileRecipe):
        return crossfile.cut_items(_projects(recipe.packages, folder, tell), recipe)
    if isinstance(recipe, BodyRecipe):
        return bodies.cut_items(_projects(recipe.packages, folder, tell), recipe)
    sources = []
    for package in recipe.packages:
        found = cutting.read_sources(package, folder)
        tell(f"{package.name} {package.version} ({package.licence}): {len(found)} files")
        sources += found
    return cutting.cut_items(sources, recipe)


def counts_of(items: Sequence[Item]) -> list[str]:
    """Return a table of how many items there are by language and kind."""
    languages = sorted({item.language for item in items})
    kinds = list(dict.fromkeys(sorted(item.kind for item in items)))
    counts = Counter((item.kind, item.language) for item in items)
    rows = [["", *languages, "together"]]
    for kind in kinds:
        numbers = [counts[kind, language] for language in languages]
        rows.append([kind, *map(str, [*numbers, sum(numbers)])])
    return list(_aligned(rows))


def _projects(
    packages: Sequence[Package], folder: Path, tell: Callable[[str], None]
) -> list[Project]:
    projects = []
    for package in packages:
        project = read_project(package, fetch(package, folder))
        own = sum(file.is_own for file in project.files)
        tell(
            f"{package.name} {package.version} ({package.licence}): {len(project.files)} files,"
            f" {own} of them its own code"
        )
        projects.append(project)
    return projects


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells])
