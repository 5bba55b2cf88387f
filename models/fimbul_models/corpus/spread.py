"""How languages are spread over files and over repositories.

A repository is said to be of one language, the one that most of it is written in; what else it
holds is lost by that. So both are counted: files of a language, and the repositories in which it
is first or comes behind another. Knows nothing about how languages are recognised.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of one language."""

    language: str
    files: int
    size: int
    """Bytes."""
    repositories: int
    """That hold it."""
    first: int
    """Repositories that hold more bytes of it than of any other language."""
    behind: int
    """Bytes in repositories where it is not first."""


class Spread:
    """Counts files as they come, of many repositories in any order."""

    def __init__(self) -> None:
        self._files: dict[str, int] = defaultdict(int)
        self._sizes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        """By repository, then by language."""

    def take(self, repository: str, language: str, size: int) -> None:
        """Count one file of `size` bytes."""
        self._files[language] += 1
        self._sizes[repository][language] += size

    def shares(self) -> list[Share]:
        """Return what there is of each language, the most bytes first."""
        firsts = {name: _first(sizes) for name, sizes in self._sizes.items()}
        found = [self._share(language, firsts) for language in sorted(self._files)]
        return sorted(found, key=lambda share: (-share.size, share.language))

    def _share(self, language: str, firsts: dict[str, str]) -> Share:
        holding = {
            name: sizes[language] for name, sizes in self._sizes.items() if language in sizes
        }
        return Share(
            language=language,
            files=self._files[language],
            size=sum(holding.values()),
            repositories=len(holding),
            first=sum(firsts[name] == language for name in holding),
            behind=sum(size for name, size in holding.items() if firsts[name] != language),
        )


def _first(sizes: dict[str, int]) -> str:
    """Return the language with most bytes; of equals, the first by name."""
    return min(sizes, key=lambda language: (-sizes[language], language))


def as_table(shares: Iterable[Share]) -> list[str]:
    """Return lines that show `shares` to people."""
    head = (
        f"{'language':<14}{'files':>9}{'MB':>9}{'in repositories':>17}{'first':>8}{'behind %':>10}"
    )
    return [
        head,
        *(
            f"{share.language or '(none)':<14}{share.files:>9}{share.size / 1e6:>9.1f}"
            f"{share.repositories:>17}{share.first:>8}"
            f"{100 * share.behind / max(1, share.size):>10.1f}"
            for share in shares
        ),
    ]
