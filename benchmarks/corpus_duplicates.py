"""Near duplicates as they are found by bands, held against comparing every pair.

Takes real source files of installed packages, or of any folder, computes the exact Jaccard
similarity of all pairs (a product of sparse matrices) and says how many of the true pairs are
found, and how many of those found are true; also seconds of processor time for signing and
looking. Copies that are changed a little are planted across a split, and counted where they
survive. With `--many` signatures are made up instead, to see what a great number of files needs
in memory and time.

    python -m benchmarks.corpus_duplicates [--folder DIR] [--files N] [--similarity S]
    python -m benchmarks.corpus_duplicates --many 200000
"""

import argparse
import json
import random
import resource
import sysconfig
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import scipy.sparse
import xxhash

from fimbul_models.corpus.duplicates import (
    DuplicateRules,
    Signature,
    find_duplicates,
    sign,
    similar_pairs,
)
from fimbul_models.corpus.near import PERMUTATIONS, jaccard, shingles_of
from fimbul_models.corpus.pipeline import LEAK_ROWS
from fimbul_models.corpus.records import Record
from fimbul_models.corpus.splitting import find_leaks

LARGEST = 200_000
"""Bytes; larger files are data, and would make the comparison of all pairs slow."""

LEAKS = 1000
"""Files of which a copy is planted across a split."""


def read(folder: Path, count: int) -> list[Record]:
    """Return `count` files below `folder`, the same ones every time."""
    paths = sorted(
        folder.rglob("*.py"), key=lambda path: xxhash.xxh3_64_hexdigest(str(path).encode())
    )
    records: list[Record] = []
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="replace")
        if 0 < len(text) <= LARGEST:
            name = str(path.relative_to(folder))
            repository = f"folder:{name.partition('/')[0]}"
            records.append(
                Record(source="b", repository=repository, path=name, text=text, digest="")
            )
        if len(records) == count:
            break
    return records


def true_pairs(texts: Sequence[str], similarity: float) -> set[tuple[int, int]]:
    """Return all pairs that are at least so similar, by comparing every pair."""
    sets = [shingles_of(text) for text in texts]
    known, columns = np.unique(np.concatenate(sets), return_inverse=True)
    rows = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    ones = np.ones(len(rows), dtype=np.int32)
    matrix = scipy.sparse.csr_array((ones, (rows, columns)), shape=(len(sets), len(known)))
    shared = scipy.sparse.triu(matrix @ matrix.T, k=1).tocoo()
    sizes = np.array([len(one) for one in sets])
    both = sizes[shared.row] + sizes[shared.col] - shared.data
    alike = shared.data / both >= similarity
    return set(zip(shared.row[alike].tolist(), shared.col[alike].tolist(), strict=True))


def found_pairs(
    signatures: Sequence[Signature], records: Sequence[Record], rules: DuplicateRules
) -> tuple[set[tuple[int, int]], int]:
    """Return the pairs that bands lead to, and how many were compared."""
    texts = {record.key: record.text for record in records}

    def texts_of(keys: Sequence[str]) -> Iterator[tuple[str, str]]:
        return ((key, texts[key]) for key in keys)

    pairs = list(similar_pairs(signatures, texts_of, rules))
    return {(a, b) for a, b in pairs if a is not None and b is not None}, len(pairs)


def planted_leaks(records: Sequence[Record], rules: DuplicateRules) -> dict[str, int]:
    """Plant changed copies of files on another side; return how many there are and survive.

    A copy has lost and got some words, in one place or all over, and is still similar enough.
    """
    finer = msgspec.structs.replace(rules, rows=LEAK_ROWS)
    chance = random.Random("leaks")  # noqa: S311  # Repeatable, not secret.
    sides, everything, planted = {}, list(records), set()
    for record in records:
        sides[record.key] = "train"
        copy = _changed(record, chance)
        if jaccard(shingles_of(record.text), shingles_of(copy.text)) >= rules.similarity:
            everything.append(copy)
            sides[copy.key] = chance.choice(["validation", "test"])
            planted.add(record.key)
    texts = {record.key: record.text for record in everything}

    def texts_of(keys: Sequence[str]) -> Iterator[tuple[str, str]]:
        return ((key, texts[key]) for key in keys)

    signatures = [sign(record, finer) for record in everything]
    leaks = {leak.key for leak in find_leaks(signatures, sides, texts_of, finer)}
    left = [one for one in signatures if one.key not in leaks]
    again = list(find_leaks(left, sides, texts_of, finer))
    return {
        "leaks_planted": len(planted),
        "leaks_that_survive": len(planted - leaks),
        "leaks_found_again": len(again),
    }


def _changed(record: Record, chance: random.Random) -> Record:
    words = record.text.split(" ")
    if chance.random() < 0.5:
        start = chance.randrange(len(words))
        end = min(len(words), start + len(words) // 6)
        words[start:end] = [f"other{number}" for number in range(end - start)]
    else:
        words = [f"{word}x" if chance.random() < 0.02 else word for word in words]
    repository = f"{record.repository}-copy"
    return msgspec.structs.replace(record, repository=repository, text=" ".join(words))


def many(count: int) -> dict[str, float]:
    """Decide about made-up signatures, a tenth of them near duplicates; return what it took.

    Bands are random; copies share some with their originals, as files of similarity 0.8 do.
    """
    chance = np.random.default_rng(1)
    bands = chance.integers(0, 2**63, (count, PERMUTATIONS // 6), dtype=np.uint64)
    copies = np.arange(9, count, 10)
    shared = chance.random((len(copies), bands.shape[1])) < 0.8**6
    bands[copies] = np.where(shared, bands[copies - 9], bands[copies])
    before = _peak()
    signatures = [
        Signature(
            key=f"git:{number // 50:08d}\nsource/package/module_{number}.py",
            repository=f"git:{number // 50:08d}",
            exact=f"{number:032x}",
            bands=bands[number].tobytes(),
            shingles=500,
            size=5000,
            language="python",
            licence_rank=0,
            date="",
        )
        for number in range(count)
    ]
    read = _peak()

    def texts_of(keys: Sequence[str]) -> Iterator[tuple[str, str]]:
        # Each tenth file has the text of its original.
        for key in keys:
            number = int(key.rpartition("_")[2].removesuffix(".py"))
            number -= 9 * (number % 10 == 9)
            yield key, " ".join(f"word{number}of{place}" for place in range(20))

    began = time.process_time()
    found = find_duplicates(signatures, texts_of, DuplicateRules())
    return {
        "files": count,
        "near_duplicates": len(found.drops),
        "of_planted": len(copies),
        "decide_cpu_s": round(time.process_time() - began, 1),
        "signature_bytes_per_file": round((read - before) / count),
        "peak_bytes_per_file": round((_peak() - before) / count),
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    installed = Path(sysconfig.get_paths()["purelib"])
    parser.add_argument("--folder", type=Path, default=installed)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--similarity", type=float, default=0.7)
    parser.add_argument("--many", type=int, metavar="N", help="made-up signatures instead")
    options = parser.parse_args()
    if options.many:
        print(json.dumps(many(options.many)))
        return
    rules = DuplicateRules(similarity=options.similarity)
    records = read(options.folder, options.files)
    began = time.process_time()
    signed = [(number, sign(record, rules)) for number, record in enumerate(records)]
    signing = time.process_time() - began
    longer = [(number, one) for number, one in signed if one.bands]
    began = time.process_time()
    found, compared = found_pairs([one for _, one in longer], records, rules)
    looking = time.process_time() - began
    began = time.process_time()
    true = true_pairs([records[number].text for number, _ in longer], options.similarity)
    everything = time.process_time() - began
    result = {
        "files": len(records),
        "long_files": len(longer),
        "bytes": sum(record.size for record in records),
        "similarity": options.similarity,
        "true_pairs": len(true),
        "found_pairs": len(found),
        "compared_pairs": compared,
        "recall": len(found & true) / len(true) if true else None,
        "precision": len(found & true) / len(found) if found else None,
        "files_in_true_pairs": len({one for pair in true for one in pair}),
        "sign_cpu_s": round(signing, 2),
        "look_cpu_s": round(looking, 2),
        "all_pairs_cpu_s": round(everything, 2),
        "signature_bytes": len(longer[0][1].bands) if longer else 0,
        **planted_leaks([records[number] for number, _ in longer[:LEAKS]], rules),
    }
    for name, value in result.items():
        print(f"{name:20} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
