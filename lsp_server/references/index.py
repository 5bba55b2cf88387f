"""One index: which runs of tokens of a text stand in it, and where.

Fingerprints say where to look; what counts is what is stored of the tokens themselves. Knows
nothing about which of that is worth telling.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lsp_server.errors import ReferencesError
from lsp_server.references.fingerprints import (
    EXACT,
    RENAMED,
    VALUE_BITS,
    Positions,
    Rule,
    grams,
    probes,
    values_of,
)
from lsp_server.references.indexfile import GENERATED, IndexFile
from lsp_server.references.matches import Likeness, Source
from lsp_server.references.tokens import IDENTIFIER, Hashes

MOST_PLACES = 64
"""Places of one fingerprint that are looked at, evenly spread. What stands in more is boilerplate,
and any of them tells so."""

MOST_PAIRS = 4096
"""Places that are looked at for one text, or eight times its tokens if it is long; those of rare
fingerprints first. Only tables have more."""

MOST_EXTENDED = 512
"""The same for runs that are followed to their ends; or as many as the text has tokens."""

_FEW = 8
"""Pairs that are followed without a look at what stands around them."""

_ESCAPE = 255

Codes = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Run:
    """A longest run that a text and an indexed text share."""

    first: int
    """Number of its first token in the text that was looked at."""
    last: int
    """Number of the token behind it."""
    text: int
    """Number of the indexed text."""
    place: int
    """Number of its first token among all of the index."""
    likeness: Likeness

    def adds_to(self, others: Sequence["Run"]) -> bool:
        """Say whether enough tokens of it lie in none of `others` to be worth telling."""
        left = np.ones(self.last - self.first, np.bool_)
        for other in others:
            left[max(0, other.first - self.first) : max(0, other.last - self.first)] = False
        return int(left.sum()) >= RENAMED.k


def codes_of(hashes: Hashes) -> Codes:
    """Return what an index stores of tokens."""
    upper = (hashes >> np.uint64(48)) & np.uint64(0xFFFE)
    return (upper | (hashes & np.uint64(IDENTIFIER))).astype(np.uint16)


@dataclass(frozen=True)
class Question:
    """A text as indexes are asked for it; made once for all of them."""

    codes: Codes
    probes: Mapping[Rule, tuple[Positions, Hashes]]
    """Which grams are looked up, and their values."""


def question_of(hashes: Hashes) -> Question:
    """Return what indexes are asked about the tokens of a text."""
    asked = {}
    for rule in (EXACT, RENAMED):
        found = grams(hashes, rule)
        chosen = probes(found, rule)
        asked[rule] = chosen, values_of(found[chosen])
    return Question(codes_of(hashes), asked)


class Index:
    """Finds runs in one index."""

    def __init__(self, file: IndexFile) -> None:
        self.file = file
        arrays = file.arrays
        self._tokens: Codes = arrays["tokens"]
        # As what numpy searches without a copy.
        self._starts: Positions = arrays["starts"].view("<i8")
        self._fingerprints = {
            rule: _Fingerprints(*(arrays[f"{name}_{part}"] for part in _PARTS))
            for rule, name in ((EXACT, "exact"), (RENAMED, "renamed"))
        }

    def runs(self, asked: Question, least: int) -> list[Run]:
        """Return the runs of `least` tokens or more that stand in this index, too, by their place.

        Those of renamed identifiers are longer than `fingerprints.RENAMED.least`, and hold more
        than what is alike word by word.
        """
        runs = _Search(self, asked.codes, EXACT, least).runs(self._places(asked, EXACT))
        longer = max(least, RENAMED.least)
        search = _Search(self, asked.codes, RENAMED, longer)
        renamed = search.runs(self._places(asked, RENAMED))
        runs += [run for run in renamed if run.adds_to(runs)]
        return sorted(runs, key=lambda run: (run.first, -run.last, run.text, run.place))

    def sources(self, run: Run) -> Iterator[tuple[Source, bool]]:
        """Yield where a run stands, and whether a program has written it there.

        Raises ReferencesError if the index is damaged.
        """
        arrays, about = self.file.arrays, self.file.about
        line = self._line(run)
        begin, end = arrays["owner_starts"][run.text : run.text + 2].tolist()
        try:
            for owner in range(begin, end):
                project = about.projects[int(arrays["owner_projects"][owner])]
                licence = about.licences[int(arrays["owner_licences"][owner])]
                first, last = arrays["path_starts"][owner : owner + 2].tolist()
                path = arrays["paths"][first:last].tobytes().decode()
                source = Source(
                    index=about.name,
                    project=project.name,
                    path=path,
                    line=line,
                    licence=licence.expression,
                    licence_class=licence.licence_class,
                    link=project.link,
                )
                yield source, bool(arrays["owner_flags"][owner] & GENERATED)
        except (IndexError, UnicodeDecodeError) as error:
            raise ReferencesError(f"The index {self.file.path} is damaged ({error}).") from error

    def bounds(self, place: int) -> tuple[int, int, int]:
        """Return the number of the text that has the token at `place`, its begin and its end."""
        text = int(np.searchsorted(self._starts, place, side="right")) - 1
        return text, int(self._starts[text]), int(self._starts[text + 1])

    def stored(self, begin: int, end: int) -> Codes:
        """Return what is stored of tokens."""
        return self._tokens[begin:end]

    def windows(self, places: Positions, width: int) -> Codes:
        """Return `width` tokens from each of `places`; what is not there repeats what is."""
        wanted = places[:, None] + np.arange(width)
        found: Codes = self._tokens[np.clip(wanted, 0, len(self._tokens) - 1)]
        return found

    def _places(self, asked: Question, rule: Rule) -> tuple[Positions, Positions]:
        """Return pairs of a token of the text and a token of the index where grams are the same.

        Those whose gram stands in few places come first.
        """
        firsts, values = asked.probes[rule]
        which, places = self._fingerprints[rule].find(values)
        inside = places + rule.k <= len(self._tokens)
        return firsts[which][inside], places[inside]

    def _line(self, run: Run) -> int:
        arrays = self.file.arrays
        begin, end = arrays["line_starts"][run.text : run.text + 2].tolist()
        counts = arrays["lines"][begin:end]
        behind = np.cumsum(counts, dtype=np.int64)
        at = int(np.searchsorted(behind, run.place - int(self._starts[run.text]), side="right"))
        return at + 1 - int((counts[:at] == _ESCAPE).sum())


_PARTS = ("buckets", "rests", "places")


_NOWHERE = np.zeros(0, np.int64)


@dataclass(frozen=True)
class _Fingerprints:
    """Sorted values, by their upper bits, and where they are."""

    buckets: npt.NDArray[np.uint64]
    rests: npt.NDArray[np.uint64]
    places: npt.NDArray[np.uint64]

    def find(self, values: Hashes) -> tuple[Positions, Positions]:
        """Return for each place of `values` which of them it is one of, and the place.

        Those of values with few places come first.
        """
        shift = np.uint64(VALUE_BITS - (len(self.buckets) - 1).bit_length() + 1)
        buckets = (values >> shift).astype(np.int64)
        begins = self.buckets[buckets].astype(np.int64)
        ends = self.buckets[buckets + 1].astype(np.int64)
        some = np.flatnonzero(ends > begins)
        wanted = (values[some] & ((np.uint64(1) << shift) - np.uint64(1))).astype(self.rests.dtype)
        firsts = self._bisect(wanted, begins[some], ends[some], after=False)
        inside = firsts < ends[some]
        if not inside.any():
            return _NOWHERE, _NOWHERE
        hits = np.flatnonzero(inside & (self.rests[np.where(inside, firsts, 0)] == wanted))
        if not len(hits):
            return _NOWHERE, _NOWHERE
        lasts = self._bisect(wanted[hits], firsts[hits], ends[some][hits], after=True)
        which, places = [], []
        rare_first = np.argsort(lasts - firsts[hits], kind="stable")
        begins, ends, some = firsts[hits][rare_first], lasts[rare_first], some[hits][rare_first]
        for value, first, last in zip(some.tolist(), begins.tolist(), ends.tolist(), strict=True):
            step = -(-(last - first) // MOST_PLACES)
            some_places = self.places[first:last:step].astype(np.int64)
            places.append(some_places)
            which.append(np.full(len(some_places), value, np.int64))
        return np.concatenate(which), np.concatenate(places)

    def _bisect(
        self, wanted: npt.NDArray[np.uint64], low: Positions, high: Positions, *, after: bool
    ) -> Positions:
        """Return where each of `wanted` would stand before its equals, or behind them."""
        low, high = low.copy(), high.copy()
        while (open_ := low < high).any():
            middle = (low + high) >> 1
            here = self.rests[np.minimum(middle, len(self.rests) - 1)]
            right = (here <= wanted) if after else (here < wanted)
            low = np.where(open_ & right, middle + 1, low)
            high = np.where(open_ & ~right, middle, high)
        return low


class _Search:
    """Extends what fingerprints found to the longest runs, for one text and one rule."""

    def __init__(self, index: Index, codes: Codes, rule: Rule, least: int) -> None:
        self._index = index
        self._codes = codes
        self._rule = rule
        self._least = least
        self._shapes = self._shape(codes)

    def runs(self, found: tuple[Positions, Positions]) -> list[Run]:
        most = max(MOST_PAIRS, 8 * len(self._codes))
        firsts, places = self._promising(found[0][:most], found[1][:most])
        left = max(MOST_EXTENDED, len(self._codes))
        runs: list[Run] = []
        # All pairs of a run lie on one diagonal.
        followed: dict[int, list[tuple[int, int]]] = {}
        for first, place in zip(firsts.tolist(), places.tolist(), strict=True):
            shift = place - first
            known = followed.setdefault(shift, [])
            if any(begin <= first < end for begin, end in known):
                continue
            begin, end = self._extended(first, place)
            known.append((begin, end))
            if end - begin >= self._least:
                text = self._index.bounds(place)[0]
                runs += self._confirmed(text, begin, end, shift)
            left -= 1
            if not left:
                break
        return runs

    def _promising(self, firsts: Positions, places: Positions) -> tuple[Positions, Positions]:
        """Leave out pairs where a run would be too short, by what stands around them."""
        if len(firsts) < _FEW:
            return firsts, places
        width = self._least + self._least - self._rule.k
        before = self._least - self._rule.k
        there = self._shape(self._index.windows(places - before, width))
        wanted = (firsts - before)[:, None] + np.arange(width)
        inside = (wanted >= 0) & (wanted < len(self._codes))
        here = self._shapes[np.clip(wanted, 0, len(self._codes) - 1)]
        differs = (here != there) | ~inside
        left = differs[:, :before][:, ::-1]
        right = differs[:, before:]
        backwards = np.where(left.any(axis=1), left.argmax(axis=1), before)
        forwards = np.where(right.any(axis=1), right.argmax(axis=1), self._least)
        kept = (backwards + forwards >= self._least) & (forwards >= self._rule.k)
        return firsts[kept], places[kept]

    def _extended(self, first: int, place: int) -> tuple[int, int]:
        """Return the run of the text that agrees around a pair, within the indexed text."""
        _, begin, end = self._index.bounds(place)
        shift = place - first
        low, high = max(0, begin - shift), min(len(self._codes), end - shift)
        there = self._shape(self._index.stored(low + shift, high + shift))
        differs = np.flatnonzero(self._shapes[low:high] != there)
        at = int(np.searchsorted(differs, first - low))
        if at < len(differs) and differs[at] == first - low:
            return first, first
        before = int(differs[at - 1]) + 1 if at else 0
        after = int(differs[at]) if at < len(differs) else high - low
        return low + before, low + after

    def _confirmed(self, text: int, begin: int, end: int, shift: int) -> Iterator[Run]:
        if self._rule.names_count:
            yield Run(begin, end, text, begin + shift, Likeness.VERBATIM)
            return
        here, there = self._codes[begin:end], self._index.stored(begin + shift, end + shift)
        if not _may_be_renamed(here, there, self._least):
            return
        for first, last in consistent_runs(here.tolist(), there.tolist(), self._least):
            place = begin + first + shift
            yield Run(begin + first, begin + last, text, place, Likeness.RENAMED)

    def _shape(self, codes: Codes) -> Codes:
        if self._rule.names_count:
            return codes
        return np.where(codes & IDENTIFIER, np.uint16(IDENTIFIER), codes)


SAME_NAMES = 0.25
"""Least share of identifiers in a renamed run that are the same in both: whoever renames what is
his own cannot rename what he calls. Without it, tables of like lines would be alike."""

DIFFERENT_NAMES = 12
"""Different identifiers that a renamed run has at least."""


def _may_be_renamed(here: Codes, there: Codes, least: int) -> bool:
    """Say whether enough names are the same anywhere; quick, and never wrong to say no.

    A run with its share of them has a part of `least` tokens with nearly as many.
    """
    names = np.cumsum(here & IDENTIFIER, dtype=np.int64)
    same = np.cumsum((here & IDENTIFIER) & (here == there), dtype=np.int64)
    in_part = np.concatenate(([0], names))[least:] - np.concatenate(([0], names))[:-least]
    alike = np.concatenate(([0], same))[least:] - np.concatenate(([0], same))[:-least]
    return bool((alike >= SAME_NAMES / 2 * in_part).any())


def consistent_runs(here: Sequence[int], there: Sequence[int], least: int) -> list[tuple[int, int]]:
    """Return the runs of two texts of one shape in which each name stands for one other only.

    Takes codes as an index stores them. Runs have `least` tokens or more and enough names, some of
    which are the same in both; of those that overlap the longest counts.
    """
    found = [
        (first, last)
        for first, last in _consistent(here, there)
        if last - first >= least and _is_renamed(here[first:last], there[first:last])
    ]
    kept: list[tuple[int, int]] = []
    for first, last in sorted(found, key=lambda run: (run[0] - run[1], run[0])):
        if all(last <= begin or end <= first for begin, end in kept):
            kept.append((first, last))
    return sorted(kept)


def _consistent(here: Sequence[int], there: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield all runs that cannot be longer without a name that stands for two."""
    partner: dict[tuple[bool, int], tuple[int, int]] = {}
    begin = 0
    for at, pair in enumerate(zip(here, there, strict=True)):
        if not pair[0] & IDENTIFIER:
            continue
        after = begin
        for side in (False, True):
            own, other = pair[side], pair[not side]
            known = partner.get((side, own))
            if known is not None and known[0] != other:
                after = max(after, known[1] + 1)
            partner[side, own] = (other, at)
        if after > begin:
            yield begin, at
            begin = after
    yield begin, len(here)


def _is_renamed(here: Sequence[int], there: Sequence[int]) -> bool:
    names = [pair for pair in zip(here, there, strict=True) if pair[0] & IDENTIFIER]
    same = sum(own == other for own, other in names)
    return len(set(names)) >= DIFFERENT_NAMES and SAME_NAMES <= same / len(names) < 1
