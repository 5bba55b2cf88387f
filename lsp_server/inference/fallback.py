"""A server in front of the engine on this machine, where one is named.

Without a server it is the engine on this machine and nothing else. With one, that answers; when it
fails, this is said once, the engine on this machine is loaded and answers, and the server is
asked again from time to time until it is back. The two may have different models, so whoever
builds prompts is told when the other one answers. Knows nothing about prompts' formats.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsp_server.errors import EngineError, EngineUnreachable, FimbulError
from lsp_server.inference.address import RemoteOptions
from lsp_server.inference.client import OnText
from lsp_server.inference.engine import (
    Engine,
    EngineEvent,
    EngineState,
    LocalEngine,
    ModelFile,
)
from lsp_server.inference.protocol import LoadOptions
from lsp_server.inference.vocabulary_worker import LocalVocabulary
from lsp_server.types import Generation, ModelDescription, Prompt, StopRules

if TYPE_CHECKING:
    from lsp_server.inference.remote import RemoteEngine

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds between two looks for a server that has failed; the last one is repeated."""

_CALM = 60.0
"""Seconds that a server has to answer before its next failure is told again."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server and what to do when it fails."""

    options: RemoteOptions
    special_texts: frozenset[str] = frozenset()
    """Spellings of special tokens, to recognise the model there by."""
    fallback: bool = True
    """Whether the engine on this machine answers meanwhile."""


class FallbackEngine:
    """The engine that the pipeline asks: a server's, this machine's, or each in its time."""

    def __init__(
        self,
        command: Sequence[str],
        local: LocalEngine,
        listen: Callable[[EngineEvent], None] = lambda _event: None,
        on_switch: Callable[[], None] = lambda: None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        """Do nothing yet. `on_switch` is called when another engine answers than before."""
        self._command = tuple(command)
        self.local = local
        """The engine on this machine, loaded or not."""
        self._listen = listen
        self._on_switch = on_switch
        self._pauses = tuple(pauses)
        self._remote: RemoteEngine | None = None
        self._vocabulary: LocalVocabulary | None = None
        self._model: ModelFile | None = None
        self._options = LoadOptions()
        self._falls_back = False
        self._is_away = False
        self._back_since = 0.0
        self._told = False
        self._watcher: asyncio.Task[None] | None = None

    @property
    def state(self) -> EngineState:
        """See `Engine.state`."""
        if self._remote is None:
            return self.local.state
        if not self._is_away:
            return self._remote.state
        if not self._falls_back:
            return EngineState.FAILED
        # The task that loads the model here has not had its turn yet.
        starting = self.local.state is EngineState.CLOSED
        return EngineState.LOADING if starting else self.local.state

    @property
    def remote(self) -> "RemoteEngine | None":
        """The server, if it answers now; None while this machine does."""
        return None if self._is_away else self._remote

    @property
    def waiting_for(self) -> str:
        """Address of a server that is named but does not answer; empty if there is none."""
        return self._remote.url if self._remote is not None and self._is_away else ""

    @property
    def description(self) -> ModelDescription | None:
        """What is known of the model that answers."""
        return self.local.description if self.remote is None else self.remote.description

    async def open(
        self, model: ModelFile | None, options: LoadOptions, server: Server | None = None
    ) -> None:
        """Get ready to answer: load `model`, or meet the server if one is named.

        The model may be missing where there is a server. Raises FimbulError if nothing answers;
        an event has told why, and a server may still come back.
        """
        await self.close()
        self._model, self._options = model, options
        if server is None:
            assert model is not None  # noqa: S101  # Whoever chooses sees to it.
            await self.local.open(model, options)
            return
        self._vocabulary = LocalVocabulary(self._command, model.path if model else None)
        self._falls_back = server.fallback and model is not None
        self._listen(EngineEvent(EngineState.LOADING))
        # Half a second, most of it the HTTP client's, that nobody has to wait for.
        self._remote = await asyncio.to_thread(_remote_engine, server, self._vocabulary)
        try:
            await self._remote.open()
        except EngineError as error:
            await self._go_away(error)
            if self.state is EngineState.FAILED:
                raise
        else:
            self._listen(EngineEvent(EngineState.READY))

    async def close(self) -> None:
        """See `Engine.close`."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
        if self._remote is not None:
            await self._remote.close()
            self._remote = None
        if self._vocabulary is not None:
            await self._vocabulary.close()
            self._vocabulary = None
        self._is_away = self._told = False
        await self.local.close()

    async def count_tokens(self, texts: list[str]) -> list[int]:
        """See `Engine.count_tokens`."""
        return await self._answering().count_tokens(texts)

    async def complete(
        self, prompt: Prompt, stop: StopRules, *, line_has_text: bool, on_text: OnText | None = None
    ) -> Generation:
        """See `Engine.complete`.

        What a server fails at is not asked here: its prompt may be in another model's format.
        """
        try:
            return await self._answering().complete(
                prompt, stop, line_has_text=line_has_text, on_text=on_text
            )
        except EngineUnreachable as error:
            self._fail(error)
            raise

    async def prefill(self, prompt: Prompt) -> Generation:
        """See `Engine.prefill`."""
        try:
            return await self._answering().prefill(prompt)
        except EngineUnreachable as error:
            self._fail(error)
            raise

    async def learn(self, texts: list[str]) -> None:
        """See `Engine.learn`."""
        await self._answering().learn(texts)

    def _answering(self) -> Engine:
        return self.local if self.remote is None else self.remote

    def _fail(self, error: EngineUnreachable) -> None:
        if not self._is_away:
            self._is_away = True
            self._watcher = asyncio.create_task(self._go_away_and_wait(error), name="server away")

    async def _go_away_and_wait(self, error: EngineError) -> None:
        await self._stand_in(error)
        await self._wait_for_server()

    async def _go_away(self, error: EngineError) -> None:
        self._is_away = True
        await self._stand_in(error)
        self._watcher = asyncio.create_task(self._wait_for_server(), name="server away")

    async def _stand_in(self, error: EngineError) -> None:
        """Say that the server has failed, and get this machine's engine ready in its place."""
        if time.monotonic() - self._back_since > _CALM:
            self._told = False
        message = "" if self._told else f"{error} {self._meanwhile()}"
        self._told = True
        if not self._falls_back:
            self._listen(EngineEvent(EngineState.FAILED, message))
            return
        assert self._model is not None  # noqa: S101  # `_falls_back` says so.
        self._listen(EngineEvent(EngineState.LOADING, message))
        try:
            if self.local.state is EngineState.READY:
                self._listen(EngineEvent(EngineState.READY))
            else:
                await self.local.open(self._model, self._options)
        except FimbulError:
            # The engine has told why through an event; the server may come back all the same.
            return
        self._on_switch()

    def _meanwhile(self) -> str:
        if self._falls_back and self._model is not None:
            return f"{self._model.name} on this machine answers until it is back."
        return "There are no suggestions until it is back."

    async def _wait_for_server(self) -> None:
        assert self._remote is not None  # noqa: S101  # There is one, and it has failed.
        attempt = 0
        while True:
            await asyncio.sleep(self._pauses[min(attempt, len(self._pauses) - 1)])
            attempt += 1
            try:
                await self._remote.open()
            except EngineError:
                continue
            break
        self._is_away = False
        self._back_since = time.monotonic()
        self._listen(EngineEvent(EngineState.READY, f"The server {self._remote.url} is back."))
        self._on_switch()


def _remote_engine(server: Server, vocabulary: LocalVocabulary) -> "RemoteEngine":
    # The HTTP client is loaded where a server is named, and nowhere else.
    from lsp_server.inference.remote import RemoteEngine

    return RemoteEngine(server.options, server.special_texts, vocabulary.count)
