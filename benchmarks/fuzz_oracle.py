"""What a server has to hold of its documents after some messages: a plain model of LSP.

Each document is one string. Places are found by walking over it, character by character, as the
specification of LSP tells it; the server keeps lines and counts in code units. Shares no code with
the server, on purpose.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

_LINE_END = re.compile("\r\n|\r|\n")


@dataclass
class Held:
    """One open document."""

    text: str
    version: int


def joined(text: str) -> str:
    """Return `text` with one character for each surrogate pair, as JSON has it."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def width(character: str, encoding: str) -> int:
    """Return the code units of one character."""
    code = ord(character)
    if encoding == "utf-32":
        return 1
    if encoding == "utf-16":
        return 1 + (code > 0xFFFF)
    return 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)


def line_spans(text: str) -> list[tuple[int, int]]:
    """Return where each line begins and where it ends, without its ending."""
    spans, start = [], 0
    for end in _LINE_END.finditer(text):
        spans.append((start, end.start()))
        start = end.end()
    return [*spans, (start, len(text))]


def offset_of(text: str, position: Mapping[str, Any], encoding: str) -> int:
    """Return the place of an LSP position in `text`.

    Behind the last line that is the end, behind the end of a line that end, and inside of a
    character the place behind it.
    """
    spans = line_spans(text)
    line = int(position["line"])
    if line >= len(spans):
        return len(text)
    at, end = spans[line]
    units = int(position["character"])
    while at < end and units > 0:
        units -= width(text[at], encoding)
        at += 1
    return at


def is_place(text: str, position: Mapping[str, Any], encoding: str) -> bool:
    """Return whether an LSP position names a place that `text` has."""
    spans = line_spans(text)
    if not 0 <= position["line"] < len(spans):
        return False
    start, end = spans[position["line"]]
    units = position["character"]
    for character in text[start:end]:
        if units <= 0:
            break
        units -= width(character, encoding)
    return bool(units == 0)


class Oracle:
    """All open documents, by what their names mean."""

    def __init__(self, encoding: str) -> None:
        """Hold nothing. Positions count in `encoding`."""
        self.encoding = encoding
        self.documents: dict[str, Held] = {}
        self._takes = {
            "textDocument/didOpen": self._opened,
            "textDocument/didChange": self._changed,
            "textDocument/didClose": self._closed,
            "notebookDocument/didOpen": self._notebook_opened,
            "notebookDocument/didChange": self._notebook_changed,
            "notebookDocument/didClose": self._notebook_closed,
        }

    def take(self, message: Mapping[str, Any]) -> None:
        """Take in a message that keeps to LSP."""
        if (taken := self._takes.get(message.get("method", ""))) is not None:
            taken(message["params"])

    def get(self, uri: str) -> Held | None:
        """Return an open document."""
        return self.documents.get(unquote(uri))

    def digests(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the name of each open document and what a server has to say of it."""
        for uri, held in self.documents.items():
            code = held.text.encode("utf-8", "surrogatepass")
            yield (
                uri,
                {
                    "version": held.version,
                    "lines": len(line_spans(held.text)),
                    "characters": len(held.text),
                    "sha256": hashlib.sha256(code).hexdigest(),
                },
            )

    def _opened(self, params: Any) -> None:
        self._hold(params["textDocument"])

    def _hold(self, item: Any) -> None:
        self.documents[unquote(item["uri"])] = Held(joined(item["text"]), item["version"])

    def _changed(self, params: Any) -> None:
        self._apply(params["textDocument"], params["contentChanges"])

    def _apply(self, identifier: Any, changes: Any) -> None:
        held = self.get(identifier["uri"])
        if held is None:
            return
        for change in changes:
            held.text = joined(self._after(held.text, change))
        held.version = identifier["version"]

    def _after(self, text: str, change: Any) -> str:
        if "range" not in change:
            return str(change["text"])
        start = offset_of(text, change["range"]["start"], self.encoding)
        end = max(start, offset_of(text, change["range"]["end"], self.encoding))
        return text[:start] + str(change["text"]) + text[end:]

    def _closed(self, params: Any) -> None:
        self.documents.pop(unquote(params["textDocument"]["uri"]), None)

    def _notebook_opened(self, params: Any) -> None:
        for item in params["cellTextDocuments"]:
            self._hold(item)

    def _notebook_changed(self, params: Any) -> None:
        cells = params["change"].get("cells", {})
        structure = cells.get("structure", {})
        for item in structure.get("didOpen", ()):
            self._hold(item)
        for item in structure.get("didClose", ()):
            self.documents.pop(unquote(item["uri"]), None)
        for content in cells.get("textContent", ()):
            self._apply(content["document"], content["changes"])

    def _notebook_closed(self, params: Any) -> None:
        for item in params["cellTextDocuments"]:
            self.documents.pop(unquote(item["uri"]), None)
