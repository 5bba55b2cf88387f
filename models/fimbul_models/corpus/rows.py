"""The source files in a file of JSON lines, one in each.

A file of rows is looked through once, to find which rows belong to which repository; a unit then
reads its own rows only. Knows nothing about which files are wanted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec

from fimbul_models.corpus.listings import Entry, Listing, entry_of, sorted_by_path
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.units import Kind, RowFields, RowSource, Unit, unit_of
from fimbul_models.errors import SourceError

_ESCAPED = 6
"""Most bytes of JSON that one byte of text takes."""


def units_of_rows(source: RowSource, path: Path, limit: int) -> Iterator[Unit]:
    """Yield a unit for each repository in the file of rows at `path`, in the order of names.

    Rows that nobody can read belong to a repository of their own, named after `source`, where
    they are counted.

    Raises SourceError if the file cannot be read.
    """
    spans: dict[str, list[tuple[int, int]]] = {}
    revisions: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            for begin, end, line in _lines(file, limit * _ESCAPED):
                row = _row(line)
                name = _told(row, source.fields.repository)
                name = name if name.isprintable() else ""
                revisions.setdefault(name, _told(row, source.fields.revision))
                found = spans.setdefault(name, [])
                if found and found[-1][1] == begin:
                    found[-1] = (found[-1][0], end)
                else:
                    found.append((begin, end))
    except OSError as error:
        raise SourceError(f"The rows in {path} cannot be read: {error.strerror}.") from error
    for name, rows in sorted(spans.items()):
        yield unit_of(
            source,
            Kind.ROWS,
            f"jsonl:{source.name}/{name}" if name else f"jsonl:{source.name}",
            revision=revisions[name],
            place=str(path),
            rows=tuple(rows),
            fields=source.fields,
        )


@contextmanager
def listed_rows(unit: Unit, limit: int) -> Iterator[Listing]:
    """Return the source files in the rows of `unit`.

    Raises SourceError if the file cannot be read.
    """
    try:
        with Path(unit.place).open("rb") as file:
            entries = [
                _entry(line, begin, unit.fields)
                for first, last in unit.rows
                for begin, _, line in _lines(file, limit * _ESCAPED, first, last)
            ]
            yield Listing(sorted_by_path(_once(entries)), partial(_text, file, unit.fields, limit))
    except OSError as error:
        raise SourceError(f"The rows in {unit.place} cannot be read: {error.strerror}.") from error


def _lines(
    file: IO[bytes], limit: int, begin: int = 0, end: int | None = None
) -> Iterator[tuple[int, int, bytes]]:
    """Yield begin, end and content of lines; of one that is over `limit` bytes, nothing."""
    while end is None or begin < end:
        # Whoever reads contents meanwhile moves the file's position.
        file.seek(begin)
        line = file.readline(limit)
        length = len(line)
        if not line:
            return
        whole = line
        while not line.endswith(b"\n") and (line := file.readline(limit)):
            length, whole = length + len(line), b""
        if whole.strip() or length > limit:
            yield begin, begin + length, whole
        begin += length


def _row(line: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _told(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _entry(line: bytes, begin: int, fields: RowFields) -> Entry:
    row = _row(line)
    path, text = _told(row, fields.path), row.get(fields.text)
    if not path or not isinstance(text, str):
        told = "too long" if not line else "no row with a path and a text"
        reason = Reason.UNREADABLE if line else Reason.TOO_LARGE
        return Entry(f"row at byte {begin}", len(line), problem=(reason, told))
    entry = entry_of(
        path.encode("utf-8", "surrogatepass"),
        len(text.encode("utf-8", "surrogatepass")),
        _date(_told(row, fields.date)),
        begin,
    )
    licence = _told(row, fields.licence)
    return replace(entry, licence=licence) if licence else entry


def _once(entries: list[Entry]) -> list[Entry]:
    """Give rows whose path stands a second time a name of their own, to be counted by."""
    seen: set[str] = set()
    found = []
    for entry in entries:
        if entry.path in seen:
            problem = (Reason.UNREADABLE, f"{entry.path} stands twice")
            entry = Entry(f"row at byte {entry.handle}", entry.size, problem=problem)
        seen.add(entry.path)
        found.append(entry)
    return found


def _text(file: IO[bytes], fields: RowFields, limit: int, entry: Entry) -> bytes:
    for _, _, line in _lines(file, limit * _ESCAPED, entry.handle):
        return _told(_row(line), fields.text).encode("utf-8", "surrogatepass")
    raise SourceError("its row is gone")


def _date(told: str) -> str:
    """Return an ISO date as UTC; empty if it is none."""
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        return ""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
