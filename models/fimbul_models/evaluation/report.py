"""Sum up the answers of several runs over the same items: tables for people, values for files.

Knows nothing about how the answers came about.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from fimbul_models.evaluation.driver import Answer
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.metrics import Score, score
from fimbul_models.evaluation.statistics import Interval, mean_interval, paired_difference

ALL = "all"
"""What stands in the place of a kind where all kinds are taken together."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An item, the answer to it, and the judgement."""

    item: Item
    answer: Answer
    score: Score


@dataclass(frozen=True, slots=True)
class Summary:
    """One run over the items of one kind."""

    run: str
    kind: str
    n: int
    exact: Interval
    """Share of exact matches."""
    similarity: float
    """Mean edit similarity, from 0 to 1."""
    first_identifier: float | None
    """Share of right first identifiers, where there was one; None where there never was."""
    empty: Mapping[str, int]
    """Answers without a suggestion, by reason."""
    median_milliseconds: float
    median_prompt_tokens: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Another run minus the first one, paired item by item."""

    run: str
    against: str
    kind: str
    exact: Interval
    similarity: Interval


def judge(items: Iterable[Item], answers: Mapping[str, Answer]) -> list[Judged]:
    """Judge the answers, by task, to `items`; items without one are left out."""
    return [
        Judged(item, answers[item.task_id], score(item, answers[item.task_id].text))
        for item in items
        if item.task_id in answers
    ]


def summarise(run: str, judged: Sequence[Judged]) -> list[Summary]:
    """Sum up one run: a row for each kind, and one for all if there are several."""
    return [_summary(run, kind, rows) for kind, rows in _by_kind(judged).items()]


def compare(runs: Mapping[str, Sequence[Judged]]) -> list[Difference]:
    """Compare every run with the first one, kind by kind."""
    (first, base), *others = runs.items()
    before = _by_kind(base)
    return [
        Difference(name, first, kind, *_paired(before[kind], rows))
        for name, judged in others
        for kind, rows in _by_kind(judged).items()
    ]


def as_table(summaries: Sequence[Summary], differences: Sequence[Difference]) -> str:
    """Return both as text in columns; shares are in percent."""
    head = ["run", "kind", "n", "exact %", "95 % interval", "edit %", "identifier %"]
    head += ["median ms", "prompt tokens", "empty"]
    text = _columns([head, *(_summary_cells(row) for row in summaries)])
    if differences:
        head = ["run - " + differences[0].against, "kind", "n", "exact", "95 % interval"]
        head += ["edit", "95 % interval"]
        text += "\n" + _columns([head, *(_difference_cells(row) for row in differences)])
    return text


def as_values(
    runs: Mapping[str, Sequence[Judged]],
    summaries: Sequence[Summary],
    differences: Sequence[Difference],
) -> dict[str, Any]:
    """Return everything, answers included, as values for a JSON file."""
    return {
        "summaries": [asdict(row) for row in summaries],
        "differences": [asdict(row) for row in differences],
        "answers": {
            name: [
                {"task_id": row.item.task_id, "kind": row.item.kind, "expected": row.item.answer}
                | asdict(row.answer)
                | asdict(row.score)
                for row in judged
            ]
            for name, judged in runs.items()
        },
    }


def as_line(summaries: Sequence[Summary], differences: Sequence[Difference]) -> dict[str, Any]:
    """Return the shares as values for one line of JSON, run by run and kind by kind."""
    runs: dict[str, dict[str, Any]] = {}
    for row in summaries:
        runs.setdefault(row.run, {})[row.kind] = {
            "n": row.n,
            "exact": round(row.exact.mean, 4),
            "similarity": round(row.similarity, 4),
            "empty": sum(row.empty.values()),
        }
    changes: dict[str, dict[str, Any]] = {}
    for change in differences:
        numbers = (change.exact.mean, change.exact.low, change.exact.high)
        changes.setdefault(change.run, {})[change.kind] = [round(number, 4) for number in numbers]
    return {"runs": runs, "exact_differences": changes}


def _by_kind(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = {}
    for row in judged:
        groups.setdefault(row.item.kind, []).append(row)
    return {**groups, ALL: list(judged)} if len(groups) > 1 else groups


def _summary(run: str, kind: str, rows: Sequence[Judged]) -> Summary:
    named = [row.score.first_identifier for row in rows if row.score.first_identifier is not None]
    return Summary(
        run=run,
        kind=kind,
        n=len(rows),
        exact=mean_interval([row.score.exact for row in rows]),
        similarity=sum(row.score.similarity for row in rows) / len(rows),
        first_identifier=sum(named) / len(named) if named else None,
        empty=dict(Counter(row.answer.reason for row in rows if not row.answer.text)),
        median_milliseconds=median(row.answer.milliseconds for row in rows),
        median_prompt_tokens=median(row.answer.prompt_tokens for row in rows),
    )


def _paired(before: Sequence[Judged], after: Sequence[Judged]) -> tuple[Interval, Interval]:
    exact = paired_difference(
        {row.item.task_id: row.score.exact for row in before},
        {row.item.task_id: row.score.exact for row in after},
    )
    similarity = paired_difference(
        {row.item.task_id: row.score.similarity for row in before},
        {row.item.task_id: row.score.similarity for row in after},
    )
    return exact, similarity


def _summary_cells(row: Summary) -> list[str]:
    identifier = "-" if row.first_identifier is None else _percent(row.first_identifier)
    empty = ", ".join(f"{count} {reason}" for reason, count in sorted(row.empty.items()))
    return [
        row.run,
        row.kind,
        str(row.n),
        _percent(row.exact.mean),
        f"{_percent(row.exact.low)} to {_percent(row.exact.high)}",
        _percent(row.similarity),
        identifier,
        f"{row.median_milliseconds:.0f}",
        f"{row.median_prompt_tokens:.0f}",
        empty or "0",
    ]


def _difference_cells(row: Difference) -> list[str]:
    cells = [row.run, row.kind, str(row.exact.n)]
    for interval in (row.exact, row.similarity):
        cells.append(f"{100 * interval.mean:+.1f}")
        cells.append(f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}")
    return cells


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"
