"""Records on disk: Parquet files that are written whole or not at all, and read a little at a time.

The same records always make the same bytes, under the same version of the library. Knows nothing
about what the records mean.
"""

import enum
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import pyarrow
import pyarrow.parquet

from fimbul_models.corpus.records import Record
from fimbul_models.errors import SourceError

GROUP = 256
"""Records that are in memory at once while a file is written or read."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Form(Generic[_T]):
    """How values of one type become rows of a Parquet file and come back."""

    type: type[_T]
    schema: Any
    """pyarrow.Schema; a column that is no field's own type holds its JSON."""
    as_json: frozenset[str]
    """Columns that hold JSON."""

    def to_row(self, value: _T) -> dict[str, Any]:
        """Return the row of a value."""
        row: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(bytes,))
        for name in self.as_json:
            row[name] = msgspec.json.encode(row[name], order="sorted").decode()
        return row

    def from_row(self, row: dict[str, Any]) -> _T:
        """Return the value of a row."""
        for name in self.as_json:
            row[name] = msgspec.json.decode(row[name])
        return msgspec.convert(row, self.type, builtin_types=(bytes,))


def form_of(type_: type[_T]) -> Form[_T]:
    """Return the form of a msgspec struct: texts and whole numbers as they are, others as JSON."""
    plain = {
        str: pyarrow.string(),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        bytes: pyarrow.binary(),
    }
    columns, as_json = [], set()
    for field in msgspec.structs.fields(type_):  # type: ignore[arg-type]
        kind = plain.get(field.type, pyarrow.string())
        names = isinstance(field.type, type) and issubclass(field.type, enum.StrEnum)
        if field.type not in plain and not names:
            as_json.add(field.encode_name)
        columns.append(pyarrow.field(field.encode_name, kind, nullable=False))
    return Form(type_, pyarrow.schema(columns), frozenset(as_json))


RECORDS = form_of(Record)


def write_rows(path: Path, form: Form[_T], values: Iterable[_T]) -> int:
    """Write `values` to the Parquet file at `path`, whole or not at all; return how many.

    Raises SourceError if it cannot be written.
    """
    count = 0
    values = iter(values)

    def write(place: Path) -> None:
        nonlocal count
        with pyarrow.parquet.ParquetWriter(place, form.schema, compression="zstd") as writer:
            while rows := [form.to_row(value) for value in islice(values, GROUP)]:
                count += len(rows)
                writer.write_table(pyarrow.Table.from_pylist(rows, schema=form.schema))

    write_whole(path, write)
    return count


def read_rows(path: Path, form: Form[_T]) -> Iterator[_T]:
    """Yield what `write_rows` wrote to `path`.

    Raises SourceError if it cannot be read.
    """
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=GROUP):
                for row in batch.to_pylist():
                    yield form.from_row(row)
    except (OSError, pyarrow.ArrowException) as error:
        raise SourceError(f"{path} cannot be read as Parquet ({error}); remove it.") from error


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all.

    Raises SourceError if it cannot be written.
    """
    write_whole(path, lambda place: place.write_bytes(text.encode()))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` fill a file beside `path`, then move it there.

    Raises SourceError if that fails; then nothing is left and what was there before stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        os.close(handle)
        place = Path(name)
        try:
            write(place)
            place.replace(path)
        finally:
            place.unlink(missing_ok=True)
    except (OSError, pyarrow.ArrowException) as error:
        raise SourceError(f"{path} cannot be written: {error}.") from error
