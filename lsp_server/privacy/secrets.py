"""Find secret values in text, and put placeholders in their place.

Works on lines, since positions must hold and most lines never change: a value that spans lines,
such as a private key, is replaced line by line. Nearly all lines are passed by after one look for
telling texts. Pure, and the same text is always changed in the same way; knows nothing about
files, documents or prompts.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from lsp_server.privacy.placeholders import (
    has_placeholder,
    is_placeholder,
    placeholder,
)
from lsp_server.privacy.secret_assignments import WORDS, looks_random, secrets_named
from lsp_server.privacy.secret_patterns import KINDS, hint_pattern

RULES = 1
"""Counts up with each change of what is found, so that what was stored is made anew."""

_HINT = hint_pattern(WORDS)
_NAMED = re.compile("|".join(map(re.escape, WORDS)))

_MOST = 100_000
"""Characters of a line that are looked at; all that stands behind them is replaced."""

UNSEEN = "unseen"
"""The kind of what stands behind `_MOST` characters of a line. It may be a secret or not."""

_FILLER = "_"
"""What each of its characters becomes."""

_TYPED = 2000
"""Characters left of a suggestion that are looked at with it."""

_BEGIN = re.compile(
    r"-----BEGIN (?:[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?)-----|PuTTY-User-Key-File-\d:|"
    r"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
)
_END = re.compile(r"-----END |^Private-MAC:|---- END SSH2 ENCRYPTED")
_BODY = re.compile(
    r"[\s\"'`#*>|.$@(-]*(?://+[ \t]*)?[\"'`]*(?P<s>[A-Za-z0-9+/=]{2,}?={0,2})"
    r"(?:\\[nr])*[\"'`]?[ \t]*[\\+,;.&)]*\s*"
)
"""A line of a private key: base64, in a string and as a comment too."""
_AROUND = re.compile(r"[\s\"'`#/*-]*(?:[A-Z][\w-]+: .*|\s*)\s*")
"""A line between those: empty, or a header such as ``Proc-Type: 4,ENCRYPTED``."""

_SHORT = 16
"""Characters of base64 below which a line may be a word: it must follow a longer one."""

Find = Callable[[str], "tuple[Found, ...]"]


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One secret value in a line."""

    start: int
    """Column of its first character."""
    end: int
    """Column behind its last one."""
    kind: str
    """Name of its kind; ``named`` if only the name beside it tells."""


def find(line: str) -> tuple[Found, ...]:
    """Return the secret values of `line` from left to right, none over another."""
    lowered = line[:_MOST].lower()
    unseen = _unseen(line)
    if _HINT.search(lowered) is None:
        return unseen
    found = sorted(_found(line[:_MOST], lowered))
    apart: list[Found] = []
    for one in found:
        if apart and one.start < apart[-1].end:
            if one.end > apart[-1].end:
                apart[-1] = Found(apart[-1].start, one.end, apart[-1].kind)
            continue
        apart.append(one)
    return (*_fresh(line, apart), *unseen)


def _unseen(line: str) -> tuple[Found, ...]:
    """Return what of a line is too far behind to be looked at, and is not replaced yet."""
    end = len(line.rstrip("\r\n"))
    if end <= _MOST or line.count(_FILLER, _MOST, end) == end - _MOST:
        return ()
    return (Found(_MOST, end, UNSEEN),)


def _fresh(line: str, found: Iterable[Found]) -> tuple[Found, ...]:
    return tuple(one for one in found if not is_placeholder(line[one.start : one.end]))


def _found(line: str, lowered: str) -> Iterator[Found]:
    for kind in KINDS:
        if not any(hint in lowered for hint in kind.hints):
            continue
        for match in kind.pattern.finditer(line):
            group = "s" if match["s"] is not None else "s2"
            if not kind.is_random or looks_random(match[group]):
                yield Found(*match.span(group), kind.name)
    if _NAMED.search(lowered):
        for start, end in secrets_named(line):
            # What was replaced within a value, such as behind an issuer's mark, is replaced.
            if not has_placeholder(line[start:end]):
                yield Found(start, end, "named")


def replaced(line: str, found: Sequence[Found]) -> str:
    """Return `line` with a placeholder for each of `found`; it stays as long as it was."""
    pieces, at = [], 0
    for one in found:
        value = line[one.start : one.end]
        # Megabytes of data get something plainer.
        shown = _FILLER * len(value) if one.kind == UNSEEN else placeholder(value)
        pieces += [line[at : one.start], shown]
        at = one.end
    return "".join([*pieces, line[at:]])


def begins_key(line: str) -> bool:
    """Tell whether a private key begins in `line` and does not end there."""
    if "----" not in line and "PuTTY" not in line:
        return False
    match = _BEGIN.search(line)
    return match is not None and _END.search(line, match.end()) is None


def find_all(lines: Sequence[str], find: Find = find) -> dict[int, tuple[Found, ...]]:
    """Return the secret values of `lines`, by line number, lines without any left out.

    `find` looks at a single line; who asks often may pass one that remembers.
    """
    found: dict[int, tuple[Found, ...]] = {}
    longest = -1
    """Characters of the longest line of the private key that is gone through; -1 outside of one."""
    for number, line in enumerate(lines):
        here: tuple[Found, ...] = ()
        if longest >= 0:
            body = None if _END.search(line) else _in_key(line, longest)
            longest = -1 if body is None else max(longest, sum(one.end - one.start for one in body))
            here = body or ()
        here = here or find(line)
        if here:
            looked_at = _fresh(line, [one for one in here if one.kind != UNSEEN])
            found[number] = (*looked_at, *(one for one in here if one.kind == UNSEEN))
        if begins_key(line):
            longest = 0
    return {number: here for number, here in found.items() if here}


def _in_key(line: str, longest: int) -> tuple[Found, ...] | None:
    """Return what has to be replaced of a line within a private key; None if it is none of it."""
    match = _BODY.fullmatch(line)
    if match is not None and (len(match["s"]) >= _SHORT or longest >= _SHORT):
        return (Found(*match.span("s"), "private-key"),)
    return () if _AROUND.fullmatch(line) else None


def redact(lines: Sequence[str]) -> tuple[str, ...]:
    """Return `lines` with a placeholder for each secret value: as many lines, each as long."""
    found = find_all(lines)
    if not found:
        return tuple(lines)
    return tuple(
        replaced(line, found[number]) if number in found else line
        for number, line in enumerate(lines)
    )


def reveals(typed: str, text: str) -> bool:
    """Tell whether `text`, written behind `typed`, holds a secret value or a placeholder for one.

    A value of which only the beginning is typed counts.
    """
    if has_placeholder(text):
        return True
    first, *others = text.split("\n")
    typed = typed[-_TYPED:]
    whole = typed + first
    if any(one.end > len(typed) for one in find(whole)):
        return True
    return bool(find_all(others)) or begins_key(whole)
