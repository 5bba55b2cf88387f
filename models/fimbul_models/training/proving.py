"""Shows whether a model without fill-in-the-middle has learnt it: against itself as it was.

Three arms answer the same examples of repositories that nothing was learnt from: the base with what
stands in front of the cursor, the base with sentinels that it does not know, and the trained model.
Needs the extra ``training``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from fimbul_models.corpus.fim import Example
from fimbul_models.corpus.middles import Kind
from fimbul_models.corpus.shards import read_shards
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.statistics import Interval, mean_interval, paired_difference
from fimbul_models.training.base import find_base
from fimbul_models.training.data import shards_of
from fimbul_models.training.encoding import Encoder
from fimbul_models.training.judging import Arm, Judged, exactness, judge, key_of, plain_losses
from fimbul_models.training.probe import Subject
from fimbul_models.training.recipe import read_train_recipe
from fimbul_models.training.running import MODEL, SUMMARY, Call, train
from fimbul_models.training.tokens import splitter_of

Tell = Callable[[str], None]

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


def prove(call: Call, asked: Asked, tell: Tell) -> dict[str, Any]:
    """Train as the recipe says, as far as that is not done, and judge; return the figures.

    Raises FimbulError if the recipe does not do or the corpus has no test side.
    """
    recipe = read_train_recipe(call.recipe)
    if not _is_trained(call.output / SUMMARY, recipe.digest()):
        train(call, tell)
    found = find_base(recipe.base, call.recipe.absolute().parent)
    shards = shards_of(recipe.data, call.recipe, call.work / "data", recipe.seed, tell)
    judges = judges_in(shards, asked, recipe.seed)
    folder = call.output / "answers"
    with splitter_of(found.path) as splitter:
        encoder = Encoder(splitter, recipe.objective)
        base = Subject(found.path, context=recipe.objective.sequence + 64)
        learnt = replace(base, model=call.output / MODEL)
        arms = [
            Arm(PREFIX, base, encoder, prefix_only=True),
            Arm(UNTRAINED, base, encoder),
            Arm(TRAINED, learnt, encoder),
        ]
        answers = {
            arm.name: judge(arm, judges.lines, _file(folder, arm.name), tell, keep_texts=True)
            for arm in arms
        }
        losses = {
            arm.name: {
                key: one.loss
                for key, one in plain_losses(
                    arm, judges.plain, _file(folder, f"{arm.name} loss"), tell
                ).items()
            }
            for arm in (arms[0], arms[2])
        }
    figures = figures_of(answers) | {
        "left-to-right loss before": _told(mean_interval(list(losses[PREFIX].values()))),
        "left-to-right loss after": _told(mean_interval(list(losses[TRAINED].values()))),
        "left-to-right loss, difference": _told(paired_difference(losses[PREFIX], losses[TRAINED])),
    }
    samples = judges.lines[: asked.samples]
    (call.output / "proof.md").write_text(
        card(recipe.name, figures, samples, answers), encoding="utf-8"
    )
    encoded = msgspec.json.format(msgspec.json.encode(figures), indent=2)
    (call.output / "proof.json").write_bytes(encoded + b"\n")
    return figures


def _is_trained(summary: Path, recipe: str) -> bool:
    if not summary.is_file():
        return False
    known: str = msgspec.json.decode(summary.read_bytes()).get("recipe sha256", "")
    return known == recipe


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


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '-')}.jsonl"


def figures_of(answers: dict[str, dict[str, Judged]]) -> dict[str, Any]:
    """Return what the arms reached, and the gain over the better of those that learnt nothing."""
    figures: dict[str, Any] = {}
    exact = {name: exactness(judged) for name, judged in answers.items()}
    for name, judged in answers.items():
        figures[f"{name}, exact"] = _told(mean_interval(list(exact[name].values())))
        figures[f"{name}, edit similarity"] = _told(
            mean_interval([one.similarity for one in judged.values()])
        )
        figures[f"{name}, ends by itself"] = sum(one.ended for one in judged.values()) / len(judged)
    better = max((PREFIX, UNTRAINED), key=lambda name: sum(exact[name].values()))
    figures["better of the untrained"] = better
    figures["gain"] = _told(paired_difference(exact[better], exact[TRAINED]))
    return figures


def _told(interval: Interval) -> dict[str, float]:
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
