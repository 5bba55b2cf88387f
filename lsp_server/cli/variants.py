"""Make variants of a model, compare each with it, and say what came out.

Which variants are worth a try is decided in `inference.recipes`; llama.cpp runs in processes that
are thrown away. Knows nothing about catalogues or what becomes of the best one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lsp_server.catalogue.store import InstalledModel
from lsp_server.cli.console import Console, in_units
from lsp_server.errors import EngineError
from lsp_server.inference.recipes import (
    LEAST_GAIN,
    TOKENS,
    Outcome,
    Recipe,
    combinations,
    fastest,
    holds,
    is_hopeless,
    time_ratio,
    title_of,
    types_of,
)
from lsp_server.inference.tensors import Tensor
from lsp_server.inference.tuning import Compare, Compared, Done, Requantise, Settings

POSITIONS = 2000
"""Positions that are compared: enough to know an agreement near 97 % to 0.4 points (one standard
error)."""

AGREEMENT = 97.0
"""Least share of equal first choices, in percent."""

ROUNDS = 7
"""How often the times of a variant and the original are taken by turns."""

_RECHECKED = 64
"""Positions of the last comparison, which is there for the times."""

Ask = Callable[..., Any]
"""As `throwaway.ask`."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for."""

    agreement: float = AGREEMENT / 100.0
    """Least share of equal first choices."""
    positions: int = POSITIONS
    sources: tuple[Path, ...] = ()
    """Files and folders with text to compare on; empty is `samples.default_sources`."""
    dry_run: bool = False
    """Whether to measure only."""
    ascii_only: bool = False
    """Whether tokens may be left out that ASCII text cannot use."""
    use: bool = True
    """Whether the winner is to serve."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that stays the same from one variant to the next."""

    original: InstalledModel
    source: Path
    """The file that variants are made from: the original's, or that without some tokens."""
    tensors: tuple[Tensor, ...]
    """Those of `source`."""
    texts: list[str]
    settings: Settings
    wish: Wish
    folder: Path
    """Where variants are written."""
    ask: Ask
    console: Console


def try_all(bench: Bench, recipes: list[Recipe]) -> list[Outcome]:
    """Try each recipe, then those combinations that promise to hold; return the outcomes.

    Only the file of the fastest good one so far stays in the workplace.
    """
    tried: list[Outcome] = []
    bench.console.warn(
        f"Comparing up to {len(recipes)} variants of {bench.original.model.name} with it, and then"
        " combinations of the good ones. Each takes a minute or two with a model of 500 MB. Prefill"
        " and decode are times by the original's."
    )
    if bench.wish.ascii_only:
        _note(bench, "without tokens", {}, tried)
    for number, recipe in enumerate(recipes, start=1):
        if not is_hopeless(recipe, tried, bench.wish.agreement):
            _note(bench, f"{number} of {len(recipes)}", recipe, tried)
    together = combinations(tried, bench.wish.agreement)
    for number, recipe in enumerate(together, start=1):
        outcome = _note(bench, f"combination {number}", recipe, tried)
        if outcome and holds(outcome, bench.wish.agreement):
            break
    return tried


def _note(bench: Bench, which: str, recipe: Recipe, tried: list[Outcome]) -> Outcome | None:
    """Try one recipe, say how it went and add it to `tried`; None if the engine could not."""
    title = f"{which}: {title_of(named(bench, recipe))}"
    try:
        outcome = try_recipe(bench, recipe)
    except EngineError as error:
        bench.console.warn(f"{title}: left out. {error}")
        _delete(bench, recipe)
        return None
    tried.append(outcome)
    compared = outcome.compared
    bench.console.warn(
        f"{title}: {in_units(outcome.size)}, agreement {outcome.agreement:.1%} of"
        f" {compared.positions:,}, prefill {compared.prefill_ratio:.2f}, decode"
        f" {compared.decode_ratio:.2f}"
    )
    best = fastest(tried, bench.wish.agreement)
    for other in tried:
        if other is not best:
            _delete(bench, other.recipe)
    return outcome


def _delete(bench: Bench, recipe: Recipe) -> None:
    file = file_of(bench, recipe)
    if file != bench.source:
        file.unlink(missing_ok=True)


def try_recipe(bench: Bench, recipe: Recipe) -> Outcome:
    """Write one variant and compare it; raise `EngineError` if that cannot be done."""
    file = file_of(bench, recipe)
    make(bench, recipe)
    compared = bench.ask(_comparison(bench, file), Compared)
    return Outcome(recipe, file.stat().st_size, compared)


def make(bench: Bench, recipe: Recipe) -> None:
    """Write the variant of a recipe if it is not there; raise `EngineError` if that fails."""
    file = file_of(bench, recipe)
    if file.exists():
        return
    bench.ask(
        Requantise(
            source=str(bench.source),
            target=str(file),
            types=types_of(bench.tensors, recipe),
            file_type=next(iter(recipe.values())),
            threads=bench.settings.threads,
        ),
        Done,
    )


def confirmed(bench: Bench, best: Outcome | None) -> Outcome | None:
    """Take the times of the best variant once more; None if it is not faster after all.

    The fastest of many measurements is also the luckiest of them.
    """
    if best is None:
        return None
    # It may have been deleted for one that lost its lead to a third.
    make(bench, best.recipe)
    short = replace_positions(_comparison(bench, file_of(bench, best.recipe)))
    again: Compared = bench.ask(short, Compared)
    bench.console.warn(
        f"{title_of(named(bench, best.recipe))} again: prefill {again.prefill_ratio:.2f}, decode"
        f" {again.decode_ratio:.2f}"
    )
    if time_ratio(again) > 1.0 - LEAST_GAIN:
        return None
    first = best.compared
    times = Compared(
        first.positions,
        first.equal,
        first.divergence,
        again.original,
        again.candidate,
        again.prefill_ratio,
        again.decode_ratio,
    )
    return replace(best, compared=times)


def replace_positions(request: Compare) -> Compare:
    """Return a comparison that is there for the times only."""
    return Compare(
        original=request.original,
        candidate=request.candidate,
        texts=request.texts,
        positions=min(_RECHECKED, request.positions),
        agreement=0.0,
        rounds=2 * request.rounds,
        settings=request.settings,
    )


def _comparison(bench: Bench, file: Path) -> Compare:
    return Compare(
        original=str(bench.original.path),
        candidate=str(file),
        texts=bench.texts,
        positions=bench.wish.positions,
        agreement=bench.wish.agreement,
        rounds=ROUNDS,
        settings=bench.settings,
    )


def file_of(bench: Bench, recipe: Recipe) -> Path:
    """Return where the variant of a recipe lies."""
    if not recipe:
        return bench.source
    plain = title_of(recipe).replace(", ", "+").replace(" ", "-")
    return bench.folder / f"{plain}.gguf"


def named(bench: Bench, recipe: Recipe) -> Recipe:
    """Return a recipe with what was done to the tokens."""
    return {TOKENS: "ascii", **recipe} if bench.wish.ascii_only else recipe


def table(bench: Bench, tried: list[Outcome]) -> str:
    """Return what was found, for people: the fastest first, times by the original's."""
    rows = [("VARIANT", "SIZE", "PREFILL", "DECODE", "REQUEST", "AGREEMENT", "KL", "POSITIONS")]
    size = in_units(bench.original.path.stat().st_size)
    rows.append((bench.original.model.name, size, "1.00", "1.00", "1.00", "100.0 %", "0", ""))
    for outcome in sorted(tried, key=lambda one: one.time_ratio):
        compared = outcome.compared
        mark = "" if holds(outcome, bench.wish.agreement) else " (too low)"
        rows.append(
            (
                title_of(named(bench, outcome.recipe)),
                in_units(outcome.size),
                f"{compared.prefill_ratio:.2f}",
                f"{compared.decode_ratio:.2f}",
                f"{outcome.time_ratio:.2f}",
                f"{outcome.agreement * 100:.1f} %{mark}",
                f"{compared.divergence:.4f}",
                f"{compared.positions:,}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)
