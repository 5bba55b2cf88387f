"""The server's side of the process that keeps indexes fresh.

Orders are queued and written by a task of their own, events are read by another, so nothing here
holds the event loop. A process that dies is started again, a few times; then the index is given
up with one event that says so. Knows nothing about what is in an index.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lsp_server.context.index.messages import (
    Changed,
    Failed,
    Forget,
    IndexEvent,
    Order,
    Progress,
    Ready,
    Rescan,
    Watch,
    decode_event,
    encode,
)
from lsp_server.context.index.settings import IndexSettings, as_argument
from lsp_server.processes import start_process

_LOG = logging.getLogger(__name__)

MOST_RESTARTS = 3
"""Times the process is started again before a scan is done in between."""

RESTART_SECONDS = 1.0
"""Time before a process that died is started again."""

_LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of the longest event."""

_CLOSE_SECONDS = 2.0
"""Time that a process may take to end by itself."""

_DEFAULT = IndexSettings()

Listener = Callable[[IndexEvent], None]


@dataclass(frozen=True, slots=True)
class RootState:
    """How far the index of one workspace folder is."""

    phase: str = "waiting"
    """``waiting``, ``scanning``, ``ready`` or ``failed``."""
    done: int = 0
    total: int = 0
    """Files of a first scan."""
    files: int = 0
    """Files in the index."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many files and folders are not in it, by reason."""
    generation: int = 0
    message: str = ""
    """Why it failed."""


def index_command(module: str, cache: Path, settings: IndexSettings = _DEFAULT) -> tuple[str, ...]:
    """Return the command that runs `module` as the process that indexes into `cache`."""
    # Without -P the folder the editor was started in, which may be anybody's repository, would
    # come first on the import path.
    program = (sys.executable, "-P", "-m", module)
    return (*program, "--cache", str(cache), "--settings", as_argument(settings))


class IndexClient:
    """The process that keeps indexes fresh, as long as the server runs."""

    def __init__(
        self, command: Sequence[str], listen: Listener, *, restart_seconds: float = RESTART_SECONDS
    ) -> None:
        self._command = tuple(command)
        self._listen = listen
        self._restart_seconds = restart_seconds
        self._roots: dict[str, RootState] = {}
        self._orders: list[Order] = []
        self._changed: dict[str, None] = {}
        self._wanted = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._deaths = 0

    @property
    def pid(self) -> int | None:
        """Process id of the process that runs now."""
        return None if self._process is None else self._process.pid

    @property
    def states(self) -> Mapping[str, RootState]:
        """How far the index of each folder is."""
        return dict(self._roots)

    async def start(self, roots: Iterable[str]) -> None:
        """Start the process and watch `roots`."""
        self.set_roots(roots)
        self._task = asyncio.create_task(self._run(), name="index process")

    def set_roots(self, roots: Iterable[str]) -> None:
        """Watch exactly `roots`, which are absolute paths."""
        wanted = dict.fromkeys(roots)
        for root in [root for root in self._roots if root not in wanted]:
            del self._roots[root]
            self._order(Forget(root))
        for root in wanted:
            if root in self._roots:
                continue
            self._roots[root] = RootState()
            if _is_unicode(root):
                self._order(Watch([root]))
            else:
                self._refuse(root)

    def changed(self, paths: Iterable[str]) -> None:
        """Tell that files or folders were saved, made, renamed or deleted."""
        if self._task is not None and not self._task.done():
            self._changed.update(dict.fromkeys(path for path in paths if _is_unicode(path)))
            self._wanted.set()

    def rescan(self) -> None:
        """Look through all folders again."""
        self._order(Rescan())

    async def close(self) -> None:
        """End the process and wait until it is gone."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._task = None

    def _order(self, order: Order) -> None:
        self._orders.append(order)
        self._wanted.set()

    # The process

    async def _run(self) -> None:
        status = ""
        while self._deaths <= MOST_RESTARTS:
            try:
                status = await self._serve()
            except OSError as error:
                status = f"cannot be started: {error}"
            self._deaths += 1
            _LOG.warning("The index process %s.", status)
            await asyncio.sleep(self._restart_seconds)
            self._orders = [Watch([root for root in self._roots if _is_unicode(root)])]
            self._wanted.set()
        self._give_up(status)

    async def _serve(self) -> str:
        """Run one process until it ends; return how it ended."""
        process = await start_process(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            # An interrupt typed at a terminal is for the server, which ends this process itself.
            process_group=0 if os.name == "posix" else None,
        )
        self._process = process
        writer = asyncio.create_task(self._write(process), name="index orders")
        try:
            await self._read(process)
            status = await process.wait()
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await _end(process)
            self._process = None
        return f"ended by signal {-status}" if status < 0 else f"ended with status {status}"

    async def _write(self, process: asyncio.subprocess.Process) -> None:
        stdin = process.stdin
        assert stdin is not None  # noqa: S101  # It was asked for as a pipe.
        with contextlib.suppress(ConnectionError):
            while await self._wanted.wait():
                self._wanted.clear()
                orders, self._orders = self._orders, []
                changed, self._changed = self._changed, {}
                if changed:
                    orders.append(Changed(list(changed)))
                stdin.writelines(encode(order) for order in orders)
                await stdin.drain()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        stdout = process.stdout
        assert stdout is not None  # noqa: S101  # It was asked for as a pipe.
        while line := await stdout.readline():
            if (event := decode_event(line)) is not None:
                self._learn(event)
                self._listen(event)
            # A line that is there already is read without waiting: let others have a turn.
            await asyncio.sleep(0)

    def _learn(self, event: IndexEvent) -> None:
        match event:
            case Progress(root, done, total) if root in self._roots:
                state = self._roots[root]
                # A later scan of a complete index is nobody's concern.
                if state.phase != "ready":
                    self._roots[root] = replace(state, phase="scanning", done=done, total=total)
            case Ready(root, files, left_out, generation) if root in self._roots:
                self._deaths = 0
                self._roots[root] = RootState("ready", files, files, files, left_out, generation)
            case Failed(root, message) if root in self._roots:
                self._roots[root] = replace(self._roots[root], phase="failed", message=message)

    def _refuse(self, root: str) -> None:
        message = f"The name of the folder {root!a} is not valid Unicode; it is not indexed."
        self._roots[root] = RootState("failed", message=message)
        self._listen(Failed(root, message))

    def _give_up(self, status: str) -> None:
        message = (
            f"The process that indexes the workspace {status}; it was started {self._deaths}"
            " times. Suggestions do without what other files say."
        )
        for root, state in self._roots.items():
            self._roots[root] = replace(state, phase="failed", message=message)
        self._listen(Failed("", message))


def _is_unicode(path: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in path)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End `process`, which does so by itself once its input ends."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), timeout=_CLOSE_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
