"""`fimbul stats`: what became of suggestions on this machine.

Reads the file of feedback and changes nothing, also while servers write to it.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from lsp_server.catalogue.files import replace_file
from lsp_server.cli.stats_page import page
from lsp_server.config.layers import POLICY_MAY, merge, read_file
from lsp_server.config.paths import Paths
from lsp_server.errors import FeedbackError
from lsp_server.feedback.figures import Figures, Row, as_json, day_of, figures_of, grouped
from lsp_server.feedback.records import Fate
from lsp_server.feedback.store import read_rows

_SPANS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_SPAN = re.compile(r"(\d+)([hdw])")

GROUPS = ("surface", "language", "model")
"""Properties that figures are shown by."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `stats`."""
    explanation = "show how often suggestions were accepted, kept and rejected on this machine"
    parser = subparsers.add_parser("stats", help=explanation, description=explanation + ".")
    parser.add_argument(
        "--since",
        metavar="WHEN",
        help="only what was shown since a day (2026-11-28), or in the last hours, days or weeks"
        " (12h, 7d, 4w)",
    )
    for name in GROUPS:
        parser.add_argument(f"--{name}", metavar="NAME", help=f"only this {name}")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one object of JSON")
    form.add_argument(
        "--html", metavar="FILE", type=Path, help="write a page with plots that needs nothing else"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    paths = Paths.of_user()
    since = since_when(arguments.since, time.time()) if arguments.since else 0.0
    rows = read_rows(paths.feedback_file, since)
    for name in GROUPS:
        if wanted := getattr(arguments, name):
            rows = [row for row in rows if row[name] == wanted]
    if arguments.json:
        sys.stdout.write(json.dumps(_values(rows), indent=1) + "\n")
    elif arguments.html:
        _write_page(arguments.html, rows)
    else:
        lines = as_text(rows) if rows else nothing_yet(paths, arguments)
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


def since_when(text: str, now: float) -> float:
    """Return the time that ``7d`` or ``2026-11-28`` means, in seconds since 1970.

    Raises FeedbackError if it means none.
    """
    if span := _SPAN.fullmatch(text):
        return now - int(span[1]) * _SPANS[span[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError) as error:
        raise FeedbackError(
            f"--since {text} is neither a day, such as 2026-11-28, nor a time span, such as 7d."
        ) from error


def nothing_yet(paths: Paths, arguments: argparse.Namespace) -> Iterator[str]:
    """Say that there is nothing, and why that may be."""
    filtered = [f"--{name}" for name in ("since", *GROUPS) if getattr(arguments, name)]
    if filtered and paths.feedback_file.exists():
        yield f"Nothing was shown that fits {' and '.join(filtered)}."
        return
    yield f"Nothing is known yet: {paths.feedback_file} holds no suggestion."
    layers, _ = read_file(paths.user_file, None)
    policy, _ = read_file(paths.policy_file, POLICY_MAY)
    settings, _ = merge([*layers, *policy])
    if settings.feedback.enable:
        yield "It fills while you write in an editor that fimbul serves; a few seconds pass before"
        yield "a suggestion is written there."
    else:
        yield "feedback.enable is off, so that nothing is remembered."


def _values(rows: Sequence[Row]) -> dict[str, object]:
    values: dict[str, object] = {"since": _time(rows[0]), "until": _time(rows[-1])} if rows else {}
    values["all"] = as_json(figures_of(rows))
    for name in GROUPS:
        groups = grouped(rows, name)
        values[f"by_{name}"] = {key: as_json(figures_of(some)) for key, some in groups.items()}
    return values


def _time(row: Row) -> str:
    return datetime.fromtimestamp(row["at"], UTC).isoformat(timespec="seconds")


def _write_page(file: Path, rows: Sequence[Row]) -> None:
    try:
        replace_file(file, page(rows, GROUPS))
    except OSError as error:
        raise FeedbackError(f"{file} cannot be written: {error.strerror}.") from error
    sys.stdout.write(f"Wrote {file}.\n")


def as_text(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines for a terminal."""
    figures = figures_of(rows)
    days = f"{day_of(rows[0])} to {day_of(rows[-1])}"
    yield f"{figures.shown} suggestions shown, {days}"
    yield ""
    yield from _main(figures)
    yield ""
    yield from _fates(figures)
    yield ""
    yield "left of what was accepted         kept    words left   looked at"
    for kept in figures.kept:
        yield (
            f"  after {kept.seconds:>3} s {'':20}{percent(kept.kept)}{'':7}{percent(kept.share)}"
            f"{kept.looked_at:>12}"
        )
    for name in GROUPS:
        yield ""
        yield from _table(name, rows)
    yield ""
    yield "Reported: the editor said so. Inferred: seen in later edits, or in their absence."
    yield "Kept: at least half of the words were still there. Wrong: seen and rejected."


def _main(figures: Figures) -> Iterator[str]:
    known = _known(figures.accepted, figures.accepted_reported)
    yield f"accepted                   {percent(figures.acceptance_rate)}  {known}"
    wrong = Fate.REJECTED.value
    known = _known(figures.wrong, figures.fates_reported[wrong])
    yield f"wrong                      {percent(figures.wrong_rate)}  {known}"
    yield f"shown                     {_known(figures.shown, figures.shown_reported)}"
    yield f"never seen                {figures.fates[Fate.UNSEEN.value]:>7}"
    yield f"characters accepted       {figures.accepted_characters:>7}  of {figures.length} shown"
    yield f"characters typed as shown {figures.typed_characters:>7}"
    p50, p95 = figures.latency_p50, figures.latency_p95
    yield f"latency, ms               {milliseconds(p50)}  at the median, {milliseconds(p95)} p95"


def _fates(figures: Figures) -> Iterator[str]:
    yield "what became of them        count   reported   inferred"
    for fate, count in figures.fates.items():
        reported = figures.fates_reported[fate]
        yield f"  {fate:<24}{count:>6}{reported:>11}{count - reported:>11}"


def _table(name: str, rows: Sequence[Row]) -> Iterator[str]:
    groups = grouped(rows, name)
    wide = max(26, *map(len, groups))
    yield f"{name:<{wide}}   shown  accepted   wrong  characters  kept 120 s      p50      p95 ms"
    for key, some in groups.items():
        figures = figures_of(some)
        kept = {one.seconds: one for one in figures.kept}[120]
        yield (
            f"  {key:<{wide}}{figures.shown:>6}   {percent(figures.acceptance_rate)}"
            f" {percent(figures.wrong_rate)}{figures.accepted_characters:>12}"
            f"     {percent(kept.kept)}  {milliseconds(figures.latency_p50)}"
            f"  {milliseconds(figures.latency_p95)}"
        )


def _known(count: int, reported: int) -> str:
    return f"{count:>7}  ({reported} reported, {count - reported} inferred)"


def percent(share: float | None) -> str:
    """Return a share in seven columns."""
    return "      -" if share is None else f"{100 * share:>5.1f} %"


def milliseconds(time_ms: float | None) -> str:
    """Return a time in seven columns."""
    return "      -" if time_ms is None else f"{time_ms:>7.0f}"
