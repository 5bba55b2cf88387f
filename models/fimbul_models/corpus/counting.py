"""Count tokens as the model that will be trained does, or estimate them.

The engine's worker reads the vocabulary of a model file, no weights, in a process of its own.
Unlike the server, which would rather guess than fail, a corpus never falls back to estimates by
itself: two runs would give two results.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from lsp_server.catalogue.store import ModelStore
from lsp_server.completion.workspace import CountTokens
from lsp_server.config.paths import Paths
from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.counting import TokenCounter
from lsp_server.inference.protocol import LoadOptions
from lsp_server.inference.vocabulary_worker import estimate_tokens

ESTIMATED = "estimated from bytes"
"""Stands for the vocabulary where there is none."""


@dataclass(frozen=True)
class Vocabulary:
    """What tokens are counted with; small, and can be sent to another process."""

    path: Path | None = None
    """The model file; None estimates three bytes a token, so that budgets are kept."""
    name: str = ESTIMATED
    """For people."""
    digest: str = ""
    """sha256 of the file."""
    backend: str = "llama"
    """What reads it; ``scripted`` in tests."""


def vocabulary_of(model: str) -> Vocabulary:
    """Return the vocabulary of an installed model of the catalogue; of none if `model` is empty.

    Raises ModelError, with what to do, if the model is not here or not sound.
    """
    if not model:
        return Vocabulary()
    installed = ModelStore(Paths.of_user()).require(model)
    return Vocabulary(installed.path, model, installed.sha256)


class _Estimates:
    async def count_tokens(self, texts: list[str]) -> list[int]:
        return [estimate_tokens(text) for text in texts]


@asynccontextmanager
async def counting(vocabulary: Vocabulary) -> AsyncIterator[CountTokens]:
    """Count with `vocabulary` as long as the context lasts.

    Raises EngineError if the worker cannot read it or dies.
    """
    if vocabulary.path is None:
        yield TokenCounter(_Estimates()).counts
        return
    worker = await WorkerClient.start(worker_command(vocabulary.backend))
    try:
        await worker.load(str(vocabulary.path), LoadOptions(vocabulary_only=True))
        yield TokenCounter(worker).counts
    finally:
        await worker.close()
