"""Feedback in the server: what editors say about suggestions, and whether it is remembered.

Joins the settings, the editor's own notifications, `completion.following` and the file. With
`feedback.enable` off there is no file, and in memory nothing but what was accepted, where that is
needed to know what comes from the model.
"""

import asyncio
import atexit
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lsp_server.completion.followed import Followed
from lsp_server.completion.following import Following
from lsp_server.completion.regions import LineEdit
from lsp_server.config.options import FeedbackOptions
from lsp_server.errors import FeedbackError
from lsp_server.feedback.recent import LATEST, Recent, Reception
from lsp_server.feedback.recorder import Recorder
from lsp_server.feedback.records import Event, Fate
from lsp_server.feedback.store import read_rows
from lsp_server.server.configuration import plain
from lsp_server.server.positions import column_from_units
from lsp_server.types import Completion, CompletionRequest, Document, Outcome, Position, Rejection

_LOG = logging.getLogger(__name__)

SHOWN = "fimbul/shown"
"""Notification from the editor: a suggestion was drawn."""
TOOK = "fimbul/accepted"
"""Notification from the editor: a suggestion was accepted, or a word or a line of it."""
REJECTED = "fimbul/rejected"
"""Notification from the editor: the user has sent a suggestion away."""

_KINDS = {"whole": Fate.WHOLE, "line": Fate.LINE, "word": Fate.WORD}


class Feedback:
    """What becomes of the suggestions of one server."""

    def __init__(self, file: Path, tell: Callable[[str], None]) -> None:
        """Remember nothing yet; `tell` gets what the user should know."""
        self._file = file
        self._tell = tell
        self._recorder: Recorder | None = None
        self._following: Following | None = None
        self.took_text: Callable[[Followed, str], None] = lambda *_: None
        """Called with a suggestion and all of its text that was accepted so far."""

    async def take_settings(self, options: FeedbackOptions, *, follow: bool = False) -> None:
        """Begin or end to remember, as the settings say.

        `follow` says that what is accepted has to be known even where nothing is remembered.
        """
        if not options.enable:
            if self._recorder is not None or not follow:
                await self.close()
            if follow and self._following is None:
                self._following = self._followed(lambda _event: None)
            return
        size = options.max_size * 1_000_000
        if self._recorder is None:
            await self.close()
            loop = asyncio.get_running_loop()

            def tell_from_thread(message: str) -> None:
                # At the very end nobody is there to be told.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._tell, message)

            self._recorder = Recorder(self._file, size, tell_from_thread)
            self._following = self._followed(self._recorder.put)
            # An editor that just goes away ends the process without having asked for it.
            atexit.register(self._close_now)
            self._following.keep_text = options.keep_text
            await self._remember(self._following.recent)
            return
        assert self._following is not None  # noqa: S101  # The two come and go together.
        self._recorder.max_bytes = size
        self._following.keep_text = options.keep_text

    def _followed(self, record: Callable[[Event], None]) -> Following:
        following = Following(record, asyncio.get_running_loop().call_later)
        following.took_text = lambda followed, text: self.took_text(followed, text)
        return following

    async def _remember(self, recent: Recent) -> None:
        """Take in how the latest suggestions of earlier sessions were received."""
        try:
            rows = await asyncio.to_thread(read_rows, self._file, latest=LATEST)
        except FeedbackError as error:
            # Whoever writes there says so to the user.
            _LOG.info("earlier feedback was not read: %s", error)
            return
        for row in rows:
            recent.note(row["id"], row["surface"], row["language"], Fate(row["fate"]))

    async def close(self) -> None:
        """Write what is known and forget it."""
        if (recorder := self._end()) is not None:
            await asyncio.to_thread(recorder.close)

    def _close_now(self) -> None:
        if (recorder := self._end()) is not None:
            recorder.close()

    def _end(self) -> Recorder | None:
        atexit.unregister(self._close_now)
        following, self._following = self._following, None
        recorder, self._recorder = self._recorder, None
        if following is not None:
            following.close()
        return recorder

    # For the rest of the server

    def recent(self, surface: str | None = None, language: str | None = None) -> Reception | None:
        """Return how the latest suggestions were received; None if nothing is remembered."""
        if self._following is None or self._recorder is None:
            return None
        return self._following.recent.recent(surface, language)

    def as_json(self) -> dict[str, int] | None:
        """Return how the latest suggestions were received; None if nothing is remembered."""
        reception = self.recent()
        return None if reception is None else asdict(reception)

    def answered(
        self, request: CompletionRequest, outcomes: Sequence[Outcome], number: int, model: str
    ) -> None:
        """Take in what the editor was given: suggestions to choose from, or the reason for none.

        Nothing takes back the beginning of one. `number` is what the editor calls the first by;
        the others are counted on from there.
        """
        if self._following is None:
            return
        completions = [one for one in outcomes if isinstance(one, Completion)]
        if completions:
            self._following.shown(request, completions, number, model)
        elif outcomes and isinstance(outcomes[0], Rejection):
            self._following.silent(request, outcomes[0])
        else:
            self._following.withdrawn(request)

    def changed(self, document: Document, edits: Sequence[LineEdit]) -> None:
        """Take in a change of a document."""
        if self._following is not None:
            self._following.changed(document, edits)

    def visited(self, uri: str, position: Position) -> None:
        """Take in where the cursor came to rest."""
        if self._following is not None:
            self._following.visited(uri, position)

    def closed(self, uri: str) -> None:
        """Take in that a document was closed."""
        if self._following is not None:
            self._following.closed(uri)

    def accepted(self, arguments: Any) -> None:
        """Take in the arguments of the command of an accepted item."""
        number = _number(arguments)
        if self._following is not None and number is not None:
            self._following.accepted(number)

    def told(self, method: str, params: Any, encoding: str) -> None:
        """Take in a notification of ours."""
        values, following = plain(params), self._following
        number = _number(values)
        if number is None and method != REJECTED:
            _LOG.warning("%s without an id was ignored", method)
        elif following is None:
            return
        elif number is None or method == REJECTED:
            following.dismissed(number)
        elif method == SHOWN:
            following.seen(number)
        else:
            self._took(following, number, values, encoding)

    def _took(
        self, following: Following, number: int, values: Mapping[str, Any], encoding: str
    ) -> None:
        kind, length = _KINDS.get(str(values.get("kind"))), values.get("length")
        if kind is Fate.WHOLE:
            following.accepted(number)
        elif kind is None or not isinstance(length, int) or length <= 0:
            _LOG.warning("%s without a kind or a length was ignored", TOOK)
        elif (text := following.text_of(number)) is not None:
            start = values.get("start")
            if not isinstance(start, int) or not 0 <= start <= length:
                start = None
            following.took(
                number,
                kind,
                column_from_units(text, length, encoding),
                None if start is None else column_from_units(text, start, encoding),
            )


def _number(values: Any) -> int | None:
    values = plain(values)
    if isinstance(values, list) and values:
        values = values[0]
    number = values.get("id") if isinstance(values, Mapping) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None
