"""From a recipe to examples: the one module that knows all steps and their order.

What a step does stands in its own module, where it runs in `engines` or `distributed`. A run can be
killed at any moment and called again: what is done is not done again, and the result is the same.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.corpus.accounts import Spread
from fimbul_models.corpus.keeping import RECORDS, read_rows
from fimbul_models.corpus.records import Drop
from fimbul_models.corpus.steps import Place, Result, rows_of


@dataclass
class Ledger:
    """All results of a run, in the order of its steps."""

    results: list[Result] = field(default_factory=list)

    def take(self, results: Iterable[Result]) -> None:
        """Take in what one step made of all repositories."""
        self.results += results

    def drops(self) -> list[Drop]:
        """Return every drop of every step."""
        return [drop for result in self.results for drop in result.drops]


def place_units(units: Sequence[Any], depends: str) -> list[Place]:
    """Give each repository its place; its name sorts as the recipe says and can be a file's."""
    return [
        Place(f"{number:06d}-{_digest(unit.repository)[:8]}", unit, _digest(depends, unit))
        for number, unit in enumerate(units)
    ]


def depending(places: Sequence[Place], *on: Any) -> list[Place]:
    """Return the places of a later step, whose results depend on more."""
    return [replace(place, depends=_digest(place.depends, *on)) for place in places]


def code_digest() -> str:
    """Return a digest of the code that makes corpora, and of the server's that it uses."""
    whole = hashlib.sha256()
    for package in ("fimbul_models.corpus", "lsp_server"):
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix in {".py", ".toml", ".scm", ".json"}:
                whole.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return whole.hexdigest()[:16]


def spread_of(work: Path, step: str, places: Sequence[Place]) -> Spread:
    """Count the records that a step has kept, by every aspect."""
    spread = Spread()
    for place in places:
        for record in read_rows(rows_of(work, step, place), RECORDS):
            spread.take(record)
    return spread


def _digest(*things: Any) -> str:
    whole = hashlib.sha256()
    for thing in things:
        whole.update(msgspec.json.encode(thing, order="deterministic") + b"\n")
    return whole.hexdigest()[:32]
