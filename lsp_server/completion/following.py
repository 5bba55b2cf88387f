"""What becomes of suggestions: told by the editor, or seen in what is typed afterwards.

LSP reports that a whole suggestion was accepted, and nothing else. So the suggestion on the screen
is held against every change of its document: text that goes on as suggested was typed or accepted
(several characters at once were accepted), other text rejects it, and work elsewhere means that it
was ignored. As in Cody's client, deleting at its place rejects a suggestion, too. Accepted texts
are looked for again after 15 to 600 s.

What is found goes to `record`, without text unless the user has opted in. Knows nothing about LSP
or about where it is written.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from lsp_server.cache.suggestions import unified
from lsp_server.completion.followed import Followed
from lsp_server.completion.regions import LineEdit
from lsp_server.completion.retention import Retention
from lsp_server.feedback.recent import Recent
from lsp_server.feedback.records import Correction, Event, Fate, Known, Sample, Texts
from lsp_server.privacy.reading import may_read
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Position,
    Rejection,
    RejectionReason,
)

_DOCUMENTS = 64
"""Documents whose latest edits are remembered, for answers that come late."""

_EDITS = 32
"""Changes of each that are remembered."""

_ENDED = 32
"""Ended suggestions about which the editor may still report something."""

_NOBODY_DECIDED = (RejectionReason.SUPERSEDED, RejectionReason.CANCELLED)
"""Silences after which the editor still shows what it showed."""


@dataclass(slots=True)
class _Changes:
    document: Document
    edits: deque[tuple[int, tuple[LineEdit, ...]]]


class Following:
    """The suggestion on the screen, and the accepted ones of the last ten minutes."""

    def __init__(
        self,
        record: Callable[[Event], None],
        later: Callable[[float, Callable[[], None]], object],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Give what is found to `record`; `later` calls a function after some seconds."""
        self._record = record
        self._clock = clock
        self._wall = wall
        self.keep_text = False
        """Whether texts are recorded, too."""
        self.recent = Recent()
        """How the latest suggestions were received."""
        self._current: Followed | None = None
        self._ended: OrderedDict[int, Followed] = OrderedDict()
        self.took_text: Callable[[Followed, str], None] = lambda *_: None
        """Called with a suggestion and all of its text that was accepted so far."""
        self._retention = Retention(self._look_at, later, self._document)
        self._documents: OrderedDict[str, _Changes] = OrderedDict()

    # What fimbul says

    def shown(
        self,
        request: CompletionRequest,
        completions: Sequence[Completion],
        number: int,
        model: str,
    ) -> None:
        """Take in that the editor was given suggestions to choose from; it shows the first.

        `number` is what it calls that one by; the others are counted on from there.
        """
        completion = completions[0]
        fresh = Followed.of(request, completion, model, self._wall(), self._clock())
        if fresh is None or not self._catch_up(fresh):
            return
        current = self._current
        if current is not None and current.goes_on_as(fresh):
            current.go_on(fresh)
        else:
            self._leave(fresh.uri, fresh.place)
            current = self._current = fresh
        begin = current.done - fresh.done
        for offset, one in enumerate(completions):
            current.items[number + offset] = (begin, unified(one.text))
        current.is_open = completion.is_part
        current.was_part |= completion.is_part

    def silent(self, request: CompletionRequest, rejection: Rejection) -> None:
        """Take in that the editor was given nothing, so that it shows nothing any more."""
        if rejection.reason not in _NOBODY_DECIDED:
            self._leave(request.document.uri, request.position)

    def withdrawn(self, request: CompletionRequest) -> None:
        """Take in that the editor was told to show the beginning of a suggestion no longer."""
        current = self._current
        if current is not None and current.is_open and current.uri == request.document.uri:
            self._end(current, Fate.WITHDRAWN)

    # What the editor says

    def changed(self, document: Document, edits: Iterable[LineEdit]) -> None:
        """Take in a change; `edits` say which lines it touched, in their order."""
        touched = tuple(edits)
        changes = self._documents.get(document.uri)
        if changes is None:
            changes = self._documents[document.uri] = _Changes(document, deque(maxlen=_EDITS))
        changes.document = document
        changes.edits.append((document.version, touched))
        self._documents.move_to_end(document.uri)
        while len(self._documents) > _DOCUMENTS:
            self._documents.popitem(last=False)
        self._retention.move(document.uri, touched)
        if (current := self._current) is not None and current.uri == document.uri:
            self._follow(current, document, touched)

    def visited(self, uri: str, position: Position) -> None:
        """Take in where the cursor came to rest."""
        current = self._current
        if current is None:
            return
        place = current.place
        # To the right there may be brackets that were typed over.
        is_there = current.uri == uri and place <= position and position.line == place.line
        if not is_there:
            self._end(current, Fate.IGNORED)

    def closed(self, uri: str) -> None:
        """Take in that a document was closed."""
        if (current := self._current) is not None and current.uri == uri:
            self._end(current, Fate.IGNORED)
        self._retention.end(uri)
        self._documents.pop(uri, None)

    def seen(self, number: int) -> None:
        """Take in that the editor has drawn a suggestion."""
        current = self._current
        if current is not None and number in current.items:
            current.shown_known = Known.REPORTED

    def accepted(self, number: int) -> None:
        """Take in that a whole suggestion was accepted, or all that was left of it."""
        current = self._current
        if current is not None and number in current.items:
            current.take_all(number)
            self._watch(current, current.taken)
            self._end(current, Fate.WHOLE)
        elif (ended := self._ended.get(number)) is not None and ended.kind_known is Known.INFERRED:
            self._correct(ended)

    def took(self, number: int, kind: Fate, length: int, start: int | None = None) -> None:
        """Take in that an item was accepted as far as `length` code points of its text.

        What stands before `start` was there already, typed or accepted; None means that all of it
        has come as changes. Line endings count as one. The change itself may come later, or have
        come already.
        """
        current = self._current
        if current is None or number not in current.items:
            return
        if current.take(number, kind, length, start):
            self._watch(current, current.taken)

    def text_of(self, number: int) -> str | None:
        """Return the text of an item on the screen, line endings made one character.

        None if it is there no more.
        """
        current = self._current
        return None if current is None else current.items.get(number, (0, None))[1]

    def dismissed(self, number: int | None) -> None:
        """Take in that the user has sent a suggestion away: None is the one on the screen."""
        current = self._current
        if current is not None and (number is None or number in current.items):
            self._end(current, Fate.REJECTED, Known.REPORTED)

    def close(self) -> None:
        """End everything; what is not known by now stays unknown."""
        if self._current is not None:
            self._end(self._current, Fate.IGNORED)
        self._retention.end()
        self._documents.clear()
        self._ended.clear()

    # The suggestion on the screen

    def _catch_up(self, fresh: Followed) -> bool:
        """Take in what was typed while a suggestion was made; return False if it fits no more."""
        changes = self._documents.get(fresh.uri)
        if changes is None or changes.document.version <= fresh.version:
            return True
        for version, edits in changes.edits:
            if version > fresh.version and not fresh.move(edits):
                return False
        standing = fresh.standing_in(changes.document)
        if standing is None:
            return False
        fresh.done = standing
        return True

    def _follow(self, current: Followed, document: Document, edits: Sequence[LineEdit]) -> None:
        if not current.move(edits):
            is_shorter = sum(edit.lines for edit in edits) < 0
            self._end(current, Fate.REJECTED if is_shorter else Fate.IGNORED)
            return
        standing = current.standing_in(document)
        if standing is None and (other := current.other_in(document)) is not None:
            current.text, standing = other
        if standing is None:
            if not current.is_untouched(document):
                self._end(current, current.ending_in(document))
            return
        if current.grow(standing):
            self._watch(current, current.taken)
        if current.is_done:
            self._end(current, Fate.TYPED)

    def _leave(self, uri: str, position: Position) -> None:
        """End what is followed, because the editor shows something else, or nothing."""
        if (current := self._current) is not None:
            is_there = current.uri == uri and current.place == position
            self._end(current, Fate.WITHDRAWN if is_there else Fate.IGNORED)

    def _end(self, ended: Followed, ending: Fate, known: Known = Known.INFERRED) -> None:
        if self._current is ended:
            self._current = None
        stood = self._clock() - ended.begun
        fate, known = ended.fate(ending, known, stood)
        self._record(ended.row(fate, known, stood))
        for sample in ended.samples:
            self._record(sample)
        self.recent.note(ended.id, ended.completion.surface.value, ended.language, fate)
        is_judged = fate.is_accepted or fate is Fate.REJECTED
        if self.keep_text and is_judged and may_read(PurePath(ended.path)):
            self._retention.keep_text(ended)
        for number in ended.items:
            self._ended[number] = ended
        while len(self._ended) > _ENDED:
            self._ended.popitem(last=False)

    def _correct(self, ended: Followed) -> None:
        """Believe the editor rather than what was inferred."""
        ended.kind, ended.kind_known = Fate.WHOLE, Known.REPORTED
        ended.accepted = max(ended.accepted, len(ended.text) - ended.typed)
        self._record(Correction(ended.id, Fate.WHOLE, ended.accepted))
        self.recent.note(ended.id, ended.completion.surface.value, ended.language, Fate.WHOLE)
        if ended.id not in self._retention:
            self._watch(ended, ended.text[len(ended.text) - ended.accepted :])

    # What is looked for again

    def _watch(self, followed: Followed, text: str) -> None:
        self._retention.watch(followed, text)
        self.took_text(followed, text)

    def _document(self, uri: str) -> Document | None:
        changes = self._documents.get(uri)
        return None if changes is None else changes.document

    def _look_at(self, found: Sample | Texts) -> None:
        """Record what was found about a suggestion, but not before the suggestion itself."""
        current = self._current
        if current is not None and current.id == found.id and isinstance(found, Sample):
            current.samples.append(found)
        else:
            self._record(found)
