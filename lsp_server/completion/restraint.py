"""When to keep quiet, whatever could be said: while text is deleted, and after a refusal.

Whoever deletes is not helped by what they have just deleted, and whoever turned a suggestion down
does not want the same one at the same place a moment later. Both end soon: with the next key, or
when the line says something else. What is asked for is never held back. Keeps what stands on the
screen, the latest refusals and where text was deleted last; the clock comes in with each event.
Knows nothing about engines or editors.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass

import xxhash

from lsp_server.cache.suggestions import Place
from lsp_server.context.changes import common_head
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    TriggerKind,
)

AFTER_DELETING = 0.5
"""Seconds after a deletion in which nothing is suggested at its place unless a key comes."""

SEEN = 0.5
"""Seconds that a suggestion has to stand there for typing something else to refuse it; what was
shown more shortly was hardly read."""

REMEMBERED = 180.0
"""Seconds after which a refusal is forgotten."""

REFUSALS = 32
"""Refusals that are remembered, the latest."""

DOCUMENTS = 64
"""Documents whose last text and change are remembered."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """Text that was taken out of a document, and nothing put in."""

    first: Position
    """The earliest place where the cursor can be after it."""
    last: Position
    """The latest one; another than `first` where the text repeats."""


@dataclass(frozen=True, slots=True)
class _OnScreen:
    place: Place
    text: str
    """What stands behind the cursor there."""
    is_part: bool
    since: float


@dataclass(frozen=True, slots=True)
class _Refusal:
    uri: str
    place: bytes
    text: str
    is_part: bool
    """Whether `text` is only the beginning of it."""
    when: float


class Restraint:
    """What was deleted and turned down lately."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._deleted: dict[str, tuple[Deletion, float]] = {}
        self._on_screen: dict[str, _OnScreen] = {}
        self._refusals: deque[_Refusal] = deque(maxlen=REFUSALS)

    def opened(self, document: Document) -> None:
        """Take in a document that was opened."""
        self._remember(document)
        self._deleted.pop(document.uri, None)

    def changed(self, document: Document, now: float) -> None:
        """Take in that a document was changed, at a time in seconds."""
        before = self._texts.get(document.uri)
        self._remember(document)
        self._deleted.pop(document.uri, None)
        found = deletion(before, document.lines) if before is not None else None
        if found is not None:
            self._deleted[document.uri] = found, now
        self._look_at_screen(document, now, is_deletion=found is not None)

    def shown(self, request: CompletionRequest, outcome: Outcome, now: float) -> None:
        """Take in what stands on the screen after a request, at a time in seconds."""
        uri = request.document.uri
        before = self._on_screen.pop(uri, None)
        if not isinstance(outcome, Completion):
            return
        place, text = Place.of(request.document, outcome.end), _new_text(request, outcome)
        since = before.since if before is not None and before.place == place else now
        self._on_screen[uri] = _OnScreen(place, text, outcome.is_part, since)

    def refused(self, now: float) -> None:
        """Take in that the user turned down what was shown last, at a time in seconds."""
        if self._on_screen:
            self._refuse(next(reversed(self._on_screen)), now)

    def forget(self, uri: str) -> None:
        """Forget a document."""
        self._texts.pop(uri, None)
        self._deleted.pop(uri, None)
        self._on_screen.pop(uri, None)
        self._refusals = deque(
            (one for one in self._refusals if one.uri != uri), maxlen=self._refusals.maxlen
        )

    def check(self, request: CompletionRequest, now: float) -> Rejection | None:
        """Return why nothing may be suggested at a time in seconds; None if something may."""
        found = self._deleted.get(request.document.uri)
        if found is None or request.trigger_kind is TriggerKind.INVOKED:
            return None
        where, when = found
        here = where.first <= request.position <= where.last
        if here and now - when < AFTER_DELETING:
            return Rejection(RejectionReason.DELETING)
        return None

    def judged(self, request: CompletionRequest, outcome: Outcome, now: float) -> Outcome:
        """Return `outcome`, or a rejection if the same was turned down at the same place."""
        is_asked_for = request.trigger_kind is TriggerKind.INVOKED
        if not self._refusals or is_asked_for or not isinstance(outcome, Completion):
            return outcome
        uri, text = request.document.uri, _new_text(request, outcome)
        places = {
            one.place
            for one in self._refusals
            if one.uri == uri
            and now - one.when < REMEMBERED
            and _is_same(one, text, is_part=outcome.is_part)
        }
        if not places or _digest(Place.of(request.document, outcome.end)) not in places:
            return outcome
        return Rejection(
            RejectionReason.REJECTED_HERE,
            timings=outcome.timings,
            used=outcome.used,
            prompt_tokens=outcome.generation.prompt_tokens,
        )

    def _refuse(self, uri: str, now: float) -> None:
        shown = self._on_screen.pop(uri)
        place = _digest(shown.place)
        self._refusals.append(_Refusal(uri, place, shown.text, shown.is_part, now))

    def _look_at_screen(self, document: Document, now: float, *, is_deletion: bool) -> None:
        """Note a refusal if something else was typed than what stood there."""
        shown = self._on_screen.get(document.uri)
        if shown is None:
            return
        typed = shown.place.typed_in(document)
        if typed is not None and shown.text.startswith(typed):
            return
        # What was taken whole and typed on behind was not turned down.
        differs = typed and not typed.startswith(shown.text)
        if differs and not is_deletion and now - shown.since >= SEEN:
            self._refuse(document.uri, now)
        self._on_screen.pop(document.uri, None)

    def _remember(self, document: Document) -> None:
        self._texts[document.uri] = document.lines
        self._texts.move_to_end(document.uri)
        while len(self._texts) > DOCUMENTS:
            uri, _ = self._texts.popitem(last=False)
            self._deleted.pop(uri, None)
            self._on_screen.pop(uri, None)


def deletion(old: tuple[str, ...], new: tuple[str, ...]) -> Deletion | None:
    """Return where a change took text out; None if it put some in, too, or changed nothing.

    Taking back indentation is no deletion: who does it goes on at the outer level.
    """
    head = common_head(old, new)
    tail = common_head(old[head:][::-1], new[head:][::-1])
    gone = "".join(old[head : len(old) - tail])
    left = "".join(new[head : len(new) - tail])
    begins = _common_length(gone, left)
    ends = _common_length(gone[::-1], left[::-1])
    if len(gone) <= len(left) or begins + ends < len(left):
        return None
    first, last = sorted((len(left) - ends, begins))
    taken = gone[first : first + len(gone) - len(left)]
    if not taken.strip(" \t") and not split_lines(left[:first])[-1].strip():
        return None
    return Deletion(_position(head, left, first), _position(head, left, last))


def _common_length(one: str, other: str) -> int:
    limit = min(len(one), len(other))
    if one[:limit] == other[:limit]:
        return limit
    low, high = 0, limit
    while high - low > 1:
        middle = (low + high) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle
    return low


def _position(row: int, text: str, offset: int) -> Position:
    before = split_lines(text[:offset])
    return Position(row + len(before) - 1, len(before[-1]))


def _is_same(refusal: _Refusal, text: str, *, is_part: bool) -> bool:
    if refusal.is_part and text.startswith(refusal.text):
        return True
    return refusal.text.startswith(text) if is_part else refusal.text == text


def _new_text(request: CompletionRequest, completion: Completion) -> str:
    """Return what a suggestion adds behind the cursor and the selected menu item."""
    return completion.text.removeprefix(request.selected.text if request.selected else "")


def _digest(place: Place) -> bytes:
    found = xxhash.xxh3_128()
    for text in (place.left, "\0", place.right):
        found.update(text.encode("utf-8", "surrogatepass"))
    return found.digest()
