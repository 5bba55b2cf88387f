"""Which files fimbul keeps its hands off, as the user has listed them.

Patterns of a ``.gitignore``; the last one that speaks of a path decides, so ``!`` brings back what
an earlier one took, unless the two are kept apart. Knows nothing about documents.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from pathspec import GitIgnoreSpec

from lsp_server.config.options import APART


def is_off(path: str, patterns: Iterable[str]) -> bool:
    """Return whether `path`, relative to its workspace folder, is among those of `patterns`."""
    return any(spec.match_file(path) for spec in _specs(tuple(patterns)))


def off_among(paths: Callable[[], Iterable[str]], patterns: Iterable[str]) -> frozenset[str]:
    """Return which of `paths()` are off; they are asked for only if any can be."""
    specs = _specs(tuple(patterns))
    known = list(paths()) if specs else []
    return frozenset(path for spec in specs for path in spec.match_files(known))


def groups(patterns: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return the patterns that are kept apart from each other."""
    found: list[list[str]] = [[]]
    for pattern in patterns:
        if pattern == APART:
            found.append([])
        else:
            found[-1].append(pattern)
    return tuple(tuple(group) for group in found if group)


@lru_cache(maxsize=8)
def _specs(lines: tuple[str, ...]) -> tuple[GitIgnoreSpec, ...]:
    return tuple(GitIgnoreSpec.from_lines(group) for group in groups(lines))
