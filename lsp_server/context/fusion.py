"""Choose among the candidates of all sources: which, how many, and in which order.

Sources rank in their own ways, so ranks are fused, not scores (reciprocal rank fusion, Cormack,
Clarke and Buettcher 2009, as Cody does it). What was chosen before and is still wanted keeps its
place at the front, so that yesterday's prompt is a prefix of today's. Pure: token counts come in
as a function.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import xxhash

from lsp_server.context.candidate import Candidate
from lsp_server.text import split_lines
from lsp_server.types import Snippet

RANK_CONSTANT = 60
"""How little the first ranks of a source count more than the next; the usual value."""

SHOWN_SHARE = 0.7
"""Share of a candidate's lines that the window shows already, above which it adds nothing."""

SNIPPET_OVERHEAD = 12
"""Tokens that the first snippet of a file costs beside its text: a separator and the name."""

LARGEST_SHARE = 3
"""A candidate with a shorter form takes at most this part of the budget; otherwise one long class
would keep out everything else."""

RECEIVER = "members"
"""The source that knows what stands left of the dot; its candidates may take the whole budget."""

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
    texts = (text for rows in found.values() for item in rows for text in (item.text, item.brief))
    return list(dict.fromkeys(text for text in texts if text))


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
        verdict = _verdict(item.candidate, shown, taken)
        paths = {row.candidate.path for row in taken}
        overhead = 0 if item.candidate.path in paths else SNIPPET_OVERHEAD
        share = budget if item.candidate.source == RECEIVER else budget // LARGEST_SHARE
        room = min(budget - spent, share) - overhead
        candidate, tokens = _fitting(item.candidate, room, count_tokens)
        tokens += overhead
        if verdict is Verdict.TAKEN and spent + tokens > budget:
            verdict = Verdict.NO_ROOM
        row = Judged(candidate, item.score, item.sources, tokens, verdict)
        judged.append(row)
        if verdict is Verdict.TAKEN:
            taken.append(row)
            spent += tokens
    snippets = _arrange([row.candidate for row in taken], previous)
    return Selection(snippets, tuple(judged), spent)


def _fitting(
    candidate: Candidate, room: int, count_tokens: Callable[[str], int]
) -> tuple[Candidate, int]:
    """Return the candidate, or its shorter form if only that fits, and what it costs."""
    tokens = count_tokens(candidate.text)
    if tokens <= room or not candidate.brief:
        return candidate, tokens
    brief = count_tokens(candidate.brief)
    if brief > room:
        return candidate, tokens
    return replace(candidate, text=candidate.brief, brief=""), brief


def digest(text: str) -> int:
    """Return a number that is the same for texts that differ in blanks only."""
    stripped = "\n".join(line.strip() for line in split_lines(text))
    return xxhash.xxh3_64_intdigest(stripped.encode("utf-8", "surrogatepass"))


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
    fresh = [item for item in taken if (item.path, item.text) not in there]
    # Those of one file stand together, so that its name is said once.
    paths = list(dict.fromkeys(item.path for item in fresh))
    order = sorted(range(len(fresh)), key=lambda at: (-paths.index(fresh[at].path), -at))
    return (*kept, *(_snippet(fresh[at]) for at in order))


def _snippet(candidate: Candidate) -> Snippet:
    return Snippet(candidate.path, candidate.text, candidate.source)
