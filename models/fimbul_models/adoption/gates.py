"""Figures become gates: each has a limit, and what was not measured has not passed.

Pure: the same figures and limits always give the same gates. Knows nothing about models.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fimbul_models.adoption.canaries import Leak
from fimbul_models.adoption.limits import Limits
from fimbul_models.evaluation.statistics import Interval
from lsp_server.catalogue.adapters import Gate

POINTS = 100.0
"""Points of exact match in a share of one."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured of an adapter; a figure that is missing was not."""

    misfit: str = ""
    """Why it is none for this model; empty if it is one."""
    later: Interval | None = None
    """Share of exact matches at lines that came later, minus that of the base."""
    files: Interval | None = None
    """The same in files that were held out."""
    public: Interval | None = None
    """The same on public data."""
    former: Interval | None = None
    """The same in later lines and held-out files, minus that of the adapter in use until now."""
    has_former: bool = False
    """Whether there is such an adapter."""
    languages: Mapping[str, Interval] = field(default_factory=dict)
    """The gain over the base in each language, all items together."""
    nats: Mapping[str, Interval] = field(default_factory=dict)
    """How much likelier a token of what stands there became in each language, in nats."""
    slower: float | None = None
    """How much more processor time a token takes than with the base, in percent."""
    leaks: Sequence[Leak] = ()
    membership: Mapping[str, float] = field(default_factory=dict)
    """Area under the ROC curve of each attack."""
    member_groups: int = 0
    """Groups of lines on the smaller of its sides."""
    copies: int | None = None
    """Samples that are near-copies of files of training."""
    base_copies: int = 0
    """The same of the base, for comparison."""
    samples: int = 0


def judge(figures: Figures, limits: Limits) -> tuple[Gate, ...]:
    """Return the gates of an adapter with these figures, in the order of a card."""
    least = limits.least
    gates = [
        _at_most("fits the base", 0.0, float(bool(figures.misfit)), figures.misfit[:300]),
        _gain("later commits", figures.later, limits.later_gain, least.items),
        _gain("held-out files", figures.files, limits.files_gain, least.items),
        _gain("public infilling", figures.public, -limits.public_loss, least.public_items),
        _worst(
            "exact match by language",
            figures.languages,
            (-limits.language_loss, POINTS, "points"),
            least.language_items,
        ),
        _worst(
            "likelihood by language",
            figures.nats,
            (-limits.language_nats, 1.0, "nats a token"),
            least.language_items,
        ),
    ]
    if figures.has_former:
        gates.append(_gain("adapter until now", figures.former, -limits.former_loss, least.items))
    gates.append(
        _at_most(
            "slower decoding", limits.slower, figures.slower, "percent of the base's processor time"
        )
    )
    gates += _leak_gates(figures.leaks, limits)
    gates.append(_membership(figures, limits))
    gates.append(_copies(figures, limits))
    return tuple(gates)


def reasons(gates: Sequence[Gate]) -> list[str]:
    """Return what speaks against adoption, a phrase a gate; empty if nothing does."""
    return [
        f"{gate} ({gate.detail})" if gate.detail else str(gate)
        for gate in gates
        if not gate.has_passed
    ]


def _at_least(name: str, limit: float, value: float | None, detail: str) -> Gate:
    return Gate(name, limit, at_least=True, value=value, detail=detail)


def _at_most(name: str, limit: float, value: float | None, detail: str) -> Gate:
    return Gate(name, limit, at_least=False, value=value, detail=detail)


def _gain(name: str, gain: Interval | None, limit: float, least: int) -> Gate:
    if gain is None or gain.n < least:
        said = f"{gain.n if gain else 0} items, of which {least} are needed"
        return _at_least(name, limit, None, said)
    low, high = gain.low * POINTS, gain.high * POINTS
    said = f"points of exact match; 95 % interval {low:+.1f} to {high:+.1f}, {gain.n} items"
    return _at_least(name, limit, round(gain.mean * POINTS, 3), said)


def _worst(
    name: str, gains: Mapping[str, Interval], scale: tuple[float, float, str], least: int
) -> Gate:
    limit, factor, unit = scale
    judged = {language: gain for language, gain in gains.items() if gain.n >= least}
    left = sorted(gains.keys() - judged.keys())
    unjudged = f"; too few items in {', '.join(left)}" if left else ""
    if not judged:
        return _at_least(name, limit, None, f"{least} items of a language are needed{unjudged}")
    worst = min(judged, key=lambda language: judged[language].mean)
    gain = judged[worst]
    said = f"{unit}, the worst of {len(judged)}: {worst}, {gain.n} items{unjudged}"
    return _at_least(name, limit, round(gain.mean * factor, 4), said[:300])


def _leak_gates(leaks: Sequence[Leak], limits: Limits) -> list[Gate]:
    extracted: float | None = None
    said = f"{len(leaks)} canaries, of which {limits.least.canaries} are needed"
    if len(leaks) >= limits.least.canaries:
        extracted = sum(leak.extracted for leak in leaks)
        said = f"of {len(leaks)} planted values, the likeliest answer at their place"
    once = [leak.exposure for leak in leaks if leak.repeats == 1]
    often = [leak.exposure for leak in leaks if leak.repeats > 1]
    return [
        _at_most("canaries extracted", float(limits.extracted), extracted, said),
        _exposure("exposure, planted once", once, limits.exposure_once),
        _exposure("exposure, planted often", often, limits.exposure_repeated),
    ]


def _exposure(name: str, bits: Sequence[float], limit: float) -> Gate:
    if not bits:
        return _at_most(name, limit, None, "no canary")
    most, chance = max(bits), math.log2(len(bits))
    said = (
        f"bits; the largest of {len(bits)}, {most:.1f}, less {chance:.1f} that are chance;"
        f" {sum(bits) / len(bits):.1f} on average, where 1.4 tell nothing"
    )
    return _at_most(name, limit, round(most - chance, 3), said)


def _membership(figures: Figures, limits: Limits) -> Gate:
    name, least = "membership inference", limits.least.member_groups
    if not figures.membership or figures.member_groups < least:
        said = f"{figures.member_groups} groups of lines on a side, of which {least} are needed"
        return _at_most(name, limits.membership, None, said)
    best = max(figures.membership, key=lambda attack: figures.membership[attack])
    said = f"area under the curve of the best attack, {best}; {figures.member_groups} groups a side"
    return _at_most(name, limits.membership, round(figures.membership[best], 4), said)


def _copies(figures: Figures, limits: Limits) -> Gate:
    name, least = "near-copies", limits.least.samples
    if figures.copies is None or figures.samples < least:
        said = f"{figures.samples} samples, of which {least} are needed"
        return _at_most(name, float(limits.copies), None, said)
    said = f"of {figures.samples} samples; {figures.base_copies} without the adapter"
    return _at_most(name, float(limits.copies), float(figures.copies), said)
