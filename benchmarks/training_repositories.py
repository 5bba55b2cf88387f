"""What an adapter is worth in three repositories, against the base and against context.

    python -m benchmarks.training_repositories --output DIR [--only NAME…] [--items N]

Each repository's older release trains (at most 100,000 tokens), lines that came with the newer one
judge: the base, the base with other files in view, the adapter, the adapter with them; greedy and
healed, by the engine over the installed model. Every stage goes on where it was killed; each says
how long it took. The last call prints the whole table, then one line of JSON. Needs the extra
``training``. Expect, on two cores: minutes for examples, half an hour for each training, a quarter
of an hour for each of four arms.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tqdm import tqdm

from fimbul_models.evaluation.statistics import Interval, mean_interval, paired_difference
from fimbul_models.training.data import corpus_of
from fimbul_models.training.encoding import Encoder
from fimbul_models.training.judging import Arm, exactness, judge
from fimbul_models.training.locating import find_base
from fimbul_models.training.probe import Subject
from fimbul_models.training.recipe import Data, TrainRecipe, read_train_recipe
from fimbul_models.training.releases import (
    Asked,
    Comparison,
    Repository,
    asked_of,
    corpus_recipe,
    read_comparison,
)
from fimbul_models.training.running import ADAPTER, SUMMARY, Call, train
from fimbul_models.training.tokens import splitter_of

RECIPE = Path(__file__).parents[1] / "models" / "recipes" / "repositories.toml"
ARMS = ("base", "base with context", "adapter", "adapter with context")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--only", nargs="*", default=[], help="repositories")
    parser.add_argument("--items", type=int, default=0, help="fewer than the recipe says")
    options = parser.parse_args()
    comparison = read_comparison(options.recipe)
    training = read_train_recipe(options.recipe.parent / comparison.adapter)
    exact: dict[str, dict[str, float]] = {arm: {} for arm in ARMS}
    figures: dict[str, Any] = {}
    for repository in comparison.repositories:
        if options.only and repository.name not in options.only:
            continue
        one = _One(comparison, training, repository, options.output / repository.name)
        found = one.run(options.items or comparison.items)
        figures[repository.name] = _row(found) | one.costs()
        _print(repository.name, figures[repository.name])
        for arm, judged in found.items():
            exact[arm] |= {f"{repository.name}\n{key}": value for key, value in judged.items()}
    figures["all"] = _row(exact)
    _print("all", figures["all"])
    print(json.dumps(figures))


class _One:
    """One repository."""

    def __init__(
        self, comparison: Comparison, training: TrainRecipe, repository: Repository, output: Path
    ) -> None:
        self._comparison, self._training = comparison, training
        self._repository, self._output = repository, output
        self._seconds = output / "seconds.json"

    def run(self, items: int) -> dict[str, dict[str, float]]:
        """Return whether each answer of each arm was exact, by key."""
        self._output.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        asked = asked_of(
            self._repository,
            self._training.data.fim,
            items,
            self._comparison.seed,
            self._output / "work",
            _tell,
        )
        self._took("examples", began)
        began = time.perf_counter()
        self._train()
        self._took("training", began)
        return self._judge(asked)

    def costs(self) -> dict[str, Any]:
        """Return what it took."""
        summary = json.loads((self._output / "adapter" / SUMMARY).read_text())
        kept = ("tokens of a pass", "tokens learnt from", "seconds", "memory MB", "adapter bytes")
        return {
            "seconds by stage": json.loads(self._seconds.read_text()),
            "training": {name: summary[name] for name in kept},
        }

    def _train(self) -> None:
        output = self._output / "adapter"
        if (output / SUMMARY).is_file():
            return
        fim, seed = self._training.data.fim, self._comparison.seed
        older = corpus_recipe(self._repository.package(self._repository.older), fim, seed)
        shards = corpus_of(older, self._output, self._output / "work", _tell)
        recipe = msgspec.structs.replace(
            self._training,
            name=self._repository.name,
            data=Data(
                shards=str(shards.absolute()),
                fim=fim,
                validation=self._training.data.validation,
                tokens=self._comparison.tokens,
            ),
        )
        path = self._output / "adapter.toml"
        path.write_text(tomlkit.dumps(msgspec.to_builtins(recipe)), encoding="utf-8")
        train(Call(path, output, output / "work"), _tell)

    def _judge(self, asked: Asked) -> dict[str, dict[str, float]]:
        found = find_base(self._training.base, self._output)
        plain = Subject(found.path)
        learnt = Subject(found.path, self._output / "adapter" / ADAPTER)
        exact = {}
        with splitter_of(found.path) as splitter:
            encoder = Encoder(splitter, self._training.objective)
            for name in ARMS:
                arm = Arm(name, learnt if "adapter" in name else plain, encoder)
                examples = asked.with_context if "context" in name else asked.alone
                file = self._output / "answers" / f"{name.replace(' ', '-')}.jsonl"
                began = time.perf_counter()
                judged = judge(arm, examples, file, _tell, keep_texts=False)
                self._took(name, began)
                exact[name] = exactness(judged)
        return exact

    def _took(self, stage: str, began: float) -> None:
        """Keep the longest time of a stage: a call that finds it done says little."""
        kept = json.loads(self._seconds.read_text()) if self._seconds.is_file() else {}
        kept[stage] = round(max(kept.get(stage, 0.0), time.perf_counter() - began), 1)
        self._seconds.write_text(json.dumps(kept))


def _row(exact: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    row: dict[str, Any] = {arm: _told(mean_interval(list(exact[arm].values()))) for arm in ARMS}
    for name, first in (("gain", ARMS[1]), ("gain without context", ARMS[0])):
        second = ARMS[3] if name == "gain" else ARMS[2]
        row[name] = _told(paired_difference(exact[first], exact[second]))
    return row


def _told(interval: Interval) -> list[float]:
    return [round(value, 4) for value in (interval.mean, interval.low, interval.high)]


def _print(name: str, row: Mapping[str, Any]) -> None:
    print(name)
    for figure, value in row.items():
        if isinstance(value, list):
            mean, low, high = (100 * one for one in value)
            print(f"  {figure:24} {mean:6.1f} ({low:.1f} to {high:.1f})")
        else:
            print(f"  {figure}: {json.dumps(value)}")


def _tell(line: str) -> None:
    tqdm.write(line, file=sys.stderr)


if __name__ == "__main__":
    main()
