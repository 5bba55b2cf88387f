"""Whether a model gives away which files it was trained on (membership inference).

Groups of a file's lines are scored by how likely the model finds them, in three ways that need
nothing but likelihoods; whoever could tell those of training from others of the same repository by
such a score would know something about what was trained on. Knows nothing about limits.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

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
    """Log probabilities of what stands in groups of lines, one sequence a group."""

    members: Sequence[Logprobs]
    others: Sequence[Logprobs]


def places(
    files: Sequence[ProjectFile],
    number: int,
    per_group: int,
    seed: int,
    lines: Mapping[str, Sequence[int]] | None = None,
) -> list[list[Item]]:
    """Return `number` groups of lines as places, each of one file, always the same by `seed`.

    Every file gives a group before any gives a second one. With `lines`, by path and from 0, no
    others are taken, and a group may be smaller.
    """
    order = random.Random(f"{seed}:members")  # noqa: S311  # Repeatable, not secret.
    own = [file for file in files if file.is_own]
    least = per_group if lines is None else 1
    turns: list[list[list[Item]]] = []
    for file in order.sample(own, len(own)):
        wanted = None if lines is None else frozenset(lines.get(file.path, ()))
        fitting = list(_lines(file, wanted))
        drawn = order.sample(fitting, len(fitting))
        groups = [drawn[at : at + per_group] for at in range(0, len(drawn), per_group)]
        turns.append([group for group in groups if len(group) >= least])
    in_turn = (group for turn in zip_longest(*turns) for group in turn if group is not None)
    return list(islice(in_turn, number))


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
