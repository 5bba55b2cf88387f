"""The examples of a recipe: read from shards, or cut first by the corpus's own pipeline.

Nothing here goes around the pipeline: whoever trains on a folder gets the same de-duplication and
redaction as a corpus does. Needs the extra ``corpus``.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fimbul_models.corpus.engines import Processes, Serial
from fimbul_models.corpus.fim import Example
from fimbul_models.corpus.licence_policy import LicenceRules
from fimbul_models.corpus.pipeline import Order, digest_values, make_corpus
from fimbul_models.corpus.planning import Planner
from fimbul_models.corpus.recipe import CorpusRecipe, read_corpus_recipe
from fimbul_models.corpus.records import LicenceClass
from fimbul_models.corpus.shards import read_shards
from fimbul_models.corpus.splitting import SplitRules
from fimbul_models.corpus.units import FolderSource, Places
from fimbul_models.errors import RecipeError
from fimbul_models.training.encoding import Encoded, Encoder
from fimbul_models.training.recipe import Data, TrainRecipe
from lsp_server.config.paths import Paths

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Sides:
    """Examples as tokens."""

    train: list[Encoded]
    validation: list[Encoded]
    too_long: int
    """Examples that fit no sequence."""
    tokens: int
    """Of the side that trains."""


def sides_of(recipe: TrainRecipe, folder: Path, encoder: Encoder) -> Sides:
    """Read the examples in `folder` and put them on their sides.

    Raises SourceError if they cannot be read, RecipeError if none is left to train on.
    """
    train = list(read_shards(folder, "train"))
    validation = list(read_shards(folder, "validation"))
    if not validation:
        held = {
            one for one in map(_file, train) if _draw(recipe.seed, one) < recipe.data.validation
        }
        validation = [one for one in train if _file(one) in held]
        train = [one for one in train if _file(one) not in held]
    encoded = _limited(_encoded(train, encoder), recipe.data.tokens, recipe.seed)
    if not encoded:
        raise RecipeError(
            f"{folder} holds no example to train on that fits {recipe.objective.sequence} tokens;"
            " make `sequence` longer or the budgets of the corpus's `fim` smaller."
        )
    return Sides(
        train=encoded,
        validation=_limited(_encoded(validation, encoder), recipe.data.judging_tokens, recipe.seed),
        too_long=encoder.too_long,
        tokens=sum(map(len, encoded)),
    )


def _file(example: Example) -> str:
    return f"{example.repository}\n{example.path}"


def _draw(seed: int, file: str) -> float:
    """Return a number from 0 to 1 that only the seed and the file decide."""
    return int(hashlib.sha256(f"{seed}:held\n{file}".encode()).hexdigest()[:12], 16) / 16**12


def _encoded(examples: Iterable[Example], encoder: Encoder) -> Iterator[Encoded]:
    for example in examples:
        encoded = encoder.encode(example)
        if encoded is not None:
            yield encoded


def _limited(examples: Iterable[Encoded], most: int, seed: int) -> list[Encoded]:
    """Return as many of `examples` as have `most` tokens, drawn evenly; all if that is 0."""
    kept = list(examples)
    if not most:
        return kept
    Random(f"{seed}:tokens").shuffle(kept)  # noqa: S311  # Repeatable, not secret.
    spent, taken = 0, []
    for example in kept:
        if spent + len(example) > most:
            break
        spent += len(example)
        taken.append(example)
    return taken


def shards_of(data: Data, recipe: Path, work: Path, seed: int, tell: Tell) -> Path:
    """Return the folder of the examples that a recipe's data are, made in `work` if need be.

    Relative paths begin where `recipe` lies. Raises FimbulError if they cannot be made.
    """
    folder = recipe.absolute().parent
    if data.shards:
        return _with_shards(folder / data.shards)
    if data.corpus:
        path = folder / data.corpus
        return corpus_of(read_corpus_recipe(path), path.parent, work, tell)
    return corpus_of(private_recipe(data, folder / data.folder, seed), folder, work, tell)


def _with_shards(folder: Path) -> Path:
    if not any(folder.glob("train-*.parquet")):
        raise RecipeError(
            f"{folder} holds no train-….parquet; make one with `fimbul-models corpus`."
        )
    return folder


def private_recipe(data: Data, folder: Path, seed: int) -> CorpusRecipe:
    """Return the recipe that makes examples of a folder of code that is one's own.

    Licences are no question there, copies and secrets are; sides are drawn by file, since there may
    be one repository only.
    """
    if not folder.is_dir():
        raise RecipeError(f"{folder} is no folder of code; correct `folder` in the recipe.")
    source = FolderSource(name=folder.name or "code", path=str(folder.absolute()))
    return CorpusRecipe(
        name=folder.name or "code",
        seed=seed,
        sources=(source,),
        licences=LicenceRules(keep=tuple(LicenceClass)),
        split=SplitRules(validation=0.0, test=0.0),
        fim=data.fim,
    )


def corpus_of(recipe: CorpusRecipe, folder: Path, work: Path, tell: Tell) -> Path:
    """Make the corpus of `recipe` below `work`, as far as it is not there; return its folder.

    Raises FimbulError if a source or the model that counts tokens is not to be had.
    """
    cache = Paths.of_user().cache
    places = Places(recipe=folder, packages=cache / "wheels", repositories=cache / "repositories")
    planner = Planner(places, recipe.gather, recipe.packages, tell=tell)
    units = planner.list_all(recipe.sources)
    output = work / f"corpus-{digest_values(recipe)[:12]}"
    processes = os.cpu_count() or 1
    engine = Serial() if processes == 1 or len(units) < 2 else Processes(processes)
    order = Order(
        recipe=recipe,
        folder=folder,
        work=output / "work",
        output=output,
        engine=engine,
        processes=processes,
        tell=tell,
        progress=False,
    )
    account = make_corpus(order, units)
    tell(f"{output}: {sum(account.examples.values())} examples, digest {account.digest[:12]}.")
    return output


def files_in(examples: Sequence[Encoded]) -> int:
    """Return how many files `examples` are from."""
    return len({example.file for example in examples})
