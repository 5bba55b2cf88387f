"""Files that a server keeps for its owner only: how they are named, made and cleared away.

Each server writes files of its own, so that several at once never meet. Knows nothing about what
is in them.
"""

import os
import time
from pathlib import Path
from typing import BinaryIO

FOLDER_MODE, FILE_MODE = 0o700, 0o600
"""For their owner only."""

SESSIONS = 8
"""Servers whose files are kept in one folder, the latest."""


def session_name(started: float, pid: int) -> str:
    """Return the name, without suffix, of the files of a server; later ones sort behind.

    `started` is in seconds since 1970.
    """
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(started))}-{pid}"


def make_folder(folder: Path) -> None:
    """Make a folder for its owner only. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    folder.chmod(FOLDER_MODE)


def open_to_append(file: Path | str) -> BinaryIO:
    """Open a file to write behind its end, for its owner only. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(file, flags, FILE_MODE), "ab")


def remove_old(folder: Path, keep: int = SESSIONS - 1) -> None:
    """Delete the files of all servers but the latest. Raises OSError."""
    files = list(folder.iterdir())
    latest = set(sorted({_session_of(file) for file in files}, reverse=True)[:keep])
    for file in files:
        if _session_of(file) not in latest:
            file.unlink(missing_ok=True)


def can_write(folder: Path) -> bool:
    """Return whether files can be made in a folder, which may still have to be made itself."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _session_of(file: Path) -> str:
    return file.name.partition(".")[0]
