"""Choose among the candidates of all sources: which, how many, and in which order.

Sources rank in their own ways, so ranks are fused, not scores (reciprocal rank fusion, Cormack,
Clarke and Buettcher 2009, as Cody does it). What was chosen before and is still wanted keeps its
place at the front, so that yesterday's prompt is a prefix of today's. Pure: token counts come in
as a function.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import xxhash

from lsp_server.context.candidate import Candidate
from lsp_server.text import split_lines
from lsp_server.types import Snippet

RANK_CONSTANT = 60
"""How little the first ranks of a source count more than the next; the usual value."""

SHOWN_SHARE = 0.7
"""Share of a candidate's lines that the window shows already, above which it adds nothing."""

SNIPPET_OVERHEAD = 12
"""Tokens that a snippet costs beside its text: a separator and its file's name."""

WEIGHTS: Mapping[str, float] = {"members": 3.0, "imports": 2.0, "package": 1.5, "edits": 0.7}
"""How much a source's ranks count; 1 where none is given."""


class Verdict(enum.Enum):
    """What became of a candidate."""

    TAKEN = "taken"
    SAME = "same as another one"
    """The same text, or lines of the same file that another one holds."""
    SHOWN = "shown by the window"
    NO_ROOM = "no room"
    SWITCHED_OFF = "source switched off"
    """Only `fimbul explain` asks such sources."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate, and what became of it."""

    candidate: Candidate
    score: float
    """Fused over all sources that found it."""
    sources: tuple[str, ...]
    """All sources that found it."""
    tokens: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Selection:
    """What the model sees of other files."""

    snippets: tuple[Snippet, ...] = ()
    """In the order of the prompt."""
    judged: tuple[Judged, ...] = ()
    """Every candidate, the best first."""
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class _Fused:
    candidate: Candidate
    score: float
    sources: tuple[str, ...]


def texts_to_count(found: Mapping[str, Sequence[Candidate]]) -> list[str]:
    """Return the texts whose token counts `select` may ask for."""
    return list(dict.fromkeys(item.text for rows in found.values() for item in rows))


def select(
    found: Mapping[str, Sequence[Candidate]],
    budget: int,
    window: Sequence[str],
    count_tokens: Callable[[str], int],
    previous: Sequence[Snippet] = (),
) -> Selection:
    """Return the best candidates of `found` that fit `budget` tokens.

    `window` holds the lines that the model sees anyway; `previous` what it saw of other files
    last time, whose text is paid for already.
    """
    shown = frozenset(line.strip() for line in window)
    judged: list[Judged] = []
    taken: list[Judged] = []
    spent = 0
    for item in _fuse(found):
        tokens = count_tokens(item.candidate.text) + SNIPPET_OVERHEAD
        verdict = _verdict(item.candidate, shown, taken)
        if verdict is Verdict.TAKEN and spent + tokens > budget:
            verdict = Verdict.NO_ROOM
        row = Judged(item.candidate, item.score, item.sources, tokens, verdict)
        judged.append(row)
        if verdict is Verdict.TAKEN:
            taken.append(row)
            spent += tokens
    snippets = _arrange([row.candidate for row in taken], previous)
    return Selection(snippets, tuple(judged), spent)


def digest(text: str) -> int:
    """Return a number that is the same for texts that differ in blanks only."""
    return xxhash.xxh3_64_intdigest("\n".join(line.strip() for line in split_lines(text)).encode())


def _fuse(found: Mapping[str, Sequence[Candidate]]) -> list[_Fused]:
    scores: dict[tuple[str, int], float] = {}
    first: dict[tuple[str, int], Candidate] = {}
    sources: dict[tuple[str, int], list[str]] = {}
    for source, candidates in found.items():
        for rank, candidate in enumerate(candidates):
            key = (candidate.path, digest(candidate.text))
            first.setdefault(key, candidate)
            gain = WEIGHTS.get(source, 1.0) / (RANK_CONSTANT + rank)
            scores[key] = scores.get(key, 0.0) + gain
            sources.setdefault(key, []).append(source)
    order = sorted(first, key=lambda key: (-scores[key], first[key].path, first[key].first_line))
    return [_Fused(first[key], scores[key], tuple(dict.fromkeys(sources[key]))) for key in order]


def _verdict(candidate: Candidate, shown: frozenset[str], taken: Sequence[Judged]) -> Verdict:
    for row in taken:
        other = row.candidate
        overlaps = candidate.first_line < other.end_line and other.first_line < candidate.end_line
        if (other.path == candidate.path and overlaps) or digest(other.text) == digest(
            candidate.text
        ):
            return Verdict.SAME
    lines = [line.strip() for line in split_lines(candidate.text) if line.strip()]
    repeated = sum(line in shown for line in lines)
    if not lines or repeated >= SHOWN_SHARE * len(lines):
        return Verdict.SHOWN
    return Verdict.TAKEN


def _arrange(taken: Sequence[Candidate], previous: Sequence[Snippet]) -> tuple[Snippet, ...]:
    """Return what was taken: first what stood there before in its old order, the best last."""
    wanted = {(candidate.path, candidate.text) for candidate in taken}
    kept = [snippet for snippet in previous if (snippet.path, snippet.text) in wanted]
    there = {(snippet.path, snippet.text) for snippet in kept}
    fresh = [item for item in reversed(taken) if (item.path, item.text) not in there]
    return (*kept, *(_snippet(candidate) for candidate in fresh))


def _snippet(candidate: Candidate) -> Snippet:
    return Snippet(candidate.path, candidate.text, candidate.source)
