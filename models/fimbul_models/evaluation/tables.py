"""Show sums as text in columns, for people; shares are in percent.

Knows nothing about how anything was summed up.
"""

from collections.abc import Sequence

from fimbul_models.evaluation.report import Bodies, Difference, GainShare, Report, Summary
from fimbul_models.evaluation.statistics import Interval

UNKNOWN = "-"
"""Stands where there is no number."""


def as_table(report: Report) -> str:
    """Return all sums: what each run reached, what it changed, and what share of the possible.

    The runs stand below each other, group by group, so that two are compared at a glance.
    """
    groups = list(dict.fromkeys(row.group for row in report.summaries))
    rows = sorted(report.summaries, key=lambda row: groups.index(row.group))
    parts = [
        [_RIGHT_HEAD, *map(_right_cells, rows)],
        [_SHOWN_HEAD, *map(_shown_cells, rows)],
        [_BODY_HEAD, *(_body_cells(row, row.bodies) for row in rows if row.bodies)],
        [_COST_HEAD, *map(_cost_cells, rows)],
    ]
    if report.differences:
        head = ["run - " + report.differences[0].against, *_DIFFERENCE_HEAD]
        parts.append([head, *map(_difference_cells, report.differences)])
    if report.gains:
        head = ["share of the gain of " + report.gains[0].oracle, *_GAIN_HEAD]
        parts.append([head, *map(_gain_cells, report.gains)])
    return "\n".join(columns(part) for part in parts if len(part) > 1)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return `rows`, the first one being the heads, as text in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


def share(interval: Interval | None) -> str:
    """Return a share and its interval."""
    if interval is None:
        return UNKNOWN
    return f"{_percent(interval.mean)} [{_percent(interval.low)}, {_percent(interval.high)}]"


def change(interval: Interval | None) -> str:
    """Return a difference of shares and its interval, with signs."""
    if interval is None:
        return UNKNOWN
    mean, low, high = (100 * number for number in (interval.mean, interval.low, interval.high))
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


_RIGHT_HEAD = ["run", "group", "n", "exact % [95 %]", "passes %", "edit %", "identifier F1 %"]
_RIGHT_HEAD += ["first identifier %"]
_SHOWN_HEAD = ["run", "group", "shown", "shown %", "right of shown %", "wrong shown"]
_SHOWN_HEAD += ["adds errors % of shown", "parses % of shown", "empty"]
_BODY_HEAD = [
    "run",
    "bodies",
    "n",
    "whole exact %",
    "edit %",
    "identifier F1 %",
    "ended % of shown",
]
_BODY_HEAD += ["same lines % of shown", "lines", "real lines"]
_COST_HEAD = ["run", "group", "context tokens", "prompt tokens", "median ms", "kept"]
_DIFFERENCE_HEAD = ["group", "n", "exact [95 %]", "passes", "edit", "identifier F1", "helped"]
_DIFFERENCE_HEAD += ["harmed", "harmed %", "of exact %", "right shown", "wrong shown", "add errors"]
_GAIN_HEAD = ["group", "exact % [95 %]", "edit %", "identifier F1 %"]


def _right_cells(row: Summary) -> list[str]:
    return [
        row.run,
        row.group,
        str(row.n),
        share(row.exact),
        share(row.passed),
        share(row.similarity),
        share(row.identifier_f1),
        share(row.first_identifier),
    ]


def _shown_cells(row: Summary) -> list[str]:
    empty = ", ".join(f"{count} {reason}" for reason, count in sorted(row.empty.items()))
    right = 0.0 if row.precision is None else row.precision.mean * row.shown
    return [
        row.run,
        row.group,
        str(row.shown),
        _percent(row.shown / row.n),
        share(row.precision),
        str(row.shown - round(right)),
        share(row.adds_errors),
        share(row.parses),
        empty or "0",
    ]


def _body_cells(row: Summary, bodies: Bodies) -> list[str]:
    return [
        row.run,
        row.group,
        str(bodies.n),
        share(bodies.exact),
        share(bodies.similarity),
        share(bodies.identifier_f1),
        share(bodies.ended),
        share(bodies.same_length),
        f"{bodies.median_lines:g}",
        f"{bodies.median_expected_lines:g}",
    ]


def _cost_cells(row: Summary) -> list[str]:
    milliseconds = row.median_milliseconds
    return [
        row.run,
        row.group,
        f"{row.median_context_tokens:.0f}",
        f"{row.median_prompt_tokens:.0f}",
        UNKNOWN if milliseconds is None else f"{milliseconds:.0f}",
        str(row.kept),
    ]


def _difference_cells(row: Difference) -> list[str]:
    of_exact = row.harmed_share_of_exact
    return [
        row.run,
        row.group,
        str(row.exact.n),
        change(row.exact),
        change(row.passed),
        change(row.similarity),
        change(row.identifier_f1),
        str(row.helped),
        str(row.harmed),
        _percent(row.harmed_share),
        UNKNOWN if of_exact is None else _percent(of_exact),
        _to(row.right_shown),
        _to(row.wrong_shown),
        _to(row.added_errors),
    ]


def _gain_cells(row: GainShare) -> list[str]:
    return [row.run, row.group, share(row.exact), share(row.similarity), share(row.identifier_f1)]


def _to(counts: tuple[int, int]) -> str:
    return f"{counts[0]} -> {counts[1]}"


def _percent(number: float) -> str:
    return f"{100 * number:.1f}"
