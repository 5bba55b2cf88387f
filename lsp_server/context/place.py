"""What the sources of context know about the place that is completed.

Frozen values only. Knows nothing about trees, indexes or budgets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lsp_server.syntax.outline import Definition, Outline
from lsp_server.types import Document, Position

NEAR_ABOVE = 40
"""Lines above the cursor that count as near it."""

NEAR_BELOW = 10
"""Lines below the cursor that count as near it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor in a document, and what a parser knows about the document."""

    document: Document
    position: Position
    language: str = ""
    """Name of the row of `lsp_server.syntax.languages` at the cursor; empty if there is none."""
    outline: Outline = field(default_factory=Outline)
    """Of the document as it stands."""
    enclosing: tuple[Definition, ...] = ()
    """The classes and functions that the cursor stands in, outermost first."""

    @property
    def typed(self) -> str:
        """The text left of the cursor in its line."""
        return self.document.line(self.position.line)[: self.position.column]

    @property
    def above(self) -> Sequence[str]:
        """The lines above the cursor that are near it."""
        row = self.position.line
        return self.document.lines[max(0, row - NEAR_ABOVE) : row]

    @property
    def below(self) -> Sequence[str]:
        """The lines below the cursor that are near it."""
        row = self.position.line
        return self.document.lines[row + 1 : row + 1 + NEAR_BELOW]
