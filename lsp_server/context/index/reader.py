"""Answers about the files of one workspace folder, out of its index on disk.

Reads only, from any thread, while another process writes. An index that is missing, of another
version or damaged answers like an empty one. Lines come from the files themselves, and only if
those are as they were when they were indexed. Knows nothing about how an index is kept fresh.
"""

import heapq
import logging
import math
import sqlite3
import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from lsp_server.context.index.files import (
    LeftOut,
    Limits,
    MayRead,
    Redact,
    Stamp,
    lines_of,
    read_source,
)
from lsp_server.context.index.store import (
    BLOCK_BITS,
    BLOCK_LINES,
    FORMAT,
    decode_definition,
    decode_imports,
)
from lsp_server.context.repository import FoundDefinition, FoundLines
from lsp_server.syntax.outline import Outline
from lsp_server.text import without_surrogates

_LOG = logging.getLogger(__name__)

_LIMITS = Limits()

MOST_WORDS = 24
"""Words of a question that are looked up, the rarest first."""

MOST_POSTINGS = 2000
"""Blocks that are looked at for one question, all words together. It bounds the time: words that
occur everywhere, which tell nothing, are passed over in a large folder."""

MOST_USES = 100
"""What a name counts that more blocks than these hold."""

_MOST_ASKED = 500
"""Names, words or modules of one question; the rest is not looked at."""

_SATURATION, _LENGTH_WEIGHT = 1.2, 0.75
"""k1 and b of BM25, at the values its authors found. A word counts once a window."""

_MOST_NORM = (_SATURATION + 1.0) / (1.0 + _SATURATION * (1.0 - _LENGTH_WEIGHT))
"""What the shortest window's score is multiplied by."""

_MOST_STALE = 1000
"""Files remembered by numbers that are gone, before all is learned anew."""

_INDEX_MASK = (1 << BLOCK_BITS) - 1

_NAMED = """
SELECT path, record, definitions.id FROM definitions JOIN files ON files.id = definitions.id >> 16
WHERE name = ? ORDER BY place, definitions.id LIMIT ?
"""

_OWNED = """
SELECT path, record, definitions.id FROM definitions JOIN files ON files.id = definitions.id >> 16
WHERE owner = ? AND owner != '' ORDER BY place, definitions.id LIMIT ?
"""

_POSTINGS = "SELECT doc FROM postings WHERE term = ?"

_Row = TypeVar("_Row")
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _File:
    """What scoring needs of one indexed file; a changed file comes under another number."""

    path: str
    lines: int
    lengths: bytes
    """Distinct words of each block, 255 at most."""

    def has_window(self, index: int) -> bool:
        """Return whether a window begins at block `index`; the last block begins none."""
        return index == 0 or index + 1 < len(self.lengths)

    def factor(self, index: int, mean: float) -> float:
        """Return what the window at block `index` is multiplied by for its length."""
        length = sum(self.lengths[index : index + 2]) / mean
        norm = 1.0 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * length
        return (_SATURATION + 1.0) / (1.0 + _SATURATION * norm)

    def window(self, index: int, score: float) -> FoundLines:
        """Return the window at block `index`."""
        first = index * BLOCK_LINES
        return FoundLines(self.path, first, min(first + 2 * BLOCK_LINES, self.lines), score)


class _Recent(Generic[_Key, _Value]):
    """The values that were asked for last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[_Key, _Value] = OrderedDict()

    def get(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = make()
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value

    def clear(self) -> None:
        self._values.clear()


class IndexReader:
    """The `Repository` of one workspace folder."""

    def __init__(
        self,
        file: Path,
        root: Path,
        may_read: MayRead,
        redact: Redact,
        limits: Limits = _LIMITS,
    ) -> None:
        self._file = file
        self._root = root
        self._may_read = may_read
        self._redact = redact
        self._limits = limits
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._version: int | None = None
        self._generation = 0
        self._files: dict[int, _File] = {}
        self._paths: tuple[str, ...] | None = None
        self._outlines: _Recent[str, Outline] = _Recent(256)
        self._importers: _Recent[frozenset[str], Mapping[str, int]] = _Recent(16)
        self._uses: _Recent[tuple[tuple[str, ...], frozenset[str]], Mapping[str, int]] = _Recent(16)
        self._texts: _Recent[tuple[str, Stamp], Sequence[str] | None] = _Recent(32)

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self._root.name

    @property
    def generation(self) -> int:
        """A number that grows with every change; 0 while there is no index.

        Never waits: asked at every key, it answers with what was so while a longer question runs.
        """
        if not self._lock.acquire(blocking=False):
            return self._generation
        try:
            self._refresh()
            return self._generation
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the file; asked again, the reader opens it again."""
        with self._lock:
            self._forget()

    def paths(self) -> Sequence[str]:
        """Return all paths, sorted."""
        with self._lock:
            self._refresh()
            if self._paths is None:
                rows = self._rows(tuple[str], "SELECT path FROM files ORDER BY path")
                self._paths = tuple(path for (path,) in rows)
            return self._paths

    def outline(self, path: str) -> Outline:
        """Return what a file defines and imports; empty if it is not known."""
        with self._lock:
            self._refresh()
            return self._outlines.get(path, lambda: self._outline(path))

    def definitions_named(
        self, names: Collection[str], limit: int = 100
    ) -> Sequence[FoundDefinition]:
        """Return definitions that have one of `names`, by path and place.

        Where there are more than `limit`, the choice depends on nothing but names and paths.
        """
        return self._definitions(_NAMED, names, limit)

    def members_of(self, container: str, limit: int = 100) -> Sequence[FoundDefinition]:
        """Return definitions whose container ends with the name `container`."""
        return self._definitions(_OWNED, (container,), limit)

    def importers(self, modules: Collection[str]) -> Mapping[str, int]:
        """Return how many of `modules`, as written, each file imports; none that imports none."""
        asked = frozenset(sorted(set(modules))[:_MOST_ASKED])
        with self._lock:
            self._refresh()
            return self._importers.get(asked, lambda: self._count_importers(asked))

    def uses(self, names: Collection[str], without: Collection[str] = ()) -> Mapping[str, int]:
        """Return in how many files each of `names` occurs; see `Repository.uses`.

        A name that more than `MOST_USES` blocks hold counts as many, the time being bounded so.
        """
        asked = tuple(sorted(set(names))[:_MOST_ASKED])
        with self._lock:
            self._refresh()
            with _Snapshot(self._connection):
                return self._uses.get(
                    (asked, frozenset(without)), lambda: self._count_uses(asked, without)
                )

    def similar_lines(
        self, words: Sequence[str], suffixes: Collection[str], limit: int = 20
    ) -> Sequence[FoundLines]:
        """Return windows of lines by BM25 over `words`, the best first, none over another."""
        asked = sorted(set(words))[:_MOST_ASKED]
        with self._lock:
            self._refresh()
            with _Snapshot(self._connection):
                return self._similar(asked, tuple(sorted(suffixes)), limit)

    def lines(self, path: str) -> Sequence[str] | None:
        """Return the lines of a file with their endings; None if it may not or cannot be read.

        A file that is not as it was when it was indexed is not read either: its definitions
        would stand at other lines.
        """
        file = self._root / path
        with self._lock:
            self._refresh()
            rows = self._rows(
                tuple[int, int], "SELECT size, mtime_ns FROM files WHERE path = ?", path
            )
        if not rows or not self._may_read(file):
            return None
        stamp = Stamp(*rows[0])
        try:
            status = file.lstat()
        except (OSError, ValueError):
            return None
        if (status.st_size, status.st_mtime_ns) != (stamp.size, stamp.mtime_ns):
            return None
        with self._lock:
            return self._texts.get((path, stamp), lambda: self._read(file, stamp))

    # The connection

    def _refresh(self) -> None:
        """Notice what changed since the last question: the index, or the file that holds it."""
        try:
            inode = self._file.stat().st_ino
        except OSError:
            self._forget()
            return
        if inode != self._inode or self._connection is None:
            self._forget()
            self._inode = inode
            self._connection = _connect(self._file)
        version = self._ask(tuple[int], "PRAGMA data_version")
        if version and (version[0][0] != self._version or self._generation == 0):
            self._version = version[0][0]
            self._renew()

    def _renew(self) -> None:
        # The version is zero while the writer is still making the tables.
        ready = self._ask(tuple[int], "PRAGMA user_version") == [(FORMAT,)]
        rows = self._ask(tuple[int], "SELECT generation FROM state") if ready else []
        generation = rows[0][0] if rows else 0
        if generation != self._generation:
            self._generation = generation
            self._paths = None
            self._outlines.clear()
            self._importers.clear()
            self._uses.clear()

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._inode = self._version = None
        self._generation = 0
        self._files.clear()
        self._paths = None
        self._outlines.clear()
        self._uses.clear()
        self._importers.clear()

    def _rows(self, shape: type[_Row], question: str, *values: object) -> list[_Row]:
        return self._ask(shape, question, *values) if self._generation else []

    def _ask(self, shape: type[_Row], question: str, *values: object) -> list[_Row]:
        if self._connection is None:
            return []
        try:
            rows = self._connection.execute(question, values).fetchall()
            # A damaged file may hold anything anywhere.
            return msgspec.convert(rows, list[shape])  # type: ignore[valid-type]
        except (sqlite3.Error, UnicodeDecodeError, msgspec.ValidationError) as error:
            # Locked for a moment, half made, or damaged: then the writer will make it anew.
            _LOG.debug("the index %s cannot be read: %s", self._file.name, error)
            return []

    # Outlines

    def _outline(self, path: str) -> Outline:
        rows = self._rows(tuple[int, bytes], "SELECT id, imports FROM files WHERE path = ?", path)
        if not rows:
            return Outline()
        number, imports = rows[0]
        first = number << BLOCK_BITS
        records = self._rows(
            tuple[bytes],
            "SELECT record FROM definitions WHERE id BETWEEN ? AND ? ORDER BY id",
            first,
            first | _INDEX_MASK,
        )
        try:
            definitions = tuple(decode_definition(record) for (record,) in records)
            return Outline(definitions, decode_imports(imports))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Outline()

    def _definitions(
        self, question: str, names: Collection[str], limit: int
    ) -> Sequence[FoundDefinition]:
        found: list[tuple[str, bytes, int]] = []
        with self._lock:
            self._refresh()
            for name in sorted(set(names))[:_MOST_ASKED]:
                if (room := limit - len(found)) <= 0:
                    break
                found.extend(self._rows(tuple[str, bytes, int], question, name, room))
        # Within a file the number of a definition follows the text.
        found.sort(key=lambda row: (row[0], row[2]))
        try:
            return [FoundDefinition(path, decode_definition(record)) for path, record, _ in found]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []

    def _count_importers(self, modules: Collection[str]) -> Mapping[str, int]:
        question = "SELECT file FROM modules WHERE module IN (SELECT value FROM json_each(?))"
        counts = Counter(number for (number,) in self._rows(tuple[int], question, _json(modules)))
        self._know_files()
        files = ((self._files.get(number), count) for number, count in counts.items())
        return dict(sorted((file.path, count) for file, count in files if file is not None))

    def _count_uses(self, names: Sequence[str], without: Collection[str]) -> Mapping[str, int]:
        question = "SELECT id FROM files WHERE path IN (SELECT value FROM json_each(?))"
        hidden = {number for (number,) in self._rows(tuple[int], question, _json(without))}
        question = "SELECT word, blocks FROM counts WHERE word IN (SELECT value FROM json_each(?))"
        lower = [name.lower() for name in names]
        blocks = dict(self._rows(tuple[str, int], question, _json(lower)))
        counts = {
            name: MOST_USES
            if blocks.get(word, 0) > MOST_USES
            else len(self._files_with(word) - hidden)
            for name, word in zip(names, lower, strict=True)
            if word in blocks
        }
        return {name: count for name, count in counts.items() if count}

    def _files_with(self, word: str) -> set[int]:
        return {block >> BLOCK_BITS for (block,) in self._rows(tuple[int], _POSTINGS, word)}

    # Similar lines

    def _similar(
        self, words: Sequence[str], suffixes: tuple[str, ...], limit: int
    ) -> Sequence[FoundLines]:
        scores: defaultdict[int, float] = defaultdict(float)
        for word, weight in self._weights(words):
            before = -1
            for (block,) in self._rows(tuple[int], _POSTINGS, word):
                # A block is in the window it begins and in the one it ends; blocks come sorted.
                if before != block - 1 and block & _INDEX_MASK:
                    scores[block - 1] += weight
                scores[block] += weight
                before = block
        self._know_files()
        # Every window that is taken lies over two others at most.
        return _apart(self._best(scores, suffixes, 3 * limit), limit)

    def _weights(self, words: Sequence[str]) -> list[tuple[str, float]]:
        """Return the rarest of `words` and how much each tells, as far as the bounds go."""
        question = "SELECT blocks, word FROM counts WHERE word IN (SELECT value FROM json_each(?))"
        counted = self._rows(tuple[int, str], question, _json(words))
        total, _ = self._totals()
        taken: list[tuple[str, float]] = []
        spent = 0
        for count, word in sorted(counted)[:MOST_WORDS]:
            spent += count
            if spent > MOST_POSTINGS:
                break
            others = max(0, total - count)
            taken.append((word, math.log(1.0 + (others + 0.5) / (count + 0.5))))
        return taken

    def _totals(self) -> tuple[int, int]:
        """Return how many blocks there are and how many words all of them hold."""
        rows = self._rows(tuple[int, int], "SELECT blocks, words FROM state")
        return rows[0] if rows else (0, 0)

    def _know_files(self) -> None:
        """Learn of the files that came since; numbers only grow and are never used again."""
        question = "SELECT id, path, lines, lengths FROM files WHERE id > ? ORDER BY id"
        if len(self._files) > _MOST_STALE + 2 * len(self._paths or ()):
            self._files.clear()
        newest = max(self._files, default=0)
        for number, path, lines, lengths in self._rows(
            tuple[int, str, int, bytes], question, newest
        ):
            self._files[number] = _File(path, lines, lengths)

    def _best(
        self, scores: Mapping[int, float], suffixes: tuple[str, ...], number: int
    ) -> list[FoundLines]:
        """Return the `number` best windows and their equals, lengths counted in."""
        blocks, words = self._totals()
        mean = max(1.0, 2.0 * words / max(1, blocks))
        found: list[tuple[float, int, _File]] = []
        best: list[float] = []
        for window, score in sorted(scores.items(), key=itemgetter(1), reverse=True):
            if len(best) == number and score * _MOST_NORM < best[0]:
                break
            file = self._files.get(window >> BLOCK_BITS)
            index = window & _INDEX_MASK
            if file is None or not file.path.endswith(suffixes) or not file.has_window(index):
                continue
            score *= file.factor(index, mean)
            found.append((score, index, file))
            push = heapq.heappush if len(best) < number else heapq.heappushpop
            push(best, score)
        return [file.window(index, score) for score, index, file in found if score >= best[0]]

    # Lines

    def _read(self, file: Path, stamp: Stamp) -> Sequence[str] | None:
        source = read_source(file, self._may_read, self._limits)
        if isinstance(source, LeftOut):
            return None
        if (source.stamp.size, source.stamp.mtime_ns) != (stamp.size, stamp.mtime_ns):
            return None
        lines = lines_of(source.data, self._redact)
        return None if isinstance(lines, LeftOut) else tuple(lines)


class _Snapshot:
    """Several questions about one state of the index."""

    def __init__(self, connection: sqlite3.Connection | None) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        if self._connection is not None:
            self._connection.execute("BEGIN")

    def __exit__(self, *_: object) -> None:
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _connect(file: Path) -> sqlite3.Connection | None:
    try:
        return sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=0.005,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        _LOG.debug("the index %s cannot be opened: %s", file.name, error)
        return None


def _json(values: Collection[str]) -> str:
    return msgspec.json.encode([without_surrogates(value) for value in sorted(values)]).decode()


def _apart(found: list[FoundLines], limit: int) -> list[FoundLines]:
    """Return the best of `found`, leaving out windows that lie over a better one."""
    heap = [(-one.score, one.path, one.first_line, one.end_line) for one in found]
    heapq.heapify(heap)
    taken: dict[str, list[FoundLines]] = {}
    best: list[FoundLines] = []
    while heap and len(best) < limit:
        score, path, first, end = heapq.heappop(heap)
        others = taken.setdefault(path, [])
        if all(end <= other.first_line or other.end_line <= first for other in others):
            one = FoundLines(path, first, end, -score)
            others.append(one)
            best.append(one)
    return best
