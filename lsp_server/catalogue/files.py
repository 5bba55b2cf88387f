"""Write and hash files so that a reader never sees half of one.

Knows nothing about models.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

CHUNK_BYTES = 1 << 20
"""Bytes read at a time: enough to keep the disk busy, little enough to show progress."""


def replace_file(path: Path, text: str) -> None:
    """Replace the file at `path` by one holding `text`, all at once.

    A symbolic link is followed, so that a settings file kept elsewhere stays there, and the
    file's permissions are kept. Raises `OSError`.
    """
    target = path.resolve()
    written = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with written.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, written)
        written.replace(target)
    finally:
        written.unlink(missing_ok=True)


def sha256_of(path: Path, progress: Callable[[int], object] | None = None) -> str:
    """Return the SHA-256 of the file at `path` in hexadecimal; `progress` gets each step in bytes.

    Raises `OSError`.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            if progress:
                progress(len(chunk))
    return digest.hexdigest()


def bytes_in(folder: Path) -> int:
    """Return how many bytes the files below `folder` hold; 0 if there is no such folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
