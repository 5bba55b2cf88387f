"""Whether a model gives away which files it was trained on (membership inference).

Each file is scored by how likely the model finds some of its lines, in three ways that need
nothing but likelihoods; whoever could tell the files of training from others of the same
repository by such a score would know something about them. Knows nothing about limits.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fimbul_models.adoption.language_model import LanguageModel
from fimbul_models.corpus.projects import ProjectFile
from fimbul_models.evaluation.items import Item
from lsp_server.text import split_lines, strip_ending

LEAST = 8
"""Characters of a line that is looked at; shorter ones are alike everywhere."""

LOWEST = 0.2
"""Share of the tokens that min-k looks at (Shi and others, Detecting Pretraining Data, 2023)."""

Logprobs = Sequence[float]
Attack = Callable[[Logprobs, Logprobs], float]
"""Scores tokens by their log probabilities under the model and under the base."""


def _likelihood(own: Logprobs, _base: Logprobs) -> float:
    return float(np.mean(own))


def _against_base(own: Logprobs, base: Logprobs) -> float:
    return float(np.mean(own) - np.mean(base))


def _lowest(own: Logprobs, _base: Logprobs) -> float:
    return float(np.sort(own)[: max(1, round(LOWEST * len(own)))].mean())


ATTACKS: Mapping[str, Attack] = {
    "likelihood": _likelihood,
    "against the base": _against_base,
    "least likely tokens": _lowest,
}


@dataclass(frozen=True)
class Sides:
    """Log probabilities of what stands in files, one sequence a file."""

    members: Sequence[Logprobs]
    others: Sequence[Logprobs]


def places(
    files: Sequence[ProjectFile],
    number: int,
    per_file: int,
    seed: int,
    lines: Mapping[str, Sequence[int]] | None = None,
) -> list[list[Item]]:
    """Return some lines of `number` files as places, file by file, always the same by `seed`.

    With `lines`, by path and from 0, no others are taken, and a file may have fewer of them.
    """
    order = random.Random(f"{seed}:members")  # noqa: S311  # Repeatable, not secret.
    own = [file for file in files if file.is_own]
    found: list[list[Item]] = []
    for file in order.sample(own, len(own)):
        wanted = None if lines is None else frozenset(lines.get(file.path, ()))
        fitting = list(_lines(file, wanted))
        least = per_file if lines is None else 1
        if len(fitting) >= least and len(found) < number:
            found.append(order.sample(fitting, min(per_file, len(fitting))))
    return found


def _lines(file: ProjectFile, wanted: frozenset[int] | None) -> Iterator[Item]:
    lines = split_lines(file.text)
    for number, line in enumerate(lines):
        text = strip_ending(line)
        start = len(text) - len(text.lstrip())
        if len(text) - start >= LEAST and (wanted is None or number in wanted):
            yield Item(
                task_id=f"{file.path}:{number + 1}",
                language=file.language,
                path=file.path,
                prefix="".join(lines[:number]) + text[:start],
                suffix=line[len(text) :] + "".join(lines[number + 1 :]),
                answer=text[start:],
                kind="line",
            )


def observe(model: LanguageModel, files: Sequence[Sequence[Item]]) -> list[Logprobs]:
    """Return the log probabilities of the answers, file by file."""
    return [[one for item in items for one in model.logprobs(item, item.answer)] for items in files]


def areas(own: Sides, base: Sides) -> dict[str, float]:
    """Return for each attack the area under its ROC curve: 0.5 tells nothing, 1 everything.

    It is the share of pairs of a member and another file in which the member scores higher, a tie
    counting half.
    """
    found = {}
    for name, attack in ATTACKS.items():
        inside = np.array([attack(*pair) for pair in zip(own.members, base.members, strict=True)])
        outside = np.array([attack(*pair) for pair in zip(own.others, base.others, strict=True)])
        higher = (np.sign(inside[:, None] - outside[None, :]) + 1) / 2
        found[name] = float(higher.mean())
    return found
