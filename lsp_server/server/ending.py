"""End in order where the system asks for it.

An editor that ends kills its servers (SIGTERM), and a terminal that closes does as well (SIGHUP).
Python would be gone at once then, with what it has not written yet. Knows nothing about LSP.
"""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from types import FrameType

SIGNALS = ("SIGTERM", "SIGHUP")

STOP_SECONDS = 3.0
"""Time in which what is left may be written."""

GRACE = 5.0
"""Seconds after which the process ends in any case, also where its event loop is stuck."""


def end_at_signals(stop: Callable[[], Awaitable[None]]) -> None:
    """Have a signal end this process once `stop` was awaited; needs a running event loop.

    The status is what a shell makes of the signal, 128 and its number.
    """
    loop = asyncio.get_running_loop()
    ending: list[asyncio.Task[None]] = []

    def begin(number: int) -> None:
        if not ending:
            ending.append(loop.create_task(_end(stop, number), name="end"))

    def on_signal(number: int, _frame: FrameType | None) -> None:
        watchdog = threading.Timer(GRACE, os._exit, (128 + number,))
        watchdog.daemon = True
        watchdog.start()
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(begin, number)

    for name in SIGNALS:
        # Elsewhere than in the main thread nobody may say what a signal does.
        with contextlib.suppress(AttributeError, ValueError):
            signal.signal(getattr(signal, name), on_signal)


async def _end(stop: Callable[[], Awaitable[None]], number: int) -> None:
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop(), STOP_SECONDS)
    finally:
        # A thread may wait for the editor's next message, and nothing else can end that.
        os._exit(128 + number)
