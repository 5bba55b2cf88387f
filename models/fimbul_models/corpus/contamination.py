"""The stage that drops what shares text with evaluation sets, so that figures mean something.

Two looks at each file. Ten words in a row of an evaluation's text are enough to drop it (as for
DeepSeek-Coder, arXiv 2401.14196, and Qwen2.5-Coder, arXiv 2409.12186): of a set whose texts stand
alone, such as HumanEval, all of the text counts; of places in other people's files the answer with
what is around it, since the files say much that says nothing about the answer. And a file that has
most of such an evaluation file in it is a copy of it, whatever it is called. Knows nothing about
how answers are judged.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
import xxhash

from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, Record, dropped
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.items import Item, read_humaneval, read_items

_WORD = re.compile(r"\w+")
_SAMPLED = 8
"""One in so many runs of words of a whole file is kept to know it again."""
_FEWEST_SAMPLES = 4
"""A file with fewer kept runs is only known by the text around its answers."""


class ContaminationRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a corpus may not share text with, and how much is too much."""

    humaneval: tuple[str, ...] = ()
    """Files of HumanEval's infilling data, relative to the recipe."""
    items: tuple[str, ...] = ()
    """Files that ``fimbul-models items`` wrote, relative to the recipe."""
    words: int = 10
    """Length of the run of words that must not be shared."""
    common: int = 3
    """A run that stands in more evaluation texts than that (projects, or tasks) is a licence's or
    a language's, and does not count."""
    whole: float = 0.5
    """Share of an evaluation file's runs from which a file is a copy of it."""


@dataclass(frozen=True)
class Evaluations:
    """What is known of the evaluation sets."""

    words: int
    runs: frozenset[int]
    """Digests of runs of words, any of which gives a file away."""
    files: tuple[frozenset[int], ...]
    """Sampled digests of the runs of each whole evaluation file."""
    by_run: dict[int, tuple[int, ...]]
    """Which of `files` have a sampled run."""
    whole: float
    digest: str
    """Of all that was read and asked for; what depends on the evaluations depends on it."""

    def verdict(self, text: str) -> str:
        """Return what `text` shares with the evaluations; empty if nothing that counts."""
        found = runs_of(text, self.words)
        if shared := sum(1 for run in set(found) if run in self.runs):
            return f"{shared} runs of {self.words} words"
        seen: dict[int, int] = {}
        for run in set(found):
            for number in self.by_run.get(run, ()):
                seen[number] = seen.get(number, 0) + 1
        share = max((count / len(self.files[number]) for number, count in seen.items()), default=0)
        return f"{share:.0%} of a file" if share >= self.whole else ""


def runs_of(text: str, words: int) -> list[int]:
    """Return digests of all runs of so many `words` in `text`, in lower case, marks left out.

    A text with fewer words is one run.
    """
    found = [match[0].lower() for match in _WORD.finditer(text)]
    if len(found) < words:
        return [_digest(found)] if found else []
    return [_digest(found[at : at + words]) for at in range(len(found) - words + 1)]


def _digest(words: Sequence[str]) -> int:
    return xxhash.xxh3_64_intdigest(" ".join(words).encode("utf-8", "surrogatepass"))


def evaluations_of(items: Sequence[Item], rules: ContaminationRules, digest: str) -> Evaluations:
    """Return what `items` give away, `digest` being that of where they are from."""
    texts: dict[int, set[str]] = {}
    documents: dict[tuple[str, str], str] = {}
    for item in items:
        document = item.prefix + item.answer + item.suffix
        # The tasks of HumanEval come once for each line of their solution, under one path.
        name = item.project or item.path
        if item.project:
            documents[item.project, item.path] = document
            telling = _around(item, rules.words)
        else:
            telling = document
        for run in runs_of(telling, rules.words):
            texts.setdefault(run, set()).add(name)
    runs = frozenset(run for run, names in texts.items() if len(names) <= rules.common)
    sampled = [
        frozenset(run for run in runs_of(text, rules.words) if run % _SAMPLED == 0)
        for _, text in sorted(documents.items())
    ]
    files = tuple(sample for sample in sampled if len(sample) >= _FEWEST_SAMPLES)
    by_run: dict[int, list[int]] = {}
    for number, sample in enumerate(files):
        for run in sample:
            by_run.setdefault(run, []).append(number)
    numbers = {run: tuple(found) for run, found in by_run.items()}
    return Evaluations(rules.words, runs, files, numbers, rules.whole, digest)


def _around(item: Item, words: int) -> str:
    """Return the answer with as many words on both sides as a run may have besides one of it."""
    before = [match.start() for match in _WORD.finditer(item.prefix[-4000:])][-(words - 1) :]
    start = before[0] - len(item.prefix[-4000:]) if before else 0
    behind = list(_WORD.finditer(item.suffix[:4000]))[: words - 1]
    end = behind[-1].end() if behind else 0
    return (item.prefix[start:] if start else "") + item.answer + item.suffix[:end]


@lru_cache(maxsize=4)
def read_evaluations(rules: ContaminationRules, folder: Path) -> Evaluations:
    """Read the sets that `rules` name, relative to `folder`; each process reads them once.

    Raises RecipeError if one cannot be read.
    """
    whole = hashlib.sha256(msgspec.json.encode(rules, order="deterministic"))
    items: list[Item] = []
    for names, read in ((rules.humaneval, _read_humaneval), (rules.items, read_items)):
        for name in names:
            path = folder / name
            items += read(path)
            whole.update(path.read_bytes())
    if (rules.humaneval or rules.items) and not items:
        raise RecipeError(f"The evaluation sets in {folder} hold no items; nothing to keep out.")
    return evaluations_of(items, rules, whole.hexdigest()[:16])


def _read_humaneval(path: Path) -> list[Item]:
    return read_humaneval(path, None, 0)


@dataclass(frozen=True)
class Contamination:
    """Drops files that share text with evaluation sets."""

    evaluations: Evaluations
    name: str = "contamination"

    def __call__(self, records: Iterable[Record]) -> Iterator[Record | Drop]:
        """Look at each file for itself."""
        for record in records:
            known = self.evaluations
            shared = known.verdict(record.text) if known.runs or known.files else ""
            yield dropped(record, self.name, Reason.EVALUATION, shared) if shared else record
