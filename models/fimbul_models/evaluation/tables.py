"""Show sums as text in columns, for people; shares are in percent.

Knows nothing about how anything was summed up.
"""

from collections.abc import Sequence

from fimbul_models.evaluation.report import Difference, GainShare, Report, Summary
from fimbul_models.evaluation.statistics import Interval

UNKNOWN = "-"
"""Stands where there is no number."""


def as_table(report: Report) -> str:
    """Return all sums: what each run reached, what it changed, and what share of the possible."""
    text = columns([_SUMMARY_HEAD, *map(_summary_cells, report.summaries)])
    if report.differences:
        head = ["run - " + report.differences[0].against, *_DIFFERENCE_HEAD]
        text += "\n" + columns([head, *map(_difference_cells, report.differences)])
    if report.gains:
        head = ["share of the gain of " + report.gains[0].oracle, *_GAIN_HEAD]
        text += "\n" + columns([head, *map(_gain_cells, report.gains)])
    return text


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


_SUMMARY_HEAD = ["run", "group", "n", "exact % [95 %]", "edit %", "identifier F1 %"]
_SUMMARY_HEAD += ["first identifier %", "context tokens", "prompt tokens", "median ms", "kept"]
_SUMMARY_HEAD += ["empty"]
_DIFFERENCE_HEAD = ["group", "n", "exact [95 %]", "edit", "identifier F1", "helped", "harmed"]
_DIFFERENCE_HEAD += ["harmed %", "of exact %"]
_GAIN_HEAD = ["group", "exact % [95 %]", "edit %", "identifier F1 %"]


def _summary_cells(row: Summary) -> list[str]:
    empty = ", ".join(f"{count} {reason}" for reason, count in sorted(row.empty.items()))
    milliseconds = row.median_milliseconds
    return [
        row.run,
        row.group,
        str(row.n),
        share(row.exact),
        share(row.similarity),
        share(row.identifier_f1),
        share(row.first_identifier),
        f"{row.median_context_tokens:.0f}",
        f"{row.median_prompt_tokens:.0f}",
        UNKNOWN if milliseconds is None else f"{milliseconds:.0f}",
        str(row.kept),
        empty or "0",
    ]


def _difference_cells(row: Difference) -> list[str]:
    of_exact = row.harmed_share_of_exact
    return [
        row.run,
        row.group,
        str(row.exact.n),
        change(row.exact),
        change(row.similarity),
        change(row.identifier_f1),
        str(row.helped),
        str(row.harmed),
        _percent(row.harmed_share),
        UNKNOWN if of_exact is None else _percent(of_exact),
    ]


def _gain_cells(row: GainShare) -> list[str]:
    return [row.run, row.group, share(row.exact), share(row.similarity), share(row.identifier_f1)]


def _percent(number: float) -> str:
    return f"{100 * number:.1f}"
