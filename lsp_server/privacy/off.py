"""Which files fimbul keeps its hands off, as the user has listed them.

Patterns of a ``.gitignore``; the last one that speaks of a path decides, so ``!`` brings back what
an earlier one took, unless the two are kept apart. Knows nothing about documents.
"""

import threading
from collections.abc import Callable, Iterable
from functools import lru_cache

from pathspec import GitIgnoreSpec

from lsp_server.config.options import APART


def is_off(path: str, patterns: Iterable[str]) -> bool:
    """Return whether `path`, relative to its workspace folder, is among those of `patterns`."""
    return any(spec.match_file(path) for spec in _specs(tuple(patterns)))


class OffFiles:
    """The files of one folder that are off; each is judged once, since there may be thousands."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        self._judged: set[str] = set()
        self._off: set[str] = set()
        self._turn = threading.Lock()

    def among(self, paths: Callable[[], Iterable[str]]) -> frozenset[str]:
        """Return those of `paths()`, and of earlier ones; they are asked for only if any can be."""
        specs = _specs(self.patterns)
        known = paths() if specs else ()
        # Several threads may ask at once.
        with self._turn:
            fresh = [path for path in known if path not in self._judged]
            self._judged.update(fresh)
            self._off.update(path for spec in specs for path in spec.match_files(fresh))
            return frozenset(self._off)


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
