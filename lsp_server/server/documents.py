"""The open documents, kept as lists of lines and handed out as frozen snapshots.

pygls' own text documents split lines in more places than LSP does and build the whole text
anew at every change; here a change replaces only the lines it touches. Nothing is ever read
from disk: a document that the editor has not opened does not exist.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote

from lsprotocol import types as lsp

from lsp_server.completion.regions import LineEdit
from lsp_server.server.positions import column_from_units, join_surrogates, units_from_column
from lsp_server.server.uris import to_fs_path
from lsp_server.text import split_lines, strip_ending
from lsp_server.types import Document, Position

MOST_LINES = 200_000
"""Lines of the longest document that is looked into; with a million each key would hold the server
for a third of a second."""

_EDITS = 1000
"""Most edits of a document that wait to be asked for."""


class OpenDocument:
    """One document as the editor has it now."""

    def __init__(self, item: lsp.TextDocumentItem) -> None:
        self.uri = item.uri
        self.language = str(item.language_id)
        self.version = item.version
        self._lines = split_lines(item.text)
        self.size = sum(map(len, self._lines))
        """Code points of its text."""
        self._edits: deque[LineEdit] = deque(maxlen=_EDITS)

    @property
    def is_too_long(self) -> bool:
        """Whether it has more lines than are looked into."""
        return len(self._lines) > MOST_LINES

    def take_edits(self) -> list[LineEdit]:
        """Return which lines were touched since this was asked for the last time."""
        edits = list(self._edits)
        self._edits.clear()
        return edits

    def snapshot(self, folder: str = "", path: str = "") -> Document:
        """Return the document as it stands, at `path` below the workspace `folder`."""
        lines = tuple(self._lines)
        return Document(self.uri, self.language, self.version, lines, path, folder)

    def change(self, change: lsp.TextDocumentContentChangeEvent, encoding: str) -> None:
        """Apply one change."""
        if isinstance(change, lsp.TextDocumentContentChangeWholeDocument):
            before, self._lines = self._lines, split_lines(change.text)
            self.size = sum(map(len, self._lines))
            self._edits.append(LineEdit.between(before, self._lines))
            return
        start = self.position(change.range.start, encoding)
        end = max(start, self.position(change.range.end, encoding))
        lines = len(self._lines)
        self._replace(start, end, change.text)
        self._edits.append(LineEdit.of(start, end, change.text, len(self._lines) - lines))

    def position(self, position: lsp.Position, encoding: str) -> Position:
        """Return the place an LSP position means, moved into the document if it lies outside."""
        if position.line >= len(self._lines):
            return Position(len(self._lines) - 1, len(strip_ending(self._lines[-1])))
        line = strip_ending(self._lines[position.line])
        return Position(position.line, column_from_units(line, position.character, encoding))

    def _replace(self, start: Position, end: Position, text: str) -> None:
        lines = self._lines
        first, after = start.line, end.line + 1
        changed = lines[start.line][: start.column] + text + lines[end.line][end.column :]
        # The change may bring a carriage return and a line feed together into one line ending.
        if first > 0 and lines[first - 1].endswith("\r") and changed.startswith("\n"):
            first -= 1
            changed = lines[first] + changed
        if after < len(lines) and changed.endswith("\r") and lines[after].startswith("\n"):
            changed += lines[after]
            after += 1
        fresh = split_lines(join_surrogates(changed))
        if after < len(lines):
            # `changed` ends with its line's ending, behind which `split_lines` sees a new line.
            fresh.pop()
        self.size += sum(map(len, fresh)) - sum(map(len, lines[first:after]))
        lines[first:after] = fresh


class Documents:
    """All open documents, notebook cells included."""

    def __init__(self) -> None:
        self._open: dict[str, OpenDocument] = {}
        self.encoding: str = lsp.PositionEncodingKind.Utf16
        """Position encoding that was negotiated with the editor."""

    def open(self, item: lsp.TextDocumentItem) -> None:
        """Take in a document; opening it again replaces it."""
        self._open[unquote(item.uri)] = OpenDocument(item)

    def change(
        self,
        identifier: lsp.VersionedTextDocumentIdentifier,
        changes: Iterable[lsp.TextDocumentContentChangeEvent],
    ) -> bool:
        """Apply changes in order; return False if the document is not open."""
        document = self._open.get(unquote(identifier.uri))
        if document is None:
            return False
        for change in changes:
            document.change(change, self.encoding)
        document.version = identifier.version
        return True

    def close(self, uri: str) -> None:
        """Forget a document."""
        self._open.pop(unquote(uri), None)

    def get(self, uri: str) -> OpenDocument | None:
        """Return the open document of that name."""
        return self._open.get(unquote(uri))

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all open documents."""
        return iter(tuple(self._open))

    def range_of(self, document: Document, start: Position, end: Position) -> lsp.Range:
        """Return the LSP range between two places of a snapshot."""
        return lsp.Range(self._to_lsp(document, start), self._to_lsp(document, end))

    def _to_lsp(self, document: Document, place: Position) -> lsp.Position:
        line = document.lines[place.line]
        return lsp.Position(place.line, units_from_column(line, place.column, self.encoding))


def locate(uri: str, folders: Sequence[str]) -> tuple[str, str]:
    """Return the innermost of the workspace `folders` (URIs) that holds `uri`, and the path there.

    The folder is a path of this file system. Outside of all of them it is empty and the path is
    the bare file name; both are empty if the document is no file.
    """
    path = to_fs_path(uri)
    if path is None or not uri.startswith("file:"):
        return "", ""
    path = path.replace("\\", "/")
    roots = ((to_fs_path(folder) or "").replace("\\", "/").rstrip("/") for folder in folders)
    holding = [root for root in roots if root and path.startswith(f"{root}/")]
    if not holding:
        return "", path.rpartition("/")[2]
    root = max(holding, key=len)
    return root, path[len(root) + 1 :]
