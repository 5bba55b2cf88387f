"""The index of one workspace folder on disk: what is in its file, and how it is changed.

The file is `<cache>/index/<xxh3 of the folder's path>.sqlite`. It holds, and nothing else:

- of every indexed file its path, size, time of change, number of lines and a 128-bit digest;
- of every refused file (binary, minified, …) its path, size, time of change and the reason;
- of every definition its name, kind, lines, header, base names and the first line of its
  documentation; of every import the module and the names;
- which words (identifiers and their parts, in lower case, each once) occur in which ten lines of
  which file, and how many such blocks hold each word. Words of strings and comments are among
  them; long ones with several digits, such as keys and hashes, are not.

So it holds no line of source but headers, imports and first lines of documentation, no numbers
and no operators, and the text of no string or comment beyond its single words. Deleting it loses
nothing: it is built anew, and so is one of another version or a damaged one. Errors of the
database (`sqlite3.Error`) pass through to the one process that writes. Knows nothing about how
files are found or read.
"""

import contextlib
import os
import sqlite3
import time
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import msgspec
import xxhash

from lsp_server.context.index.files import LeftOut, Stamp
from lsp_server.context.words import identifiers, words_of
from lsp_server.syntax.outline import Definition, DefinitionKind, Import, Outline

FORMAT = 2
"""Version of all that is written. Raise it whenever the tables, the words, what an outline says of
the same text or what is replaced in it change."""

BLOCK_LINES = 10
"""Lines of a block, the unit of the word index. Two neighbours make a window of 20 lines."""

BLOCK_BITS = 16
"""Low bits of a row's number that count blocks or definitions; the rest is the file's number."""

LONGEST_WORD = 64
"""Code points of the longest word that is indexed; longer ones are data."""

_LONGEST_WITH_DIGITS = 19
_MOST_DIGITS = 3
"""Words that are longer than the one and have more digits than the other are keys and hashes."""

_MOST_REMEMBERED = 30_000
"""Identifiers whose words are remembered while files are indexed: about 10 MB."""

_MOST_PER_FILE = 1 << BLOCK_BITS

_DAMAGE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT))

_TABLES = """
CREATE TABLE state (generation INTEGER NOT NULL, blocks INTEGER NOT NULL, words INTEGER NOT NULL);
CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, digest BLOB NOT NULL,
    lines INTEGER NOT NULL, lengths BLOB NOT NULL, words BLOB NOT NULL, imports BLOB NOT NULL
);
CREATE TABLE refused (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE definitions (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, place INTEGER NOT NULL,
    record BLOB NOT NULL
);
CREATE INDEX definitions_by_name ON definitions (name, place);
CREATE INDEX definitions_by_owner ON definitions (owner, place) WHERE owner != '';
CREATE TABLE modules (
    module TEXT NOT NULL, file INTEGER NOT NULL, PRIMARY KEY (module, file)
) WITHOUT ROWID;
CREATE TABLE counts (word TEXT PRIMARY KEY, blocks INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE blocks USING fts5(
    words, content = '', detail = none, columnsize = 0, tokenize = "ascii tokenchars '_$'"
);
CREATE VIRTUAL TABLE postings USING fts5vocab(blocks, instance);
"""

_Record = tuple[str, DefinitionKind, str, int, int, str, str, tuple[str, ...], int]
_ENCODER = msgspec.msgpack.Encoder()
_RECORDS = msgspec.msgpack.Decoder(_Record)
_IMPORTS = msgspec.msgpack.Decoder(tuple[Import, ...])


class Damaged(sqlite3.DatabaseError):
    """What is stored cannot be what was written."""


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """All that the index keeps of one file."""

    path: str
    stamp: Stamp
    lines: int
    outline: Outline
    blocks: tuple[tuple[str, ...], ...]
    """The distinct words of every `BLOCK_LINES` lines, sorted."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What one transaction writes."""

    indexed: Sequence[IndexedFile] = ()
    removed: Collection[str] = ()
    """Paths of files that are gone or may not be read any more."""
    touched: Mapping[str, Stamp] = field(default_factory=dict)
    """New stamps of files whose contents are as before."""
    refused: Mapping[str, tuple[Stamp, LeftOut]] = field(default_factory=dict)
    """Files that are no sources, kept so that they are not read again."""


def index_folder(cache: Path) -> Path:
    """Return the folder of all indexes."""
    return cache / "index"


def index_file(cache: Path, root: Path) -> Path:
    """Return where the index of the workspace folder `root` lies."""
    digest = xxhash.xxh3_64_hexdigest(os.fsencode(root.resolve()))
    return index_folder(cache) / f"{digest}.sqlite"


def remove_unused(cache: Path, days: int = 60) -> None:
    """Delete indexes in `cache` that nobody has used for `days`."""
    oldest = time.time() - days * 24 * 3600
    for file in sorted(index_folder(cache).glob("*.sqlite")):
        with contextlib.suppress(OSError):
            if file.stat().st_mtime < oldest:
                delete(file)


def delete(file: Path) -> None:
    """Delete an index with all that belongs to it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether `error` says that the file is no sound database."""
    code = getattr(error, "sqlite_errorcode", 0)
    return isinstance(error, Damaged) or (code & 0xFF) in _DAMAGE


class _KnownWords(dict[str, tuple[str, ...]]):
    """The words of identifiers, cut when they are first asked for; none of what is data."""

    def __missing__(self, identifier: str) -> tuple[str, ...]:
        parts = self[identifier] = () if _is_data(identifier) else words_of(identifier)
        return parts


class WordCutter:
    """Cuts texts into their distinct words, and remembers what it cut."""

    def __init__(self) -> None:
        self._known = _KnownWords()

    def distinct(self, text: str) -> tuple[str, ...]:
        """Return the distinct words of `text` that are no data, sorted."""
        known = self._known
        found = set(chain.from_iterable(map(known.__getitem__, set(identifiers(text)))))
        if len(known) > _MOST_REMEMBERED:
            known.clear()
        return tuple(sorted(found))


def summarize(
    path: str, stamp: Stamp, lines: Sequence[str], outline: Outline, cutter: WordCutter
) -> IndexedFile:
    """Return what the index keeps of the file `path`, whose lines are `lines`."""
    starts = range(0, min(len(lines), _MOST_PER_FILE * BLOCK_LINES), BLOCK_LINES)
    blocks = tuple(cutter.distinct("".join(lines[at : at + BLOCK_LINES])) for at in starts)
    return IndexedFile(path, stamp, len(lines), outline, blocks)


def decode_definition(record: bytes) -> Definition:
    """Return the definition in a row of the index."""
    return Definition(*_RECORDS.decode(record))


def decode_imports(record: bytes) -> tuple[Import, ...]:
    """Return the imports in a row of the index."""
    imports: tuple[Import, ...] = _IMPORTS.decode(record)
    return imports


class IndexWriter:
    """The one connection that changes an index. Every method may raise `sqlite3.Error`."""

    def __init__(self, file: Path) -> None:
        """Open the index `file`; raise `OSError` if its folder cannot be made."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._connection = _open(file)
        self._inode = file.stat().st_ino
        os.utime(file)

    def is_current(self) -> bool:
        """Return whether the file is still there, and not another one in its place."""
        try:
            return self._file.stat().st_ino == self._inode
        except OSError:
            return False

    def mark_used(self) -> None:
        """Keep the file from being deleted as unused."""
        with contextlib.suppress(OSError):
            os.utime(self._file)

    def generation(self) -> int:
        """Return the number of the last change."""
        (number,) = self._connection.execute("SELECT generation FROM state").fetchone()
        return int(number)

    def stamps(self) -> dict[str, Stamp]:
        """Return the stamp of every indexed file."""
        rows = self._connection.execute("SELECT path, size, mtime_ns, digest FROM files")
        with _naming_damage():
            return {path: Stamp(size, mtime_ns, digest) for path, size, mtime_ns, digest in rows}

    def stamp(self, path: str) -> Stamp | None:
        """Return the stamp of one file; None if it is not indexed."""
        found = self._connection.execute(
            "SELECT size, mtime_ns, digest FROM files WHERE path = ?", (path,)
        ).fetchone()
        return None if found is None else Stamp(*found)

    def count(self) -> int:
        """Return the number of indexed files."""
        (number,) = self._connection.execute("SELECT count(*) FROM files").fetchone()
        return int(number)

    def refused(self) -> dict[str, tuple[Stamp, LeftOut]]:
        """Return every refused file with its stamp and the reason."""
        rows = self._connection.execute("SELECT path, size, mtime_ns, reason FROM refused")
        with _naming_damage():
            return {path: (Stamp(size, time_ns), LeftOut(why)) for path, size, time_ns, why in rows}

    def apply(self, changes: Changes) -> None:
        """Write `changes` in one transaction, all or nothing."""
        with self._transaction():
            counts: Counter[str] = Counter()
            gone = dict.fromkeys(chain(changes.removed, (file.path for file in changes.indexed)))
            moved = [self._remove(path, counts) for path in (*gone, *changes.refused)]
            for file in changes.indexed:
                self._add(file, counts)
            self._count(counts)
            self._touch(changes.touched)
            self._refuse(changes.refused)
            if any(moved) or changes.indexed:
                self._connection.execute("UPDATE state SET generation = generation + 1")

    def tidy(self) -> None:
        """Give back the space that removed files took."""
        self._connection.execute("PRAGMA incremental_vacuum").fetchall()
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _remove(self, path: str, counts: Counter[str]) -> bool:
        run = self._connection.execute
        run("DELETE FROM refused WHERE path = ?", (path,))
        found = run("SELECT id, words, imports FROM files WHERE path = ?", (path,)).fetchone()
        if found is None:
            return False
        number, packed, imports = found
        with _naming_damage():
            blocks = zlib.decompress(packed).decode().split("\n")
            modules = sorted({item.module for item in decode_imports(imports)})
        first = number << BLOCK_BITS
        self._connection.executemany(
            "INSERT INTO blocks (blocks, rowid, words) VALUES ('delete', ?, ?)",
            [(first | index, text) for index, text in enumerate(blocks) if text],
        )
        run("DELETE FROM definitions WHERE id BETWEEN ? AND ?", (first, first + _MOST_PER_FILE - 1))
        self._connection.executemany(
            "DELETE FROM modules WHERE module = ? AND file = ?",
            [(module, number) for module in modules],
        )
        run("DELETE FROM files WHERE id = ?", (number,))
        counts.subtract(word for text in blocks for word in text.split())
        self._grow(-sum(1 for text in blocks if text), -sum(len(text.split()) for text in blocks))
        return True

    def _add(self, file: IndexedFile, counts: Counter[str]) -> None:
        texts = [" ".join(block) for block in file.blocks]
        imports = file.outline.imports
        row = (
            file.path,
            file.stamp.size,
            file.stamp.mtime_ns,
            file.stamp.digest,
            file.lines,
            bytes(min(255, len(block)) for block in file.blocks),
            zlib.compress("\n".join(texts).encode()),
            _ENCODER.encode(imports),
        )
        number = self._connection.execute(
            "INSERT INTO files (path, size, mtime_ns, digest, lines, lengths, words, imports)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        ).lastrowid
        assert number is not None  # noqa: S101  # An insert into a table has a row.
        first = number << BLOCK_BITS
        many = self._connection.executemany
        many(
            "INSERT INTO blocks (rowid, words) VALUES (?, ?)",
            [(first | index, text) for index, text in enumerate(texts) if text],
        )
        many("INSERT INTO definitions VALUES (?, ?, ?, ?, ?)", _definition_rows(file, first))
        modules = sorted({item.module for item in imports})
        many("INSERT INTO modules VALUES (?, ?)", [(module, number) for module in modules])
        counts.update(chain.from_iterable(file.blocks))
        self._grow(sum(1 for text in texts if text), sum(len(block) for block in file.blocks))

    def _grow(self, blocks: int, words: int) -> None:
        self._connection.execute(
            "UPDATE state SET blocks = blocks + ?, words = words + ?", (blocks, words)
        )

    def _count(self, counts: Counter[str]) -> None:
        changed = sorted((word, change) for word, change in counts.items() if change)
        self._connection.executemany(
            "INSERT INTO counts VALUES (?, ?)"
            " ON CONFLICT (word) DO UPDATE SET blocks = blocks + excluded.blocks",
            changed,
        )
        self._connection.executemany(
            "DELETE FROM counts WHERE word = ? AND blocks <= 0",
            [(word,) for word, change in changed if change < 0],
        )

    def _touch(self, touched: Mapping[str, Stamp]) -> None:
        self._connection.executemany(
            "UPDATE files SET size = ?, mtime_ns = ?, digest = ? WHERE path = ?",
            [(stamp.size, stamp.mtime_ns, stamp.digest, path) for path, stamp in touched.items()],
        )

    def _refuse(self, refused: Mapping[str, tuple[Stamp, LeftOut]]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?)",
            [
                (path, stamp.size, stamp.mtime_ns, reason.value)
                for path, (stamp, reason) in refused.items()
            ],
        )


def place_of(path: str) -> int:
    """Return a number that orders files by nothing but their paths."""
    return xxhash.xxh3_64_intdigest(path.encode()) >> 1


def _definition_rows(file: IndexedFile, first: int) -> Iterator[tuple[int, str, str, int, bytes]]:
    place = place_of(file.path)
    for index, item in enumerate(file.outline.definitions[:_MOST_PER_FILE]):
        owner = item.container.rpartition(".")[2]
        record = _ENCODER.encode(msgspec.structs.astuple(item))
        yield first | index, item.name, owner, place, record


def _is_data(word: str) -> bool:
    if len(word) <= _LONGEST_WITH_DIGITS:
        return False
    return len(word) > LONGEST_WORD or sum(map(str.isdigit, word)) > _MOST_DIGITS


@contextlib.contextmanager
def _naming_damage() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, zlib.error, msgspec.DecodeError) as exc:
        raise Damaged("the index holds what was never written to it") from exc


def _open(file: Path) -> sqlite3.Connection:
    """Open `file` as an index of this version, empty if it was none."""
    try:
        return _prepared(file)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
    except UnicodeDecodeError:
        # The complaint about a damaged table holds the damaged bytes.
        pass
    delete(file)
    return _prepared(file)


def _prepared(file: Path) -> sqlite3.Connection:
    connection = _connect(file)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        sound = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        if version == FORMAT and sound:
            _tune(connection)
            return connection
        if version or not sound or _tables(connection):
            connection.close()
            delete(file)
            connection = _connect(file)
        _create(connection)
    except (sqlite3.Error, UnicodeDecodeError):
        connection.close()
        raise
    return connection


def _connect(file: Path) -> sqlite3.Connection:
    # Two servers may write by turns; a turn takes a fraction of a second.
    return sqlite3.connect(file, timeout=10.0, isolation_level=None, check_same_thread=False)


def _tables(connection: sqlite3.Connection) -> Iterable[object]:
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _tune(connection)
    connection.executescript(_TABLES)
    # The clock makes an index that was built anew younger than the one it replaces.
    connection.execute("INSERT INTO state VALUES (?, 0, 0)", (time.time_ns() // 1_000_000,))
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def _tune(connection: sqlite3.Connection) -> None:
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",  # What a power cut loses is built anew.
        "cache_size = -8000",  # KiB
        "journal_size_limit = 4194304",
        "secure_delete = FAST",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
