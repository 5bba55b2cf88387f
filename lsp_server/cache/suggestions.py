"""Suggestions that were made, found again while they are typed.

Whoever types what was suggested is shown the rest of it at once, and nothing is computed. A
suggestion stands for a place in a text: what is left of the cursor and what is right of it. It
fits another state of the text if that differs by a beginning of the suggestion only, put in at
the place; where an editor closes a bracket or a quote by itself, by its partner too. Anything else
is another question. Texts are kept as digests. Pure; knows nothing about engines or editors.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import xxhash

from lsp_server.types import Document, Position

DOCUMENTS = 64
"""Documents whose suggestions are kept."""

SUGGESTIONS = 16
"""Suggestions that are kept of each, the latest."""

CLOSERS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'", "`": "`"}
"""What editors put behind a character that is typed."""

DEEPEST = 8
"""Brackets and quotes that may stand open at once."""

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor in a text, as far as a suggestion is found by it."""

    left: str
    """All text before the cursor, line endings made one character."""
    right: str
    """All text behind it, in the same way."""

    @classmethod
    def of(cls, document: Document, position: Position) -> "Place":
        """Return the place of a position in a document."""
        lines, row = document.lines, position.line
        line = lines[row] if row < len(lines) else ""
        left = "".join((*lines[:row], line[: position.column]))
        right = "".join((line[position.column :], *lines[row + 1 :]))
        return cls(unified(left), unified(right))

    def typed_since(self, earlier: "Place") -> str | None:
        """Return what was typed at `earlier` to come here; None if other things differ, too."""
        if not self.left.startswith(earlier.left):
            return None
        typed = self.left[len(earlier.left) :]
        for closers in closings(typed):
            if self.right == closers + earlier.right:
                return typed
        return None

    def typed_in(self, document: Document) -> str | None:
        """Return what was typed here in a later state of the text; None if other things differ.

        Where the cursor is now is not known. What an editor may have closed is not counted.
        """
        text = unified("".join(document.lines))
        between = len(text) - len(self.left) - len(self.right)
        if between < 0 or not (text.startswith(self.left) and text.endswith(self.right)):
            return None
        typed = text[len(self.left) : len(self.left) + between]
        for closed in range(1, min(DEEPEST, between) + 1):
            if typed[-closed:] in closings(typed[:-closed]):
                return typed[:-closed]
        return typed

    def is_ahead_of(self, document: Document, begin: int) -> bool:
        """Whether typing on in a document leads here.

        `begin` is how much of the left text was there before, in code points. Brackets that an
        editor has closed meanwhile are not counted.
        """
        text = unified("".join(document.lines))
        if not text.endswith(self.right) or not text.startswith(self.left[:begin]):
            return False
        typed = text[begin : len(text) - len(self.right)]
        while not self.left.startswith(typed, begin):
            if typed[-1:] not in CLOSERS.values():
                return False
            typed = typed[:-1]
        return True


@dataclass(frozen=True, slots=True)
class Found(Generic[_Value]):
    """A suggestion that is being typed, or was made at this very place."""

    value: _Value
    typed: str
    """What of its text is there already."""
    rest: str
    """What of its text is not yet there."""
    closed: str
    """What an editor has put behind the cursor meanwhile; mostly nothing."""


@dataclass(frozen=True, slots=True)
class _Kept(Generic[_Value]):
    length: int
    """Of the text left of it, in code points."""
    left: bytes
    right: bytes
    text: str
    depends: object
    state: object
    value: _Value


class Suggestions(Generic[_Value]):
    """The latest suggestions of each document."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, deque[_Kept[_Value]]] = OrderedDict()

    def keep(
        self,
        uri: str,
        place: Place,
        text: str,
        value: _Value,
        *,
        depends: object = None,
        state: object = None,
    ) -> None:
        """Keep what was suggested at a place.

        It is found only where `depends` is equal (model, options): it would be another answer.
        `state` is what else the answer was made of (other files). As long as the suggestion is
        being typed it may change: nobody wants the text under their fingers replaced.
        """
        kept = self._kept.setdefault(uri, deque(maxlen=SUGGESTIONS))
        self._kept.move_to_end(uri)
        kept.appendleft(
            _Kept(
                len(place.left),
                _digest(place.left),
                _digest(place.right),
                unified(text),
                depends,
                state,
                value,
            )
        )
        while len(self._kept) > DOCUMENTS:
            self._kept.popitem(last=False)

    def find(
        self, uri: str, place: Place, *, depends: object = None, state: object = None
    ) -> Found[_Value] | None:
        """Return the latest suggestion that goes on at a place; None if there is none."""
        for one in self._kept.get(uri, ()):
            if one.depends != depends or len(place.left) < one.length:
                continue
            typed = place.left[one.length :]
            if not one.text.startswith(typed) or len(typed) == len(one.text):
                continue
            if not typed and one.state != state:
                continue
            closed = _closed(one, typed, place.right)
            if closed is None or _digest(place.left[: one.length]) != one.left:
                continue
            return Found(one.value, typed, one.text[len(typed) :], closed)
        return None

    def forget(self, uri: str) -> None:
        """Forget what was suggested in a document."""
        self._kept.pop(uri, None)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()


def _closed(one: _Kept[_Value], typed: str, right: str) -> str | None:
    """Return what was put behind the cursor while `typed` was typed; None if the text differs."""
    for closers in closings(typed):
        if right.startswith(closers) and _digest(right[len(closers) :]) == one.right:
            return closers
    return None


def closings(typed: str) -> Iterator[str]:
    """Yield what an editor may have closed of what was opened: nothing, or the innermost first."""
    opened: list[str] = []
    for character in typed:
        if opened and character == opened[-1]:
            opened.pop()
        elif character in CLOSERS:
            opened.append(CLOSERS[character])
    opened.reverse()
    for length in range(min(len(opened), DEEPEST) + 1):
        yield "".join(opened[:length])


def unified(text: str) -> str:
    r"""Return `text` with ``\n`` for every line ending."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _digest(text: str) -> bytes:
    return xxhash.xxh3_128_digest(text.encode("utf-8", "surrogatepass"))
