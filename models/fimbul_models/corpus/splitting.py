"""Train, validation and test: whole repositories by a seeded hash, or private code by its age.

Repositories that share many files are on the same side. That nothing crosses is not believed but
looked for, with finer bands than duplicates were found with. Knows nothing about texts.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import msgspec

from fimbul_models.corpus.duplicates import (
    DuplicateRules,
    Signature,
    TextsOf,
    similar_pairs,
)
from fimbul_models.corpus.near import Joined
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop
from fimbul_models.errors import RecipeError

STAGE = "split"
SIDES = ("train", "validation", "test")


class SplitRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How files are put on sides."""

    by: str = "repository"
    """``repository``, or ``time`` for the history of private code."""
    validation: float = 0.05
    """Share of the repositories, or of the dated files, the newest but those of the test."""
    test: float = 0.05
    """Share of the repositories, or of the dated files, the newest."""
    together: float = 0.1
    """Share of the smaller repository's files that two have in common from which on they are put
    on the same side."""
    at: tuple[str, ...] = ()
    """With ``time``: the ISO dates at which validation and test begin, in place of shares."""

    def __post_init__(self) -> None:
        """Refuse shares that leave nothing to train on, and sides that are not known."""
        if self.by not in {"repository", "time"}:
            raise ValueError(f"by is {self.by!r}; it has to be 'repository' or 'time'")
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise ValueError("validation and test have to be 0 or more and together less than 1")
        if len(self.at) not in {0, 2} or list(self.at) != sorted(self.at):
            raise ValueError("at has to be two dates, the earlier first")


def split_files(
    signatures: Sequence[Signature], cluster_of: Mapping[str, str], rules: SplitRules, seed: int
) -> dict[str, str]:
    """Return the side of every file, by key.

    `cluster_of` names the file that stays of each cluster of duplicates, dropped files included.
    Raises RecipeError if files are to be split by time and none has a date.
    """
    if rules.by == "time":
        return _by_time(signatures, rules)
    groups = group_repositories(signatures, cluster_of, rules.together)
    sides = {group: _drawn(group, rules, seed) for group in set(groups.values())}
    return {one.key: sides[groups[one.repository]] for one in signatures}


def group_repositories(
    signatures: Sequence[Signature], cluster_of: Mapping[str, str], together: float
) -> dict[str, str]:
    """Return the group of each repository: the first name of those that share many files."""
    names = sorted({one.repository for one in signatures})
    number = {name: place for place, name in enumerate(names)}
    sizes = Counter(one.repository for one in signatures)
    members: dict[str, set[str]] = {}
    for one in signatures:
        members.setdefault(cluster_of.get(one.key, one.key), set()).add(one.repository)
    shared: Counter[tuple[str, str]] = Counter()
    for repositories in members.values():
        # What very many have says nothing about any two of them.
        if len(repositories) <= max(10, math.isqrt(len(names))):
            shared.update(combinations(sorted(repositories), 2))
    joined = Joined(len(names))
    for (left, right), files in shared.items():
        if files >= max(1.0, together * min(sizes[left], sizes[right])):
            joined.join(number[left], number[right])
    return {name: names[joined.first_of(number[name])] for name in names}


def _drawn(group: str, rules: SplitRules, seed: int) -> str:
    digest = hashlib.sha256(f"{seed}:split:{group}".encode()).digest()
    chance = int.from_bytes(digest[:8], "big") / 2**64
    if chance < rules.test:
        return "test"
    return "validation" if chance < rules.test + rules.validation else "train"


def _by_time(signatures: Sequence[Signature], rules: SplitRules) -> dict[str, str]:
    dates = sorted(one.date for one in signatures if one.date)
    if not dates:
        raise RecipeError(
            "split.by is 'time', but no file has a date: only git repositories and archives tell"
            " when a file was changed last. Use 'repository'."
        )
    validation, test = rules.at or (
        dates[min(len(dates) - 1, round(len(dates) * (1 - rules.test - rules.validation)))],
        dates[min(len(dates) - 1, round(len(dates) * (1 - rules.test)))],
    )

    def side(date: str) -> str:
        if date and date >= test:
            return "test"
        return "validation" if date and date >= validation else "train"

    return {one.key: side(one.date) for one in signatures}


def find_leaks(
    signatures: Sequence[Signature],
    side_of: Mapping[str, str],
    texts_of: TextsOf,
    rules: DuplicateRules,
) -> Iterator[Drop]:
    """Yield a drop for each file that is nearly the same as one on a side that is judged by.

    `signatures` should have finer bands than those that duplicates were found with. What trains
    gives way to what is validated by, and both to what is tested with.
    """
    longer = sorted((one for one in signatures if one.bands), key=lambda one: one.key)
    gone: set[str] = set()
    for pair in similar_pairs(longer, texts_of, rules):
        if pair[0] is None or pair[1] is None:
            continue
        low, high = sorted(
            (longer[pair[0]], longer[pair[1]]), key=lambda one: SIDES.index(side_of[one.key])
        )
        if side_of[low.key] != side_of[high.key] and low.key not in gone:
            gone.add(low.key)
            detail = high.key.replace("\n", " ")
            yield Drop(low.key, STAGE, Reason.SPLIT_LEAK, detail, low.language, low.size)
