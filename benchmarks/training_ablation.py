"""What decisions about data do to a model that learns to fill in.

    python -m benchmarks.training_ablation --output DIR [--only VARIANT…] [--items N]

The same small model learns from as many tokens of the same packages, handled in different ways
(raw; cleaned, but with all copies; cleaned). Other packages judge: exact rests of lines, loss of
text from left to right. How much each gives back word for word is asked at the beginnings of files
that it learnt from: the share of answers with 40 lexemes in a row that stand in what it was given.
Every stage goes on where it was killed. Ends with one line of JSON. Needs the extra ``training``.
Expect, on two cores, half an hour to an hour for each variant.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tqdm import tqdm

from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.sources import fetch
from fimbul_models.corpus.splitting import SplitRules
from fimbul_models.evaluation.statistics import Interval, mean_interval, paired_difference
from fimbul_models.training.ablation import (
    VARIANTS,
    Ablation,
    copies,
    read_ablation,
    runs_of,
    variant_recipe,
)
from fimbul_models.training.data import corpus_of
from fimbul_models.training.encoding import Encoder
from fimbul_models.training.judging import Arm, exactness, judge, plain_losses
from fimbul_models.training.locating import find_base
from fimbul_models.training.probe import EngineProbe, Subject
from fimbul_models.training.proof import Asked, Judges, judges_in
from fimbul_models.training.recipe import Data, TrainRecipe, read_train_recipe
from fimbul_models.training.releases import records_of
from fimbul_models.training.running import MODEL, SUMMARY, Call, train
from fimbul_models.training.tokens import splitter_of
from lsp_server.config.paths import Paths

RECIPE = Path(__file__).parents[1] / "models" / "recipes" / "ablation.toml"

BEGINNING, GOING_ON, FILES = 128, 128, 60
"""Tokens that are shown, tokens that are asked for, and files of which."""

_ALL = SplitRules(validation=0.0, test=0.0)
_JUDGING = SplitRules(validation=0.0, test=0.999999)
"""Everything judges, but for a repository in a million."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--only", nargs="*", default=[], choices=list(VARIANTS))
    parser.add_argument("--items", type=int, default=300)
    options = parser.parse_args()
    ablation = read_ablation(options.recipe)
    training = read_train_recipe(options.recipe.parent / ablation.training)
    work = options.output / "work"
    judging = variant_recipe(ablation, "cleaned", _archives(ablation.judging), _JUDGING)
    shards = corpus_of(judging, options.output, work, _tell)
    judges = judges_in(shards, Asked(items=options.items), ablation.seed)
    found = {
        name: _Variant(ablation, training, name, options.output).run(judges)
        for name in options.only or VARIANTS
    }
    figures = {name: _figures(one) for name, one in found.items()}
    last = list(found)[-1]
    for name in found:
        if name != last:
            gain = paired_difference(found[name]["exact"], found[last]["exact"])
            figures[name][f"{last} against it"] = _told(gain)
    for name, row in figures.items():
        print(name, json.dumps(row))
    print(json.dumps(figures))


class _Variant:
    """One way to handle the data."""

    def __init__(self, ablation: Ablation, training: TrainRecipe, name: str, output: Path) -> None:
        self._ablation, self._training, self._name = ablation, training, name
        self._work = output / "work"
        self._output = output / name.replace(" ", "-")

    def run(self, judges: Judges) -> dict[str, Any]:
        """Train and judge; return what was found, by key where there is one."""
        self._output.mkdir(parents=True, exist_ok=True)
        archives = _archives(self._ablation.packages)
        recipe = variant_recipe(self._ablation, self._name, archives, _ALL)
        corpus = corpus_of(recipe, self._output, self._work, _tell)
        path = self._recipe(corpus)
        output = self._output / "model"
        if not (output / SUMMARY).is_file():
            train(Call(path, output, output / "work", check=False), _tell)
        base = find_base(self._training.base, self._output)
        with splitter_of(base.path) as splitter:
            encoder = Encoder(splitter, self._training.objective)
            subject = Subject(output / MODEL, context=self._training.objective.sequence + 64)
            arm = Arm(self._name, subject, encoder)
            lines = judge(
                arm, judges.lines, self._output / "answers.jsonl", _tell, keep_texts=False
            )
            plain = plain_losses(arm, judges.plain, self._output / "losses.jsonl", _tell)
            return {
                "exact": exactness(lines),
                "loss": {key: one.loss for key, one in plain.items()},
                "copied": self._copied(arm, corpus),
                "summary": json.loads((output / SUMMARY).read_text()),
            }

    def _recipe(self, corpus: Path) -> Path:
        data = Data(shards=str(corpus.absolute()), tokens=self._ablation.tokens)
        recipe = msgspec.structs.replace(self._training, name=self._name, data=data)
        path = self._output / "recipe.toml"
        path.write_text(tomlkit.dumps(msgspec.to_builtins(recipe)), encoding="utf-8")
        return path

    def _copied(self, arm: Arm, corpus: Path) -> list[float]:
        """Return whether what follows the beginnings of files is given back word for word."""
        kept = self._output / "copied.json"
        if kept.is_file():
            found: list[float] = json.loads(kept.read_text())
            return found
        records = sorted(records_of(corpus), key=lambda record: record.digest)
        known = set().union(*(runs_of(record.text) for record in records))
        splitter = arm.encoder.splitter
        shown = [splitter.tokenize(record.text)[:BEGINNING] for record in records]
        asked = [tokens for tokens in shown if len(tokens) == BEGINNING][:FILES]
        subject = replace(arm.subject, context=BEGINNING + GOING_ON + 8)
        with EngineProbe(subject) as probe:
            answers = [probe.go_on(tokens, GOING_ON) for tokens in asked]
        found = copies(answers, known)
        kept.write_text(json.dumps(found))
        return found


def _archives(packages: Sequence[Package]) -> list[Path]:
    folder = Paths.of_user().cache / "wheels"
    return [fetch(package, folder).absolute() for package in packages]


def _figures(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "exact": _told(mean_interval(list(found["exact"].values()))),
        "left-to-right loss": _told(mean_interval(list(found["loss"].values()))),
        "copied": _told(mean_interval(found["copied"])),
        "tokens learnt from": found["summary"]["tokens learnt from"],
        "seconds": found["summary"]["seconds"],
    }


def _told(interval: Interval) -> list[float]:
    return [round(value, 4) for value in (interval.mean, interval.low, interval.high)]


def _tell(line: str) -> None:
    tqdm.write(line, file=sys.stderr)


if __name__ == "__main__":
    main()
