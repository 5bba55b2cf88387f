"""The page about an evaluation: runs side by side, by language, surface and kind of place.

One self-contained file. Knows nothing about how answers came about.
"""

import html
from collections.abc import Iterator, Mapping, Sequence

from fimbul_models.evaluation.report import ALL, Difference, Judged, Report, Summary
from fimbul_models.evaluation.statistics import Interval, mean_interval, paired_difference
from fimbul_models.evaluation.tables import UNKNOWN, change, share
from fimbul_models.webpage import document, plot, table

_COLOURS = ("before", "after", "bad")
"""Of the first runs; more runs stand in tables only."""

SILENT = "no suggestion"
"""Surface of an answer without one."""


def page(runs: Mapping[str, Sequence[Judged]], report: Report) -> str:
    """Return the whole page."""
    names = " and ".join(runs)
    return document(f"Evaluation of {names}", "\n".join(_body(names, runs, report)))


def _body(names: str, runs: Mapping[str, Sequence[Judged]], report: Report) -> Iterator[str]:
    number = max(map(len, runs.values()))
    yield f"<h1>Evaluation of {html.escape(names)}</h1>"
    yield (
        f'<p class="soft">{number:,} items. Exact: the first line with something in it is the one'
        " that stood there; no suggestion counts as wrong. Intervals are 95 % bootstrap ones;"
        " differences are paired item by item.</p>"
    )
    yield "<h2>Exact matches</h2>"
    shown = list(runs)[: len(_COLOURS)]
    if len(shown) > 1:
        colours = ("grey", "green", "red")
        key = ", ".join(f"{colour} {name}" for colour, name in zip(colours, shown, strict=False))
        yield f'<p class="soft">{html.escape(key)}</p>'
    yield plot("By group, %", list(_bars(report.summaries, shown)), _COLOURS[: len(shown)])
    if report.differences:
        yield f"<h2>Against {html.escape(report.differences[0].against)}</h2>"
        yield from table(
            ("run", "group", "n", "exact, points", "edit", "helped", "harmed", "sure"),
            map(_difference_cells, report.differences),
        )
    yield "<h2>All figures</h2>"
    yield from table(
        ("run", "group", "n", "exact %", "edit %", "shown", "right of shown %", "ms"),
        map(_summary_cells, _by_group(report.summaries)),
    )
    yield "<h2>By language</h2>"
    yield from table(
        ("run", "language", "n", "exact %", "against the first, points"), _language_rows(runs)
    )
    yield "<h2>By surface</h2>"
    yield '<p class="soft">What kind of suggestion the server took each place for.</p>'
    yield from table(("run", "surface", "n", "exact %"), _surface_rows(runs))


def _by_group(rows: Sequence[Summary]) -> list[Summary]:
    groups = list(dict.fromkeys(row.group for row in rows))
    return sorted(rows, key=lambda row: groups.index(row.group))


def _bars(
    rows: Sequence[Summary], shown: Sequence[str]
) -> Iterator[tuple[str, Sequence[float], str]]:
    groups = list(dict.fromkeys(row.group for row in rows))
    groups.sort(key=lambda group: group != ALL)
    for group in groups:
        found = {row.run: row for row in rows if row.group == group}
        values = [100 * found[name].exact.mean if name in found else 0.0 for name in shown]
        said = "; ".join(f"{name} {share(found[name].exact)}" for name in shown if name in found)
        yield group, values, said


def _difference_cells(row: Difference) -> list[str]:
    return [
        row.run,
        row.group,
        str(row.exact.n),
        change(row.exact),
        change(row.similarity),
        str(row.helped),
        str(row.harmed),
        "yes" if _is_sure(row.exact) else "no",
    ]


def _is_sure(interval: Interval) -> bool:
    return interval.low > 0 or interval.high < 0


def _summary_cells(row: Summary) -> list[str]:
    milliseconds = row.median_milliseconds
    return [
        row.run,
        row.group,
        str(row.n),
        share(row.exact),
        share(row.similarity),
        str(row.shown),
        share(row.precision),
        UNKNOWN if milliseconds is None else f"{milliseconds:,.0f}",
    ]


def _language_rows(runs: Mapping[str, Sequence[Judged]]) -> Iterator[list[str]]:
    first = next(iter(runs.values()))
    for language in sorted({row.item.language for row in first}):
        before = _exact_in(first, language)
        for run, judged in runs.items():
            exact = _exact_in(judged, language)
            if exact:
                changed = None if judged is first else paired_difference(before, exact)
                shown = share(mean_interval(list(exact.values())))
                yield [run, language, str(len(exact)), shown, change(changed)]


def _exact_in(judged: Sequence[Judged], language: str) -> dict[str, float]:
    return {
        row.item.task_id: float(row.score.exact) for row in judged if row.item.language == language
    }


def by_surface(judged: Sequence[Judged]) -> dict[str, Interval]:
    """Return the share of exact matches for each surface that the server named."""
    surfaces: dict[str, list[float]] = {}
    for row in judged:
        name = (row.answer.surface or UNKNOWN) if row.answer.text else SILENT
        surfaces.setdefault(name, []).append(float(row.score.exact))
    return {name: mean_interval(values) for name, values in sorted(surfaces.items())}


def _surface_rows(runs: Mapping[str, Sequence[Judged]]) -> Iterator[list[str]]:
    for run, judged in runs.items():
        for surface, exact in by_surface(judged).items():
            yield [run, surface, str(exact.n), share(exact)]
