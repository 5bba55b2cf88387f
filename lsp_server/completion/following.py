"""What becomes of suggestions: told by the editor, or seen in what is typed afterwards.

LSP reports that a whole suggestion was accepted, and nothing else. So the suggestion on the screen
is held against every change of its document: text that goes on as suggested was typed or accepted
(several characters at once were accepted), other text rejects it, and work elsewhere means that it
was ignored. As in Cody's client, deleting at its place rejects a suggestion, too. Accepted texts
are looked for again after 15 to 600 s.

What is found goes to `record`, without text unless the user has opted in. Knows nothing about LSP
or about where it is written.
"""

import random
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from lsp_server.cache.suggestions import unified
from lsp_server.completion.regions import Gap, LineEdit, Region, first_line, place_of
from lsp_server.feedback.recent import Recent
from lsp_server.feedback.records import (
    KEPT_AFTER,
    SEEN,
    Correction,
    Event,
    Fate,
    Known,
    Sample,
    Suggestion,
    Texts,
)
from lsp_server.privacy.reading import may_read
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Position,
    Rejection,
    RejectionReason,
)

AT_ONCE = 4
"""Code points of a suggestion that come in one change, from which on they count as accepted. An
editor that sends changes every 150 ms, as Neovim does, has up to three typed ones in each."""

LONGEST = 20_000
"""Code points of the lines around a suggestion above which it is not followed: data, not code."""

AROUND = 10
"""Lines above and below its place in which an accepted text is looked for."""

_WINDOW = 20_000
"""Most code points in which it is looked for."""

_MORE_LINES = 3
"""Lines more than a suggestion had that are kept of what stood there in the end."""

_DOCUMENTS = 64
"""Documents whose latest edits are remembered, for answers that come late."""

_EDITS = 32
"""Changes of each that are remembered."""

_ENDED = 32
"""Ended suggestions about which the editor may still report something."""

_NOBODY_DECIDED = (RejectionReason.SUPERSEDED, RejectionReason.CANCELLED)
"""Silences after which the editor still shows what it showed."""

_RANDOM = random.SystemRandom()
"""Makes the numbers of suggestions different in servers that run at the same time."""


@dataclass(slots=True, eq=False)
class _Followed:
    id: int
    at: float
    begun: float
    request: CompletionRequest
    completion: Completion
    model: str
    text: str
    gap: Gap
    region: Region
    done: int = 0
    """Code points of the text that stand there."""
    replaced: str = ""
    """The lines before anything happened, where the text replaces what a menu had inserted."""
    items: dict[int, tuple[int, str]] = field(default_factory=dict)
    """What the editor calls it by; each with where in the text that item began, and its text.
    Other suggestions for the same place are among them."""
    accepted: int = 0
    taken_from: int = 0
    taken_to: int = 0
    """Where in the text the accepted part begins and ends."""
    typed: int = 0
    grown_from: int = 0
    """Where the latest growth began."""
    kind: Fate | None = None
    """How it was accepted so far."""
    kind_known: Known = Known.INFERRED
    shown_known: Known = Known.INFERRED
    promised: int = 0
    """Where the editor says that it has accepted up to, before the change has come."""
    is_open: bool = False
    """Whether more of it may come."""
    was_part: bool = False
    samples: list[Sample] = field(default_factory=list)
    """Looked at before it ended."""

    @property
    def uri(self) -> str:
        return self.request.document.uri

    @property
    def rest(self) -> str:
        return self.text[self.done :]

    @property
    def place(self) -> Position:
        return place_of(self.region, self.gap.left, self.text[: self.done])

    @property
    def size(self) -> int:
        return len(self.gap.left) + self.done + len(self.gap.right)


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
        self._later = later
        self._clock = clock
        self._wall = wall
        self.keep_text = False
        """Whether texts are recorded, too."""
        self.recent = Recent()
        """How the latest suggestions were received."""
        self._current: _Followed | None = None
        self._ended: OrderedDict[int, _Followed] = OrderedDict()
        self._watches: dict[int, _Watch] = {}
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
        fresh = self._followed(request, completion, model)
        if fresh is None or not self._catch_up(fresh):
            return
        current = self._current
        if current is not None and _is_same(current, fresh):
            current.text = current.text[: current.done] + fresh.rest
            current.gap = Gap(current.gap.left, fresh.gap.right)
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
        self._move_watches(document.uri, touched)
        if (current := self._current) is not None and current.uri == document.uri:
            self._follow(current, document, touched)

    def visited(self, uri: str, position: Position) -> None:
        """Take in where the cursor came to rest."""
        current = self._current
        if current is not None and (
            current.uri != uri or not current.region.first <= position.line <= current.place.line
        ):
            self._end(current, Fate.IGNORED)

    def closed(self, uri: str) -> None:
        """Take in that a document was closed."""
        if (current := self._current) is not None and current.uri == uri:
            self._end(current, Fate.IGNORED)
        for watch in [watch for watch in self._watches.values() if watch.uri == uri]:
            self._end_watch(watch)
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
            self._choose(current, number)
            begin, whole = max(current.done, current.taken_to), len(current.text)
            self._accept(current, Fate.WHOLE, (begin, whole), Known.REPORTED)
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
        item = self._choose(current, number)
        up_to = min(len(current.text), item + length)
        if up_to <= current.taken_to:
            # It was inferred from the change, which may have brought typed characters, too.
            typed = 0 if start is None else max(0, item + start - current.grown_from)
            current.accepted -= typed
            current.typed += typed
            current.kind, current.kind_known = kind, Known.REPORTED
            return
        if current.done >= up_to:
            begin = current.grown_from if start is None else item + start
            current.typed = max(0, current.typed - (current.done - begin))
        else:
            known = max(current.done, current.promised)
            begin = known if start is None else max(known, item + start)
            current.typed += begin - known
        current.promised = max(current.promised, up_to)
        if current.kind is None and up_to == len(current.text) and not current.is_open:
            kind = Fate.WHOLE
        self._accept(current, kind, (begin, up_to), Known.REPORTED)

    def text_of(self, number: int) -> str | None:
        """Return the text of an item on the screen, line endings made one character.

        None if it is there no more.
        """
        current = self._current
        return None if current is None else current.items.get(number, (0, None))[1]

    def dismissed(self, number: int) -> None:
        """Take in that the user has sent a suggestion away."""
        current = self._current
        if current is not None and number in current.items:
            self._end(current, Fate.REJECTED, Known.REPORTED)

    def close(self) -> None:
        """End everything; what is not known by now stays unknown."""
        if self._current is not None:
            self._end(self._current, Fate.IGNORED)
        for watch in list(self._watches.values()):
            self._end_watch(watch)
        self._documents.clear()
        self._ended.clear()

    # The suggestion on the screen

    def _followed(
        self, request: CompletionRequest, completion: Completion, model: str
    ) -> _Followed | None:
        document, start, end = request.document, completion.start, completion.end
        region = Region(start.line, end.line)
        lines = region.text(document, LONGEST)
        if lines is None:
            return None
        gap = Gap(document.line(start.line)[: start.column], document.line(end.line)[end.column :])
        at = self._wall()
        made = _Followed(
            # Grows with time, and no two servers draw the same bits in one millisecond.
            id=(int(at * 1000) << 20) | _RANDOM.getrandbits(20),
            at=at,
            begun=self._clock(),
            request=request,
            completion=completion,
            model=model,
            text=unified(completion.text),
            gap=gap,
            region=region,
        )
        made.done = gap.standing(made.text, lines) or 0
        made.replaced = lines if start != end else ""
        return made

    def _catch_up(self, fresh: _Followed) -> bool:
        """Take in what was typed while a suggestion was made; return False if it fits no more."""
        changes = self._documents.get(fresh.uri)
        if changes is None or changes.document.version <= fresh.request.document.version:
            return True
        for version, edits in changes.edits:
            if version > fresh.request.document.version and not _move(fresh, edits):
                return False
        standing = _standing(fresh, changes.document)
        if standing is None:
            return False
        fresh.done = standing
        return True

    def _follow(self, current: _Followed, document: Document, edits: Sequence[LineEdit]) -> None:
        if not _move(current, edits):
            is_shorter = sum(edit.lines for edit in edits) < 0
            self._end(current, Fate.REJECTED if is_shorter else Fate.IGNORED)
            return
        standing = _standing(current, document)
        if standing is None and (other := _other(current, document)) is not None:
            current.text, standing = other
        if standing is not None:
            self._grow(current, standing)
        elif not current.replaced or _lines(current, document) != current.replaced:
            self._end(current, _ending(current, document))

    def _choose(self, current: _Followed, number: int) -> int:
        """Follow the one of several suggestions that the user chose; return where it begins."""
        begin, text = current.items[number]
        if not current.text.startswith(text, begin):
            current.text = current.text[:begin] + text
        return begin

    def _grow(self, current: _Followed, standing: int) -> None:
        """Take in how much of a suggestion stands there now."""
        begin, current.done = current.done, standing
        grown = standing - begin
        if grown < 0:
            current.typed = max(0, current.typed + grown)
        elif standing > max(begin, current.promised):
            current.grown_from = begin = max(begin, current.promised)
            if standing - begin >= AT_ONCE:
                self._accept(current, _kind(current, begin), (begin, standing), Known.INFERRED)
            else:
                current.typed += standing - begin
        if standing == len(current.text) and not current.is_open:
            self._end(current, Fate.TYPED)

    def _accept(self, current: _Followed, kind: Fate, taken: tuple[int, int], known: Known) -> None:
        """Take in that the user took a part of the text, from one place in it to another."""
        begin, end = taken
        if current.kind is None:
            current.taken_from = begin
        current.taken_to = max(current.taken_to, end)
        current.accepted += max(0, end - begin)
        if current.kind is None or _RANK[kind] >= _RANK[current.kind]:
            current.kind = kind
        current.kind_known = known
        self._watch(current, current.text[current.taken_from : current.taken_to])

    def _leave(self, uri: str, position: Position) -> None:
        """End what is followed, because the editor shows something else, or nothing."""
        if (current := self._current) is not None:
            is_there = current.uri == uri and current.place == position
            self._end(current, Fate.WITHDRAWN if is_there else Fate.IGNORED)

    def _end(self, ended: _Followed, ending: Fate, known: Known = Known.INFERRED) -> None:
        if self._current is ended:
            self._current = None
        stood = self._clock() - ended.begun
        fate, known = _fate(ended, ending, known, stood)
        completion, request = ended.completion, ended.request
        surface, language = completion.surface.value, request.document.language
        self._record(
            Suggestion(
                id=ended.id,
                at=ended.at,
                language=language,
                surface=surface,
                model=ended.model,
                trigger=request.trigger_kind.value,
                latency=completion.timings.total,
                length=len(ended.text),
                lines=ended.text.count("\n") + 1,
                chance=completion.chance,
                was_part=ended.was_part,
                was_kept=completion.is_kept,
                stood=stood,
                shown_known=ended.shown_known,
                fate=fate,
                fate_known=known,
                accepted=ended.accepted,
                typed=ended.typed,
            )
        )
        for sample in ended.samples:
            self._record(sample)
        self.recent.note(ended.id, surface, language, fate)
        self._keep_text(ended, fate)
        for number in ended.items:
            self._ended[number] = ended
        while len(self._ended) > _ENDED:
            self._ended.popitem(last=False)

    def _correct(self, ended: _Followed) -> None:
        """Believe the editor rather than what was inferred."""
        ended.kind, ended.kind_known = Fate.WHOLE, Known.REPORTED
        ended.accepted = max(ended.accepted, len(ended.text) - ended.typed)
        self._record(Correction(ended.id, Fate.WHOLE, ended.accepted))
        surface = ended.completion.surface.value
        self.recent.note(ended.id, surface, ended.request.document.language, Fate.WHOLE)
        if ended.id not in self._watches:
            self._watch(ended, ended.text[len(ended.text) - ended.accepted :])

    # What is looked for again

    def _watch(self, followed: _Followed, text: str) -> None:
        watch = _Watch(followed.id, followed.uri, text, followed.region, followed.gap)
        self._watches[followed.id] = watch
        for seconds in KEPT_AFTER:
            self._look_later(watch, seconds)

    def _look_later(self, watch: _Watch, seconds: int) -> None:
        self._later(seconds, lambda: self._look(watch, seconds))

    def _look(self, watch: _Watch, seconds: int) -> None:
        """Look whether an accepted text is still there."""
        changes = self._documents.get(watch.uri)
        if self._watches.get(watch.id) is not watch or changes is None:
            return
        if watch.text:
            window = _window(changes.document, watch.region)
            sample = Sample(watch.id, seconds, watch.text, window)
            current = self._current
            if current is not None and current.id == watch.id:
                current.samples.append(sample)
            else:
                self._record(sample)
        if seconds == KEPT_AFTER[-1]:
            self._end_watch(watch)

    def _end_watch(self, watch: _Watch) -> None:
        del self._watches[watch.id]
        changes = self._documents.get(watch.uri)
        if watch.suggested is None or changes is None:
            return
        most = watch.region.first + watch.suggested.count("\n") + _MORE_LINES
        region = Region(watch.region.first, min(watch.region.last, most))
        found = region.text(changes.document, LONGEST)
        if found is not None:
            became = found.removeprefix(watch.gap.left).removesuffix(watch.gap.right)
            self._record(Texts(watch.id, watch.suggested, became))

    def _move_watches(self, uri: str, edits: Sequence[LineEdit]) -> None:
        for watch in self._watches.values():
            if watch.uri != uri:
                continue
            for edit in edits:
                # Where the begin was cut off, the rest is looked for around the place.
                moved = watch.region.moved(edit)
                watch.region = moved or Region(edit.first, max(edit.first, watch.region.last))

    def _keep_text(self, ended: _Followed, fate: Fate) -> None:
        """Remember the text of a suggestion until it is known what stands there in the end."""
        document = ended.request.document
        if not self.keep_text or not may_read(PurePath(document.path)):
            return
        if not (fate.is_accepted or fate is Fate.REJECTED):
            return
        if ended.id not in self._watches:
            watch = _Watch(ended.id, ended.uri, "", ended.region, ended.gap)
            self._watches[ended.id] = watch
            self._look_later(watch, KEPT_AFTER[-1])
        self._watches[ended.id].suggested = ended.text


_RANK = {Fate.WORD: 0, Fate.LINE: 1, Fate.WHOLE: 2}


def _move(followed: _Followed, edits: Sequence[LineEdit]) -> bool:
    for edit in edits:
        moved = followed.region.moved(edit)
        if moved is None:
            return False
        followed.region = moved
    return True


def _lines(followed: _Followed, document: Document) -> str | None:
    return followed.region.text(document, LONGEST + len(followed.text))


def _standing(followed: _Followed, document: Document) -> int | None:
    found = _lines(followed, document)
    return None if found is None else followed.gap.standing(followed.text, found)


def _other(followed: _Followed, document: Document) -> tuple[str, int] | None:
    """Return the other suggestion that stands there, and how much of it; None if none does."""
    found = _lines(followed, document)
    others = {followed.text[:begin] + text for begin, text in followed.items.values()}
    for other in sorted(others, key=len, reverse=True):
        standing = None if found is None else followed.gap.standing(other, found)
        if standing:
            return other, standing
    return None


def _is_same(current: _Followed, fresh: _Followed) -> bool:
    """Whether a new answer is (more of) what stands on the screen already."""
    if current.uri != fresh.uri or current.place != fresh.place:
        return False
    return current.rest.startswith(fresh.rest) or fresh.rest.startswith(current.rest)


def _ending(current: _Followed, document: Document) -> Fate:
    """Return what it means that something else stands there now."""
    found = _lines(current, document) or ""
    begin = current.gap.left + current.text[: current.done]
    is_elsewhere = not found.startswith(current.gap.left) or (
        found.startswith(begin) and not found.endswith(current.gap.right)
    )
    if is_elsewhere and len(found) >= current.size:
        return Fate.IGNORED
    return Fate.REJECTED


def _kind(current: _Followed, begin: int) -> Fate:
    """Return how what came in one change was accepted, if it began at `begin`."""
    if current.done == len(current.text) and not current.is_open:
        return Fate.WHOLE
    is_line = (
        current.text.startswith("\n", current.done) or "\n" in current.text[begin : current.done]
    )
    return Fate.LINE if is_line else Fate.WORD


def _fate(ended: _Followed, ending: Fate, known: Known, stood: float) -> tuple[Fate, Known]:
    """Return what became of a suggestion, from how it ended and what was taken before."""
    if ended.kind is not None:
        return ended.kind, ended.kind_known
    if known is Known.REPORTED:
        return ending, known
    if ended.text and ended.done >= first_line(ended.text):
        return Fate.TYPED, known
    if stood < SEEN:
        return Fate.UNSEEN, known
    return ending, known


def _window(document: Document, region: Region) -> str:
    """Return the lines around a place."""
    lines = document.lines[max(0, region.first - AROUND) : region.last + 1 + AROUND]
    return "".join(lines)[:_WINDOW]
