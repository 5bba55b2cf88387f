"""A repository, and models that are made up: what a model would say is a function of the text."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fimbul_models.adoption.holding import Prepared, hold_out
from fimbul_models.adoption.language_model import LanguageModel
from fimbul_models.adoption.measuring import BASE, Answers, Means
from fimbul_models.evaluation.driver import Answer
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.report import judge
from fimbul_models.evaluation.repository import RepositoryRules
from tests.corpus.repositories_made import commit, new_repository

RULES = RepositoryRules(held_files=0.5, later_items=60, file_items=60, seed=3)

WORDS = (
    "alpha", "bravo", "carbon", "delta", "ember", "flint", "grain", "hazel", "ivory", "jade",
    "kelp", "lemon", "maple", "night", "ocean", "pearl", "quartz", "river", "stone", "tulip",
)  # fmt: skip


def module(number: int, language: str, parts: int = 7) -> str:
    """Return a file of code like no other."""
    lines = [f"// Module {number}" if language == "ts" else f'"""Module {number}."""', ""]
    for part in range(parts):
        first, second = WORDS[(number + part) % 20], WORDS[(3 * number + 7 * part) % 20]
        name = f"{first}_{second}_{number}_{part}"
        if language == "ts":
            lines += [
                f"export function {name}(rows: number[], {second}Limit: number): number {{",
                f"  const {first}Total{part} = rows.slice({number}, {second}Limit).length;",
                f"  return {first}Total{part} * {number} + {second}Limit;",
                "}",
                "",
            ]
        else:
            lines += [
                f"def {name}(rows, {second}_limit):",
                f"    {first}_total_{part} = len(rows[{number}:{second}_limit])",
                f"    return {first}_total_{part} * {number} + {second}_limit",
                "",
                "",
            ]
    return "\n".join(lines) + "\n"


def make_repository(folder: Path) -> Path:
    """Return a repository of two languages with an old and a newer commit."""
    new_repository(folder)
    old = {f"src/m{number}.py": module(number, "py") for number in range(50)}
    old |= {f"src/m{number}.ts": module(number, "ts") for number in range(50, 80)}
    commit(folder, old, "2026-01-01T00:00:00+00:00")
    new = {f"src/m{number}.py": module(number, "py", 12) for number in range(20)}
    new |= {f"src/m{number}.ts": module(number, "ts", 12) for number in range(50, 60)}
    commit(folder, new, "2026-02-01T00:00:00+00:00")
    return folder


def prepared_in(folder: Path) -> Prepared:
    """Return what is held out of such a repository, with canaries planted."""
    return hold_out(make_repository(folder / "own"), RULES, folder / "held")


@dataclass(frozen=True)
class Made:
    """A model that is made up; by default one that knows no text better than another."""

    known: Mapping[str, float] = field(default_factory=dict)
    """Texts that it has learnt by heart, and the log probability of each of their characters."""
    languages: Mapping[str, float] = field(default_factory=dict)
    """Log probability of a character in a language."""
    odd: float = 0.0
    """How much texts differ in likelihood by nothing but chance."""
    milliseconds_each: float = 30.0
    copies: bool = False
    """Whether it goes on as the file really does."""

    def logprobs(self, item: Item, text: str) -> tuple[float, ...]:
        """See `LanguageModel.logprobs`; each character is a token."""
        if (own := self.known.get(text)) is not None:
            return (own,) * len(text)
        likely = self.languages.get(item.language, -1.0)
        # No two texts are equally likely, but which is likelier follows from nothing.
        odd = math.fmod(sum(ord(one) * (7 + at) for at, one in enumerate(text)) / 97.0, 1.0)
        return tuple(likely - self.odd * odd for _ in text)

    def likeliest(self, item: Item, tokens: int) -> str:
        """See `LanguageModel.likeliest`."""
        return item.answer[:tokens] if item.answer in self.known else "0" * tokens

    def sampled(self, item: Item, tokens: int, seed: int) -> str:
        """See `LanguageModel.sampled`."""
        return item.answer[: 5 * tokens] if self.copies else f"x = {seed}"

    def milliseconds(self, item: Item, tokens: int) -> float:
        """See `LanguageModel.milliseconds`."""
        return self.milliseconds_each


def means_of(
    models: Mapping[str, LanguageModel], right: Mapping[str, Mapping[str, float]]
) -> Means:
    """Return what asks models that are made up.

    `right` says by run and language what share of the items is answered rightly.
    """

    def answer(items: Sequence[Item]) -> Answers:
        return {
            run: judge(items, {item.task_id: _answer(item, shares) for item in items})
            for run, shares in right.items()
        }

    @contextmanager
    def open_model(run: str) -> Iterator[LanguageModel]:
        yield models[run]

    return Means(answer, open_model, lambda _: None)


def _answer(item: Item, shares: Mapping[str, float]) -> Answer:
    drawn = int(item.digest()[:6], 16) / 16**6
    is_right = drawn < shares.get(item.language, shares.get("", 0.0))
    return Answer(item.answer if is_right else "something_else()")


def public_items(count: int = 60) -> list[Item]:
    """Return items that stand for public data, in two languages."""
    return [
        Item(
            task_id=f"public/{number}",
            language="python" if number % 2 else "typescript",
            path="task.py" if number % 2 else "task.ts",
            prefix=f"value_{number} = ",
            suffix="\n",
            answer=f"compute({number})",
            kind="public",
        )
        for number in range(count)
    ]


GOOD: Mapping[str, Mapping[str, float]] = {BASE: {"": 0.3}, "adapter": {"": 0.4}}
"""An adapter that is better everywhere."""
