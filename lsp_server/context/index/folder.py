"""Keep the index of one workspace folder like the folder.

A scan compares the folder with the index by sizes and times and reads what differs; it is a
generator, so that whoever runs it can do something more urgent between two files. Only one
process scans a folder at a time; another one waits and then finds everything done. Knows nothing
about messages, clocks or processes.
"""

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from lsp_server.context.index.files import (
    FoundFile,
    LeftOut,
    Limits,
    MayRead,
    Redact,
    Stamp,
    Walk,
    lines_of,
    look_at,
    read_source,
)
from lsp_server.context.index.ignore import RULE_FILES
from lsp_server.context.index.store import (
    Changes,
    IndexedFile,
    IndexWriter,
    WordCutter,
    delete,
    is_damage,
    summarize,
)
from lsp_server.syntax.outline import Outline

OutlineOf = Callable[[str, Sequence[str]], Outline | None]
"""Returns what the file of that path, with these lines, defines and imports; None if finding that
out takes too long."""

BATCH_BLOCKS = 200
"""Blocks of lines that are written at once. It bounds how long a save waits: about 50 ms."""

_READ_REASONS = frozenset((LeftOut.BINARY, LeftOut.ENCODING, LeftOut.MINIFIED, LeftOut.LARGE))
"""What only reading tells, and what is kept so that nothing is read twice."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Where a scan stands between two steps."""

    done: int = 0
    total: int = 0
    waiting: bool = False
    """Whether it waits for another process, so that there is no hurry to go on."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a scan found."""

    files: int
    left_out: Mapping[str, int]
    generation: int


@dataclass(frozen=True, slots=True)
class Look:
    """How files are looked at."""

    may_read: MayRead
    outline_of: OutlineOf
    redact: Redact
    limits: Limits = Limits()  # noqa: RUF009  # Frozen.
    exclude: Sequence[Sequence[str]] = ()
    """Patterns of what is not looked at."""
    has_room: Callable[[], bool] = lambda: True
    """Tells whether there is memory for more files."""


class _Batch:
    """What waits to be written in one transaction."""

    def __init__(self) -> None:
        self.indexed: dict[str, IndexedFile] = {}
        self.removed: dict[str, None] = {}
        self.touched: dict[str, Stamp] = {}
        self.refused: dict[str, tuple[Stamp, LeftOut]] = {}

    def forget(self, path: str) -> None:
        """Drop what waits for `path`: there is something newer."""
        for part in (self.indexed, self.removed, self.touched, self.refused):
            part.pop(path, None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not (self.indexed or self.removed or self.touched or self.refused)

    @property
    def is_full(self) -> bool:
        """Whether it is time to write."""
        blocks = sum(len(file.blocks) for file in self.indexed.values())
        others = len(self.removed) + len(self.touched) + len(self.refused)
        return blocks + 4 * others >= BATCH_BLOCKS

    def changes(self) -> Changes:
        """Return what waits, as one transaction."""
        indexed = tuple(self.indexed.values())
        return Changes(indexed, tuple(self.removed), self.touched, self.refused)


class Folder:
    """One workspace folder and its index. Methods may raise `sqlite3.Error` and `OSError`."""

    def __init__(self, root: Path, file: Path, look: Look) -> None:
        self.root = root
        self._resolved = root.resolve()
        self._file = file
        self._look = look
        self._writer: IndexWriter | None = None
        self._batch = _Batch()
        self._cutter = WordCutter()
        self._hard: dict[str, FoundFile] = {}
        """Files that took too long to parse, as they were then."""

    @property
    def is_open(self) -> bool:
        """Whether the index can be changed; a scan opens it."""
        return self._writer is not None

    def is_displaced(self) -> bool:
        """Return whether the index went away, so that a scan has to make it again."""
        return self._writer is not None and not self._writer.is_current()

    def close(self) -> None:
        """Close the index."""
        writer, self._writer, self._batch = self._writer, None, _Batch()
        if writer is not None:
            writer.close()

    def repair(self, error: Exception) -> bool:
        """Close the index after `error`; return whether it was damaged, and is gone therefore."""
        with contextlib.suppress(sqlite3.Error):
            self.close()
        if not isinstance(error, sqlite3.Error) or not is_damage(error):
            return False
        delete(self._file)
        return True

    # A scan

    def scan(self) -> Iterator[Pause | Summary]:
        """Look through the folder and bring the index up to date; the last value is the summary."""
        # A folder that went away, with a disk that is not mounted, is no empty folder.
        os.scandir(self.root).close()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self._file}.lock", timeout=0)
        while not _acquired(lock):
            yield Pause(waiting=True)
        try:
            writer = self._open()
            found: list[FoundFile] = []
            walk = Walk(self.root, self._look.limits, self._look.exclude)
            for file in walk:
                if file is None:
                    yield Pause()
                else:
                    found.append(file)
            yield from self._compare(writer, found, Counter(walk.left_out))
        finally:
            with contextlib.suppress(OSError):
                lock.release()

    def _open(self) -> IndexWriter:
        if self.is_displaced():
            self.close()
        if self._writer is None:
            self._writer = IndexWriter(self._file)
        self._writer.mark_used()
        return self._writer

    def _compare(
        self, writer: IndexWriter, found: Sequence[FoundFile], left_out: Counter[LeftOut]
    ) -> Iterator[Pause | Summary]:
        known, refused = writer.stamps(), writer.refused()
        for done, file in enumerate(found):
            old = refused.get(file.path)
            if old is not None and old[0].looks_like(file):
                left_out[old[1]] += 1
                continue
            stamp = known.get(file.path)
            reason = self._beyond_memory(file, stamp) or self._take(file, stamp)
            if reason is not None:
                left_out[reason] += 1
            if self._batch.is_full:
                self._write(writer)
            yield Pause(done, len(found))
        gone = (known.keys() | refused.keys()) - {file.path for file in found}
        for path in sorted(gone):
            self._batch.removed[path] = None
            if self._batch.is_full:
                self._write(writer)
                yield Pause(len(found), len(found))
        self._write(writer)
        writer.tidy()
        counts = {reason.value: count for reason, count in left_out.items() if count}
        counts.pop(LeftOut.VANISHED.value, None)
        yield Summary(writer.count(), dict(sorted(counts.items())), writer.generation())

    def _take(self, file: FoundFile, known: Stamp | None) -> LeftOut | None:
        """Add `file` to the batch if it changed; return why it is left out, if it is."""
        reason = self._read(file, known)
        if reason in _READ_REASONS:
            self._batch.refused[file.path] = (Stamp(file.size, file.mtime_ns), reason)
        elif reason is not None and known is not None:
            self._batch.removed[file.path] = None
        return reason

    def _read(self, file: FoundFile, known: Stamp | None) -> LeftOut | None:
        place = self.root / file.path
        if self._hard.get(file.path) == file:
            return LeftOut.HARD
        if known is not None and known.looks_like(file):
            # What may be read can change without the file.
            return None if self._look.may_read(place) else LeftOut.FORBIDDEN
        source = read_source(place, self._look.may_read, self._look.limits)
        if isinstance(source, LeftOut):
            return source
        if known is not None and known.digest == source.stamp.digest:
            self._batch.touched[file.path] = source.stamp
            return None
        lines = lines_of(source.data, self._look.redact)
        if isinstance(lines, LeftOut):
            return lines
        outline = self._look.outline_of(file.path, lines)
        if outline is None:
            self._hard[file.path] = file
            return LeftOut.HARD
        self._batch.indexed[file.path] = summarize(
            file.path, source.stamp, lines, outline, self._cutter
        )
        return None

    def _beyond_memory(self, file: FoundFile, known: Stamp | None) -> LeftOut | None:
        """Return that there is no memory to read `file`, if it has to be read; then forget it."""
        if (known is not None and known.looks_like(file)) or self._has_room():
            return None
        if known is not None:
            self._batch.removed[file.path] = None
        return LeftOut.TOO_MUCH_MEMORY

    def _has_room(self) -> bool:
        if self._look.has_room():
            return True
        # What was remembered only to be quick may be all that is too much.
        self._cutter = WordCutter()
        return self._look.has_room()

    def _write(self, writer: IndexWriter) -> None:
        batch, self._batch = self._batch, _Batch()
        if not batch.is_empty:
            writer.apply(batch.changes())

    # Single files

    def relative(self, path: str) -> str | None:
        """Return `path` relative to the folder with ``/`` between parts; None if it is outside."""
        normal = Path(os.path.normpath(path))
        # An editor may name the folder by a link and its files by where they are.
        for root in (self.root, self._resolved):
            if normal != root and normal.is_relative_to(root):
                return normal.relative_to(root).as_posix()
        return None

    def update(self, paths: Collection[str]) -> bool:
        """Bring the index up to date about `paths`, which are relative to the folder.

        Returns whether a whole scan is needed as well: a folder or an ignore file changed.
        """
        writer = self._writer
        if writer is None:
            return True
        waiting, self._batch = self._batch, _Batch()
        needs_scan = False
        try:
            room = self._look.limits.files - writer.count()
            for path in paths:
                waiting.forget(path)
                known = writer.stamp(path)
                needs_scan |= _concerns_others(self.root / path, known)
                room -= self._update(path, known, room)
            self._write(writer)
        finally:
            self._batch = waiting
        return needs_scan

    def _update(self, path: str, known: Stamp | None, room: int) -> int:
        """Add one path to the batch; return how many files more there are now."""
        file = look_at(self.root, path, self._look.limits, self._look.exclude)
        if isinstance(file, LeftOut):
            self._batch.removed[path] = None
            return 0
        if known is None and room <= 0:
            return 0
        # Two saves within the clock's grain leave size and time the same.
        stale = None if known is None else Stamp(known.size, -1, known.digest)
        self._take(file, stale)
        return int(known is None)


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire()
    except Timeout:
        return False
    except NotImplementedError:
        # A file system without locks: two servers at work on one folder only do it twice.
        return True
    return True


def _concerns_others(place: Path, known: Stamp | None) -> bool:
    """Return whether a change of `place` changes what is known of other files."""
    if place.name in RULE_FILES or place.parts[-2:] == ("info", "exclude"):
        return True
    try:
        return place.is_dir() or (known is None and not place.exists())
    except OSError:
        return True
