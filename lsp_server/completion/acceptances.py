"""What was accepted though it resembles published code: listed, and taken back when it is gone.

A moment after something was accepted, and after its lines were edited, what stands there is looked
at: new resemblances become entries of the reference log, and entries whose resemblance an edit
has removed are marked as gone. Entries of earlier sessions are followed, too, once their file is
opened. Knows nothing about LSP.
"""

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from lsp_server.cache.suggestions import unified
from lsp_server.completion.borrowed import moved
from lsp_server.completion.followed import Followed
from lsp_server.completion.regions import LineEdit, Region
from lsp_server.completion.resemblance import (
    FROM_MODEL,
    MOST,
    Resemblance,
    Window,
    lines_of,
    window_around,
)
from lsp_server.completion.secrecy import file_of
from lsp_server.config.options import Resembling
from lsp_server.errors import ReferencesError
from lsp_server.patience import begin
from lsp_server.references.log import Entry, Gone, ReferenceLog, clean
from lsp_server.references.matches import Match, Source
from lsp_server.references.policy import policy_of, references_of
from lsp_server.types import Document, Position, Reference

_LOG = logging.getLogger(__name__)

DELAY = 1.0
"""Seconds after an edit until what stands there is looked at; an editor may report an accepted
suggestion before it sends the change."""

LARGEST = 200_000
"""Code points of a document that is looked at as a whole when it is opened."""

_DOCUMENTS = 64
"""Documents whose latest text is remembered, for what is looked at after they were closed."""


@dataclass(slots=True, eq=False)
class _Live:
    """An entry whose lines are followed."""

    entry: Entry
    region: Region


@dataclass(slots=True, eq=False)
class _Place:
    """Lines that are to be looked at."""

    region: Region
    model: str = ""
    """Name of the model whose text was accepted there; empty if it was only edited."""


class Acceptances:
    """Keeps the reference log of one session."""

    def __init__(
        self,
        resemblance: Resemblance,
        shown: Callable[[Document], Document],
        *,
        tell: Callable[[str], None] = lambda _: None,
        delay: float = DELAY,
    ) -> None:
        """Keep nothing yet.

        `shown` returns a document as the stages see it; `tell` gets what the user should know.
        """
        self._resemblance = resemblance
        self._shown = shown
        self._tell = tell
        self._delay = delay
        self._told = False
        self._log: ReferenceLog | None = None
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._live: dict[str, list[_Live]] = {}
        self._places: dict[str, list[_Place]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    def keep_in(self, log: ReferenceLog | None) -> None:
        """Write to `log` from now on; None keeps no list."""
        self._log = log

    @property
    def _is_used(self) -> bool:
        return self._log is not None and self._resemblance.is_active

    # What happens

    def accepted(self, followed: Followed, text: str) -> None:
        """Take in that `text` of a suggestion was accepted."""
        uri, region = followed.uri, followed.region
        self._resemblance.borrowed.take(uri, followed.id, text, region)
        if self._is_used:
            self._places.setdefault(uri, []).append(_Place(region, followed.model))
            self._look_soon(uri)

    def opened(self, document: Document) -> None:
        """Take in a document, of which there may be entries of earlier sessions."""
        self._remember(document)
        if self._is_used:
            self._begin(self._recall(document))

    def changed(self, document: Document, edits: Iterable[LineEdit]) -> None:
        """Take in a change; `edits` say which lines it touched, in their order."""
        uri, touched = document.uri, tuple(edits)
        self._remember(document)
        self._resemblance.borrowed.move(uri, touched)
        places = self._places.get(uri, [])
        for edit in touched:
            for place in places:
                place.region = moved(place.region, edit)
            for live in self._live.get(uri, ()):
                is_touched = edit.first <= live.region.last and edit.after > live.region.first
                live.region = moved(live.region, edit)
                if is_touched and self._is_used:
                    self._places.setdefault(uri, []).append(_Place(live.region))
                    self._look_soon(uri)

    def closed(self, uri: str) -> None:
        """Take in that a document was closed; what is open about it is looked at now."""
        if self._places.get(uri):
            self._begin(self._look(uri, forget=True))
        else:
            self._forget(uri)

    async def close(self) -> None:
        """Look at what is left to be looked at, and write it."""
        for uri in [uri for uri, places in self._places.items() if places]:
            self._begin(self._look(uri))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Looking

    def _remember(self, document: Document) -> None:
        self._documents[document.uri] = document
        self._documents.move_to_end(document.uri)
        while len(self._documents) > _DOCUMENTS:
            self._documents.popitem(last=False)

    def _forget(self, uri: str) -> None:
        if (timer := self._timers.pop(uri, None)) is not None:
            timer.cancel()
        self._documents.pop(uri, None)
        self._live.pop(uri, None)
        self._places.pop(uri, None)
        self._resemblance.borrowed.forget(uri)

    def _look_soon(self, uri: str) -> None:
        if (timer := self._timers.pop(uri, None)) is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timers[uri] = loop.call_later(self._delay, lambda: self._begin(self._look(uri)))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="references")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("the reference log was not kept: %s", type(error).__name__)

    async def _look(self, uri: str, *, forget: bool = False) -> None:
        """Look at the lines of a document that were accepted or edited."""
        async with self._turn:
            if (timer := self._timers.pop(uri, None)) is not None:
                timer.cancel()
            document = self._documents.get(uri)
            for place in list(self._places.get(uri, ())):
                if document is None:
                    break
                if not await self._look_at(document, place):
                    # It was edited meanwhile, and the place has moved with that.
                    self._look_soon(uri)
                    break
                self._places[uri].remove(place)
            if forget and self._documents.get(uri) is document:
                self._forget(uri)

    async def _look_at(self, document: Document, place: _Place) -> bool:
        """Look at some lines; return False if the document is another one by now."""
        row = min(place.region.last, len(document.lines) - 1)
        end = Position(row, len(document.line(row)))
        shown = self._shown(document)
        window = window_around(shown, end, end, "", self._resemblance.borrowed)
        found = await self._resemblance.findings(window.text, document.language)
        if self._documents.get(document.uri) is not document:
            return False
        if found is None:
            return True
        stand = [(match, _as_region(window, match)) for match in found.findings.matches]
        news = self._kept_or_gone(document.uri, stand, place.region, window)
        if place.model:
            for match, region in stand:
                if _meet(region, place.region):
                    part = found.share(match, window.accepted)
                    news += self._news(document, match, region, part, place.model)
        await self._write(news)
        return True

    def _kept_or_gone(
        self,
        uri: str,
        stand: Sequence[tuple[Match, Region]],
        seen: Region,
        window: Window,
    ) -> list[Entry | Gone]:
        """Return what is new of the entries that meet some lines: gone, or on other lines."""
        news: list[Entry | Gone] = []
        reached = window.first, window.first + window.text.count("\n")
        for live in list(self._live.get(uri, ())):
            inside = reached[0] <= live.region.first and live.region.last <= reached[1]
            if not inside or not _meet(live.region, seen):
                continue
            news += self._renewed(uri, live, stand)
        return news

    def _renewed(
        self, uri: str, live: _Live, stand: Iterable[tuple[Match, Region]]
    ) -> list[Entry | Gone]:
        """Return what is new of an entry, now that the matches around it are known."""
        entry = live.entry
        if entry.index not in self._resemblance.indexes:
            # Nobody can tell any more.
            return []
        same = [region for match, region in stand if _speaks_of(match, entry)]
        near = [region for region in same if _meet(region, live.region)] or same
        if not near:
            self._live[uri].remove(live)
            return [Gone(id=entry.id, at=time.time())]
        live.region = near[0]
        first, last = near[0].first + 1, near[0].last + 1
        if (entry.first, entry.last) == (first, last):
            return []
        live.entry = msgspec.structs.replace(entry, first=first, last=last)
        return [live.entry]

    def _news(
        self, document: Document, match: Match, region: Region, part: float, model: str
    ) -> list[Entry | Gone]:
        """Return the entries that a match makes; none of those that there are already.

        `part` of it comes from the model.
        """
        if part < FROM_MODEL:
            return []
        options, live = self._resemblance.options, self._live.setdefault(document.uri, [])
        news: list[Entry | Gone] = []
        told = zip(match.sources[:MOST], references_of(match), strict=False)
        for source, reference in told:
            is_known = any(
                _is_source(one.entry, source) and _meet(one.region, region) for one in live
            )
            if is_known or policy_of(source, options) is Resembling.ALLOW:
                continue
            entry = _entry(document, reference, region, part, model)
            live.append(_Live(entry, region))
            news.append(entry)
        return news

    async def _recall(self, document: Document) -> None:
        """Follow the entries of earlier sessions, and look whether they still hold."""
        log, file, uri = self._log, file_name(document), document.uri
        if log is None:
            return
        try:
            entries = await begin(partial(log.of_file, file))
        except ReferencesError as error:
            self._say(str(error))
            return
        known = {live.entry.id for live in self._live.get(uri, ())}
        fresh = [
            _Live(entry, Region(entry.first - 1, entry.last - 1))
            for entry in entries
            if entry.id not in known
        ]
        if not fresh or uri not in self._documents:
            return
        self._live.setdefault(uri, []).extend(fresh)
        text = "".join(document.lines)
        if len(text) > LARGEST:
            return
        await self._resemblance.opened()
        async with self._turn:
            window = Window(unified(text), 0, (0, 0))
            found = await self._resemblance.findings(window.text, document.language)
            if found is not None and self._documents.get(uri) is document:
                stand = [(match, _as_region(window, match)) for match in found.findings.matches]
                await self._write(
                    [new for live in fresh for new in self._renewed(uri, live, stand)]
                )

    async def _write(self, news: list[Entry | Gone]) -> None:
        log = self._log
        if not news or log is None:
            return
        try:
            await begin(partial(log.write, news))
        except OSError as error:
            self._say(
                f"The reference log {log.file} cannot be written ({error.strerror}), so what is"
                " accepted is not listed; make its folder writable for yourself, or set"
                " references.log = false."
            )

    def _say(self, message: str) -> None:
        if not self._told:
            self._told = True
            self._tell(message)


def file_name(document: Document) -> str:
    """Return what the log calls a document: the path of its file, or else the editor's name."""
    place = file_of(document)
    return clean(document.uri if place is None else str(place[0] / place[1]))


def _entry(
    document: Document, reference: Reference, region: Region, part: float, model: str
) -> Entry:
    return Entry(
        id=secrets.token_hex(8),
        at=round(time.time(), 3),
        file=file_name(document),
        first=region.first + 1,
        last=region.last + 1,
        language=clean(document.language),
        model=model,
        share=round(part, 3),
        project=reference.project,
        path=reference.path,
        line=reference.line,
        licence=reference.licence,
        licence_class=reference.licence_class,
        link=reference.link,
        index=reference.index,
        likeness=reference.likeness,
        tokens=reference.tokens,
    )


def _as_region(window: Window, match: Match) -> Region:
    return Region(*lines_of(window, match))


def _meet(one: Region, other: Region) -> bool:
    return one.first <= other.last and other.first <= one.last


def _is_source(entry: Entry, source: Source) -> bool:
    return (entry.project, entry.path) == (source.project, source.path)


def _speaks_of(match: Match, entry: Entry) -> bool:
    return any(_is_source(entry, source) for source in match.sources)
