"""How well a labelling task is answered from its labels: precision, recall, F1 by language.

    python -m benchmarks.corpus_labels

Gathers the packages of the open corpus that the worked example's labels are about (fetched where
they are not in the cache yet), reads features of all their files that have a known language, and
cross-validates by repository: all features, and without one group of them after the other. Ends
with one line of JSON.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from tqdm import tqdm

from fimbul_models.corpus.classifying import Labelled, judge, judgements_table, labelled
from fimbul_models.corpus.gathering import read_unit
from fimbul_models.corpus.labelling import FeatureReader, read_task
from fimbul_models.corpus.planning import Planner
from fimbul_models.corpus.recipe import CorpusRecipe, read_corpus_recipe
from fimbul_models.corpus.records import Record
from fimbul_models.corpus.reviewing import Label, LabelFile
from fimbul_models.corpus.units import Places
from lsp_server.config.paths import Paths
from lsp_server.syntax.languages import language_of_path

RECIPES = Path(__file__).parents[1] / "models" / "recipes"

GROUPS = {
    "terms of the file": " here$",
    "terms of its folder": " in this folder$",
    "terms of its repository": " in the repository$",
    "words of its folders": "^folder ",
    "words of its name": "^file ",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", type=Path, default=RECIPES / "server-side.toml")
    parser.add_argument("--labels", type=Path, default=RECIPES / "server-side.labels.jsonl")
    parser.add_argument("--recipe", type=Path, default=RECIPES / "open-corpus.toml")
    parser.add_argument("--packages", type=Path, default=Paths.of_user().cache / "wheels")
    options = parser.parse_args()
    task = read_task(options.task)
    labels = LabelFile(options.labels, task)
    recipe = read_corpus_recipe(options.recipe)
    wanted = repositories_in(options.labels)
    reader = FeatureReader(task)
    records = list(gathered(recipe, wanted, options))
    known = labelled(reader, records, labels.of(records))
    print(f"{len(known.labels)} of {len(labels)} labels, {len(records)} files")
    judgements = judge(task, known)
    print(judgements_table(task, judgements))
    figures = {one.name: round(one.overall.f1, 3) for one in judgements}
    for name, columns in GROUPS.items():
        kept = [not re.search(columns, feature) for feature in reader.names]
        less = Labelled(
            known.features[:, np.array(kept)], known.labels, known.repositories, known.languages
        )
        figures[f"linear without {name}"] = round(judge(task, less)[0].overall.f1, 3)
    print(json.dumps({"labels": len(known.labels), "F1": figures}))


def repositories_in(labels: Path) -> set[str]:
    """Return the repositories that labels are about."""
    found = (msgspec.json.decode(line, type=Label) for line in labels.read_bytes().splitlines())
    return {label.key.partition("\n")[0] for label in found}


def gathered(
    recipe: CorpusRecipe, wanted: set[str], options: argparse.Namespace
) -> Iterator[Record]:
    """Yield the files of known language of the repositories that are wanted."""
    packages = [
        package
        for package in recipe.packages
        if any(name.partition(":")[2] == package.name for name in wanted)
    ]
    places = Places(
        recipe=options.recipe.parent,
        packages=options.packages,
        repositories=options.packages.parent / "repositories",
    )
    units = Planner(places, recipe.gather, packages).list_all(recipe.sources)
    for unit in tqdm([unit for unit in units if unit.repository in wanted], unit="repository"):
        for came in read_unit(unit, recipe.gather):
            language = language_of_path(came.path) if isinstance(came, Record) else None
            if isinstance(came, Record) and language:
                yield msgspec.structs.replace(came, language=language.name)


if __name__ == "__main__":
    main()
