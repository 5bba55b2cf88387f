"""Figures over what became of suggestions."""

from dataclasses import asdict
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import pytest

from lsp_server.feedback.figures import as_json, by_day, figures_of, grouped, percentile
from lsp_server.feedback.records import KEPT_AFTER, Fate, Known
from tests.feedback.rows import suggestion


def row(**changes: Any) -> dict[str, Any]:
    """A row as the store returns it."""
    kept = {f"kept_{seconds}": changes.pop(f"kept_{seconds}", None) for seconds in KEPT_AFTER}
    values = asdict(suggestion(**changes)) | kept
    return {key: value.value if isinstance(value, Enum) else value for key, value in values.items()}


ROWS = [
    row(fate=Fate.WHOLE, fate_known=Known.REPORTED, accepted=12, kept_15=1.0, kept_120=0.5),
    row(fate=Fate.WORD, accepted=4, kept_15=0.4, shown_known=Known.REPORTED, surface="block"),
    row(fate=Fate.TYPED, typed=12, latency=10.0),
    row(fate=Fate.REJECTED, typed=2, latency=900.0),
    row(fate=Fate.IGNORED, latency=50.0),
    row(fate=Fate.UNSEEN, latency=70.0),
]


def test_what_was_never_seen_is_not_shown() -> None:
    figures = figures_of(ROWS)
    assert (figures.made, figures.shown, figures.shown_reported) == (6, 5, 1)
    assert (figures.accepted, figures.accepted_reported, figures.acceptance_rate) == (2, 1, 0.4)
    assert (figures.wrong, figures.wrong_rate) == (1, 0.2)
    assert (figures.length, figures.accepted_characters, figures.typed_characters) == (60, 16, 14)
    assert (figures.latency_p50, figures.latency_p95) == (70.0, 900.0)


def test_what_could_not_be_looked_at_is_no_loss() -> None:
    kept = {one.seconds: one for one in figures_of(ROWS).kept}
    assert (kept[15].looked_at, kept[15].kept, kept[15].share) == (2, 0.5, 0.7)
    assert (kept[120].looked_at, kept[120].kept) == (1, 1.0)
    assert (kept[600].looked_at, kept[600].kept, kept[600].share) == (0, None, None)


def test_nothing_gives_no_shares() -> None:
    figures = figures_of([])
    assert (figures.acceptance_rate, figures.wrong_rate, figures.latency_p50) == (None, None, None)
    values = as_json(figures)
    assert values["acceptance_rate"] is None
    assert values["fates"]["whole"] == {"count": 0, "reported": 0}


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1.0), (25, 1.0), (26, 2.0), (50, 2.0), (95, 4.0), (100, 4.0)]
)
def test_percentiles_are_values_that_occur(percent: float, value: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], percent) == value


def test_groups_come_with_the_largest_first() -> None:
    groups = grouped(ROWS, "surface")
    assert {name: len(rows) for name, rows in groups.items()} == {"line": 5, "block": 1}
    assert list(groups) == ["line", "block"]


def test_days_come_in_their_order() -> None:
    late = row(at=datetime(2026, 11, 28, 23, 59, tzinfo=UTC).timestamp())
    early = row(at=datetime(2026, 11, 28, 0, 1, tzinfo=UTC).timestamp())
    before = row(at=datetime(2026, 11, 27, 12, 0, tzinfo=UTC).timestamp())
    days = by_day([late, early, before], UTC)
    assert {day: len(rows) for day, rows in days.items()} == {"2026-11-27": 1, "2026-11-28": 2}
