"""Say how likely a model holds what stands at some lines of files: what active learning reads.

Needs the extra ``corpus``. Knows nothing about what is chosen by it.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from fimbul_models.adoption.language_model import LanguageModel
from fimbul_models.adoption.membership import places
from fimbul_models.corpus.active import Likelihood
from fimbul_models.corpus.projects import ProjectFile
from fimbul_models.corpus.records import Record
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.items import Item

Lines = Mapping[str, Sequence[int]]
"""Lines, from 0, by the keys of records."""


def look_at(
    model: LanguageModel,
    records: Sequence[Record],
    *,
    number: int,
    per_file: int = 3,
    seed: int = 0,
    lines: Lines | None = None,
) -> Iterator[Likelihood]:
    """Yield the likelihoods of `number` lines at most, `per_file` of each file that has so many.

    Which ones they are the seed decides; with `lines` no others are looked at. Raises FimbulError
    if the model fails.
    """
    for key, item in list(_drawn(records, per_file, seed, lines))[:number]:
        logprobs = model.logprobs(item, item.answer)
        if logprobs:
            # Rounding may leave a certain token a hair above one.
            told = tuple(min(0.0, one) for one in logprobs)
            yield Likelihood(key=key, logprobs=told, offset=len(item.prefix))


def _drawn(
    records: Sequence[Record], per_file: int, seed: int, lines: Lines | None
) -> Iterator[tuple[str, Item]]:
    # Keys stand for paths, so that files of several repositories are told apart.
    keys = {f"{number}/{record.path}": record.key for number, record in enumerate(records)}
    files = [
        ProjectFile(path, record.text, record.language, is_own=True)
        for path, record in zip(keys, records, strict=True)
    ]
    wanted = None if lines is None else {path: lines.get(key, ()) for path, key in keys.items()}
    for items in places(files, len(files), per_file, seed, wanted):
        for item in items:
            yield keys[item.path], item


def write_likelihoods(path: Path, likelihoods: Iterable[Likelihood]) -> int:
    """Write likelihoods as JSON lines that `fimbul-models choose` reads; return how many.

    They hold no text, but are for their owner only. Raises RecipeError if the file cannot be
    written.
    """
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for one in likelihoods:
                file.write(msgspec.json.encode(one) + b"\n")
                count += 1
    except OSError as error:
        raise RecipeError(f"The likelihoods cannot be written to {path}: {error}.") from error
    return count
