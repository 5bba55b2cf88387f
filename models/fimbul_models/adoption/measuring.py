"""Measure what decides about an adapter, stage by stage; what was measured is kept.

Answers come as an editor would get them, likelihoods from the model itself. Both come in from
outside, so that it can be tried what would be found of a model that misbehaves. Knows nothing
about limits.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import msgspec

from fimbul_models.adoption.canaries import ALTERNATIVES, Leak, leaks
from fimbul_models.adoption.copies import TrainedOn, beginnings, copied
from fimbul_models.adoption.gates import Figures
from fimbul_models.adoption.holding import Prepared
from fimbul_models.adoption.language_model import LanguageModel
from fimbul_models.adoption.membership import Sides, areas, observe, places
from fimbul_models.evaluation.items import Item, shuffled
from fimbul_models.evaluation.report import Judged
from fimbul_models.evaluation.repository import FILES, LATER
from fimbul_models.evaluation.statistics import Interval, mean_interval, paired_difference
from lsp_server.types import RejectionReason

BASE, ADAPTER, FORMER = "base", "adapter", "former"
"""Names of runs."""

Answers = Mapping[str, Sequence[Judged]]
Answer = Callable[[Sequence[Item]], Answers]
"""Asks about items under each of the runs there are."""
OpenModel = Callable[[str], AbstractContextManager[LanguageModel]]
"""Opens the model as one of the runs has it."""
Tell = Callable[[str], None]

_T = TypeVar("_T")


class Sizes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much is measured; more takes longer and tells more."""

    likely_items: int = 20
    """Items of a language whose likelihood is looked at."""
    member_groups: int = 50
    """Groups of lines of training, and as many others."""
    member_lines: int = 2
    """Lines of each."""
    alternatives: int = ALTERNATIVES
    samples: int = 40
    timed_tokens: int = 48
    timed_rounds: int = 5


QUICK = Sizes(
    likely_items=15,
    member_groups=30,
    member_lines=1,
    alternatives=31,
    samples=20,
    timed_tokens=24,
    timed_rounds=3,
)
"""As little as can be judged: 31 alternatives tell 5 bits, and more only by estimate."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One adapter, and what it is judged by."""

    misfit: str
    """Why it is none for the model; then nothing else is measured."""
    prepared: Prepared
    public: Sequence[Item]
    has_former: bool = False
    sizes: Sizes = field(default_factory=Sizes)
    digest: str = ""
    """Of all files that decide the figures: the model, the adapters."""
    kept: Path | None = None
    """File that figures are kept in, so that a call that was killed goes on."""


@dataclass(frozen=True)
class Means:
    """Whom to ask."""

    answer: Answer
    open_model: OpenModel
    tell: Tell = print


def measure(trial: Trial, means: Means) -> Figures:
    """Return the figures of an adapter. Raises FimbulError if the model or the server fails."""
    if trial.misfit:
        return Figures(misfit=trial.misfit, has_former=trial.has_former)
    stages = _Stages(trial)
    items = trial.prepared.items
    gains = stages.run(
        "answers", _Gains, lambda: _gains(means.answer([*items, *trial.public]), trial)
    )
    means.tell("answers: done")
    with means.open_model(BASE) as base, means.open_model(ADAPTER) as adapter:
        probes = _Probes(trial, base, adapter, [*items, *trial.public])
        nats = stages.run("likelihoods", dict[str, Interval], probes.nats)
        means.tell("likelihoods: done")
        slower = stages.run("times", float, probes.slower)
        means.tell("times: done")
        found = stages.run("canaries", list[Leak], probes.leaks)
        means.tell("canaries: done")
        membership, member_groups = stages.run(
            "membership", tuple[dict[str, float], int], probes.membership
        )
        means.tell("membership: done")
        copies, base_copies, samples = stages.run("copies", tuple[int, int, int], probes.copies)
        means.tell("copies: done")
    return Figures(
        later=gains.later,
        files=gains.files,
        public=gains.public,
        former=gains.former,
        has_former=trial.has_former,
        languages=gains.languages,
        nats=nats,
        slower=slower,
        leaks=found,
        membership=membership,
        member_groups=member_groups,
        copies=copies,
        base_copies=base_copies,
        samples=samples,
    )


class _Stages:
    """Results of stages, those of an earlier call among them."""

    def __init__(self, trial: Trial) -> None:
        self._file = trial.kept
        self._key = _key_of(trial)
        self._known: dict[str, Any] = {}
        if self._file is not None and self._file.is_file():
            told = msgspec.json.decode(self._file.read_bytes())
            if told.get("key") == self._key:
                self._known = told["stages"]

    def run(self, name: str, type_: type[_T], compute: Callable[[], _T]) -> _T:
        """Return what is kept of a stage, else what it gives, which is then kept."""
        if name not in self._known:
            self._known[name] = msgspec.to_builtins(compute())
            if self._file is not None:
                told = {"key": self._key, "stages": self._known}
                part = self._file.with_suffix(".part")
                part.write_bytes(msgspec.json.encode(told))
                part.replace(self._file)
        return msgspec.convert(self._known[name], type_)


def _key_of(trial: Trial) -> str:
    """Return a digest of all that decides the figures."""
    rules, held = trial.prepared.rules, trial.prepared.held
    told = [trial.digest, held.head, msgspec.to_builtins(rules), msgspec.to_builtins(trial.sizes)]
    told += [[item.digest() for item in trial.public], trial.has_former]
    told += [msgspec.to_builtins(trial.prepared.planted)]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class _Gains:
    later: Interval | None
    files: Interval | None
    public: Interval | None
    former: Interval | None
    languages: dict[str, Interval]


def _gains(answers: Answers, trial: Trial) -> _Gains:
    public = {item.task_id for item in trial.public}
    # An engine that failed, as on a machine that is too busy, says nothing about an adapter.
    failed = {
        row.item.task_id
        for rows in answers.values()
        for row in rows
        if row.answer.reason == RejectionReason.ENGINE_FAILED.value
    }
    exact = {
        run: {
            row.item.task_id: float(row.score.exact)
            for row in rows
            if row.item.task_id not in failed
        }
        for run, rows in answers.items()
    }
    kinds: dict[str, set[str]] = {LATER: set(), FILES: set()}
    languages: dict[str, set[str]] = {}
    for row in answers[BASE]:
        name = row.item.task_id
        languages.setdefault(row.item.language, set()).add(name)
        family = row.item.kind.partition("/")[0].partition("-")[0]
        if name not in public and family in kinds:
            kinds[family].add(name)
    own = kinds[LATER] | kinds[FILES]

    def gain(names: set[str], before: str = BASE) -> Interval | None:
        first, second = (
            {name: value for name, value in exact.get(run, {}).items() if name in names}
            for run in (before, ADAPTER)
        )
        return paired_difference(first, second) if first.keys() & second.keys() else None

    by_language = {name: gain(tasks) for name, tasks in sorted(languages.items())}
    return _Gains(
        later=gain(kinds[LATER]),
        files=gain(kinds[FILES]),
        public=gain(public),
        former=gain(own, FORMER) if trial.has_former else None,
        languages={name: found for name, found in by_language.items() if found is not None},
    )


class _Probes:
    """What is asked of the model itself, with the adapter and without."""

    def __init__(
        self, trial: Trial, base: LanguageModel, adapter: LanguageModel, items: Sequence[Item]
    ) -> None:
        self._base, self._adapter, self._items = base, adapter, items
        self._prepared, self._sizes = trial.prepared, trial.sizes
        self._seed = trial.prepared.rules.seed

    def nats(self) -> dict[str, Interval]:
        """Return how much likelier tokens became, by language."""
        of_language: dict[str, list[Item]] = {}
        for item in shuffled(self._items, self._seed):
            some = of_language.setdefault(item.language, [])
            if not item.is_body and len(some) < self._sizes.likely_items:
                some.append(item)
        return {
            language: mean_interval([self._likelier(item) for item in items])
            for language, items in sorted(of_language.items())
            if items
        }

    def _likelier(self, item: Item) -> float:
        before = self._base.logprobs(item, item.answer)
        after = self._adapter.logprobs(item, item.answer)
        return (sum(after) - sum(before)) / max(1, len(after))

    def slower(self) -> float:
        """Return how much longer a token takes, in percent; both take turns."""
        item = self._items[0]
        ratios = []
        for _ in range(self._sizes.timed_rounds):
            before = self._base.milliseconds(item, self._sizes.timed_tokens)
            after = self._adapter.milliseconds(item, self._sizes.timed_tokens)
            ratios.append(after / before)
        return 100 * (median(ratios) - 1)

    def leaks(self) -> list[Leak]:
        """Return what is told about canaries."""
        folder = self._prepared.training
        return leaks(self._adapter, self._prepared.planted, folder, self._sizes.alternatives)

    def membership(self) -> tuple[dict[str, float], int]:
        """Return the areas of all attacks, and the groups on the smaller side."""
        held, sizes = self._prepared.held, self._sizes
        outside = [file for file in held.project.files if file.path in held.files]
        sides = [
            places(files, sizes.member_groups, sizes.member_lines, self._seed)
            for files in (held.training.files, outside)
        ]
        fewest = min(map(len, sides))
        if not fewest:
            return {}, 0
        own, base = (
            Sides(*(observe(model, side) for side in sides))
            for model in (self._adapter, self._base)
        )
        return areas(own, base), fewest

    def copies(self) -> tuple[int, int, int]:
        """Return the near-copies with the adapter and without, and how many samples there were."""
        files = self._prepared.held.training.files
        trained = TrainedOn(file.text for file in files)
        begun = beginnings(files, self._sizes.samples, self._seed)
        with_adapter = copied(self._adapter, begun, trained, self._seed)
        return with_adapter, copied(self._base, begun, trained, self._seed), len(begun)


def as_values(figures: Figures) -> dict[str, Any]:
    """Return figures as values for JSON."""
    return asdict(figures)
