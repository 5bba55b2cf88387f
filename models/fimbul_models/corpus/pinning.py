"""Bring the packages that a recipe pins up to date: the newest version, and its sha256.

Comments and order of the recipe are kept. Knows nothing about what else a recipe says.
"""

from collections.abc import Collection
from pathlib import Path

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.sources import newest
from fimbul_models.errors import RecipeError, SourceError


def repin(recipe: Path, folder: Path, names: Collection[str] = ()) -> list[str]:
    """Pin the packages called `names`, all if there are none, anew; return what was done.

    Packages are fetched into `folder`. Those that cannot be fetched stay as they are.

    Raises RecipeError if the recipe cannot be read or written or has no such package.
    """
    try:
        document = tomlkit.parse(recipe.read_text(encoding="utf-8"))
        tables = document["packages"]
        packages = msgspec.convert(document.unwrap()["packages"], list[Package])
    except (OSError, ValueError, KeyError, TOMLKitError, msgspec.ValidationError) as error:
        raise RecipeError(f"The recipe {recipe} cannot be used: {error}.") from error
    if unknown := sorted({*names} - {package.name for package in packages}):
        raise RecipeError(f"{recipe} has no package {unknown[0]}.")
    told = []
    for number, package in enumerate(packages):
        if not names or package.name in names:
            version, sha256, line = _newest(package, folder)
            tables[number]["version"], tables[number]["sha256"] = version, sha256
            told.append(line)
    _write(recipe, tomlkit.dumps(document))
    return told


def _newest(package: Package, folder: Path) -> tuple[str, str, str]:
    try:
        version, sha256 = newest(package, folder)
    except SourceError as error:
        return package.version, package.sha256, f"{package.name}: left alone; {error}"
    if (version, sha256) == (package.version, package.sha256):
        return version, sha256, f"{package.name} {version}: is the newest"
    return version, sha256, f"{package.name}: {package.version} -> {version}, sha256 {sha256}"


def _write(recipe: Path, text: str) -> None:
    try:
        recipe.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"The recipe {recipe} cannot be written: {error}.") from error
