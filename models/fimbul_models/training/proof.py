"""What a proof of fill-in-the-middle consists of: what is asked for, figures, a page. Pure.

Needs none of the extra ``training``.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from fimbul_models.corpus.fim import Example
from fimbul_models.corpus.middles import Kind
from fimbul_models.corpus.shards import read_shards
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.statistics import Interval, mean_interval, paired_difference
from fimbul_models.training.judging import Judged, exactness, key_of

PREFIX, UNTRAINED, TRAINED = "prefix only", "untrained sentinels", "trained"


@dataclass(frozen=True)
class Asked:
    """How many examples are asked for."""

    items: int = 300
    """Rests of lines."""
    plain: int = 40
    """Texts from left to right."""
    samples: int = 8
    """Answers that are shown; all code of the test side is public."""


@dataclass(frozen=True)
class Judges:
    """Examples that judge."""

    lines: list[Example]
    plain: list[Example]


def judges_in(shards: Path, asked: Asked, seed: int) -> Judges:
    """Return the examples of the test side that judge, drawn by the seed.

    Raises RecipeError if there are none of a kind.
    """
    examples = list(read_shards(shards, "test"))
    lines = [one for one in examples if one.kind == Kind.LINE and one.ends]
    plain = [one for one in examples if one.kind == Kind.PLAIN]
    if not lines or not plain:
        raise RecipeError(
            f"{shards} has no test side with lines and plain text; raise `test` in the table"
            " `split` of the corpus's recipe."
        )
    return Judges(_drawn(lines, asked.items, seed), _drawn(plain, asked.plain, seed))


def _drawn(examples: list[Example], most: int, seed: int) -> list[Example]:
    order = sorted(examples, key=key_of)
    Random(f"{seed}:judges").shuffle(order)  # noqa: S311  # Repeatable, not secret.
    return order[:most]


def figures_of(answers: dict[str, dict[str, Judged]]) -> dict[str, Any]:
    """Return what the arms reached, and the gain over the better of those that learnt nothing."""
    figures: dict[str, Any] = {}
    exact = {name: exactness(judged) for name, judged in answers.items()}
    for name, judged in answers.items():
        figures[f"{name}, exact"] = told(mean_interval(list(exact[name].values())))
        figures[f"{name}, edit similarity"] = told(
            mean_interval([one.similarity for one in judged.values()])
        )
        figures[f"{name}, ends by itself"] = sum(one.ended for one in judged.values()) / len(judged)
    better = max((PREFIX, UNTRAINED), key=lambda name: sum(exact[name].values()))
    figures["better of the untrained"] = better
    figures["gain"] = told(paired_difference(exact[better], exact[TRAINED]))
    return figures


def told(interval: Interval) -> dict[str, float]:
    """Return an interval as JSON has it."""
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "n": interval.n}


def card(
    name: str,
    figures: dict[str, Any],
    samples: list[Example],
    answers: dict[str, dict[str, Judged]],
) -> str:
    """Return the outcome for people, with a few answers; the code that they are of is public."""
    lines = [f"# {name}", "", "| | mean | 95 % interval | n |", "| --- | --- | --- | --- |"]
    for figure, value in figures.items():
        if isinstance(value, dict):
            bounds = f"{value['low']:.4f} to {value['high']:.4f}"
            lines.append(f"| {figure} | {value['mean']:.4f} | {bounds} | {value['n']} |")
        else:
            shown = f"{value:.4f}" if isinstance(value, float) else value
            lines.append(f"| {figure} | {shown} | | |")
    lines += ["", "## Answers"]
    for example in samples:
        key = key_of(example)
        lines += ["", f"`{example.repository}`, `{example.path}`:", "", "```text"]
        lines.append(f"expected             {_one_line(example.completion)}")
        for arm, judged in answers.items():
            lines.append(f"{arm:<20} {_one_line(judged[key].text)}")
        lines.append("```")
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return text.strip().partition("\n")[0].replace("```", "'''")
