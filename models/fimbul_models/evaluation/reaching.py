"""How an item's place is reached: by opening the document there, or by typing up to it.

Pure: text in, changes out. Knows nothing about servers.
"""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lsp_server.text import split_lines

# Enter comes with the indentation that an editor adds; the rest is typed word by word.
_PIECE = re.compile(r"(?:\r\n|\r|\n)[^\S\r\n]*|[^\S\r\n]+|\w+|[^\w\s]")


class Asking(enum.Enum):
    """How often a suggestion is asked for on the way, besides at the first place."""

    NEVER = "never"
    LINE = "line"
    """Whenever a line was begun."""
    WORD = "word"
    """After every change."""


@dataclass(frozen=True, slots=True)
class Typing:
    """Typing up to the place; without it the document is opened as it is."""

    lines: int = 8
    """Most lines above the cursor's own that are typed, too."""
    asking: Asking = Asking.LINE


@dataclass(frozen=True, slots=True)
class Change:
    """One change that a typist makes."""

    text: str
    """What is inserted at the cursor, which then stands behind it."""
    asks: bool
    """Whether a suggestion is asked for then, and awaited."""


@dataclass(frozen=True, slots=True)
class Way:
    """The way to one place."""

    start: str
    """The document up to the cursor when it is opened."""
    changes: tuple[Change, ...] = ()
    """What leads from there to the place; empty if the document is opened at the place."""


def way_to(prefix: str, typing: Typing | None) -> Way:
    """Return the way to the place behind `prefix`."""
    if typing is None:
        return Way(prefix)
    lines = split_lines(prefix)
    first = max(0, len(lines) - 1 - typing.lines)
    pieces = _PIECE.findall("".join(lines[first:]))
    return Way("".join(lines[:first]), tuple(_changes(pieces, typing.asking)))


def name_of(typing: Typing | None) -> str:
    """Return a name of the way; answers are reused only under the same one."""
    return f"typing {typing.lines} {typing.asking.value}" if typing else "open"


def _changes(pieces: list[str], asking: Asking) -> Iterator[Change]:
    for number, piece in enumerate(pieces, start=1):
        begins_line = piece[0] in "\r\n"
        wanted = asking is Asking.WORD or (asking is Asking.LINE and begins_line)
        # At the place itself the question that counts is asked.
        yield Change(piece, asks=wanted and number < len(pieces))
