"""The process that indexes, run over pipes as the server runs it."""

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from lsp_server.context.index.messages import (
    Changed,
    IndexEvent,
    Order,
    Ready,
    Updated,
    Watch,
    decode_event,
    encode,
)
from lsp_server.context.index.reader import IndexReader
from lsp_server.context.index.settings import IndexSettings, as_argument
from lsp_server.context.index.store import index_file

SECONDS = 60.0
"""Time after which a test gives up waiting."""

PROGRAM = """
import os, sys
from pathlib import Path
from lsp_server.context.index.process import run_index_process
from lsp_server.context.index.settings import from_argument

settings = from_argument(sys.argv[3])
cache, log = Path(sys.argv[1]), Path(sys.argv[2])

def may_read(path):
    with log.open("ab") as stream:
        stream.write(os.fsencode(path) + bytes(1))
    return "forbidden" not in path.name

BEFORE
run_index_process(sys.stdin.buffer, sys.stdout.buffer, cache, may_read, tuple, settings)
"""

_DEFAULT = IndexSettings()

_Event = TypeVar("_Event", bound=IndexEvent)


def command(
    cache: Path, log: Path, before: str = "", settings: IndexSettings = _DEFAULT
) -> tuple[str, ...]:
    """The command of an index process that logs every path it asks about.

    `before` is Python that runs first; files with ``forbidden`` in their names may not be read.
    """
    program = PROGRAM.replace("BEFORE", before)
    run = (sys.executable, "-P", "-c", program)
    return (*run, str(cache), str(log), as_argument(settings))


class IndexChild:
    """One index process."""

    def __init__(
        self, folder: Path, *, before: str = "", settings: IndexSettings = _DEFAULT
    ) -> None:
        self.cache = folder / "cache"
        self._log = folder / "asked"
        self._process = subprocess.Popen(
            command(self.cache, self._log, before, settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._events: queue.SimpleQueue[IndexEvent] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def __enter__(self) -> "IndexChild":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if (event := decode_event(line)) is not None:
                self._events.put(event)

    def send(self, order: Order | bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order if isinstance(order, bytes) else encode(order))
        self._process.stdin.flush()

    def wait(self, kind: type[_Event], accept: Callable[[_Event], bool] = lambda _: True) -> _Event:
        """Return the next event of `kind` that is accepted."""
        while True:
            event = self._events.get(timeout=SECONDS)
            if isinstance(event, kind) and accept(event):
                return event

    def watch(self, *roots: Path) -> list[Ready]:
        self.send(Watch([str(root) for root in roots]))
        return [self.wait(Ready) for _ in roots]

    def change(self, *paths: Path) -> None:
        """Tell of changes and wait until all of them are in the index."""
        self.send(Changed([str(path) for path in paths]))
        missing = {str(path) for path in paths}
        while missing:
            missing -= set(self.wait(Updated).paths)

    def reader(self, root: Path) -> IndexReader:
        return IndexReader(index_file(self.cache, root), root, lambda _: True, tuple)

    def paths(self, root: Path) -> Sequence[str]:
        reader = self.reader(root)
        paths = reader.paths()
        reader.close()
        return paths

    def asked(self) -> list[str]:
        """The names of all files that were asked about, in order."""
        data = self._log.read_bytes() if self._log.exists() else b""
        return [Path(one.decode("utf-8", "replace")).name for one in data.split(b"\0") if one]

    def end(self) -> int:
        """Close the input; return the status that the process ends with by itself."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            return self._process.wait(timeout=SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._thread.join()
            self._process.stdout.close()
