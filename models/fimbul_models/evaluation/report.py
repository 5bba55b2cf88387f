"""Sum up the answers of several runs over the same items, and compare the runs.

Knows nothing about how the answers came about, nor how the sums are shown.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Protocol, TypeVar

from fimbul_models.evaluation.driver import Answer
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.metrics import Score, score
from fimbul_models.evaluation.statistics import (
    Interval,
    mean_interval,
    paired_difference,
    ratio_interval,
)

ALL = "all"
"""Name of the group that all items are in."""


class _OfItem(Protocol):
    @property
    def item(self) -> Item: ...


_Row = TypeVar("_Row", bound=_OfItem)


@dataclass(frozen=True, slots=True)
class Judged:
    """An item, the answer to it, and the judgement."""

    item: Item
    answer: Answer
    score: Score


@dataclass(frozen=True, slots=True)
class Bodies:
    """One run over the items of one group that ask for whole bodies."""

    n: int
    exact: Interval
    """Share of bodies that are right from end to end; no suggestion counts as wrong."""
    similarity: Interval
    identifier_f1: Interval | None
    ended: Interval | None
    """Share of what was shown behind which the block is closed, neither earlier nor later."""
    same_length: Interval | None
    """Share of what was shown with as many lines as the real body."""
    median_lines: float
    """Lines with something in them, of what was shown."""
    median_expected_lines: float


@dataclass(frozen=True, slots=True)
class Summary:
    """One run over the items of one group."""

    run: str
    group: str
    """A kind of place, what the kind's name begins with, a language, or all."""
    n: int
    exact: Interval
    """Share of exact matches."""
    similarity: Interval
    """Mean edit similarity, from 0 to 1."""
    identifier_f1: Interval | None
    """Mean F1 score of identifiers, where there were any; None where there never were."""
    first_identifier: Interval | None
    """Share of right first identifiers, where there was one; None where there never was."""
    empty: Mapping[str, int]
    """Answers without a suggestion, by reason."""
    median_milliseconds: float | None
    """From request to answer, where the engine ran; None where it never did."""
    median_prompt_tokens: float
    """Of the prompts whose length is known."""
    median_context_tokens: float
    """Of the same prompts: tokens that come from other places than around the cursor."""
    sources: Mapping[str, int]
    """Answers for which a source of context gave something, by source."""
    kept: int
    """Answers for which the engine did not run, as the prompt's answer was known."""
    shown: int
    """Answers with a suggestion."""
    precision: Interval | None
    """Share of exact matches among what was shown; None where nothing was."""
    adds_errors: Interval | None
    """Share of what was shown that left the document with more syntax errors than before."""
    parses: Interval | None
    """Share of what was shown that left it with no more than what really stood there."""
    passed: Interval | None
    """Share of all items whose program passes its test; None where that was not tried."""
    bodies: Bodies | None
    """More about whole bodies; None where none were asked for."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Another run minus the first one, paired item by item, over the items of one group."""

    run: str
    against: str
    group: str
    exact: Interval
    similarity: Interval
    identifier_f1: Interval | None
    helped: int
    """Items answered exactly by this run only."""
    harmed: int
    """Items answered exactly by the first run only."""
    harmed_share: float
    """Harmed items over all items."""
    harmed_share_of_exact: float | None
    """Harmed items over those that the first run answers exactly; None if there are none."""
    passed: Interval | None
    """None where it was not tried whether programs pass."""
    right_shown: tuple[int, int]
    """Exact suggestions of the first run, and of this one."""
    wrong_shown: tuple[int, int]
    """Other suggestions of the first run, and of this one."""
    added_errors: tuple[int, int]
    """Suggestions that add syntax errors, of the first run, and of this one."""


@dataclass(frozen=True, slots=True)
class GainShare:
    """How much of what the best context gains a run reaches, over the items of one group.

    Each share is of the oracle run minus the first one; None where the oracle gains nothing.
    """

    run: str
    against: str
    oracle: str
    group: str
    exact: Interval | None
    similarity: Interval | None
    identifier_f1: Interval | None


@dataclass(frozen=True, slots=True)
class Report:
    """All sums over some runs."""

    summaries: Sequence[Summary]
    differences: Sequence[Difference]
    gains: Sequence[GainShare]


def judge(
    items: Iterable[Item],
    answers: Mapping[str, Answer],
    passed: Mapping[str, bool] | None = None,
) -> list[Judged]:
    """Judge the answers, by task, to `items`; items without one are left out.

    `passed` says, by task, whether the completed programs pass their tests.
    """
    verdicts = passed or {}
    judged = []
    for item in items:
        answer = answers.get(item.task_id)
        if answer is not None:
            verdict = verdicts.get(item.task_id)
            found = score(item, answer.text, answer.replaced, passed=verdict)
            judged.append(Judged(item, answer, found))
    return judged


def make_report(runs: Mapping[str, Sequence[Judged]], oracle: str = "") -> Report:
    """Sum up all runs, compare them with the first, and what they gain with the run `oracle`."""
    return Report(
        [row for name, judged in runs.items() for row in summarise(name, judged)],
        compare(runs),
        gain_shares(runs, oracle) if oracle else [],
    )


def summarise(run: str, judged: Sequence[Judged]) -> list[Summary]:
    """Sum up one run: a row for each group that its items fall into."""
    return [summary_of(run, name, rows) for name, rows in grouped(judged).items()]


def summary_of(run: str, group: str, rows: Sequence[Judged]) -> Summary:
    """Sum up one run over some items, taken together under the name `group`."""
    asked = [row.answer for row in rows if row.answer.prompt_tokens]
    times = [row.answer.milliseconds for row in rows if row.answer.generated]
    shown = [row for row in rows if row.answer.text]
    parses = [row.score.parse for row in shown if row.score.parse is not None]
    return Summary(
        run=run,
        group=group,
        n=len(rows),
        exact=mean_interval([row.score.exact for row in rows]),
        similarity=mean_interval([row.score.similarity for row in rows]),
        identifier_f1=_mean_of_known(row.score.identifier_f1 for row in rows),
        first_identifier=_mean_of_known(row.score.first_identifier for row in rows),
        empty=dict(Counter(row.answer.reason for row in rows if not row.answer.text)),
        median_milliseconds=median(times) if times else None,
        median_prompt_tokens=median([answer.prompt_tokens for answer in asked] or [0]),
        median_context_tokens=median([answer.context_tokens for answer in asked] or [0]),
        sources=dict(sorted(Counter(name for row in rows for name in row.answer.sources).items())),
        kept=sum(not row.answer.generated for row in rows),
        shown=len(shown),
        precision=_mean_of_known(row.score.exact for row in shown),
        adds_errors=_mean_of_known(parse.adds_errors for parse in parses),
        parses=_mean_of_known(parse.parses for parse in parses),
        passed=_mean_of_known(row.score.passed for row in rows),
        bodies=_bodies_of(rows),
    )


def _bodies_of(rows: Sequence[Judged]) -> Bodies | None:
    asked = [row.score.body for row in rows if row.score.body is not None]
    if not asked:
        return None
    shown = [row.score for row in rows if row.score.body is not None and row.answer.text]
    bodies = [score.body for score in shown if score.body is not None]
    return Bodies(
        n=len(asked),
        exact=mean_interval([body.exact for body in asked]),
        similarity=mean_interval([body.similarity for body in asked]),
        identifier_f1=_mean_of_known(body.identifier_f1 for body in asked),
        ended=_mean_of_known(score.parse.ended for score in shown if score.parse is not None),
        same_length=_mean_of_known(body.lines == body.expected_lines for body in bodies),
        median_lines=median([body.lines for body in bodies] or [0]),
        median_expected_lines=median([body.expected_lines for body in asked]),
    )


def compare(runs: Mapping[str, Sequence[Judged]]) -> list[Difference]:
    """Compare every run with the first one, group by group."""
    (first, base), *others = runs.items()
    before = grouped(base)
    return [
        difference_of((name, first, group), before[group], rows)
        for name, judged in others
        for group, rows in grouped(judged).items()
    ]


def difference_of(
    names: tuple[str, str, str], before: Sequence[Judged], after: Sequence[Judged]
) -> Difference:
    """Compare two runs over some items; `names` are the run's, the first one's and the group's."""
    exact, similarity, identifiers = (
        (_measured(before, measure), _measured(after, measure)) for measure in _MEASURES
    )
    was, now = exact
    shared = was.keys() & now.keys()
    harmed = sum(was[task] > now[task] for task in shared)
    right = sum(bool(was[task]) for task in shared)
    passes = (_measured(before, _passed), _measured(after, _passed))
    run, against, group = names
    return Difference(
        run=run,
        against=against,
        group=group,
        exact=paired_difference(*exact),
        similarity=paired_difference(*similarity),
        identifier_f1=paired_difference(*identifiers) if identifiers[0] else None,
        helped=sum(was[task] < now[task] for task in shared),
        harmed=harmed,
        harmed_share=harmed / len(shared),
        harmed_share_of_exact=harmed / right if right else None,
        passed=paired_difference(*passes) if all(passes) else None,
        right_shown=(_shown(before, _is_right), _shown(after, _is_right)),
        wrong_shown=(_shown(before, _is_wrong), _shown(after, _is_wrong)),
        added_errors=(_shown(before, _adds_errors), _shown(after, _adds_errors)),
    )


def _shown(rows: Sequence[Judged], counts: Callable[[Score], bool]) -> int:
    return sum(bool(row.answer.text) and counts(row.score) for row in rows)


def _is_right(judgement: Score) -> bool:
    return judgement.exact


def _is_wrong(judgement: Score) -> bool:
    return not judgement.exact


def _adds_errors(judgement: Score) -> bool:
    return judgement.parse is not None and judgement.parse.adds_errors


def _passed(judgement: Score) -> float | None:
    return judgement.passed


def gain_shares(runs: Mapping[str, Sequence[Judged]], oracle: str) -> list[GainShare]:
    """Return the share of the oracle's gain over the first run that each other run reaches."""
    (first, base), *others = runs.items()
    before, best = grouped(base), grouped(runs[oracle])
    return [
        GainShare(name, first, oracle, group, *_shares((before[group], rows, best[group])))
        for name, judged in others
        if name != oracle
        for group, rows in grouped(judged).items()
    ]


def grouped(judged: Sequence[_Row]) -> dict[str, list[_Row]]:
    """Return the groups that items fall into.

    These are their kinds; what kinds begin with, up to a ``/``; each of those in each language, or
    the languages alone; and all. A group that would hold the same as one before it is left out.
    """
    groups: dict[str, list[_Row]] = {}
    several = len({row.item.language for row in judged}) > 1
    for names in (_kind, _family, _language_in_family if several else _nowhere, lambda _: [ALL]):
        fresh: dict[str, list[_Row]] = {}
        for row in judged:
            for name in names(row.item):
                fresh.setdefault(name, []).append(row)
        for name, rows in fresh.items():
            if rows not in groups.values():
                groups.setdefault(name, rows)
    return groups


def as_values(runs: Mapping[str, Sequence[Judged]], report: Report) -> dict[str, Any]:
    """Return everything, answers included, as values for a JSON file."""
    return {
        **asdict(report),
        "answers": {
            name: [
                {
                    "task_id": row.item.task_id,
                    "kind": row.item.kind,
                    "language": row.item.language,
                    "expected": row.item.answer,
                }
                | asdict(row.answer)
                | asdict(row.score)
                for row in judged
            ]
            for name, judged in runs.items()
        },
    }


def as_line(report: Report) -> dict[str, Any]:
    """Return the shares as values for one line of JSON, run by run and group by group."""
    runs: dict[str, dict[str, Any]] = {}
    for row in report.summaries:
        runs.setdefault(row.run, {})[row.group] = {
            "n": row.n,
            "exact": round(row.exact.mean, 4),
            "similarity": round(row.similarity.mean, 4),
            "identifier_f1": _rounded(row.identifier_f1),
            "empty": sum(row.empty.values()),
            "kept": row.kept,
            "shown": row.shown,
            "precision": _rounded(row.precision),
            "adds_errors": _rounded(row.adds_errors),
            "parses": _rounded(row.parses),
            **({"passed": _rounded(row.passed)} if row.passed else {}),
            **({"bodies": _body_numbers(row.bodies)} if row.bodies else {}),
        }
    changes: dict[str, dict[str, Any]] = {}
    for change in report.differences:
        changes.setdefault(change.run, {})[change.group] = _numbers(change.exact)
    gains: dict[str, dict[str, Any]] = {}
    for gain in report.gains:
        if gain.exact is not None:
            gains.setdefault(gain.run, {})[gain.group] = _numbers(gain.exact)
    return {"runs": runs, "exact_differences": changes, "oracle_gain_shares": gains}


def _body_numbers(bodies: Bodies) -> dict[str, Any]:
    return {
        "n": bodies.n,
        "exact": _rounded(bodies.exact),
        "similarity": _rounded(bodies.similarity),
        "identifier_f1": _rounded(bodies.identifier_f1),
        "ended": _rounded(bodies.ended),
        "same_length": _rounded(bodies.same_length),
        "median_lines": bodies.median_lines,
        "median_expected_lines": bodies.median_expected_lines,
    }


def _rounded(interval: Interval | None) -> float | None:
    return None if interval is None else round(interval.mean, 4)


def _numbers(interval: Interval) -> list[float]:
    return [round(number, 4) for number in (interval.mean, interval.low, interval.high)]


def _kind(item: Item) -> list[str]:
    return [item.kind]


def _family(item: Item) -> list[str]:
    family, slash, _ = item.kind.partition("/")
    return [family] if slash else []


def _language_in_family(item: Item) -> list[str]:
    return [" ".join((*_family(item), item.language))]


def _nowhere(_item: Item) -> list[str]:
    return []


def _mean_of_known(values: Iterable[float | None]) -> Interval | None:
    known = [value for value in values if value is not None]
    return mean_interval(known) if known else None


Measure = Callable[[Score], float | None]

_MEASURES: tuple[Measure, ...] = (
    lambda judgement: judgement.exact,
    lambda judgement: judgement.similarity,
    lambda judgement: judgement.identifier_f1,
)


def _measured(rows: Sequence[Judged], measure: Measure) -> dict[str, float]:
    values = ((row.item.task_id, measure(row.score)) for row in rows)
    return {task: value for task, value in values if value is not None}


def _shares(runs: Sequence[Sequence[Judged]]) -> Iterable[Interval | None]:
    for measure in _MEASURES:
        before, now, best = (_measured(rows, measure) for rows in runs)
        shared = sorted(before.keys() & now.keys() & best.keys())
        gained = [now[task] - before[task] for task in shared]
        possible = [best[task] - before[task] for task in shared]
        yield ratio_interval(gained, possible) if shared else None
