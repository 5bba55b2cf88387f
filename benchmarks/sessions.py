"""Which places of which real files are typed again: the sessions of `benchmarks.keys`.

Files of packages that the evaluation's recipe pins, in five languages, fetched as data (see
`fimbul_models.corpus`) into the user's cache and laid out as workspaces there. In each package
some hand-written files and one block of each are chosen, the same at every run. Knows nothing
about who answers the keys.
"""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.projects import Project, lay_out, read_project
from fimbul_models.corpus.sources import fetch
from fimbul_models.evaluation.traces import BRISK, Block, Step, blocks, typed

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "models" / "recipes" / "cross-file.toml"

PACKAGES = {
    "python": ("pydocket", "strands-agents"),
    "typescript": ("@tanstack/db", "@tanstack/ai"),
    "go": ("gh", "golang-github-go-git-go-git"),
    "java": ("jsoup", "jackson-databind"),
    "c": ("foot", "tmux"),
}
"""Names of packages of the recipe, by language."""

BLOCKS_EACH = 2
"""Blocks of each package: 20 in all."""

LEAST_AROUND = 10
"""Lines above and below a block: most code is written into files that are there."""

SEED = 4

_LISTS = ("-info.java",)
"""Endings of files that are no code but lists."""


@dataclass(frozen=True, slots=True)
class Session:
    """One block to be typed, and the project that it is in."""

    language: str
    folder: Path
    """The project on disk; paths of steps are relative to it."""
    block: Block
    other: Block
    """A place in another file of the project that is looked at meanwhile."""

    @property
    def name(self) -> str:
        """The package and the file."""
        return f"{self.folder.name}/{self.block.path}"

    def steps(self) -> Iterator[Step]:
        """Yield what happens."""
        return typed(self.block, self.other, BRISK)


def sessions(cache: Path, each: int = BLOCKS_EACH) -> list[Session]:
    """Return `each` sessions of every package, the languages taking turns.

    Packages are kept below `cache`. Raises SourceError if one cannot be fetched or read.
    """
    pinned = {package.name: package for package in read_packages(RECIPE)}
    found = {
        language: [
            session
            for name in names
            for session in _of_package(pinned[name], language, cache, each)
        ]
        for language, names in PACKAGES.items()
    }
    longest = max(map(len, found.values()))
    return [
        of_language[number]
        for number in range(longest)
        for of_language in found.values()
        if number < len(of_language)
    ]


class _Recipe(msgspec.Struct):
    packages: tuple[Package, ...]


def read_packages(recipe: Path) -> tuple[Package, ...]:
    """Return what a recipe pins."""
    values = tomllib.loads(recipe.read_text(encoding="utf-8"))
    return msgspec.convert(values, _Recipe).packages


def _of_package(package: Package, language: str, cache: Path, each: int) -> list[Session]:
    project = read_project(package, fetch(package, cache / "wheels"))
    folder = (cache / "workspaces" / package.sha256[:12] / package.name).resolve()
    if not folder.is_dir():
        lay_out(project, folder)
    chosen = choose(project, language, each)
    return [
        Session(language, folder, block, other)
        for block, other in zip(chosen, [*chosen[1:], *chosen[:1]], strict=True)
    ]


def choose(project: Project, language: str, count: int) -> list[Block]:
    """Return blocks of `count` files of `project`, the same ones at every run."""
    chance = random.Random(f"{SEED} {project.name}")  # noqa: S311  # The same choice at every run.
    files = [
        file
        for file in project.files
        if file.is_own and file.language == language and not file.path.endswith(_LISTS)
    ]
    chance.shuffle(files)
    found: list[Block] = []
    for file in files:
        fitting = [block for block in blocks(file.path, file.text) if is_fitting(block)]
        if fitting:
            found.append(chance.choice(fitting))
        if len(found) == count:
            break
    return found


def is_fitting(block: Block) -> bool:
    """Tell whether a block stands within a file, and is mostly neither comments nor empty lines.

    Lines of blanks only are not typed: the editor takes them away.
    """
    around = (block.above.count("\n"), block.below.count("\n"))
    lines = block.text.split("\n")
    told = [line for line in lines if line.strip() and line.strip()[0] not in "#*/\"'"]
    blank = any(line and not line.strip() for line in lines)
    return min(around) >= LEAST_AROUND and len(told) > len(lines) / 2 and not blank
