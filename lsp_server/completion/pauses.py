"""The time in which nothing is typed, and what is done in it.

Work begins once nothing has happened for a moment and ends at the next key, unless that key types
what stands on the screen: then nothing has to be computed for it, and what was begun is still
right. Knows nothing about engines; what is done comes in as a coroutine.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from lsp_server.cache.suggestions import Place
from lsp_server.errors import EngineError
from lsp_server.types import Completion, CompletionRequest, Document, Outcome

_LOG = logging.getLogger(__name__)

PAUSE = 0.1
"""Seconds without a key after which time is taken for a pause; three of four gaps between the
keys of a typist are longer."""


class Pauses:
    """At most one piece of work at a time, and what the documents show meanwhile."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._on_screen: dict[str, tuple[Place, str]] = {}

    @property
    def is_used(self) -> bool:
        """Whether work is under way, or about to begin."""
        return self._task is not None and not self._task.done()

    def shown(self, request: CompletionRequest, outcome: Outcome) -> None:
        """Note what stands on the screen after a request."""
        uri = request.document.uri
        self._on_screen.pop(uri, None)
        if isinstance(outcome, Completion):
            text = outcome.text.removeprefix(request.selected.text if request.selected else "")
            self._on_screen[uri] = Place.of(request.document, outcome.end), text

    def changed(self, document: Document) -> None:
        """End the work if the text of a document changed otherwise than by typing what it shows."""
        place, text = self._on_screen.get(document.uri, (None, ""))
        typed = place.typed_in(document) if place is not None else None
        if typed is None or not text.startswith(typed):
            self.end()

    def begin(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something in the next pause, instead of what was to be done."""
        self.end()
        self._task = asyncio.create_task(_after_pause(work), name="pause")

    def end(self) -> None:
        """End the work at once."""
        if self._task is not None:
            self._task.cancel()

    def forget(self, uri: str) -> None:
        """Forget what a document shows."""
        self._on_screen.pop(uri, None)

    def clear(self) -> None:
        """End the work and forget what is shown."""
        self.end()
        self._on_screen.clear()

    async def close(self) -> None:
        """End the work and wait for its end."""
        self.end()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)


async def _after_pause(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await asyncio.sleep(PAUSE)
        await work()
    except EngineError as error:
        # Whoever asks next is told why there is no suggestion.
        _LOG.debug("a pause was not used: %s", type(error).__name__)
