"""The file that feedback is kept in: an SQLite database that only its user can read.

It holds a row for each suggestion (see `records.Suggestion`) with the share of it that was left
15 to 600 seconds after accepting, and a text only where the user has opted in. Several servers
may write to it at once. A damaged file is set aside and a new one begun; one of a newer version
is left alone. Knows nothing about threads.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, fields
from enum import Enum
from pathlib import Path
from typing import Any

from filelock import FileLock

from lsp_server.errors import FeedbackError
from lsp_server.feedback.records import (
    KEPT_AFTER,
    Correction,
    Event,
    Known,
    Sample,
    Suggestion,
    Texts,
)
from lsp_server.feedback.similarity import share_left

_MIGRATIONS = (
    """
    CREATE TABLE suggestions (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, language TEXT NOT NULL, surface TEXT NOT NULL,
        model TEXT NOT NULL, trigger TEXT NOT NULL, latency REAL NOT NULL, length INTEGER NOT NULL,
        lines INTEGER NOT NULL, chance REAL, was_part INTEGER NOT NULL, was_kept INTEGER NOT NULL,
        stood REAL NOT NULL, shown_known TEXT NOT NULL, fate TEXT NOT NULL,
        fate_known TEXT NOT NULL, accepted INTEGER NOT NULL, typed INTEGER NOT NULL,
        kept_15 REAL, kept_30 REAL, kept_120 REAL, kept_300 REAL, kept_600 REAL
    );
    """,
    """
    CREATE TABLE texts (id INTEGER PRIMARY KEY, suggested TEXT NOT NULL, became TEXT NOT NULL);
    """,
)
"""What makes each version of the tables out of the one before; never change one that was shipped,
add another."""

VERSION = len(_MIGRATIONS)
"""Version of the tables that this program writes."""

_WITH_TEXTS = 2
"""Version from which on there is a table of texts."""

COLUMNS = tuple(field.name for field in fields(Suggestion))
KEPT_COLUMNS = tuple(f"kept_{seconds}" for seconds in KEPT_AFTER)

_PATIENCE = 5.0
"""Seconds that another process's transaction is waited for."""

_FORGET = 20
"""The oldest of this many parts is forgotten where the file has grown too large."""

_BATCH = 500
"""Most rows that are forgotten between two looks at the size."""

_DAMAGE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT))
_BUSY = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))

StoreFailure = sqlite3.Error
"""What the methods of `Store` raise where the database does not do as told."""


class Store:
    """An open file of feedback, to write to."""

    def __init__(self, file: Path) -> None:
        """Open the file, made or brought to this version if need be; use `open_store`."""
        self._file = file
        self._connection = _connect(file)
        try:
            _migrate(self._connection)
        except BaseException:
            self._connection.close()
            raise
        self._identity = _identity(file)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @property
    def is_replaced(self) -> bool:
        """Whether the file was deleted or set aside meanwhile, by whoever erased it."""
        return _identity(self._file) != self._identity

    def write(self, events: Sequence[Event], max_bytes: int) -> bool:
        """Write events, all or none, and forget the oldest if there is more than `max_bytes`.

        Return whether something was forgotten.

        Raises `StoreFailure`; see `is_busy` and `is_damage`.
        """
        # Compared before the transaction, so that no other process waits for it.
        prepared = [_statement(event) for event in events]
        with _transaction(self._connection):
            for statement, values in prepared:
                self._connection.execute(statement, values)
        return self._forget_oldest(max_bytes)

    @property
    def is_sound(self) -> bool:
        """Whether all of the file can be read."""
        try:
            found = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError:
            return False
        return bool(found == ("ok",))

    @property
    def size(self) -> int:
        """Bytes that are in use."""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        (page,) = self._connection.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * page)

    def _forget_oldest(self, max_bytes: int) -> bool:
        forgotten = False
        while self.size > max_bytes:
            (count,) = self._connection.execute("SELECT count(*) FROM suggestions").fetchone()
            if not count:
                break
            some = min(_BATCH, max(1, count // _FORGET))
            with _transaction(self._connection):
                (last,) = self._connection.execute(
                    "SELECT max(id) FROM (SELECT id FROM suggestions ORDER BY id LIMIT ?)", (some,)
                ).fetchone()
                self._connection.execute("DELETE FROM texts WHERE id <= ?", (last,))
                self._connection.execute("DELETE FROM suggestions WHERE id <= ?", (last,))
            forgotten = True
        if forgotten:
            # Each step of this statement frees one page; only a script is run to its end.
            self._connection.executescript("PRAGMA incremental_vacuum")
        return forgotten

    def erase(self) -> bool:
        """Overwrite and delete everything; return whether the file itself could be deleted.

        It cannot while a server has it open; it is empty then.
        """
        with _transaction(self._connection):
            self._connection.execute("DELETE FROM texts")
            self._connection.execute("DELETE FROM suggestions")
        self._connection.execute("VACUUM")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        try:
            # This needs to be alone with the file.
            self._connection.execute("PRAGMA busy_timeout = 0")
            (mode,) = self._connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError:
            mode = "wal"
        self.close()
        if mode != "delete":
            return False
        delete(self._file)
        return True


def open_store(file: Path, *, doubted: bool = False) -> tuple[Store, Path | None]:
    """Open the file of feedback; also return where a damaged one was put, if there was one.

    Where it is `doubted`, all of it is looked at.

    Raises FeedbackError if it is of a newer version, `OSError` or `StoreFailure` if it cannot be
    opened.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(_lock(file)):
        try:
            store = Store(file)
            if not doubted or store.is_sound:
                return store, None
            store.close()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
        aside = _set_aside(file)
        return Store(file), aside


def empty(file: Path) -> bool:
    """Overwrite and delete all rows; return whether a server has the file open, so that it stays.

    Raises FeedbackError if the file cannot be opened as a database of this version.
    """
    try:
        return not Store(file).erase()
    except sqlite3.Error as error:
        raise FeedbackError(f"{file} could not be overwritten: {error}.") from error


def _set_aside(file: Path) -> Path:
    """Rename a damaged file, so that a new one can be begun; return its new name."""
    aside = file.with_name(f"{file.name}.damaged")
    # What was set aside before is of no more use; it would be kept for ever.
    file.replace(aside)
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    return aside


def delete(file: Path) -> None:
    """Delete the file with all that belongs to it."""
    for suffix in ("", "-wal", "-shm", "-journal", ".damaged"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        _lock(file).unlink(missing_ok=True)


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether `error` says that the file is no sound database."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGE


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether `error` says that another process writes, so that one may try again."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _BUSY


def read_rows(file: Path, since: float = 0.0, *, latest: int | None = None) -> list[dict[str, Any]]:
    """Return rows since a time (seconds since 1970), oldest first; the file is not changed.

    That is all of them, or the `latest` so many. Raises FeedbackError if the file cannot be read.
    """
    if not file.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")
            if not _check_version(connection, file):
                return []
            names = (*COLUMNS, *KEPT_COLUMNS)
            # The names are constants of this module.
            select = f"SELECT {', '.join(names)} FROM suggestions"  # noqa: S608
            query = f"{select} WHERE at >= ? ORDER BY id DESC LIMIT ?"
            rows = connection.execute(query, (since, -1 if latest is None else latest)).fetchall()
            return [dict(zip(names, row, strict=True)) for row in reversed(rows)]
    except sqlite3.Error as error:
        raise FeedbackError(
            f"{file} cannot be read: {error}. The next server that starts sets it aside if it is"
            " damaged; `fimbul erase feedback` deletes it."
        ) from error


def read_texts(file: Path) -> dict[int, tuple[str, str]]:
    """Return what was suggested and what it became, by suggestion; the file is not changed.

    There are texts only where the user has opted in. Raises FeedbackError if the file cannot be
    read.
    """
    if not file.exists():
        return {}
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")
            if _check_version(connection, file) < _WITH_TEXTS:
                return {}
            rows = connection.execute("SELECT id, suggested, became FROM texts ORDER BY id")
            return {number: (suggested, became) for number, suggested, became in rows}
    except sqlite3.Error as error:
        raise FeedbackError(f"{file} cannot be read: {error}.") from error


def _connect(file: Path) -> sqlite3.Connection:
    # Made by us first, so that nobody else can read it at any moment; its companions get the same.
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None)
    try:
        # Before anything else, since a newer file is not to be changed.
        _check_version(connection, file)
        with contextlib.suppress(OSError):
            file.chmod(0o600)
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA secure_delete = ON").fetchall()
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint = 100").fetchall()
        connection.execute("PRAGMA journal_size_limit = 1000000").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        connection.execute("SELECT id FROM suggestions LIMIT 1").fetchone()
        return
    with _transaction(connection):
        # Another process may have been quicker.
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for script in _MIGRATIONS[version:]:
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _check_version(connection: sqlite3.Connection, file: Path) -> int:
    """Return the version of the tables, 0 if there are none; raise FeedbackError for a newer."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise FeedbackError(
            f"{file} was written by a newer fimbul and is left alone; update fimbul, or begin anew"
            " with `fimbul erase feedback`."
        )
    return int(version)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    # Immediate, so that two writers wait for each other here and not in the middle.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statement(event: Event) -> tuple[str, tuple[Any, ...]]:
    match event:
        case Suggestion():
            marks = ", ".join("?" * len(COLUMNS))
            names = ", ".join(COLUMNS)
            # The names are constants of this module.
            statement = f"INSERT OR REPLACE INTO suggestions ({names}) VALUES ({marks})"  # noqa: S608
            return statement, tuple(map(_plain, astuple(event)))
        case Correction():
            return (
                "UPDATE suggestions SET fate = ?, fate_known = ?, accepted = ? WHERE id = ?",
                (event.fate.value, Known.REPORTED.value, event.accepted, event.id),
            )
        case Sample():
            column = KEPT_COLUMNS[KEPT_AFTER.index(event.after)]
            share = round(share_left(event.text, event.window), 3)
            statement = f"UPDATE suggestions SET {column} = ? WHERE id = ?"  # noqa: S608  # A constant.
            return statement, (share, event.id)
        case Texts():
            return (
                "INSERT OR REPLACE INTO texts SELECT ?, ?, ?"
                " WHERE EXISTS (SELECT 1 FROM suggestions WHERE id = ?)",
                (event.id, _sound(event.suggested), _sound(event.became), event.id),
            )


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return _sound(value) if isinstance(value, str) else value


def _sound(text: str) -> str:
    """Return `text` as UTF-8 can carry it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _lock(file: Path) -> Path:
    return file.with_name(f"{file.name}.lock")
