"""The files that say what became of requests: one a server, readable by its owner only.

Each is lines of JSON: a head, then one fate a line, and now and then a tally of the session. It
never grows over `LARGEST`: then it is written anew with the latest half. Only the files of the
latest few servers stay. Knows nothing about what a fate means.
"""

import os
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from lsp_server.completion.fates import RequestFate, Tally, collapsed
from lsp_server.config.private import make_folder, open_to_append, remove_old, session_name

SCHEMA = 1
"""Version of the form of these files."""

LARGEST = 256_000
"""Bytes of one file; some 600 fates."""

SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class Head:
    """What the first line says about the server that writes."""

    started: float
    """In seconds since 1970."""
    pid: int
    version: str
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class Session:
    """One server's file, as it was read."""

    file: Path
    head: Head
    is_running: bool
    """Whether that server is still there."""
    fates: tuple[RequestFate, ...]
    """Oldest first."""
    tally: Tally
    """What was counted besides."""

    @property
    def last_active(self) -> float:
        """When it last answered, or else began, in seconds since 1970."""
        return self.fates[-1].at if self.fates else self.head.started


class FateLog:
    """The file of one server."""

    def __init__(self, folder: Path, version: str) -> None:
        """Write nothing yet."""
        self._head = Head(time.time(), os.getpid(), version)
        self.file = folder / (session_name(self._head.started, self._head.pid) + SUFFIX)
        """Where it is, once something was written."""
        self._lines: deque[bytes] = deque()
        """What stands in the file."""
        self._tally = b""
        """The line that says what was counted besides."""
        self._size = 0

    def write(self, fates: Iterable[RequestFate], tally: Tally | None = None) -> None:
        """See `Log.write`. What somebody has deleted meanwhile does not come back."""
        lines = [_line(fate) for fate in fates]
        if tally is not None:
            self._tally = _line(tally)
        if not self.file.exists():
            make_folder(self.file.parent)
            remove_old(self.file.parent)
            self._lines.clear()
            self._rewrite()
        self._lines.extend(lines)
        if tally is not None:
            lines.append(self._tally)
        if self._size + sum(map(len, lines)) > LARGEST:
            self._rewrite()
        elif lines:
            _append(self.file, lines)
            self._size += sum(map(len, lines))

    def remove(self) -> None:
        """See `Log.remove`."""
        self.file.unlink(missing_ok=True)

    def _rewrite(self) -> None:
        size = sum(map(len, self._lines))
        while size > LARGEST // 2:
            size -= len(self._lines.popleft())
        head = _line(self._head)
        fresh = self.file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        _append(fresh, [head, *self._lines, self._tally])
        fresh.replace(self.file)
        self._size = len(head) + size + len(self._tally)


def _append(file: Path, lines: list[bytes]) -> None:
    with open_to_append(file) as stream:
        stream.write(b"".join(lines))


def sessions(folder: Path) -> list[Session]:
    """Return what the servers have written, the one that answered last at the end.

    What cannot be read is left out.
    """
    try:
        files = [file for file in folder.iterdir() if file.suffix == SUFFIX]
    except OSError:
        return []
    found = (_read(file) for file in files)
    return sorted((one for one in found if one is not None), key=lambda one: one.last_active)


def _read(file: Path) -> Session | None:
    try:
        first, *lines = file.read_bytes().splitlines()
        head = msgspec.json.decode(first, type=Head)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
    if head.schema != SCHEMA:
        return None
    fates, tally = [], Tally({})
    for line in lines:
        try:
            fates.append(msgspec.json.decode(line, type=RequestFate))
        except msgspec.MsgspecError:
            # A tally, or the last line of a server that was killed while it wrote.
            tally = _tally(line) or tally
    return Session(file, head, _is_running(head), tuple(collapsed(fates)), tally)


def _tally(line: bytes) -> Tally | None:
    try:
        return msgspec.json.decode(line, type=Tally)
    except msgspec.MsgspecError:
        return None


def _is_running(head: Head) -> bool:
    try:
        created = psutil.Process(head.pid).create_time()
    except psutil.Error:
        return False
    # A process that began after the file was made has got the same number by chance.
    return created <= head.started + 1.0


def _line(value: RequestFate | Head | Tally) -> bytes:
    return msgspec.json.encode(value) + b"\n"
