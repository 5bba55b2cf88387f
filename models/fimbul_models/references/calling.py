"""An index built as a command line says: sources listed, an engine chosen."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from fimbul_models.corpus.calling import engine_of
from fimbul_models.corpus.distributed import RayData
from fimbul_models.corpus.gathering import GatherRules
from fimbul_models.corpus.planning import Planner
from fimbul_models.corpus.recipe import read_corpus_recipe
from fimbul_models.corpus.units import AnySource, FolderSource, GitSource, Places, Unit
from fimbul_models.references.building import Order, build_index
from lsp_server.config.paths import Paths
from lsp_server.references.indexfile import About


def build(options: argparse.Namespace, about: About, output: Path) -> None:
    """Build the index `about` at `output`.

    Raises FimbulError if the recipe, a source or a folder does not do.
    """
    recipe = read_corpus_recipe(options.recipe) if options.recipe else None
    rules = recipe.gather if recipe else GatherRules()
    units: list[Unit] = []
    if recipe:
        folder = options.recipe.absolute().parent
        planner = Planner(_places(options, folder), rules, recipe.packages, tell=_tell)
        units += planner.list_all(recipe.sources)
    units += Planner(_places(options, Path.cwd()), GatherRules(), tell=_tell).list_all(
        _local(options)
    )
    engine = engine_of(options)
    order = Order(
        about=about,
        work=options.work or Paths.of_user().cache / "references" / about.name,
        output=output,
        engine=engine,
        tell=_tell,
        gather=rules,
    )
    try:
        build_index(order, units[: options.limit], options.records)
    finally:
        if isinstance(engine, RayData):
            engine.close()


def _places(options: argparse.Namespace, folder: Path) -> Places:
    return Places(recipe=folder, packages=options.packages, repositories=options.repositories)


def _local(options: argparse.Namespace) -> Iterator[AnySource]:
    """Yield the sources that are named one by one."""
    for path in options.folder:
        yield FolderSource(name=path.absolute().name, path=str(path.absolute()))
    for path in options.folders:
        yield FolderSource(name=path.absolute().name, path=str(path.absolute()), each=True)
    for path in options.git:
        yield GitSource(name=path.absolute().name, path=str(path.absolute()))


def _tell(line: str) -> None:
    tqdm.write(line, file=sys.stderr)
