"""Wait only so long for work that reads files, which a disk that stalls may never give back.

A network file system that is gone holds whoever asks it, for minutes or for ever, and nothing can
end a thread that is held so. Such work is therefore done in threads of its own, which neither take
the places of others nor keep the process from ending, and who waits goes on without. Knows
nothing about what the work is.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Stalled(Exception):
    """The work has not come back; it goes on in its thread, and nobody hears of its outcome."""


class Patience:
    """How long work about one thing, such as a folder, is waited for."""

    def __init__(self, seconds: float | None = None) -> None:
        """Wait `seconds` for each piece of work; None waits for as long as it takes."""
        self.seconds = seconds
        self._running: dict[Hashable, dict[asyncio.Future[Any], float]] = {}

    async def wait_for(self, about: Hashable, work: Callable[[], _Result]) -> _Result:
        """Do `work` in a thread and return its outcome.

        Raises Stalled where that takes too long, and at once, with nothing begun, where earlier
        work about the same thing already did and has not come back since; and what `work` raises.
        """
        running = self._running.setdefault(about, {})
        oldest = min(running.values(), default=None)
        late = float("inf") if self.seconds is None else self.seconds
        if oldest is not None and time.monotonic() - oldest >= late:
            raise Stalled
        future = begin(work)
        running[future] = time.monotonic()
        future.add_done_callback(lambda done: self._ended(about, done))
        done, _ = await asyncio.wait({future}, timeout=self.seconds)
        if not done:
            raise Stalled
        return future.result()

    def _ended(self, about: Hashable, future: "asyncio.Future[Any]") -> None:
        running = self._running.get(about, {})
        running.pop(future, None)
        if not running:
            self._running.pop(about, None)
        if not future.cancelled():
            # Where nobody waits any more, nobody would look at its error.
            future.exception()


def begin(work: Callable[[], _Result]) -> "asyncio.Future[_Result]":
    """Begin `work` in a thread that does not outlive the process; return its outcome to come."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()

    def tell(call: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            call(value)

    def run() -> None:
        try:
            outcome: tuple[Callable[[Any], None], Any] = (future.set_result, work())
        except Exception as error:  # noqa: BLE001  # Whoever waits gets it.
            outcome = (future.set_exception, error)
        # The loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, *outcome)

    threading.Thread(target=run, name="patience", daemon=True).start()
    return future
