"""The card of an adapter: what was measured, what is allowed, and what came of it.

As Markdown for people and as values for JSON. Holds figures and names, never code. Knows nothing
about how the figures came about.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fimbul_models.adoption.gates import POINTS, Figures, reasons
from fimbul_models.evaluation.statistics import Interval
from lsp_server.catalogue.adapters import Gate


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What an adapter is, apart from its figures."""

    name: str
    base: str
    base_sha256: str
    sha256: str
    """Of its file."""
    bytes: int
    rank: int
    percent: int
    """Weight with which it was judged."""
    repository: str
    """Name of the folder that it was trained on."""
    since: str
    """Commit up to which it was trained."""
    head: str
    """Commit that it was judged by."""
    seed: int
    versions: str
    training: Mapping[str, Any] = field(default_factory=dict)
    """What training says of itself: figures and digests."""


def as_markdown(facts: Facts, figures: Figures, gates: Sequence[Gate]) -> str:
    """Return the card for people."""
    return "\n".join(_lines(facts, figures, gates)) + "\n"


def as_values(facts: Facts, figures: Figures, gates: Sequence[Gate]) -> dict[str, Any]:
    """Return the card as values for JSON."""
    against = reasons(gates)
    return {
        "adopted": not against,
        "reasons": against,
        "facts": msgspec.to_builtins(facts),
        "gates": [
            {**msgspec.to_builtins(gate), "at_least": gate.at_least, "passed": gate.has_passed}
            for gate in gates
        ],
        "figures": msgspec.to_builtins(figures),
    }


def _lines(facts: Facts, figures: Figures, gates: Sequence[Gate]) -> Iterator[str]:
    against = reasons(gates)
    yield f"# {facts.name}\n"
    yield (
        f"An adapter of rank {facts.rank} for {facts.base}, trained on {facts.repository} up to"
        f" {facts.since[:12]} and judged by what came until {facts.head[:12]}.\n"
    )
    if against:
        yield f"**Not adopted**: {len(against)} of {len(gates)} gates were not passed.\n"
        yield from (f"- {reason}" for reason in against)
        yield ""
    else:
        yield f"All {len(gates)} gates were passed.\n"
    yield "| gate | figure | limit | passed | what it is |"
    yield "| --- | --- | --- | --- | --- |"
    for gate in gates:
        found = "not measured" if gate.value is None else f"{gate.value:g}"
        limit = f"{'at least' if gate.at_least else 'at most'} {gate.limit:g}"
        passed = "yes" if gate.has_passed else "**no**"
        yield f"| {gate.name} | {found} | {limit} | {passed} | {gate.detail} |"
    if figures.languages or figures.nats:
        yield "\n| language | items | exact match, points | 95 % | nats a token | 95 % |"
        yield "| --- | --- | --- | --- | --- | --- |"
        yield from _languages(figures)
    if figures.leaks:
        yield "\n| canaries planted | how many | extracted | mean bits | most bits |"
        yield "| --- | --- | --- | --- | --- |"
        yield from _canaries(figures)
    if figures.membership:
        yield "\nMembership inference, area under the curve (0.5 tells nothing):\n"
        yield from (f"- {name}: {area:.3f}" for name, area in figures.membership.items())
    yield ""
    yield f"- sha256 of the adapter: `{facts.sha256}`, {facts.bytes / 1e6:.1f} MB"
    yield f"- sha256 of the base: `{facts.base_sha256}`"
    yield f"- judged at {facts.percent} % of its weight; seed {facts.seed}; {facts.versions}"
    for name, value in facts.training.items():
        if isinstance(value, str | int | float):
            yield f"- training, {name}: {value}"


def _languages(figures: Figures) -> Iterator[str]:
    for language in sorted(figures.languages.keys() | figures.nats.keys()):
        exact, nats = figures.languages.get(language), figures.nats.get(language)
        number = exact.n if exact else nats.n if nats else 0
        yield f"| {language} | {number} | {_shown(exact, POINTS, 1)} | {_shown(nats, 1.0, 3)} |"


def _shown(interval: Interval | None, factor: float, digits: int) -> str:
    if interval is None:
        return "- | -"
    mean, low, high = (
        f"{number * factor:+.{digits}f}" for number in (interval.mean, interval.low, interval.high)
    )
    return f"{mean} | {low} to {high}"


def _canaries(figures: Figures) -> Iterator[str]:
    for repeats in sorted({leak.repeats for leak in figures.leaks}):
        some = [leak for leak in figures.leaks if leak.repeats == repeats]
        bits = [leak.exposure for leak in some]
        yield (
            f"| {repeats} x | {len(some)} | {sum(leak.extracted for leak in some)} |"
            f" {sum(bits) / len(bits):.1f} | {max(bits):.1f} |"
        )
