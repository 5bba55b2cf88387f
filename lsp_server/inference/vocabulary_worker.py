"""Count tokens with a model on this machine that is not loaded to answer.

A worker process reads the vocabulary of the file only, about half a second and no weights.
"""

import asyncio
import logging
import math
from collections.abc import Sequence
from pathlib import Path

from lsp_server.errors import EngineError
from lsp_server.inference.client import WorkerClient
from lsp_server.inference.protocol import LoadOptions

_LOG = logging.getLogger(__name__)

_BYTES_A_TOKEN = 3
"""For the estimate. Our own Python has 4.1 (`LOG.md`), denser code less; low, so that a budget is
kept rather than exceeded."""


class LocalVocabulary:
    """The vocabulary of one model file; where it cannot be read, counts are estimates."""

    def __init__(self, command: Sequence[str], path: Path | None) -> None:
        """Do nothing yet. `command` starts a worker; no `path` is no vocabulary."""
        self._command = tuple(command)
        self._path = path
        self._worker: WorkerClient | None = None
        self._starting = asyncio.Lock()

    async def count(self, texts: list[str]) -> list[int]:
        """Return the token count of each text; never raises for the engine."""
        try:
            worker = await self._ready()
            if worker is not None:
                return await worker.count_tokens(texts)
        except EngineError as error:
            _LOG.warning("tokens are estimated from now on: %s", error)
            self._path = None
        return [estimate_tokens(text) for text in texts]

    async def close(self) -> None:
        """End the process."""
        if self._worker is not None:
            await self._worker.close()
            self._worker = None

    async def _ready(self) -> WorkerClient | None:
        async with self._starting:
            if self._path is None:
                return None
            if self._worker is None:
                worker = await WorkerClient.start(self._command)
                try:
                    await worker.load(str(self._path), LoadOptions(vocabulary_only=True))
                except (EngineError, asyncio.CancelledError):
                    await worker.close()
                    raise
                self._worker = worker
            return self._worker


def estimate_tokens(text: str) -> int:
    """Return about how many tokens `text` has, for want of a vocabulary."""
    return math.ceil(len(text.encode()) / _BYTES_A_TOKEN)
