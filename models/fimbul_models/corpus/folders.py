"""The files of a folder on this machine.

Symbolic links are never followed, and nothing but regular files is opened. Knows nothing about
which files are wanted.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fimbul_models.corpus.listings import Entry, Listing, entry_of, printable, sorted_by_path
from fimbul_models.errors import SourceError

GIT = ".git"
"""What makes a folder a git repository; its content is no part of it."""


@contextmanager
def listed_folder(folder: Path) -> Iterator[Listing]:
    """Return the files below `folder`, without what git keeps for itself.

    Raises SourceError if the folder itself cannot be listed; those below that cannot are empty.
    """
    root = os.fsencode(folder)
    try:
        os.listdir(root)  # noqa: PTH208 - paths of other encodings are bytes.
    except OSError as error:
        raise SourceError(f"{folder} cannot be listed: {error.strerror}.") from error

    def read(entry: Entry) -> bytes:
        return _read(root + b"/" + bytes(entry.handle))

    entries, nested = _entries(root)
    yield Listing(sorted_by_path(entries), read, tuple(sorted(nested)))


def repositories_in(folder: Path) -> list[Path]:
    """Return the folders directly in `folder`, sorted by name.

    Raises SourceError if it cannot be listed.
    """
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
        )
    except OSError as error:
        raise SourceError(f"{folder} cannot be listed: {error.strerror}.") from error


def _entries(root: bytes) -> tuple[list[Entry], list[str]]:
    """Return the files below `root`, and the folders that are repositories of their own."""
    entries: list[Entry] = []
    nested: list[str] = []
    below = [b""]
    while below:
        folder = below.pop()
        for child in _children(root + b"/" + folder):
            name = folder + child.name
            if child.name == GIT.encode():
                nested += [printable(folder[:-1])] if folder else []
            elif child.is_dir(follow_symlinks=False):
                below.append(name + b"/")
            elif child.is_file(follow_symlinks=False):
                entries.append(entry_of(name, _size(child), handle=name))
    return entries, nested


def _children(folder: bytes) -> list[os.DirEntry[bytes]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:  # Not ours to read.
        return []


def _size(child: os.DirEntry[bytes]) -> int:
    try:
        return child.stat(follow_symlinks=False).st_size
    except OSError:  # Gone meanwhile; reading it will say so.
        return 0


def _read(path: bytes) -> bytes:
    try:
        # Whatever came into the file's place meanwhile is neither followed nor waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            return file.read()
    except OSError as error:
        raise SourceError(error.strerror or "it cannot be read") from error
