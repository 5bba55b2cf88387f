"""How often each file is used: rare languages more, common ones less, no repository too much.

Only what trains is balanced; what is judged by stays as it is found. Languages are drawn with
shares that grow with a power of their size (Lample and Conneau, 2019, section 3.1). Classes of a
label are evened out within each language, so that no language's own share decides what counts as
positive. Which files go or come again is decided by a hash of seed and key, so it does not depend
on their order. Pure.
"""

import enum
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from fimbul_models.corpus.duplicates import Signature
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop

STAGE = "balance"


class Sampling(enum.Enum):
    """How the classes of a label are evened out."""

    NONE = "none"
    OVER = "over"
    """The smaller class is repeated."""
    UNDER = "under"
    """Of the larger class a part is left out."""
    BOTH = "both"
    """The two meet at the geometric mean of their sizes."""


class BalanceRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How files are balanced."""

    alpha: float = 1.0
    """Exponent over the number of files of a language: 1 leaves it as it is, 0 makes all alike."""
    most_repeats: int = 4
    """Times that a file is used at most."""
    repository_files: int = 0
    """Files of one repository at most; 0 is no limit."""
    label: str = ""
    """Labelling task whose positive and negative files are evened out."""
    positive: str = "positive"
    """Name of its class that counts as positive; all others are negative."""
    sampling: Sampling = Sampling.NONE
    ratio: float = 1.0
    """Positive files for each negative one that are aimed at."""

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if not 0 <= self.alpha <= 1:
            raise ValueError("alpha has to be from 0 to 1")
        if self.most_repeats < 1 or self.repository_files < 0 or self.ratio <= 0:
            raise ValueError(
                "most_repeats has to be 1 or more, repository_files 0 or more, ratio above 0"
            )


@dataclass
class Balanced:
    """What was decided."""

    drops: dict[str, Drop] = field(default_factory=dict)
    repeats: dict[str, int] = field(default_factory=dict)
    """Of files that are used more than once."""
    table: dict[str, dict[str, float]] = field(default_factory=dict)
    """By language: files and share before and after, and the ratio of the classes."""


def balance_files(
    files: Sequence[Signature],
    side_of: Mapping[str, str],
    label_of: Mapping[str, str],
    rules: BalanceRules,
    seed: int,
) -> Balanced:
    """Return which files of `files` are left out, and which are used how often.

    `label_of` holds the class of each file that has one, in the task of the rules.
    """
    balanced = Balanced()
    training = [one for one in files if side_of.get(one.key, "train") == "train"]
    chance = _chances(seed)
    capped = _cap(training, rules, balanced, chance)
    wanted = dict.fromkeys((one.key for one in capped), 1.0)
    for group, factor in (*_languages(capped, rules), *_classes(capped, label_of, rules)):
        for one in group:
            wanted[one.key] *= factor
    for one in capped:
        times = _times(min(wanted[one.key], float(rules.most_repeats)), chance(one.key))
        if times == 0:
            balanced.drops[one.key] = _drop(one, Reason.BALANCE, f"{wanted[one.key]:.2f}")
        elif times > 1:
            balanced.repeats[one.key] = times
    balanced.table = _table(training, balanced, label_of, rules)
    return balanced


def _chances(seed: int) -> Callable[[str], float]:
    def chance(key: str) -> float:
        digest = hashlib.sha256(f"{seed}:balance:{key}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    return chance


def _cap(
    files: Sequence[Signature],
    rules: BalanceRules,
    balanced: Balanced,
    chance: Callable[[str], float],
) -> list[Signature]:
    """Leave out what a repository has too many of, drawn evenly."""
    if not rules.repository_files:
        return list(files)
    kept: list[Signature] = []
    for group in _grouped(files, lambda one: one.repository).values():
        ranked = sorted(group, key=lambda one: (chance(one.key), one.key))
        kept += ranked[: rules.repository_files]
        for one in ranked[rules.repository_files :]:
            balanced.drops[one.key] = _drop(one, Reason.REPOSITORY_CAP, "")
    return sorted(kept, key=lambda one: one.key)


def _languages(
    files: Sequence[Signature], rules: BalanceRules
) -> Iterable[tuple[list[Signature], float]]:
    """Yield the files of each language, and how often each of them is wanted."""
    groups = _grouped(files, lambda one: one.language)
    whole = sum(len(group) ** rules.alpha for group in groups.values())
    for group in groups.values():
        yield group, len(files) * len(group) ** rules.alpha / whole / len(group)


def _classes(
    files: Sequence[Signature], label_of: Mapping[str, str], rules: BalanceRules
) -> Iterable[tuple[list[Signature], float]]:
    """Yield the positive and the negative files of each language, and how often each is wanted."""
    if rules.sampling is Sampling.NONE or not rules.label:
        return
    labelled = [one for one in files if one.key in label_of]
    for group in _grouped(labelled, lambda one: one.language).values():
        positive = [one for one in group if label_of[one.key] == rules.positive]
        negative = [one for one in group if label_of[one.key] != rules.positive]
        if positive and negative:
            factors = _factors(len(positive), len(negative) * rules.ratio, rules.sampling)
            yield positive, factors[0]
            yield negative, factors[1]


def _factors(positive: float, negative: float, sampling: Sampling) -> tuple[float, float]:
    """Return how often each class is wanted so that both are as large."""
    aim = {
        Sampling.OVER: max(positive, negative),
        Sampling.UNDER: min(positive, negative),
        Sampling.BOTH: (positive * negative) ** 0.5,
    }[sampling]
    return aim / positive, aim / negative


def _times(wanted: float, chance: float) -> int:
    """Return a whole number whose mean over all chances is `wanted`."""
    whole = int(wanted)
    return whole + (chance < wanted - whole)


def _table(
    files: Sequence[Signature],
    balanced: Balanced,
    label_of: Mapping[str, str],
    rules: BalanceRules,
) -> dict[str, dict[str, float]]:
    def used(one: Signature) -> int:
        return 0 if one.key in balanced.drops else balanced.repeats.get(one.key, 1)

    total = sum(used(one) for one in files) or 1
    rows: dict[str, dict[str, float]] = {}
    for language, group in _grouped(files, lambda one: one.language).items():
        after = sum(used(one) for one in group)
        row = {
            "files": float(len(group)),
            "used": float(after),
            "share before": len(group) / len(files),
            "share after": after / total,
        }
        if rules.label:
            labelled = [one for one in group if one.key in label_of]
            row["positive per negative before"] = _ratio(labelled, label_of, rules, lambda _: 1)
            row["positive per negative after"] = _ratio(labelled, label_of, rules, used)
        rows[language or "unknown"] = row
    return rows


def _ratio(
    files: Sequence[Signature],
    label_of: Mapping[str, str],
    rules: BalanceRules,
    weight: Callable[[Signature], int],
) -> float:
    positive = sum(weight(one) for one in files if label_of[one.key] == rules.positive)
    negative = sum(weight(one) for one in files) - positive
    return positive / negative if negative else float(positive > 0)


def _grouped(
    files: Sequence[Signature], value_of: Callable[[Signature], str]
) -> dict[str, list[Signature]]:
    groups: dict[str, list[Signature]] = {}
    for one in sorted(files, key=lambda one: one.key):
        groups.setdefault(value_of(one), []).append(one)
    return dict(sorted(groups.items()))


def _drop(one: Signature, reason: Reason, detail: str) -> Drop:
    return Drop(one.key, STAGE, reason, detail, one.language, one.size)
