"""Shows whether a model without fill-in-the-middle has learnt it: against itself as it was.

Three arms answer the same examples of repositories that nothing was learnt from: the base with what
stands in front of the cursor, the base with sentinels that it does not know, and the trained model.
Needs the extra ``training``.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.evaluation.statistics import mean_interval, paired_difference
from fimbul_models.training.data import shards_of
from fimbul_models.training.encoding import Encoder
from fimbul_models.training.judging import Arm, judge, plain_losses
from fimbul_models.training.locating import find_base
from fimbul_models.training.probe import Subject
from fimbul_models.training.proof import (
    PREFIX,
    TRAINED,
    UNTRAINED,
    Asked,
    card,
    figures_of,
    judges_in,
    told,
)
from fimbul_models.training.recipe import read_train_recipe
from fimbul_models.training.running import MODEL, SUMMARY, Call, train
from fimbul_models.training.tokens import splitter_of

Tell = Callable[[str], None]


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
        "left-to-right loss before": told(mean_interval(list(losses[PREFIX].values()))),
        "left-to-right loss after": told(mean_interval(list(losses[TRAINED].values()))),
        "left-to-right loss, difference": told(paired_difference(losses[PREFIX], losses[TRAINED])),
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


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '-')}.jsonl"
