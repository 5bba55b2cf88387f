"""Near duplicates as they are found by bands, held against comparing every pair.

Takes real source files of installed packages, or of any folder, computes the exact Jaccard
similarity of all pairs (a product of sparse matrices) and says how many of the true pairs are
found, and how many of those found are true; also seconds for signing and looking.

    python -m benchmarks.corpus_duplicates [--folder DIR] [--files N] [--similarity S]
"""

import argparse
import json
import sysconfig
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import scipy.sparse
import xxhash

from fimbul_models.corpus.duplicates import DuplicateRules, Signature, sign, similar_pairs
from fimbul_models.corpus.near import shingles_of
from fimbul_models.corpus.records import Record

LARGEST = 200_000
"""Bytes; larger files are data, and would make the comparison of all pairs slow."""


def read(folder: Path, count: int) -> list[Record]:
    """Return `count` files below `folder`, the same ones every time."""
    paths = sorted(folder.rglob("*.py"), key=lambda path: xxhash.xxh3_64_hexdigest(str(path).encode()))
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


def main() -> None:
    """Print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    installed = Path(sysconfig.get_paths()["purelib"])
    parser.add_argument("--folder", type=Path, default=installed)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--similarity", type=float, default=0.7)
    options = parser.parse_args()
    rules = DuplicateRules(similarity=options.similarity)
    records = read(options.folder, options.files)
    began = time.perf_counter()
    signed = [(number, sign(record, rules)) for number, record in enumerate(records)]
    signing = time.perf_counter() - began
    longer = [(number, one) for number, one in signed if one.bands]
    began = time.perf_counter()
    found, compared = found_pairs([one for _, one in longer], records, rules)
    looking = time.perf_counter() - began
    began = time.perf_counter()
    true = true_pairs([records[number].text for number, _ in longer], options.similarity)
    everything = time.perf_counter() - began
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
        "sign_s": round(signing, 2),
        "look_s": round(looking, 2),
        "all_pairs_s": round(everything, 2),
        "signature_bytes": len(longer[0][1].bands) if longer else 0,
    }
    for name, value in result.items():
        print(f"{name:20} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
