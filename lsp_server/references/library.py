"""The indexes that may be used here: those of a folder which the machine's policy allows.

What stands in the open workspace itself is nobody else's code, and is told as such. Knows nothing
about what becomes of what is found.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

from lsp_server.references.matches import Findings, Source
from lsp_server.references.own import is_own, names_of
from lsp_server.references.shelf import IndexInfo, Shelf
from lsp_server.references.tokens import Lexer


class Library:
    """The allowed indexes of one folder, open for reading; threads may share it."""

    def __init__(
        self, folder: Path, allowed: Collection[str] = (), own: frozenset[str] = frozenset()
    ) -> None:
        """Open what can be used; `own` names the workspaces, as `own.names_of` does.

        `allowed` names the indexes that may be used; empty is all.
        """
        self._shelf = Shelf(folder)
        self._allowed = frozenset(allowed)
        self._own = own
        self._lexer = Lexer()

    @property
    def indexes(self) -> tuple[IndexInfo, ...]:
        """The indexes that answer."""
        return tuple(one for one in self._shelf.indexes if self._may(one.name))

    @property
    def names(self) -> frozenset[str]:
        """Their names."""
        return frozenset(one.name for one in self.indexes)

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each index that does not answer."""
        forbidden = [one.name for one in self._shelf.indexes if not self._may(one.name)]
        return (
            *self._shelf.problems,
            *(
                f"The index {name} is not used, since the machine's policy does not name it"
                " (policy.allowed_indexes)."
                for name in forbidden
            ),
        )

    def look(self, text: str, language: str, *, least: int) -> Findings:
        """Return what of `text` stands in these indexes, see `Shelf.look`."""
        return self._shelf.look(text, language, least=least, own=self._is_left_out)

    def tokens(self, text: str, language: str) -> list[tuple[int, int]]:
        """Return where the tokens of a text stand, see `Lexer.spans`."""
        return self._lexer.spans(text, language)

    def close(self) -> None:
        """Let go of the files."""
        self._shelf.close()

    def _may(self, name: str) -> bool:
        return not self._allowed or name in self._allowed

    def _is_left_out(self, source: Source) -> bool:
        return not self._may(source.index) or is_own(source, self._own)


def open_library(
    folder: Path, allowed: Collection[str], workspaces: Iterable[Path]
) -> Library | None:
    """Open the indexes in `folder`; None if there is not even a file of one.

    Reads manifests of the `workspaces`, to know them again.
    """
    own: frozenset[str] = frozenset().union(*map(names_of, workspaces))
    library = Library(folder, allowed, own)
    if library.indexes or library.problems:
        return library
    library.close()
    return None
