"""Writes feedback in a thread of its own, so that no key ever waits for a disk.

Events are collected for a moment and written together. What cannot be written is said once and
does not disturb anything else. Knows nothing about what the events mean.
"""

import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path

from lsp_server.errors import FeedbackError
from lsp_server.feedback.records import Event
from lsp_server.feedback.store import (
    Store,
    StoreFailure,
    is_busy,
    is_damage,
    open_store,
)

_LOG = logging.getLogger(__name__)

GATHER = 2.0
"""Seconds for which events are collected before they are written."""

WAITING = 10_000
"""Most events that wait for a file that cannot be written; the oldest are dropped."""

_RETRY = 1.0
"""Seconds after which is tried again while another process writes."""

_CLOSE = 10.0
"""Seconds that closing waits for what is still to be written."""


class Recorder:
    """The writing end of the store. Its thread begins with the first event."""

    def __init__(
        self, file: Path, max_bytes: int, tell: Callable[[str], None], *, gather: float = GATHER
    ) -> None:
        """Write to `file` while it is no larger than `max_bytes`.

        `tell` is called in the thread with what the user should know.
        """
        self._file = file
        self.max_bytes = max_bytes
        """Size above which the oldest is forgotten; may be changed at any time."""
        self._tell = tell
        self._gather = gather
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._told: set[str] = set()
        self._hurry = threading.Event()
        self._doubts = False

    def put(self, event: Event) -> None:
        """Have an event written, soon; never waits."""
        self._events.put(event)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="feedback", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write what is there and end; waits for that."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._hurry.set()
        self._events.put(None)
        thread.join(_CLOSE)

    def _run(self) -> None:
        store: Store | None = None
        waiting: list[Event] = []
        goes_on = True
        while goes_on:
            goes_on = self._collect(waiting)
            while waiting:
                store, is_written = self._try_to_write(store, waiting)
                if is_written:
                    waiting.clear()
                elif self._hurry.wait(_RETRY):
                    # The end: one more time, then what is left is lost.
                    store, is_written = self._try_to_write(store, waiting)
                    break
                else:
                    goes_on = self._take_more(waiting) and goes_on
        if store is not None:
            store.close()

    def _collect(self, waiting: list[Event]) -> bool:
        """Wait for events and take them; return False when no more will come."""
        event = self._events.get()
        if event is None:
            return False
        waiting.append(event)
        self._hurry.wait(self._gather)
        return self._take_more(waiting)

    def _take_more(self, waiting: list[Event]) -> bool:
        while True:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                break
            if event is None:
                return False
            waiting.append(event)
        del waiting[:-WAITING]
        return True

    def _try_to_write(self, store: Store | None, events: list[Event]) -> tuple[Store | None, bool]:
        """Return the store as it is now, and whether there is nothing left to be written."""
        try:
            if store is not None and store.is_replaced:
                store.close()
                store = None
            store = store or self._open()
            if store.write(events, self.max_bytes):
                self._say_full()
        except StoreFailure as error:
            return self._failed(store, error)
        except (FeedbackError, OSError) as error:
            self._say(f"What becomes of suggestions is not remembered: {error}")
            return store, True
        self._doubts = False
        return store, True

    def _failed(self, store: Store | None, error: StoreFailure) -> tuple[Store | None, bool]:
        if is_busy(error):
            return store, False
        if store is not None:
            store.close()
        if is_damage(error) and not self._doubts:
            # Opening it again finds out what is the matter, and sets it aside.
            self._doubts = True
            return None, False
        self._say(f"What becomes of suggestions is not remembered: {self._file}: {error}.")
        return None, True

    def _open(self) -> Store:
        store, aside = open_store(self._file, doubted=self._doubts)
        if aside is not None:
            self._say_aside(aside)
        return store

    def _say_full(self) -> None:
        self._say(
            f"The oldest of what is remembered of suggestions was forgotten: {self._file} has"
            f" reached {self.max_bytes // 1_000_000} MB (feedback.max_size)."
        )

    def _say_aside(self, aside: Path) -> None:
        self._say(
            f"The file of feedback was damaged. It lies now at {aside}, and a new one was begun;"
            " delete it if you do not want to look at it."
        )

    def _say(self, message: str) -> None:
        if message in self._told:
            return
        self._told.add(message)
        _LOG.warning("%s", message)
        self._tell(message)
