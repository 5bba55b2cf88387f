"""What each source of context is worth: runs with one left out, and runs with one alone.

The comment above the current line counts as a source, too. Knows the server's options that switch
sources off; knows nothing about what they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.driver import HINT
from fimbul_models.evaluation.items import Item, shuffled
from fimbul_models.evaluation.report import (
    ALL,
    Difference,
    Judged,
    Summary,
    difference_of,
    summary_of,
)
from fimbul_models.evaluation.runs import Run, with_context
from fimbul_models.evaluation.tables import change, columns, share

EVERY = "every-source"
NONE = "no-source"
_WITHOUT = "without-"
_ONLY = "only-"

CROSS = "cross/"
"""How the kinds of places begin whose next identifier is defined in another file."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What one source is worth."""

    source: str
    taken: int
    """Items for which it gave something while all sources were on."""
    left_out: Difference
    """All sources but this one, minus all."""
    alone: Difference
    """This source alone, minus none."""


@dataclass(frozen=True, slots=True)
class Ablation:
    """What came of it."""

    every: Summary
    none: Summary
    sources: Sequence[Worth]


def cross_items(items: Sequence[Item], number: int, seed: int) -> list[Item]:
    """Return `number` cross-file items, chosen by `seed`.

    Raises RecipeError if there is none.
    """
    found = shuffled((item for item in items if item.kind.startswith(CROSS)), seed)[:number]
    if not found:
        raise RecipeError(f"There is no item of a kind {CROSS}… to leave sources out for.")
    return found


def ablation_runs(base: Run) -> list[Run]:
    """Return the runs that are needed, all with the options of `base` but for the sources.

    Raises RecipeError if `base` has no source switched on.
    """
    context = base.settings().context
    sources = list(context.sources) if context.snippet_tokens else []
    if context.hint_tokens:
        sources.append(HINT)
    if not sources:
        raise RecipeError(f"The run {base.name} has no source of context that could be left out.")
    runs = [_with(base, EVERY, sources), _with(base, NONE, [])]
    for name in sources:
        others = [source for source in sources if source != name]
        runs += [_with(base, _WITHOUT + name, others), _with(base, _ONLY + name, [name])]
    return runs


def _with(base: Run, name: str, sources: Sequence[str]) -> Run:
    listed = [source for source in sources if source != HINT]
    return with_context(base, name, sources=listed, hint=HINT in sources)


def sum_up(judged: Mapping[str, Sequence[Judged]]) -> Ablation:
    """Return what the answers to `ablation_runs` say of each source."""
    every = summary_of(EVERY, ALL, judged[EVERY])
    sources = [name.removeprefix(_ONLY) for name in judged if name.startswith(_ONLY)]
    return Ablation(
        every=every,
        none=summary_of(NONE, ALL, judged[NONE]),
        sources=[_worth(name, every, judged) for name in sources],
    )


def as_table(ablation: Ablation) -> str:
    """Return it as text in columns."""
    totals = [["run", "n", "exact % [95 %]", "identifier F1 %", "context tokens"]]
    for row in (ablation.every, ablation.none):
        tokens = f"{row.median_context_tokens:.0f}"
        totals.append([row.run, str(row.n), share(row.exact), share(row.identifier_f1), tokens])
    head = ["source", "taken", "left out: exact [95 %]", "identifier F1", "helped", "harmed"]
    head += ["alone: exact [95 %]", "identifier F1", "helped", "harmed"]
    return columns(totals) + "\n" + columns([head, *map(_cells, ablation.sources)])


def as_values(ablation: Ablation) -> dict[str, Any]:
    """Return it as values for a JSON file."""
    return asdict(ablation)


def as_line(ablation: Ablation) -> dict[str, Any]:
    """Return the changes in exact matches as values for one line of JSON."""
    return {
        "n": ablation.every.n,
        EVERY: round(ablation.every.exact.mean, 4),
        NONE: round(ablation.none.exact.mean, 4),
        "left_out": {row.source: round(row.left_out.exact.mean, 4) for row in ablation.sources},
        "alone": {row.source: round(row.alone.exact.mean, 4) for row in ablation.sources},
    }


def _worth(source: str, every: Summary, judged: Mapping[str, Sequence[Judged]]) -> Worth:
    without, only = _WITHOUT + source, _ONLY + source
    return Worth(
        source=source,
        taken=every.sources.get(source, 0),
        left_out=difference_of((without, EVERY, ALL), judged[EVERY], judged[without]),
        alone=difference_of((only, NONE, ALL), judged[NONE], judged[only]),
    )


def _cells(row: Worth) -> list[str]:
    cells = [row.source, str(row.taken)]
    for difference in (row.left_out, row.alone):
        cells += [change(difference.exact), change(difference.identifier_f1)]
        cells += [str(difference.helped), str(difference.harmed)]
    return cells
