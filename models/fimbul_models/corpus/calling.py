"""A corpus made as a command line says: sources listed, an engine chosen, the outcome printed."""

import argparse
import sys

from tqdm import tqdm

from fimbul_models.corpus.distributed import RayData
from fimbul_models.corpus.engines import Engine, Processes, Serial
from fimbul_models.corpus.page import as_text
from fimbul_models.corpus.pipeline import Order, make_corpus
from fimbul_models.corpus.planning import Planner
from fimbul_models.corpus.recipe import read_corpus_recipe
from fimbul_models.corpus.units import Places


def make(options: argparse.Namespace) -> None:
    """Make the corpus, print the funnel and where everything lies.

    Raises FimbulError if the recipe, a source or a folder does not do.
    """
    recipe = read_corpus_recipe(options.recipe)
    places = Places(
        recipe=options.recipe.absolute().parent,
        packages=options.packages,
        repositories=options.repositories,
    )
    planner = Planner(places, recipe.gather, recipe.packages, tell=_tell)
    units = planner.list_all(recipe.sources)[: options.limit]
    engine = engine_of(options)
    order = Order(
        recipe=recipe,
        folder=places.recipe,
        work=options.work or options.output / "work",
        output=options.output,
        engine=engine,
        processes=1 if options.engine == "serial" else options.processes,
        tell=_tell,
    )
    try:
        account = make_corpus(order, units)
    finally:
        if isinstance(engine, RayData):
            engine.close()
    for line in as_text(account):
        print(line)
    print(f"{options.output}/report.html shows all of it; digest {account.digest}")


def engine_of(options: argparse.Namespace) -> Engine:
    """Return the engine that the options `engine`, `processes` and `ray` ask for."""
    if options.engine == "ray":
        return RayData(options.ray, options.processes)
    if options.engine == "serial" or options.processes == 1:
        return Serial()
    return Processes(options.processes)


def _tell(line: str) -> None:
    tqdm.write(line, file=sys.stderr)
