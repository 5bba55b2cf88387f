"""A repository whose files are texts in memory."""

from collections.abc import Collection, Mapping, Sequence

from lsp_server.context.place import Place
from lsp_server.context.repository import FoundDefinition, FoundLines
from lsp_server.context.words import words
from lsp_server.syntax.languages import language_of_path
from lsp_server.syntax.outline import Definition, DefinitionKind, Outline
from lsp_server.syntax.tree import outline_of
from lsp_server.text import split_lines
from lsp_server.types import Document, Position

WINDOW = 20
"""Lines of the ranges that are compared."""


def outline_of_text(path: str, text: str) -> Outline:
    language = language_of_path(path)
    return outline_of(language, split_lines(text)) if language else Outline()


class MemoryRepository:
    """Implements `lsp_server.context.repository.Repository` over texts by path."""

    def __init__(
        self, texts: Mapping[str, str], name: str = "repo", *, without: Collection[str] = ()
    ) -> None:
        kept = {path: texts[path] for path in sorted(texts) if path not in without}
        self._name = name
        self._lines = {path: split_lines(text) for path, text in kept.items()}
        self._outlines = {path: outline_of_text(path, text) for path, text in kept.items()}
        self.questions: list[str] = []
        """What was asked, for tests of how little is asked."""

    @property
    def name(self) -> str:
        return self._name

    @property
    def generation(self) -> int:
        return 1

    def paths(self) -> Sequence[str]:
        return list(self._lines)

    def outline(self, path: str) -> Outline:
        self.questions.append(f"outline {path}")
        return self._outlines.get(path, Outline())

    def definitions_named(
        self, names: Collection[str], limit: int = 100
    ) -> Sequence[FoundDefinition]:
        self.questions.append(f"named {' '.join(sorted(names))}")
        return [found for found in self._all() if found.definition.name in names][:limit]

    def members_of(self, container: str, limit: int = 100) -> Sequence[FoundDefinition]:
        self.questions.append(f"members {container}")
        found = [
            found
            for found in self._all()
            if found.definition.container.rpartition(".")[2] == container
        ]
        return found[:limit]

    def importers(self, modules: Collection[str]) -> Mapping[str, int]:
        wanted = frozenset(modules)
        counts = {
            path: len(wanted & {item.module for item in outline.imports})
            for path, outline in self._outlines.items()
        }
        return {path: count for path, count in counts.items() if count}

    def uses(self, names: Collection[str], without: Collection[str] = ()) -> Mapping[str, int]:
        found = {
            name: sum(
                name.lower() in words("".join(lines))
                for path, lines in self._lines.items()
                if path not in without
            )
            for name in names
        }
        return {name: count for name, count in found.items() if count}

    def similar_lines(
        self, words: Sequence[str], suffixes: Collection[str], limit: int = 20
    ) -> Sequence[FoundLines]:
        wanted = frozenset(words)
        found = [
            FoundLines(path, first, min(first + WINDOW, len(lines)), score)
            for path, lines in self._lines.items()
            if path.endswith(tuple(suffixes))
            for first in range(0, len(lines), WINDOW)
            if (score := _overlap(wanted, lines[first : first + WINDOW]))
        ]
        return sorted(found, key=lambda item: (-item.score, item.path, item.first_line))[:limit]

    def lines(self, path: str) -> Sequence[str] | None:
        return self._lines.get(path)

    def _all(self) -> list[FoundDefinition]:
        return [
            FoundDefinition(path, definition)
            for path, outline in self._outlines.items()
            for definition in outline.definitions
        ]


def _overlap(wanted: frozenset[str], lines: Sequence[str]) -> float:
    there = frozenset(words("".join(lines)))
    return len(wanted & there) / len(wanted | there) if wanted & there else 0.0


def place_in(path: str, marked: str) -> Place:
    """Return the place of the `█` in a text."""
    language = language_of_path(path)
    before, _, after = marked.partition("█")
    lines = tuple(split_lines(before + after))
    above = split_lines(before)
    position = Position(len(above) - 1, len(above[-1]))
    name = language.name if language else ""
    outline = outline_of(language, lines) if language else Outline()
    document = Document(f"file:///{path}", name, 1, lines, path)
    return Place(document, position, name, outline, enclosing(outline, position.line))


def enclosing(outline: Outline, line: int) -> tuple[Definition, ...]:
    blocks = (DefinitionKind.CLASS, DefinitionKind.FUNCTION, DefinitionKind.METHOD)
    around = [
        item
        for item in outline.definitions
        if item.kind in blocks and item.first_line <= line < item.end_line
    ]
    return tuple(sorted(around, key=lambda item: (item.first_line, -item.end_line)))
