"""Train, validation and test: whole repositories by a seeded hash, or private code by its age.

Repositories that share many files are on the same side. That nothing crosses is not believed but
looked for, with finer bands than duplicates were found with. Knows nothing about texts.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from fimbul_models.corpus.duplicates import (
    DuplicateRules,
    Signature,
    TextsOf,
    shared_files,
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
    shared = shared_files(signatures, cluster_of)
    joined = Joined(len(names))
    for left, right in sorted({*shared.by_few, *shared.by_many}):
        smaller = min(sizes[left], sizes[right])
        few = shared.by_few.get((left, right), 0)
        if few >= max(1.0, together * smaller) or _is_mostly(shared.all_of(left, right), smaller):
            joined.join(number[left], number[right])
    return {name: names[joined.first_of(number[name])] for name in names}


def _is_mostly(files: int, size: int) -> bool:
    """Return whether so many of a repository's files are elsewhere that it is a copy."""
    rules = DuplicateRules()
    return size >= rules.fork_files and files >= rules.fork_share * size


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
    gives way to what is validated by, and both to what is tested with. Files that are compared
    exactly only are the same where their texts are.
    """
    ordered = sorted(signatures, key=lambda one: one.key)
    rank_of = {one.key: SIDES.index(side_of[one.key]) for one in ordered}
    longer = [one for one in ordered if one.bands]
    gone: set[str] = set()
    pairs = similar_pairs(longer, texts_of, rules, sides=[rank_of[one.key] for one in longer])
    found = (
        (longer[one], longer[other])
        for one, other in pairs
        if one is not None and other is not None
    )
    for pair in chain(found, _same_short(ordered, rank_of)):
        low, high = sorted(pair, key=lambda one: rank_of[one.key])
        if low.key not in gone:
            gone.add(low.key)
            detail = high.key.replace("\n", " ")
            yield Drop(low.key, STAGE, Reason.SPLIT_LEAK, detail, low.language, low.size)


def _same_short(
    signatures: Iterable[Signature], rank_of: Mapping[str, int]
) -> Iterator[tuple[Signature, Signature]]:
    """Yield short files with one of the same text on the last side that has it."""
    last: dict[str, Signature] = {}
    short = [one for one in signatures if not one.bands]
    for one in short:
        other = last.setdefault(one.exact, one)
        if rank_of[one.key] > rank_of[other.key]:
            last[one.exact] = one
    for one in short:
        if rank_of[one.key] < rank_of[last[one.exact].key]:
            yield one, last[one.exact]
