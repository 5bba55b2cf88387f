"""The log of a training, one line of JSON a step, and what it looks like. Holds no text of code.

Pure but for its files; needs none of the extra ``training``.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.evaluation.plots import curves

LOG = "log.jsonl"
PAGE = "training.html"

_PLOTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Loss", "nats a token", ("loss", "validation loss")),
    ("Middles", "nats a token", ("middle", "validation middle")),
    ("Tokens that end a middle", "nats", ("end", "validation end")),
    ("Text from left to right", "nats a token", ("plain", "validation plain")),
    ("Norm of the gradient", "", ("norm",)),
    ("Learning rate", "", ("rate",)),
    ("Speed", "tokens a second", ("tokens a second",)),
    ("Memory", "MB", ("memory",)),
)
"""What is drawn: title, unit, series."""

Row = dict[str, Any]


class Journal:
    """The log in one folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which exists."""
        self._path = folder / LOG
        self._page = folder / PAGE

    def go_on_from(self, step: int) -> None:
        """Forget what was written of later steps, which are about to be done again."""
        kept = [row for row in self.rows() if row["step"] <= step]
        part = self._path.with_suffix(".part")
        part.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in kept))
        part.replace(self._path)

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a line."""
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(row) + b"\n")

    def rows(self) -> list[Row]:
        """Return all lines; one that was cut off by a kill is none."""
        if not self._path.is_file():
            return []
        rows = []
        for line in self._path.read_bytes().splitlines():
            try:
                rows.append(msgspec.json.decode(line, type=dict[str, Any]))
            except msgspec.DecodeError:
                continue
        return rows

    def draw(self, title: str, facts: Mapping[str, Any]) -> None:
        """Write a page with all curves, in one file that needs no other."""
        self._page.write_text(page(title, facts, self.rows()), encoding="utf-8")


def page(title: str, facts: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return the page of a training: what it was, and how it went."""
    told = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(_told(value))}</td></tr>"
        for name, value in facts.items()
    )
    plots = "".join(_plot(*plot, rows) for plot in _PLOTS)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        "<style>body{font:14px sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
        "th{text-align:left;padding-right:2em;font-weight:normal;color:#545e75}"
        "figure{display:inline-block;width:32em;margin:1em 1em 0 0}</style>"
        f"<h1>{escape(title)}</h1><table>{told}</table>{plots}</html>\n"
    )


def _told(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plot(title: str, unit: str, names: Iterable[str], rows: Sequence[Row]) -> str:
    series = {
        name: [(row["step"], row[name]) for row in rows if row.get(name) is not None]
        for name in names
    }
    drawn = {name: points for name, points in series.items() if points}
    most = max((y for points in drawn.values() for _, y in points), default=0.0)
    if not drawn or most <= 0:
        return ""
    return f"<figure><figcaption>{escape(title)}</figcaption>" + (
        curves(drawn, "step", unit, most) + "</figure>"
    )
