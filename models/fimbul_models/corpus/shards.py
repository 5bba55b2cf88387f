"""Examples as Parquet files of a limited size, for each side of the split.

The same examples in the same order always make the same bytes, under the same version of the
library. A file appears whole or not at all. Knows nothing about how examples are made.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
import pyarrow.parquet

from fimbul_models.corpus.fim import Example
from fimbul_models.corpus.keeping import GROUP, form_of, read_rows
from fimbul_models.errors import SourceError

EXAMPLES = form_of(Example)

_NAME = re.compile(r"[a-z]+-\d{5}\.parquet")


class ShardRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How large a file may be; one is closed by the first limit that it reaches."""

    rows: int = 50_000
    bytes: int = 256 * 1024 * 1024
    """Of prompts and completions, before they are compressed."""

    def __post_init__(self) -> None:
        """Refuse what no file could hold."""
        if min(self.rows, self.bytes) < 1:
            raise ValueError("rows and bytes of a shard have to be 1 or more")


class Shard(msgspec.Struct, frozen=True):
    """One file."""

    name: str
    split: str
    examples: int
    size: int
    """Bytes of the file."""
    sha256: str


def write_shards(folder: Path, examples: Iterable[Example], rules: ShardRules) -> list[Shard]:
    """Write `examples` below `folder` as ``SPLIT-NUMBER.parquet``; return the files by name.

    Examples without a side of the split are ``train``. Files of an earlier run that this one has
    not made are removed. Raises SourceError if something cannot be written; then no file is half
    written.
    """
    writers: dict[str, _Writer] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for example in examples:
                split = example.split or "train"
                if split not in writers:
                    writers[split] = _Writer(folder, split, rules)
                writers[split].take(example)
            shards = [shard for writer in writers.values() for shard in writer.finish()]
        finally:
            for writer in writers.values():
                writer.abandon()
        shards.sort(key=lambda shard: shard.name)
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name) and path.name not in {shard.name for shard in shards}:
                path.unlink()
    except (OSError, pyarrow.ArrowException) as error:
        raise SourceError(f"Examples cannot be written to {folder}: {error}.") from error
    return shards


def read_shards(folder: Path, split: str) -> Iterable[Example]:
    """Yield the examples of one side of the split, in the order in which they were written.

    Raises SourceError if a file cannot be read.
    """
    for path in sorted(folder.glob(f"{split}-*.parquet")):
        yield from read_rows(path, EXAMPLES)


def digest_of(shards: Iterable[Shard]) -> str:
    """Return one digest of all files, names and contents."""
    whole = hashlib.sha256()
    for shard in sorted(shards, key=lambda shard: shard.name):
        whole.update(f"{shard.name} {shard.sha256}\n".encode())
    return whole.hexdigest()


class _Writer:
    """The files of one side of the split; a part of a file is open under a name of its own."""

    def __init__(self, folder: Path, split: str, rules: ShardRules) -> None:
        self._folder = folder
        self._split = split
        self._rules = rules
        self._waiting: list[dict[str, Any]] = []
        self._rows = self._bytes = 0
        self._open: Any = None
        self._part = folder / f".{split}.part"
        self._shards: list[Shard] = []

    def take(self, example: Example) -> None:
        self._waiting.append(EXAMPLES.to_row(example))
        self._rows += 1
        self._bytes += sum(len(one.text.encode()) for one in example.prompt)
        self._bytes += len(example.completion.encode())
        if len(self._waiting) == GROUP:
            self._write()
        if self._rows >= self._rules.rows or self._bytes >= self._rules.bytes:
            self._close()

    def finish(self) -> list[Shard]:
        if self._rows:
            self._close()
        return self._shards

    def abandon(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
        self._part.unlink(missing_ok=True)

    def _write(self) -> None:
        if self._open is None:
            self._open = pyarrow.parquet.ParquetWriter(
                self._part, EXAMPLES.schema, compression="zstd"
            )
        if self._waiting:
            self._open.write_table(pyarrow.Table.from_pylist(self._waiting, schema=EXAMPLES.schema))
            self._waiting = []

    def _close(self) -> None:
        self._write()
        self._open.close()
        self._open = None
        name = f"{self._split}-{len(self._shards):05d}.parquet"
        path = self._folder / name
        digest = _digest(self._part)
        size = self._part.stat().st_size
        self._part.replace(path)
        self._shards.append(Shard(name, self._split, self._rows, size, digest))
        self._rows = self._bytes = 0


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
