"""How an index grows: parts of more and more repositories as one, and what reading them costs.

Takes the parts that ``fimbul-models references build --work`` has left, and records for the time
of one core. Says what 100 GB of source would take if it went on like that.

    python -m benchmarks.references_growth --parts DIR --records DIR
"""

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from fimbul_models.corpus.keeping import RECORDS, read_rows
from fimbul_models.corpus.languages import language_of
from fimbul_models.references.drafting import draft_index
from fimbul_models.references.merging import merge_indexes
from lsp_server.references.indexfile import ENDING, About
from lsp_server.references.shelf import IndexInfo, verify
from lsp_server.references.tokens import Lexer

STEPS = (0.125, 0.25, 0.5, 1.0)
WANTED = 100e9
"""Bytes of source that are extrapolated to."""


def merged(parts: list[Path], folder: Path) -> tuple[IndexInfo, float, float]:
    """Merge parts; return what came out, and seconds by the clock and of the processor."""
    output = folder / f"grown{ENDING}"
    began, worked = time.perf_counter(), time.process_time()
    merge_indexes(parts, output, About(name="grown"))
    took = time.perf_counter() - began, time.process_time() - worked
    return verify(output), *took


def reading(records: Path, most: int, seed: int) -> dict[str, float]:
    """Make parts of some repositories; return bytes of source in a second of one core."""
    paths = sorted(records.glob("*.parquet"))
    random.Random(seed).shuffle(paths)  # noqa: S311  # Repeatable, not secret.
    size, worked, lexer = 0, 0.0, Lexer()
    with tempfile.TemporaryDirectory() as name:
        for path in paths:
            files = [
                RECORDS.type(**{**_fields(one), "language": language_of(one.path, one.text)})
                for one in read_rows(path, RECORDS)
            ]
            part = Path(name) / f"part{ENDING}"
            began = time.process_time()
            draft_index(part, "part", [one for one in files if one.language], lexer)
            worked += time.process_time() - began
            size += verify(part).source_bytes
            if size > most:
                break
    return {"bytes": size, "processor seconds": worked, "bytes a second": size / worked}


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--records", type=Path, metavar="DIR")
    parser.add_argument("--read", type=int, default=60_000_000, help="bytes (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    parts = sorted(path for folder in options.parts for path in folder.glob(f"*{ENDING}"))
    random.Random(options.seed).shuffle(parts)  # noqa: S311  # Repeatable, not secret.
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for step in STEPS:
            some = parts[: round(step * len(parts))]
            info, took, worked = merged(some, Path(name))
            rows.append(
                {
                    "projects": len(some),
                    "source": info.source_bytes,
                    "size": info.size,
                    "share": info.size / info.source_bytes,
                    "seconds": took,
                    "processor seconds": worked,
                    "memory": psutil.Process().memory_info().rss,
                }
            )
            print(rows[-1])
    last = rows[-1]
    values: dict[str, Any] = {"merging": rows}
    values["100 GB"] = {
        "size": last["share"] * WANTED,
        "merging, processor hours": last["processor seconds"] * WANTED / last["source"] / 3600,
    }
    if options.records:
        values["reading"] = reading(options.records, options.read, options.seed)
        rate = values["reading"]["bytes a second"]
        values["100 GB"]["reading, processor hours"] = WANTED / rate / 3600
        print(values["reading"])
    print(values["100 GB"])
    print(json.dumps(values))


if __name__ == "__main__":
    main()
