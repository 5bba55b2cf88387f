"""Open documents in the place of their files, and the one under completion taken out.

What stands in a file on disk is not what its user sees in the editor; and a suggestion must
never be read off an older copy of the very line that is being written. Knows nothing about
databases, trees or LSP.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from lsp_server.context.repository import FoundDefinition, FoundLines, Repository
from lsp_server.syntax.outline import Definition, Outline


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A document that the editor has open, as it stands."""

    lines: tuple[str, ...]
    outline: Outline


_Fits = Callable[[Definition], bool]


class Overlay:
    """A repository without the file `current`, and with `open_files` as the editor has them."""

    def __init__(
        self,
        base: Repository,
        open_files: Mapping[str, OpenFile],
        current: str = "",
        hidden: Collection[str] = (),
    ) -> None:
        """Take what is there, and paths of which nothing is to be said."""
        self._base = base
        self._open = {path: file for path, file in sorted(open_files.items()) if path != current}
        self._hidden = frozenset((*open_files, current, *hidden))
        self._current = current

    @property
    def name(self) -> str:
        """See `Repository.name`."""
        return self._base.name

    @property
    def generation(self) -> int:
        """See `Repository.generation`."""
        return self._base.generation

    def paths(self) -> Sequence[str]:
        """See `Repository.paths`."""
        shown = (path for path in self._base.paths() if path not in self._hidden)
        return sorted((*shown, *self._open))

    def outline(self, path: str) -> Outline:
        """See `Repository.outline`."""
        if path in self._open:
            return self._open[path].outline
        return Outline() if path in self._hidden else self._base.outline(path)

    def definitions_named(
        self, names: Collection[str], limit: int = 100
    ) -> Sequence[FoundDefinition]:
        """See `Repository.definitions_named`; those of open documents come first."""
        wanted = frozenset(names)
        found = self._open_definitions(lambda definition: definition.name in wanted)
        # The base may spend its limit on files that are hidden here.
        more = self._base.definitions_named(names, limit + len(self._hidden) * len(wanted))
        return [*found, *self._shown(more)][:limit]

    def members_of(self, container: str, limit: int = 100) -> Sequence[FoundDefinition]:
        """See `Repository.members_of`; those of open documents come first."""
        found = self._open_definitions(
            lambda definition: definition.container.rpartition(".")[2] == container
        )
        return [*found, *self._shown(self._base.members_of(container, 2 * limit))][:limit]

    def importers(self, modules: Collection[str]) -> Mapping[str, int]:
        """See `Repository.importers`."""
        found = {
            path: count
            for path, count in self._base.importers(modules).items()
            if path not in self._hidden
        }
        for path, file in self._open.items():
            if count := len({item.module for item in file.outline.imports} & set(modules)):
                found[path] = count
        return found

    def uses(self, names: Collection[str], without: Collection[str] = ()) -> Mapping[str, int]:
        """See `Repository.uses`; what is saved counts, of the current document nothing."""
        return self._base.uses(names, {*without, self._current})

    def similar_lines(
        self, words: Sequence[str], suffixes: Collection[str], limit: int = 20
    ) -> Sequence[FoundLines]:
        """See `Repository.similar_lines`; open documents are left to the sources that know them."""
        found = self._base.similar_lines(words, suffixes, limit + 3 * len(self._hidden))
        return [lines for lines in found if lines.path not in self._hidden][:limit]

    def lines(self, path: str) -> Sequence[str] | None:
        """See `Repository.lines`."""
        if path in self._open:
            return self._open[path].lines
        return None if path in self._hidden else self._base.lines(path)

    def _open_definitions(self, fits: _Fits) -> list[FoundDefinition]:
        return [
            FoundDefinition(path, definition)
            for path, file in self._open.items()
            for definition in file.outline.definitions
            if fits(definition)
        ]

    def _shown(self, found: Sequence[FoundDefinition]) -> list[FoundDefinition]:
        return [item for item in found if item.path not in self._hidden]
