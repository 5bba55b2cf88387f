"""What the sources of snippets may ask about the other files of a workspace folder.

A seam: the index on disk answers, and a layer over it that puts open documents in the place of
their files. Paths are relative to the folder, with ``/`` between parts. Knows nothing about
databases, trees or LSP.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lsp_server.syntax.outline import Definition, Outline


@dataclass(frozen=True, slots=True)
class FoundDefinition:
    """A definition and the file that holds it."""

    path: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class FoundLines:
    """A range of lines that resembles what was looked for."""

    path: str
    first_line: int
    end_line: int
    """Line after the last one."""
    score: float
    """The larger the more alike."""


class Repository(Protocol):
    """The other files of one workspace folder, as far as they may be read.

    Every list comes in an order that depends on nothing but the contents.
    """

    @property
    def name(self) -> str:
        """Name of the folder."""

    @property
    def generation(self) -> int:
        """A number that grows with every change."""

    def paths(self) -> Sequence[str]:
        """Return all paths, sorted."""

    def outline(self, path: str) -> Outline:
        """Return what a file defines and imports; empty if it is not known."""

    def definitions_named(
        self, names: Collection[str], limit: int = 100
    ) -> Sequence[FoundDefinition]:
        """Return definitions that have one of `names`."""

    def members_of(self, container: str, limit: int = 100) -> Sequence[FoundDefinition]:
        """Return definitions whose container ends with the name `container`."""

    def importers(self, modules: Collection[str]) -> Mapping[str, int]:
        """Return how many of `modules`, as written, each file imports; none that imports none."""

    def uses(self, names: Collection[str], without: Collection[str] = ()) -> Mapping[str, int]:
        """Return in how many files each of `names` occurs as a word, capitals or not.

        Files in `without` do not count, and names in none are left out. Very common names have a
        count that is large but not exact.
        """

    def similar_lines(
        self, words: Sequence[str], suffixes: Collection[str], limit: int = 20
    ) -> Sequence[FoundLines]:
        """Return ranges of lines by BM25 over `words`, in files whose names end in `suffixes`.

        `words` are identifiers and their parts, see `lsp_server.context.words`.
        """

    def lines(self, path: str) -> Sequence[str] | None:
        """Return the lines of a file with their endings; None if it may not or cannot be read."""
