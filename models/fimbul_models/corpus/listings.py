"""The files of one repository before they are read: paths first, contents one by one.

Knows nothing about where they come from, nor which of them are wanted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fimbul_models.corpus.reasons import Reason


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a repository."""

    path: str
    """``/`` between parts; printable."""
    size: int = 0
    """Bytes, as far as known before it is read."""
    date: str = ""
    """When it was changed last, in UTC and ISO format; empty if that is not known."""
    handle: Any = None
    """What its reader knows it by."""
    problem: tuple[Reason, str] | None = None
    """Why it is not to be read, and what exactly; found by its reader."""
    licence: str = ""
    """What is declared for this one file."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of one repository."""

    entries: Sequence[Entry]
    """Sorted by path, each path once."""
    read: Callable[[Entry], bytes]
    """Return the content of an entry. Raises SourceError if it cannot be had."""
    nested: tuple[str, ...] = ()
    """Folders that are repositories of their own."""


def sorted_by_path(entries: Sequence[Entry]) -> list[Entry]:
    """Return `entries` in the order of their paths; of those with one path the last one counts."""
    return [entry for _, entry in sorted({entry.path: entry for entry in entries}.items())]


def printable(name: bytes) -> str:
    """Return the path `name` in characters that can be shown; bytes that are none are escaped."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_plain(name: bytes) -> bool:
    """Say whether the path `name` is printable UTF-8 that stays inside its repository."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    parts = text.split("/")
    return text.isprintable() and not {"", ".", ".."} & set(parts) and "\\" not in text


def entry_of(name: bytes, size: int, date: str = "", handle: Any = None) -> Entry:
    """Return the entry of the path `name`; one that cannot be used says so."""
    problem = None if is_plain(name) else (Reason.UNREADABLE, "its name is not usable")
    return Entry(printable(name), size, date, handle, problem)
