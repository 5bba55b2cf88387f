"""The process that keeps indexes fresh: reads orders, writes events, works in between.

It runs at the lowest priority, looks for orders between any two files, so that a save is indexed
at once while a scan goes on, and ends when its input does, so that it never outlives the server.
A folder that cannot be indexed is reported and left alone until the next scan; the others go on.
Knows nothing about what may be read or how a text is parsed: both come in as functions.
"""

import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import psutil

from lsp_server.context.index.files import MayRead, Redact
from lsp_server.context.index.folder import Folder, Look, OutlineOf, Pause, Summary
from lsp_server.context.index.messages import (
    AnyOrder,
    Changed,
    Failed,
    Forget,
    IndexEvent,
    Progress,
    Ready,
    Rescan,
    Updated,
    Watch,
    decode_order,
    encode,
)
from lsp_server.context.index.settings import IndexSettings
from lsp_server.context.index.store import index_file, remove_unused
from lsp_server.syntax.languages import language_of_path
from lsp_server.syntax.outline import Outline
from lsp_server.syntax.tree import ParseLimits, Unparsed, parse, why_unparsed

RESCAN_SECONDS = 300.0
"""Time after which a folder is looked through again, for what nobody told of."""

_PROGRESS_SECONDS = 0.25
_LOCK_SECONDS = 0.2
"""Time between two tries to begin a scan that another process is at."""

_CALM_SECONDS = 0.5
"""Time after a change of a folder or an ignore file before everything is looked through."""

_CHANGES_AT_ONCE = 16
"""Changed files that are written together; more make a single save wait."""

GRACE = 10.0
"""Seconds in which the file that is read may be ended with once the input has ended; one on a disk
that does not answer is left then. Every transaction that was not finished is undone."""

_MOST_REPAIRS = 3
"""Times an index is made again in one scan before it is given up."""


_DEFAULT = IndexSettings()


def outline_of_file(path: str, lines: Sequence[str], limits: ParseLimits) -> Outline | None:
    """Return what the file `path` defines and imports; nothing in an unknown language.

    None if parsing it takes longer than `limits` allow.
    """
    language = language_of_path(path)
    if language is None:
        return Outline()
    tree = parse(language, lines, limits)
    if tree is not None:
        return tree.outline()
    return None if why_unparsed(language, lines, limits) is Unparsed.SLOW else Outline()


def run_index_process(
    source: BinaryIO,
    sink: BinaryIO,
    cache: Path,
    may_read: MayRead,
    redact: Redact,
    settings: IndexSettings = _DEFAULT,
    outline: OutlineOf | None = None,
) -> None:
    """Keep indexes under `cache` fresh until `source` ends."""
    _step_back()
    remove_unused(cache)
    look = Look(
        may_read,
        outline or partial(outline_of_file, limits=settings.parsing),
        redact,
        settings.limits,
        settings.exclude,
        partial(_takes_less_than, psutil.Process(), settings.memory),
    )
    _IndexProcess(source, sink, cache, look).run()


class _Task:
    """One watched folder and what is to be done about it."""

    def __init__(self, name: str, folder: Folder) -> None:
        self.name = name
        self.folder = folder
        self.steps: Iterator[Pause | Summary] | None = None
        self.waiting = False
        self.due = 0.0
        self.changes: dict[str, str] = {}
        """Path relative to the folder, and as it was told."""
        self.again = False
        """Whether something happened during a scan that it may have missed."""
        self.repairs = 0
        self.complaint = ""
        self.told = 0.0

    def scan(self) -> None:
        """Look through the folder from the beginning."""
        self.stop()
        self.steps = self.folder.scan()
        self.waiting = self.again = False

    def scan_soon(self, now: float) -> None:
        """Look through the folder when this scan is over or what happens has calmed down."""
        self.again = True
        self.due = now + _CALM_SECONDS

    def stop(self) -> None:
        """End a scan that is under way."""
        if self.steps is not None:
            self.steps.close()  # type: ignore[attr-defined]  # It is a generator.
        self.steps = None

    def seconds_left(self, now: float) -> float:
        """Return how long there is nothing to do here."""
        if self.changes and self.folder.is_open:
            return 0.0
        if self.steps is not None:
            return _LOCK_SECONDS if self.waiting else 0.0
        return max(0.0, self.due - now)


class _IndexProcess:
    """All watched folders between two pipes."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, cache: Path, look: Look) -> None:
        self._source = source
        self._sink = sink
        self._cache = cache
        self._look = look
        self._orders: queue.SimpleQueue[AnyOrder | None] = queue.SimpleQueue()
        self._tasks: dict[str, _Task] = {}
        self._ended = False

    def run(self) -> None:
        """Work until the input ends."""
        threading.Thread(target=self._read, name="orders", daemon=True).start()
        while not self._ended:
            self._take_orders()
            for task in list(self._tasks.values()):
                self._work(task)
        for task in self._tasks.values():
            task.stop()
            task.folder.close()

    def _read(self) -> None:
        try:
            for line in self._source:
                if (order := decode_order(line)) is not None:
                    self._orders.put(order)
        finally:
            self._orders.put(None)
            time.sleep(GRACE)
            os._exit(1)

    def _take_orders(self) -> None:
        now = time.monotonic()
        patience = min((task.seconds_left(now) for task in self._tasks.values()), default=None)
        if patience or patience is None:
            with contextlib.suppress(queue.Empty):
                self._obey(self._orders.get(timeout=patience))
        while not self._orders.empty():
            self._obey(self._orders.get())

    def _obey(self, order: AnyOrder | None) -> None:
        match order:
            case None:
                self._ended = True
            case Watch(roots):
                for root in roots:
                    self._watch(root)
            case Changed(paths):
                for path in paths:
                    self._note(path)
            case Forget(root):
                if (task := self._tasks.pop(root, None)) is not None:
                    task.stop()
                    task.folder.close()
            case Rescan():
                for task in self._tasks.values():
                    task.complaint = ""
                    task.scan()

    def _watch(self, root: str) -> None:
        if root not in self._tasks:
            place = Path(root)
            folder = Folder(place, index_file(self._cache, place), self._look)
            self._tasks[root] = _Task(root, folder)
            self._tasks[root].scan()

    def _note(self, path: str) -> None:
        for task in self._tasks.values():
            if (relative := task.folder.relative(path)) is not None:
                task.changes[relative] = path

    # Work

    def _work(self, task: _Task) -> None:
        try:
            if task.folder.is_displaced() and task.steps is None:
                task.folder.close()
                task.scan()
            if task.changes and task.folder.is_open:
                self._update(task)
            elif task.steps is not None:
                self._step(task, task.steps)
            elif time.monotonic() >= task.due:
                task.scan()
        except (sqlite3.Error, OSError) as error:
            self._fail(task, error)

    def _update(self, task: _Task) -> None:
        chosen = dict(islice(task.changes.items(), _CHANGES_AT_ONCE))
        for path in chosen:
            del task.changes[path]
        if task.folder.update(chosen):
            task.scan_soon(time.monotonic())
        self._tell(Updated(list(chosen.values())))

    def _step(self, task: _Task, steps: Iterator[Pause | Summary]) -> None:
        step = next(steps)
        now = time.monotonic()
        if isinstance(step, Summary):
            task.stop()
            task.due = now + (_CALM_SECONDS if task.again else RESCAN_SECONDS)
            task.repairs = 0
            task.complaint = ""
            self._tell(Ready(task.name, step.files, dict(step.left_out), step.generation))
            return
        task.waiting = step.waiting
        if now - task.told >= _PROGRESS_SECONDS:
            task.told = now
            self._tell(Progress(task.name, step.done, step.total))

    def _fail(self, task: _Task, error: Exception) -> None:
        task.stop()
        displaced = task.folder.is_displaced()
        if (task.folder.repair(error) or displaced) and task.repairs < _MOST_REPAIRS:
            task.repairs += 1
            task.scan()
            return
        task.due = time.monotonic() + RESCAN_SECONDS
        task.changes.clear()
        message = (
            f"The folder {task.name} cannot be indexed ({error}). Suggestions do without what"
            f" other files say; check the disk and the folder {self._cache / 'index'}."
        )
        if message != task.complaint:
            task.complaint = message
            self._tell(Failed(task.name, message))

    def _tell(self, event: IndexEvent) -> None:
        try:
            self._sink.write(encode(event))
            self._sink.flush()
        except OSError:
            # Whoever listened is gone.
            self._ended = True


def _takes_less_than(process: psutil.Process, size: int) -> bool:
    """Say whether a process takes less than `size` bytes of memory; a look takes microseconds."""
    try:
        return bool(process.memory_info().rss < size)
    except psutil.Error:
        return True


def _step_back() -> None:
    """Let every other process go first, as far as the system knows how."""
    process = psutil.Process()
    idle = getattr(psutil, "IDLE_PRIORITY_CLASS", 19)
    slow = getattr(psutil, "IOPRIO_CLASS_IDLE", getattr(psutil, "IOPRIO_VERYLOW", None))
    with contextlib.suppress(psutil.Error, OSError):
        process.nice(idle)
    if slow is not None and hasattr(process, "ionice"):
        with contextlib.suppress(psutil.Error, OSError):
            process.ionice(slow)
