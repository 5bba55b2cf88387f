"""Which files fimbul keeps its hands off, as the user has listed them.

Patterns of a ``.gitignore``; the last one that speaks of a path decides, so ``!`` brings back what
an earlier one took. Knows nothing about documents.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from pathspec import GitIgnoreSpec


def is_off(path: str, patterns: Iterable[str]) -> bool:
    """Return whether `path`, relative to its workspace folder, is among those of `patterns`."""
    lines = tuple(patterns)
    return bool(lines) and _spec(lines).match_file(path)


def off_among(paths: Callable[[], Iterable[str]], patterns: Iterable[str]) -> frozenset[str]:
    """Return which of `paths()` are off; they are asked for only if any can be."""
    lines = tuple(patterns)
    return frozenset(_spec(lines).match_files(paths())) if lines else frozenset()


@lru_cache(maxsize=8)
def _spec(lines: tuple[str, ...]) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(lines)
