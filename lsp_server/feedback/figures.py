"""Figures over what became of suggestions. Pure: rows of the store in, numbers out.

Every figure has a definition here, and says how it is known: reported by the editor, or inferred.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from lsp_server.feedback.records import KEPT_AFTER, STILL_THERE, Fate, Known

Row = Mapping[str, Any]
"""One row as `store.read_rows` returns it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was left of accepted texts some time later."""

    seconds: int
    looked_at: int
    """How many could be looked at; the others' documents had been closed."""
    kept: float | None
    """Share of them of which at least half of the words were left; None if there are none."""
    share: float | None
    """Mean share of their words that was left."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of a group of suggestions."""

    made: int
    """All that were sent to the editor."""
    shown: int
    """Those that stood long enough to be seen, or were used."""
    shown_reported: int
    """How many of these the editor says that it has drawn."""
    fates: Mapping[str, int]
    """Suggestions by what became of them; the keys are those of `Fate`."""
    fates_reported: Mapping[str, int]
    """How many of these the editor reported; the others are inferred."""
    length: int
    """Code points of all that were shown."""
    accepted_characters: int
    """Code points that were accepted with a key."""
    typed_characters: int
    """Code points that were typed by hand as suggested."""
    kept: tuple[Kept, ...]
    latency_p50: float | None
    """Median time from request to answer, in milliseconds; None if there were none."""
    latency_p95: float | None

    @property
    def accepted(self) -> int:
        """Suggestions that were accepted with a key, wholly or in part."""
        return sum(self.fates[fate.value] for fate in Fate if fate.is_accepted)

    @property
    def accepted_reported(self) -> int:
        """How many of them the editor reported."""
        return sum(self.fates_reported[fate.value] for fate in Fate if fate.is_accepted)

    @property
    def acceptance_rate(self) -> float | None:
        """Accepted ones among those that were shown."""
        return self.accepted / self.shown if self.shown else None

    @property
    def wrong(self) -> int:
        """Suggestions that were seen and rejected."""
        return self.fates[Fate.REJECTED.value]

    @property
    def wrong_rate(self) -> float | None:
        """Rejected ones among those that were shown."""
        return self.wrong / self.shown if self.shown else None


def figures_of(rows: Sequence[Row]) -> Figures:
    """Return the figures of a group."""
    shown = [row for row in rows if row["fate"] != Fate.UNSEEN.value]
    latencies = sorted(row["latency"] for row in rows)
    return Figures(
        made=len(rows),
        shown=len(shown),
        shown_reported=sum(_is_reported(row["shown_known"]) for row in shown),
        fates={fate.value: sum(row["fate"] == fate.value for row in rows) for fate in Fate},
        fates_reported={
            fate.value: sum(
                row["fate"] == fate.value and _is_reported(row["fate_known"]) for row in rows
            )
            for fate in Fate
        },
        length=sum(row["length"] for row in shown),
        accepted_characters=sum(row["accepted"] for row in rows),
        typed_characters=sum(row["typed"] for row in rows),
        kept=tuple(_kept(rows, seconds) for seconds in KEPT_AFTER),
        latency_p50=percentile(latencies, 50),
        latency_p95=percentile(latencies, 95),
    )


def grouped(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    """Return rows by a column, the largest group first."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row[name]), []).append(row)
    return dict(sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])))


def by_day(rows: Iterable[Row], zone: tzinfo | None = None) -> dict[str, list[Row]]:
    """Return rows by calendar day, such as ``2026-11-28``, the first first."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(day_of(row, zone), []).append(row)
    return dict(sorted(groups.items()))


def day_of(row: Row, zone: tzinfo | None = None) -> str:
    """Return the calendar day of a row, here unless a time zone is named."""
    return f"{datetime.fromtimestamp(row['at'], UTC).astimezone(zone):%Y-%m-%d}"


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return the smallest value that `percent` of them do not exceed; None if there are none."""
    if not ordered:
        return None
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]


def as_json(figures: Figures) -> dict[str, Any]:
    """Return figures as plain values."""
    return {
        "made": figures.made,
        "shown": {"count": figures.shown, "reported": figures.shown_reported},
        "acceptance_rate": figures.acceptance_rate,
        "accepted": {"count": figures.accepted, "reported": figures.accepted_reported},
        "wrong_rate": figures.wrong_rate,
        "fates": {
            fate: {"count": count, "reported": figures.fates_reported[fate]}
            for fate, count in figures.fates.items()
        },
        "characters": {
            "shown": figures.length,
            "accepted": figures.accepted_characters,
            "typed_as_suggested": figures.typed_characters,
        },
        "kept": [
            {
                "after_seconds": kept.seconds,
                "looked_at": kept.looked_at,
                "kept": kept.kept,
                "words_left": kept.share,
            }
            for kept in figures.kept
        ],
        "latency_ms": {"p50": figures.latency_p50, "p95": figures.latency_p95},
    }


def _is_reported(known: str) -> bool:
    return known == Known.REPORTED.value


def _kept(rows: Iterable[Row], seconds: int) -> Kept:
    shares = [row[f"kept_{seconds}"] for row in rows if row[f"kept_{seconds}"] is not None]
    if not shares:
        return Kept(seconds, 0, None, None)
    still_there = sum(share >= STILL_THERE for share in shares)
    return Kept(seconds, len(shares), still_there / len(shares), sum(shares) / len(shares))
