"""What an editor excludes, as patterns of a ``.gitignore``.

An editor's patterns are those of VS Code's ``files.exclude``: they hold from the workspace folder
on unless they begin with ``**/``, braces mean one of several, and nothing is escaped or brought
back. Pure; knows nothing about files.
"""

from collections.abc import Iterator, Mapping
from typing import Any

MOST = 1000
"""Patterns that are taken in, braces resolved; more were not written by hand."""

_LONGEST = 500
"""Characters of the longest pattern."""


def ignore_patterns(excluded: Any) -> tuple[str, ...]:
    """Return patterns of a ``.gitignore`` for what an editor sent.

    That is a list of patterns, or an object as in the editor's settings, of which those count that
    are true; a condition (``when``) is none. What is neither is left out.
    """
    if isinstance(excluded, Mapping):
        excluded = [pattern for pattern, value in excluded.items() if value is True]
    if not isinstance(excluded, list | tuple):
        return ()
    found: dict[str, None] = {}
    for pattern in excluded:
        if not isinstance(pattern, str) or not 0 < len(pattern) <= _LONGEST:
            continue
        for one in _resolved(pattern):
            if len(found) >= MOST:
                return tuple(found)
            if written := _written(one):
                found[written] = None
    return tuple(found)


def _resolved(pattern: str) -> Iterator[str]:
    """Yield what a pattern means where it has braces."""
    begin = pattern.find("{")
    end = _closing(pattern, begin)
    if begin < 0 or end < 0:
        yield pattern
        return
    for choice in _choices(pattern[begin + 1 : end]):
        yield from _resolved(pattern[:begin] + choice + pattern[end + 1 :])


def _closing(pattern: str, begin: int) -> int:
    """Return where the brace at `begin` is closed; -1 if it is not."""
    depth = 0
    for place in range(max(0, begin), len(pattern)):
        depth += (pattern[place] == "{") - (pattern[place] == "}")
        if depth == 0:
            return place
    return -1


def _choices(inside: str) -> Iterator[str]:
    depth, begin = 0, 0
    for place, character in enumerate(inside):
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            yield inside[begin:place]
            begin = place + 1
    yield inside[begin:]


def _written(pattern: str) -> str:
    """Return a pattern without braces as it is written in a ``.gitignore``; empty if it is none."""
    pattern = pattern.removeprefix("./").lstrip("/").replace("\\", "\\\\")
    if not pattern.strip("/ ") or any(end in pattern for end in "\r\n"):
        return ""
    kept = pattern.rstrip(" ")
    pattern = kept + "\\ " * (len(pattern) - len(kept))
    # Whatever begins it, such as a mark of a comment, means itself behind the slash.
    return pattern if pattern.startswith("**") else f"/{pattern}"
