"""What the suggestions were worth that a typist got to see, each counted once.

Pure: records of key presses in, figures out. A suggestion lasts from when it is shown until a key
disagrees with it, it is typed to its end, taken away or replaced; growing by more lines, or
shrinking by what is typed, it stays the same one. Knows nothing about engines or servers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from benchmarks.scores import KEYS, Press, is_right, is_right_whole, quantile, share

READ = 0.5
"""Seconds that a suggestion stands until the typist who accepts has read it."""

_NEXT_WORD = re.compile(r"\W*\w+")


@dataclass
class Suggestion:
    """One suggestion, from when it was first shown."""

    text: str
    """What was shown first."""
    press: Press
    """When it was."""
    surface: str
    """What kind of place it is for; of a peer, who does not say, its form."""
    seconds: float = 0.0
    """How long it stood in all."""
    is_replaced: bool = False
    """Whether another one took its place although no key disagreed with it."""
    last: str = ""
    """What stood there last; more of it may have come."""

    @property
    def is_known(self) -> bool:
        """Whether it is known what the typist was going to type there."""
        return bool(self.press.following)

    @property
    def has_right_word(self) -> bool:
        """Whether it begins with the next word."""
        return begins_right(self.text, self.press)

    @property
    def is_right(self) -> bool:
        """Whether all that was first shown is what the typist was going to type."""
        return is_right_whole(self.text, self.press)

    @property
    def is_read(self) -> bool:
        """Whether it stood long enough to be read."""
        return self.seconds >= READ


def begins_right(text: str, press: Press) -> bool:
    """Tell whether the first word of a suggestion, or of a line without words all, is right."""
    if not press.rest.strip():
        # Nothing is left of this line: only what begins with a line break can be right.
        below = press.following.lstrip()
        return text[:1] == "\n" and _first_word(text.lstrip()) == _first_word(below)
    word = _NEXT_WORD.match(press.rest)
    if word is None:
        return is_right(text, press.rest)
    return text.startswith(word[0]) and not re.match(r"\w", text[word.end() : word.end() + 1])


def _first_word(text: str) -> str:
    word = _NEXT_WORD.match(text)
    return word[0] if word else text.partition("\n")[0].rstrip()


def suggestions(presses: Sequence[Press]) -> Iterator[Suggestion]:
    """Yield what was shown, in order."""
    for _, of_session in groupby(presses, key=lambda press: press.session):
        yield from _of_session(list(of_session))


def _of_session(presses: Sequence[Press]) -> Iterator[Suggestion]:
    current: Suggestion | None = None
    expected = ""
    before = None
    for press in presses:
        expected = _left(expected, before, press)
        if not expected and current is not None:
            yield current
            current = None
        for number, (when, text) in enumerate(press.shown):
            until = press.shown[number + 1][0] if number + 1 < len(press.shown) else press.gap
            if not text:
                expected = ""
            elif current is not None and _is_same(expected, text):
                current.seconds += until - when
                current.last = expected = text
            else:
                if current is not None:
                    current.is_replaced = bool(expected)
                    yield current
                surface = press.surface or _form(text)
                current = Suggestion(text, press, surface, until - when, last=text)
                expected = text
        before = press
    if current is not None:
        yield current


def _left(shown: str, before: Press | None, press: Press) -> str:
    """Return what is left of a suggestion after a key; nothing if the key disagrees with it."""
    if before is None or press.event not in KEYS or not before.following.endswith(press.following):
        return ""
    if not press.following or not before.following:
        return ""
    key = before.following[: len(before.following) - len(press.following)]
    return shown[len(key) :] if shown.startswith(key) else ""


def _is_same(expected: str, text: str) -> bool:
    return bool(expected) and (text.startswith(expected) or expected.startswith(text))


def _form(text: str) -> str:
    return "several lines" if "\n" in text.strip() else "one line"


def showing(presses: Sequence[Press]) -> dict[str, Any]:
    """Return what the suggestions were worth, all together and by kind of place."""
    keys = [press for press in presses if press.is_allowed and press.event in KEYS]
    known = [one for one in suggestions(presses) if one.is_known and one.press.event in KEYS]
    surfaces = sorted({one.surface for one in known})
    return {
        **_worth(known, len(keys)),
        "replaced_per_100_keys": _per(sum(one.is_replaced for one in known), len(keys)),
        "surfaces": {
            name: _worth([one for one in known if one.surface == name], len(keys))
            for name in surfaces
        },
    }


def _worth(found: Sequence[Suggestion], keys: int) -> dict[str, Any]:
    right = [one for one in found if one.has_right_word]
    read = [one for one in found if one.is_read]
    return {
        "suggestions": len(found),
        "first_word_right": len(right),
        "first_word_wrong": len(found) - len(right),
        "first_word_right_percent": share(right, found),
        "whole_right_percent": share([one for one in found if one.is_right], found),
        "right_per_100_keys": _per(len(right), keys),
        "wrong_per_100_keys": _per(len(found) - len(right), keys),
        "accepted_of_read_percent": share([one for one in read if one.is_right], read),
        "characters": quantile([len(one.last) for one in found], 0.5),
        "lines": quantile([one.last.rstrip().count("\n") + 1 for one in found], 0.5),
    }


def _per(count: int, keys: int) -> float | None:
    return round(100 * count / keys, 2) if keys else None


@dataclass(frozen=True, slots=True)
class Place:
    """What is suggested at one place without a limit of time, with the gate and without it."""

    press: Press
    gated: str
    ungated: str


def of_places(places: Sequence[Place]) -> dict[str, Any]:
    """Return what the gate keeps at places where time plays no part; nothing without any."""
    known = [place for place in places if place.press.following]
    if not known:
        return {}
    counts = {
        name: {
            "shown": sum(bool(text) for text, _ in texts),
            "first_word_right": sum(
                bool(text) and begins_right(text, press) for text, press in texts
            ),
            "first_word_wrong": sum(
                bool(text) and not begins_right(text, press) for text, press in texts
            ),
            "line_right": sum(is_right(text, press.rest) for text, press in texts),
        }
        for name, texts in (
            ("gated", [(place.gated, place.press) for place in known]),
            ("ungated", [(place.ungated, place.press) for place in known]),
        )
    }
    return {"places": len(known), **counts, **gating(counts["gated"], counts["ungated"])}


def gating(gated: Mapping[str, Any], ungated: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what showing less has kept of the right suggestions, and of the wrong ones.

    A suggestion is right here if its first word is. Ways show different numbers of them, so shares
    are of what the way without a gate showed at the same keys.
    """
    return {
        f"{name}_kept_percent": _kept(gated[f"first_word_{name}"], ungated[f"first_word_{name}"])
        for name in ("right", "wrong")
    }


def _kept(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None
