"""Suggestions that were made, found again while they are typed.

Whoever types what was suggested is shown the rest of it at once, and nothing is computed. A
suggestion stands for a place in a text: what is left of the cursor and what is right of it. It
fits another state of the text if that differs by a beginning of the suggestion only, put in at
the place; where an editor closes a bracket or a quote by itself, by its partner too, on a line of
its own if Enter was pressed between the two. Blanks in blank lines, which editors put in and take
away again, do not count. Anything else is another question. Texts are kept as
digests. Pure; knows nothing about engines or editors.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import xxhash

from lsp_server.types import Document, Position

DOCUMENTS = 64
"""Documents whose suggestions are kept."""

SUGGESTIONS = 16
"""Suggestions that are kept of each, the latest: with all documents some 2 MB at the default
lengths, each with what to choose from."""

CLOSERS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'", "`": "`"}
"""What editors put behind a character that is typed."""

DEEPEST = 8
"""Brackets and quotes that may stand open at once."""

_TAIL = re.compile(r"(?:(?:\n[ \t]*)?[)\]}\"'`]){1,8}\Z")
"""What editors may have put in behind the cursor, at the end of a text."""

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
        closed = _closed_by_editor(typed, self.right, lambda rest: rest == earlier.right)
        return None if closed is None else typed

    def typed_in(self, document: Document) -> str | None:
        """Return what was typed here in a later state of the text; None if other things differ.

        Where the cursor is now is not known. What an editor may have closed is not counted.
        """
        text = unified("".join(document.lines))
        between = len(text) - len(self.left) - len(self.right)
        if between < 0 or not (text.startswith(self.left) and text.endswith(self.right)):
            return None
        typed = text[len(self.left) : len(self.left) + between]
        tail = _TAIL.search(typed)
        for at in range(between - 1, tail.start() - 1 if tail else between, -1):
            if typed[at] != "\n" and typed[:at].rstrip(" \t").endswith("\n"):
                # A bracket that stands alone in its line came there with the line.
                continue
            if _closed_by_editor(typed[:at], typed[at:], lambda rest: not rest):
                return typed[:at]
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
            # The line that it stands on may be the editor's, too.
            above, newline, blanks = typed.rpartition("\n")
            if newline and not blanks.strip(" \t") and self.left.startswith(above, begin):
                return True
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
        self,
        uri: str,
        place: Place,
        *,
        depends: object = None,
        state: object = None,
        is_begun: bool = False,
    ) -> Found[_Value] | None:
        """Return the latest suggestion that goes on at a place; None if there is none.

        Of one whose beginning stands there already (`is_begun`) the state does not matter either.
        """
        for one in self._kept.get(uri, ()):
            if one.depends != depends or len(place.left) < one.length:
                continue
            typed = place.left[one.length :]
            rest = _rest_after(one.text, typed)
            if not rest:
                continue
            if not typed and not is_begun and one.state != state:
                continue
            closed = _closed(one, typed, place.right)
            if closed is None or _digest(place.left[: one.length]) != one.left:
                continue
            return Found(one.value, typed, rest, closed)
        return None

    def finished(self, uri: str, place: Place, *, depends: object = None) -> _Value | None:
        """Return the latest suggestion all of which was put in to come to a place; None if none."""
        for one in self._kept.get(uri, ()):
            typed = place.left[one.length :]
            if one.depends != depends or not typed or typed != one.text:
                continue
            is_same = _digest(place.left[: one.length]) == one.left
            if is_same and _digest(place.right) == one.right:
                return one.value
        return None

    def forget(self, uri: str) -> None:
        """Forget what was suggested in a document."""
        self._kept.pop(uri, None)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()


def _rest_after(text: str, typed: str) -> str:
    """Return what of `text` comes behind `typed`; empty if it does not begin so, or ends there.

    Blank lines are equal, whatever blanks are in them.
    """
    if text.startswith(typed):
        return text[len(typed) :]
    *above, last = typed.split("\n")
    lines = text.split("\n")
    if not above or len(lines) < len(typed.split("\n")):
        return ""
    if any(one.rstrip() != other.rstrip() for one, other in zip(above, lines, strict=False)):
        return ""
    line = lines[len(above)]
    if not line.startswith(last) and (line.strip() or last.strip()):
        return ""
    behind = line[len(last) :] if line.startswith(last) else ""
    return "\n".join([behind, *lines[len(above) + 1 :]])


def without_closed(rest: str, closed: str) -> str:
    """Return the part of a suggestion that goes in front of what an editor has closed by itself.

    That is up to where the suggestion closes the same; what comes behind that is left out.
    """
    opened: list[str] = []
    wanted = closed.strip()[:1]
    for index, character in enumerate(rest):
        if opened and character == opened[-1]:
            opened.pop()
        elif opened and opened[-1] in "\"'`":
            continue
        elif not opened and character == wanted:
            return rest[:index].rstrip() if "\n" in closed else rest[:index]
        elif character in CLOSERS:
            opened.append(CLOSERS[character])
    return rest


def _closed(one: _Kept[_Value], typed: str, right: str) -> str | None:
    """Return what was put behind the cursor while `typed` was typed; None if the text differs."""
    return _closed_by_editor(typed, right, lambda rest: _digest(rest) == one.right)


def _closed_by_editor(typed: str, right: str, is_rest: Callable[[str], bool]) -> str | None:
    """Return what stands first in `right` because an editor has closed what `typed` opens.

    What is behind it has to be the rest. None if the text differs otherwise.
    """
    between = r"(?:\n[ \t]*)?" if "\n" in typed else ""
    for closers in closings(typed):
        found = re.match("".join(between + re.escape(closer) for closer in closers), right)
        if found is not None and is_rest(right[found.end() :]):
            return found[0]
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
