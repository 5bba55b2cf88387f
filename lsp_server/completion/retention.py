"""Looks later whether accepted texts are still there.

Knows where they stand through edits; what was accepted is looked for in the lines around that
place. Holds texts in memory for ten minutes. Knows nothing about LSP.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lsp_server.completion.followed import LONGEST, Followed
from lsp_server.completion.regions import Gap, LineEdit, Region
from lsp_server.feedback.records import KEPT_AFTER, Sample, Texts
from lsp_server.privacy.secrets import redact
from lsp_server.types import Document

AROUND = 10
"""Lines above and below its place in which an accepted text is looked for."""

_WINDOW = 20_000
"""Most code points in which it is looked for."""

_MORE_LINES = 3
"""Lines more than a suggestion had that are kept of what stood there in the end."""


@dataclass(slots=True, eq=False)
class _Watch:
    id: int
    uri: str
    text: str
    """What was accepted; empty if only what stands there in the end is asked for."""
    region: Region
    gap: Gap
    suggested: str | None = None
    """The whole suggestion, where the user has opted in to keeping texts."""


class Retention:
    """The accepted texts of the last ten minutes."""

    def __init__(
        self,
        record: Callable[[Sample | Texts], None],
        later: Callable[[float, Callable[[], None]], object],
        document: Callable[[str], Document | None],
    ) -> None:
        """Give what is found to `record`; `later` calls a function after some seconds.

        `document` returns a document as it stands, if it is open.
        """
        self._record = record
        self._later = later
        self._document = document
        self._watches: dict[int, _Watch] = {}

    def __contains__(self, number: int) -> bool:
        """Whether a suggestion is looked for."""
        return number in self._watches

    def watch(self, followed: Followed, text: str) -> None:
        """Look for `text` of a suggestion from now on; what was looked for before is forgotten."""
        watch = self._begin(followed, text)
        for seconds in KEPT_AFTER:
            self._look_later(watch, seconds)

    def keep_text(self, followed: Followed) -> None:
        """Record the text of a suggestion, too, once it is known what stands there in the end."""
        watch = self._watches.get(followed.id)
        if watch is None:
            watch = self._begin(followed, "")
            self._look_later(watch, KEPT_AFTER[-1])
        watch.suggested = followed.text

    def move(self, uri: str, edits: Sequence[LineEdit]) -> None:
        """Take in which lines of a document were touched."""
        for watch in self._watches.values():
            if watch.uri != uri:
                continue
            for edit in edits:
                # Where the begin was cut off, the rest is looked for around the place.
                moved = watch.region.moved(edit)
                watch.region = moved or Region(edit.first, max(edit.first, watch.region.last))

    def end(self, uri: str | None = None) -> None:
        """Look no more, in one document or in all."""
        for watch in [one for one in self._watches.values() if uri in (None, one.uri)]:
            self._end(watch)

    def _begin(self, followed: Followed, text: str) -> _Watch:
        watch = _Watch(followed.id, followed.uri, text, followed.region, followed.gap)
        self._watches[followed.id] = watch
        return watch

    def _look_later(self, watch: _Watch, seconds: int) -> None:
        self._later(seconds, lambda: self._look(watch, seconds))

    def _look(self, watch: _Watch, seconds: int) -> None:
        """Look whether an accepted text is still there."""
        document = self._document(watch.uri)
        if self._watches.get(watch.id) is not watch or document is None:
            return
        if watch.text:
            window = _window(document, watch.region)
            self._record(Sample(watch.id, seconds, watch.text, window))
        if seconds == KEPT_AFTER[-1]:
            self._end(watch)

    def _end(self, watch: _Watch) -> None:
        del self._watches[watch.id]
        document = self._document(watch.uri)
        if watch.suggested is None or document is None:
            return
        most = watch.region.first + watch.suggested.count("\n") + _MORE_LINES
        region = Region(watch.region.first, min(watch.region.last, most))
        # What the user wrote there may be a password.
        shown = redact(document.lines[: region.last + 1])
        found = region.text(replace(document, lines=shown), LONGEST)
        if found is not None:
            became = found.removeprefix(watch.gap.left).removesuffix(watch.gap.right)
            self._record(Texts(watch.id, watch.suggested, became))


def _window(document: Document, region: Region) -> str:
    """Return the lines around a place."""
    lines = document.lines[max(0, region.first - AROUND) : region.last + 1 + AROUND]
    return "".join(lines)[:_WINDOW]
