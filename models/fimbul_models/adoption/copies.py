"""Whether what a model writes freely is a near-copy of a file that it was trained on.

Copies are found as the corpus finds duplicates: by runs of five words. Needs the extra ``corpus``.
Knows nothing about limits.
"""

import random
from collections.abc import Iterable, Sequence

import numpy as np

from fimbul_models.adoption.language_model import LanguageModel
from fimbul_models.corpus.near import WORDS, Shingles, shingles_of, words_of
from fimbul_models.corpus.projects import ProjectFile
from fimbul_models.evaluation.items import Item
from lsp_server.text import split_lines

TOKENS = 96
"""Tokens of a sample."""

LEAST_WORDS = 24
"""Words of a sample that can be called a copy: with what stands between them about 65 tokens of
code, the length from which others report a match."""

SHARED = 0.7
"""Share of a sample's runs of words that one file holds if it is a near-copy of it."""


class TrainedOn:
    """The files of training, as sets of runs of words."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Read the texts."""
        self._files = [shingles_of(text) for text in texts]
        whole: Sequence[Shingles] = self._files or [np.empty(0, dtype=np.uint64)]
        self._all = np.unique(np.concatenate(whole))

    def holds(self, text: str) -> bool:
        """Return whether `text` is long enough to be a copy, and nearly one of a part of a file."""
        if len(words_of(text)) < LEAST_WORDS:
            return False
        runs = shingles_of(text)
        wanted = SHARED * len(runs)
        if np.isin(runs, self._all, assume_unique=True).sum() < wanted:
            return False
        return any(np.isin(runs, file, assume_unique=True).sum() >= wanted for file in self._files)


def beginnings(files: Sequence[ProjectFile], number: int, seed: int) -> list[Item]:
    """Return places in `files` with nothing behind them, always the same by `seed`.

    That is where a model has most reason to go on as a file does that it knows.
    """
    order = random.Random(f"{seed}:copies")  # noqa: S311  # Repeatable, not secret.
    own = [file for file in files if file.is_own and len(words_of(file.text)) > LEAST_WORDS + WORDS]
    found = []
    for file in order.choices(own, k=number) if own else ():
        lines = split_lines(file.text)
        row = order.randrange(1, max(2, len(lines) // 2))
        found.append(
            Item(
                task_id=f"{file.path}:{row}",
                language=file.language,
                path=file.path,
                prefix="".join(lines[:row]),
                suffix="",
                answer="".join(lines[row:]),
                kind="sample",
            )
        )
    return found


def copied(model: LanguageModel, places: Sequence[Item], trained: TrainedOn, seed: int) -> int:
    """Return how many samples of `model` at `places` are near-copies of what was trained on."""
    samples = (model.sampled(place, TOKENS, seed + number) for number, place in enumerate(places))
    return sum(trained.holds(sample) for sample in samples)
