"""How many labels are needed if files are chosen, against choosing at random and labelling all.

A cheap classifier (hashed words, logistic regression) is trained on more and more labels, and
judged on files of other repositories. Labels are added where it is least sure, with and without
leaving out what says nearly the same, or at random; all begin with the same few. Two sets:
installed packages, where the path tells whether a Python file is a test and the classifier sees
the text only; and made-up files of many topics, a few of them common, of which copies lie about.

    python -m benchmarks.corpus_active [--files N] [--seeds N] [--only real|made]
"""

import argparse
import json
import random
import sysconfig
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from benchmarks.corpus_duplicates import read
from fimbul_models.corpus.active import ActiveRules, choose, unsure_files
from fimbul_models.corpus.records import Record

SIZES = (20, 40, 80, 120, 160, 240, 320, 480)
"""Labels at which the classifier is judged."""

NEAR = 0.01
"""Below the macro F1 of all labels; what is not worse by more counts as reaching it."""

CHARACTERS = 6_000
"""Code points of a file that the classifier sees."""


@dataclass(frozen=True)
class Labelled:
    """A set of files whose classes are known."""

    name: str
    records: Sequence[Record]
    labels: NDArray[np.int64]
    features: Any
    """Sparse matrix, a row a file."""


def real(count: int) -> Labelled:
    """Return Python files of installed packages; tests are class 1."""
    records = read(Path(sysconfig.get_paths()["purelib"]), count)
    labels = [int(_is_test(PurePosixPath(record.path))) for record in records]
    return _labelled("tests among installed Python files", records, labels)


def _is_test(path: PurePosixPath) -> bool:
    folders = {"test", "tests", "testing"} & set(path.parts[:-1])
    return bool(folders) or path.name.startswith("test_") or path.stem.endswith("_test")


def made(count: int) -> Labelled:
    """Return made-up files: 40 topics, the commonest hundreds of times as common as the rarest.

    Every third topic is class 1; a third of the files are copies of others but for some words.
    """
    chance = random.Random("made")  # noqa: S311  # Repeatable, not secret.
    topics = list(range(40))
    weights = [1 / (1 + topic) ** 1.5 for topic in topics]
    records: list[Record] = []
    labels: list[int] = []
    while len(records) < count:
        topic = chance.choices(topics, weights)[0]
        words = [
            f"topic{topic}word{chance.randrange(30)}"
            if chance.random() < 0.15
            else f"word{chance.randrange(2000)}"
            for _ in range(120)
        ]
        for _ in range(chance.choice((1, 1, 1, 4))):
            words[chance.randrange(len(words))] = f"word{chance.randrange(2000)}"
            number = len(records)
            repository = f"git:{number // 40}"
            text = " ".join(words)
            path = f"{number}.py"
            records.append(
                Record(source="b", repository=repository, path=path, text=text, digest="")
            )
            labels.append(int(topic % 3 == 1))
    return _labelled("made-up topics", records[:count], labels[:count])


def _labelled(name: str, records: Sequence[Record], labels: Sequence[int]) -> Labelled:
    hashing = HashingVectorizer(n_features=2**13, alternate_sign=False)
    begins = [msgspec.structs.replace(one, text=one.text[:CHARACTERS]) for one in records]
    features = hashing.transform([record.text for record in begins])
    return Labelled(name, begins, np.array(labels, dtype=np.int64), features)


def fitted(of: Labelled, rows: Sequence[int]) -> Any:
    """Return the classifier trained on some rows."""
    classifier = LogisticRegression(
        C=30.0, class_weight="balanced", solver="liblinear", random_state=0
    )
    return classifier.fit(of.features[rows], of.labels[rows])


Pick = Callable[[Labelled, Any, list[int], list[int], int, random.Random], list[int]]
"""Given a classifier, the rows without and with a label, chooses so many of those without."""


def at_random(
    _of: Labelled,
    _classifier: Any,
    pool: list[int],
    _known: list[int],
    count: int,
    chance: random.Random,
) -> list[int]:
    """Choose any."""
    return chance.sample(pool, count)


def least_sure(
    of: Labelled,
    classifier: Any,
    pool: list[int],
    _known: list[int],
    count: int,
    _chance: random.Random,
) -> list[int]:
    """Choose those of which the classifier is least sure."""
    sure = classifier.predict_proba(of.features[pool]).max(axis=1)
    return [pool[number] for number in np.argsort(sure, kind="stable")[:count]]


def least_sure_and_diverse(
    of: Labelled,
    classifier: Any,
    pool: list[int],
    known: list[int],
    count: int,
    chance: random.Random,
) -> list[int]:
    """Choose as `fimbul_models.corpus.active` does; what it leaves open is filled at random."""
    chances = classifier.predict_proba(of.features[pool])
    row_of = {of.records[row].key: row for row in pool}
    rules = ActiveRules(count=count)
    candidates = unsure_files([of.records[row] for row in pool], chances)
    chosen = choose(candidates, rules, [of.records[row].text for row in known])
    rows = [row_of[one.key] for one in chosen]
    left = sorted(set(pool) - set(rows))
    return rows + chance.sample(left, count - len(rows))


WAYS: dict[str, Pick] = {
    "random": at_random,
    "least sure": least_sure,
    "least sure, diverse": least_sure_and_diverse,
}


def curves(of: Labelled, seed: int) -> tuple[dict[str, list[float]], float]:
    """Return the macro F1 of each way at each of `SIZES`, and that of all labels."""
    chance = random.Random(f"{seed}:active")  # noqa: S311  # Repeatable, not secret.
    repositories = sorted({record.repository for record in of.records})
    chance.shuffle(repositories)
    judging, judged = set(), 0
    for repository in repositories:
        # Whole repositories until a third of the files judges.
        if judged < len(of.records) / 3:
            judging.add(repository)
            judged += sum(record.repository == repository for record in of.records)
    test = [row for row, one in enumerate(of.records) if one.repository in judging]
    train = [row for row, one in enumerate(of.records) if one.repository not in judging]
    start = _first(of, train, chance)

    def judge(rows: Sequence[int]) -> float:
        given = fitted(of, rows).predict(of.features[test])
        return float(f1_score(of.labels[test], given, average="macro"))

    found = {}
    for name, pick in WAYS.items():
        rows, own, scores = list(start), random.Random(f"{seed}:{name}"), []  # noqa: S311
        for size in SIZES:
            pool = sorted(set(train) - set(rows))
            if size > len(rows):
                rows += pick(of, fitted(of, rows), pool, rows, size - len(rows), own)
            scores.append(judge(rows))
        found[name] = scores
    return found, judge(train)


def _first(of: Labelled, train: Sequence[int], chance: random.Random) -> list[int]:
    """Return the first rows, at random; two of each class at least."""
    order = list(train)
    chance.shuffle(order)
    some = [row for label in (0, 1) for row in [r for r in order if of.labels[r] == label][:2]]
    return some + [row for row in order if row not in some][: SIZES[0] - len(some)]


def needed(scores: NDArray[np.float64], full: float) -> int | None:
    """Return the labels from which on the mean score is as good as with all, at every size."""
    reached = scores.mean(axis=0) >= full - NEAR
    below = np.flatnonzero(~reached)
    first = 0 if not len(below) else int(below[-1]) + 1
    return SIZES[first] if first < len(SIZES) else None


def compare(of: Labelled, seeds: int) -> dict[str, Any]:
    """Print the curves of a set, and return them."""
    began = time.perf_counter()
    runs = [curves(of, seed) for seed in range(seeds)]
    full = float(np.mean([whole for _, whole in runs]))
    by_way = {name: np.array([found[name] for found, _ in runs]) for name in WAYS}
    pool = round(len(of.records) * 2 / 3)
    print(f"\n{of.name}: {len(of.records)} files, {of.labels.mean():.1%} of class 1")
    print(f"all labels (about {pool}): macro F1 {full:.3f}; mean over {seeds} seeds\n")
    print(f"| labels | {' | '.join(WAYS)} | ahead of random, seeds |")
    print("| --- " * (len(WAYS) + 2) + "|")
    chosen = by_way["least sure, diverse"]
    for number, size in enumerate(SIZES):
        means = " | ".join(f"{by_way[name][:, number].mean():.3f}" for name in WAYS)
        ahead = int((chosen[:, number] > by_way["random"][:, number]).sum())
        print(f"| {size} | {means} | {ahead} of {seeds} |")
    return {
        "set": of.name,
        "files": len(of.records),
        "positive": float(of.labels.mean()),
        "all_labels": full,
        "sizes": SIZES,
        "macro_f1": {name: np.round(by_way[name].mean(axis=0), 4).tolist() for name in WAYS},
        "needed": {name: needed(by_way[name], full) for name in WAYS},
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> None:
    """Print both sets' curves and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", choices=("real", "made"))
    options = parser.parse_args()
    sets = {"real": real, "made": made}
    names = [options.only] if options.only else list(sets)
    results = [compare(sets[name](options.files), options.seeds) for name in names]
    print(json.dumps(results))


if __name__ == "__main__":
    main()
