"""Somebody who is shown suggestions and edits, without an editor or an engine."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lsprotocol import types as lsp

from lsp_server.completion.following import Following
from lsp_server.feedback.records import Correction, Event, Sample, Suggestion, Texts
from lsp_server.server.documents import OpenDocument
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Generation,
    Position,
    Rejection,
    RejectionReason,
    StopReason,
    Surface,
    Timings,
)

URI = "file:///w/a.py"
MARK = "█"


@dataclass
class Clock:
    """Time that passes only when it is told to."""

    now: float = 1000.0
    due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)

    def later(self, seconds: float, function: Callable[[], None]) -> None:
        heapq.heappush(self.due, (self.now + seconds, len(self.due), function))

    def passes(self, seconds: float) -> None:
        end = self.now + seconds
        while self.due and self.due[0][0] <= end:
            self.now, _, function = heapq.heappop(self.due)
            function()
        self.now = end


class Typist:
    """One document with a cursor, and what was recorded of it."""

    def __init__(self, text: str, encoding: str = "utf-16", path: str = "a.py") -> None:
        before, _, after = text.partition(MARK)
        self.encoding, self.path = encoding, path
        self.text = before + after
        self.cursor = len(before)
        self.document = OpenDocument(lsp.TextDocumentItem(URI, "python", 1, self.text))
        self.clock = Clock()
        self.events: list[Event] = []
        self.number = 0
        self.following = Following(
            self.events.append,
            self.clock.later,
            clock=lambda: self.clock.now,
            wall=lambda: 1_700_000_000 + self.clock.now,
        )

    # What is on the screen

    def request(self, at: int | None = None) -> CompletionRequest:
        document = replace(self.document.snapshot("/w", self.path))
        place = self.document.position(self._lsp(self.cursor if at is None else at), self.encoding)
        return CompletionRequest(document, place)

    def sees(
        self,
        *texts: str,
        part: bool = False,
        kept: bool = False,
        seconds: float = 1.0,
        over: int = 0,
        request: CompletionRequest | None = None,
    ) -> int:
        """Be shown a suggestion for some seconds; `over` code points before it are replaced.

        More texts are others to choose from. Returns the number of the first.
        """
        request = request or self.request()
        start = Position(request.position.line, request.position.column - over)
        completions = [
            Completion(
                text,
                start,
                request.position,
                Surface.LINE,
                Generation(text, StopReason.END),
                Timings(total=12.5),
                chance=0.5,
                is_kept=kept,
                is_part=part,
            )
            for text in texts
        ]
        first = self.number + 1
        self.number += len(texts)
        self.following.shown(request, completions, first, "tiny")
        self.clock.passes(seconds)
        return first

    def gets_nothing(self, reason: RejectionReason = RejectionReason.EMPTY) -> None:
        self.following.silent(self.request(), Rejection(reason))

    # What is done

    def inserts(self, text: str, behind: str = "") -> None:
        """Put in text at the cursor in one change; `behind` stays right of the cursor."""
        self.replaces(self.cursor, self.cursor, text + behind)
        self.cursor -= len(behind)

    def types(self, text: str) -> None:
        for character in text:
            self.inserts(character)
            self.clock.passes(0.1)

    def deletes(self, count: int = 1) -> None:
        self.replaces(self.cursor - count, self.cursor, "")

    def replaces(self, begin: int, end: int, text: str) -> None:
        """Replace a stretch of the document; the cursor goes behind it."""
        self.changes((begin, end, text))
        self.cursor = begin + len(text)

    def changes(self, *changes: tuple[int, int, str]) -> None:
        """Several changes in one notification; the cursor stays where its text is."""
        for begin, end, text in changes:
            here = lsp.Range(self._lsp(begin), self._lsp(end))
            self.document.change(lsp.TextDocumentContentChangePartial(here, text), self.encoding)
            self.text = self.text[:begin] + text + self.text[end:]
            if begin < self.cursor:
                self.cursor += len(text) - (end - begin)
        self._tell()

    def sends_all(self, text: str) -> None:
        """Change the document as an editor does that sends all of it each time."""
        self.document.change(lsp.TextDocumentContentChangeWholeDocument(text), self.encoding)
        self.text = text
        self._tell()

    def _tell(self) -> None:
        self.document.version += 1
        assert "".join(self.document.snapshot().lines) == self.text
        edits = self.document.take_edits()
        self.following.changed(self.document.snapshot("/w", self.path), edits)

    def _lsp(self, at: int) -> lsp.Position:
        lines = self.text[:at].replace("\r\n", "\n").split("\n")
        width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[self.encoding]
        codec = self.encoding if width == 1 else f"{self.encoding}-le"
        return lsp.Position(len(lines) - 1, len(lines[-1].encode(codec)) // width)

    # What was recorded

    @property
    def rows(self) -> list[Suggestion]:
        return [event for event in self.events if isinstance(event, Suggestion)]

    @property
    def row(self) -> Suggestion:
        (row,) = self.rows
        return row

    @property
    def fate(self) -> str:
        """The fate of the only suggestion, and how it is known."""
        return f"{self.row.fate.value}, {self.row.fate_known.value}"

    @property
    def samples(self) -> list[Sample]:
        return [event for event in self.events if isinstance(event, Sample)]

    @property
    def texts(self) -> list[Texts]:
        return [event for event in self.events if isinstance(event, Texts)]

    @property
    def corrections(self) -> list[Correction]:
        return [event for event in self.events if isinstance(event, Correction)]
