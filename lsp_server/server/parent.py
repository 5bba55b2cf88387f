"""End with the editor, also where its pipe stays open.

An editor that is killed closes its end of the pipe, which ends the server, unless another process
holds that end as well: one that the editor has started, or a wrapper. So the editor's process is
watched, too, if it is one of those that this process descends from. A number that means nothing
here, because the editor runs in another container or on another machine, is not watched. Knows
nothing about LSP.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable

import psutil

_LOG = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks."""

GRACE = 5.0
"""Seconds that this process may take to end by itself; it may be held by a pipe that is full."""


def watch(process_id: int | None, call: Callable[[], None]) -> bool:
    """Call `call` in the running event loop once the process `process_id` is gone, then end.

    Return whether it is watched.
    """
    process = _ancestor(process_id)
    if process is None:
        return False
    loop = asyncio.get_running_loop()

    def look() -> None:
        while _is_there(process):
            time.sleep(EVERY)
        _LOG.warning("the editor (process %d) is gone", process.pid)
        if not loop.is_closed():
            loop.call_soon_threadsafe(call)
        time.sleep(GRACE)
        os._exit(1)

    threading.Thread(target=look, name="editor watch", daemon=True).start()
    return True


def _ancestor(process_id: int | None) -> psutil.Process | None:
    """Return that process if this one descends from it."""
    if not process_id:
        return None
    try:
        above = psutil.Process().parents()
    except (psutil.Error, OSError):
        return None
    return next((process for process in above if process.pid == process_id), None)


def _is_there(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OSError):
        # Not being allowed to look is no sign that it is gone.
        return True
