"""What the user edited and where the user was lately, as a source of context.

Typing in one place becomes one edit, however many changes the editor sends. Order counts, not
time, so the same session always gives the same history. Knows nothing about LSP, files or
tokens.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lsp_server.context.changes import common_head
from lsp_server.types import Document, Position

EDITS = 16
"""Finished edits that are remembered."""

VISITS = 32
"""Places that are remembered."""

_NEAR = 4
"""Lines between two changes that still make one edit."""

_FAR = 20
"""Lines between two places that make them two visits."""

_DOCUMENTS = 64
"""Documents whose unfinished edit is remembered."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines of a document that were changed in one go."""

    uri: str
    folder: str
    """Path of the workspace folder that holds it; empty if none does."""
    path: str
    first_line: int
    before: tuple[str, ...]
    """The lines as they were, with their endings."""
    after: tuple[str, ...]
    """What stands in their place now."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A place where the cursor was."""

    uri: str
    folder: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Past:
    """A history as it stood at one moment."""

    edits: tuple[Edit, ...] = ()
    """The latest first."""
    visits: tuple[Visit, ...] = ()
    """The latest first."""


@dataclass(frozen=True, slots=True)
class _Open:
    folder: str
    path: str
    baseline: tuple[str, ...]
    """The lines before the edit that is under way."""
    current: tuple[str, ...]


class History:
    """The edits and visits of one session."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._edits: deque[Edit] = deque(maxlen=EDITS)
        self._visits: deque[Visit] = deque(maxlen=VISITS)

    def opened(self, document: Document) -> None:
        """Take a document's text as the one that later changes are compared with."""
        self._open[document.uri] = _Open(
            document.folder, document.path, document.lines, document.lines
        )
        self._open.move_to_end(document.uri)
        while len(self._open) > _DOCUMENTS:
            self._open.popitem(last=False)

    def changed(self, document: Document) -> None:
        """Take in a document's text after a change."""
        known = self._open.get(document.uri)
        if known is None:
            self.opened(document)
            return
        first, old_end, _ = changed_range(known.current, document.lines)
        if _touches(known, first, old_end):
            known = replace(known, current=document.lines)
        else:
            self._finish(document.uri, known)
            known = _Open(document.folder, document.path, known.current, document.lines)
        self._open[document.uri] = known
        self._open.move_to_end(document.uri)

    def closed(self, uri: str) -> None:
        """Finish what was being edited in a document."""
        known = self._open.pop(uri, None)
        if known is not None:
            self._finish(uri, known)

    def visited(self, document: Document, position: Position) -> None:
        """Note where the cursor is; a step away from the last place is the same visit."""
        visit = Visit(document.uri, document.folder, document.path, position.line)
        last = self._visits[-1] if self._visits else None
        if last is not None and last.uri == visit.uri and abs(last.line - visit.line) < _FAR:
            self._visits.pop()
        self._visits.append(visit)

    def past(self, folder: str) -> Past:
        """Return what is remembered of one workspace folder, the edits under way included."""
        running = [
            edit
            for uri, known in reversed(self._open.items())
            if (edit := _edit(uri, known)) is not None
        ]
        edits = (*running, *reversed(self._edits))
        return Past(
            tuple(edit for edit in edits if edit.folder == folder),
            tuple(visit for visit in reversed(self._visits) if visit.folder == folder),
        )

    def _finish(self, uri: str, known: _Open) -> None:
        if (edit := _edit(uri, known)) is not None:
            self._edits.append(edit)


def changed_range(before: Sequence[str], after: Sequence[str]) -> tuple[int, int, int]:
    """Return first line, end line in `before` and end line in `after` of what differs."""
    first = common_head(before, after)
    same = common_head(before[first:][::-1], after[first:][::-1])
    return first, len(before) - same, len(after) - same


def _touches(known: _Open, first: int, end: int) -> bool:
    """Say whether lines of `known.current` lie in or next to the edit under way."""
    begin, _, stop = changed_range(known.baseline, known.current)
    nothing_yet = known.baseline == known.current
    return nothing_yet or (first <= stop + _NEAR and end >= begin - _NEAR)


def _edit(uri: str, known: _Open) -> Edit | None:
    first, old_end, new_end = changed_range(known.baseline, known.current)
    before, after = known.baseline[first:old_end], known.current[first:new_end]
    if before == after:
        return None
    return Edit(uri, known.folder, known.path, first, before, after)
