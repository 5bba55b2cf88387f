"""llama.cpp behind a `LanguageModel`: one model in this process, with or without an adapter.

Uses the server's KV cache, vocabulary and prompts; healing is off, so that a prompt ends where its
text does. Knows nothing about what is asked.
"""

import ctypes
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.oracle import request_of
from lsp_server.catalogue.store import ModelStore
from lsp_server.completion.answering import build_prompt
from lsp_server.completion.serving import fim_format
from lsp_server.config.options import Healing, Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import FimbulError
from lsp_server.inference.backend import common_length
from lsp_server.inference.kvcache import BATCH, KvCache
from lsp_server.inference.machine import default_threads
from lsp_server.inference.protocol import LoadOptions
from lsp_server.inference.selftest import remembered, result_key
from lsp_server.inference.vocabulary import Vocabulary
from lsp_server.types import ModelDescription

PREFIX_TOKENS, SUFFIX_TOKENS = 256, 64
"""Tokens in front of a place and behind it; training shows a place in the same form."""

CONTEXT_LENGTH = 2048

# The catalogue knows the format of every model in it, so the file itself is not asked.
_UNREAD = ModelDescription(architecture="", name="", parameters=0, context_length=0)

_Numbers = npt.NDArray[np.float64]


class Llama:
    """One model in this process, with or without an adapter."""

    def __init__(self, settings: Settings, adapter: Path | None, file: Path | None) -> None:
        """Load the model; raise as `opened` does."""
        store = ModelStore(Paths.of_user())
        name = settings.engine.model
        self._file = file or store.require(name).path
        self._fim = fim_format(store.get(name), _UNREAD)
        self._settings = _plain(settings)
        self._said: list[str] = []
        # Kept as an attribute: llama.cpp goes on calling it.
        self._log = llama_cpp.llama_log_callback(self._on_log)
        llama_cpp.llama_log_set(self._log, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        parameters = llama_cpp.llama_model_default_params()
        parameters.use_extra_bufts = _may_repack(name, store)
        self._model: Any = llama_cpp.llama_model_load_from_file(
            str(self._file).encode(), parameters
        )
        if not self._model:
            raise EvaluationError(self._why(f"{self._file} cannot be loaded as a model"))
        threads = settings.engine.threads or default_threads()
        # Each piece is evaluated with all its logits, since likelihoods need them.
        options = LoadOptions(threads, CONTEXT_LENGTH, draft_tokens=BATCH - 1, state_bytes=0)
        self._vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(self._model))
        try:
            self._cache = KvCache(self._model, options, _never, self._why)
        except FimbulError:
            llama_cpp.llama_model_free(self._model)
            raise
        if adapter is not None:
            self._adapt(adapter, settings.engine.adapter_percent / 100)

    def _adapt(self, adapter: Path, scale: float) -> None:
        handle = llama_cpp.llama_adapter_lora_init(self._model, str(adapter).encode())
        if not handle or not self._cache.adapt(handle, scale, str(adapter)):
            self.close()
            raise EvaluationError(
                self._why(f"{adapter} cannot be used as an adapter of {self._file.name}")
            )

    def close(self) -> None:
        """Give the memory back."""
        self._cache.close()
        llama_cpp.llama_model_free(self._model)

    def logprobs(self, item: Item, text: str) -> tuple[float, ...]:
        """See `LanguageModel.logprobs`."""
        wanted = self._vocabulary.split(text)
        if not wanted:
            return ()
        self._enter(self._prompt(item))
        found: list[float] = []
        # The last token of the prompt was left, since its logits are those of the first one.
        fed = [self._last, *wanted[:-1]]
        for start in range(0, len(fed), BATCH):
            piece = fed[start : start + BATCH]
            self._cache.evaluate(piece, len(piece))
            for row, token in enumerate(wanted[start : start + BATCH]):
                found.append(float(_log_softmax(self._cache.row(row))[token]))
        return tuple(found)

    def likeliest(self, item: Item, tokens: int) -> str:
        """See `LanguageModel.likeliest`."""
        self._enter(self._prompt(item))
        return self._written(tokens, _largest)

    def sampled(self, item: Item, tokens: int, seed: int) -> str:
        """See `LanguageModel.sampled`."""
        self._enter(self._prompt(item))
        chance = np.random.default_rng(seed)

        def draw(row: npt.NDArray[np.float32]) -> int:
            shares = np.exp(_log_softmax(row))
            return int(chance.choice(len(shares), p=shares / shares.sum()))

        return self._written(tokens, draw)

    def milliseconds(self, item: Item, tokens: int) -> float:
        """See `LanguageModel.milliseconds`."""
        self._enter(self._prompt(item))
        token = self._last
        self._cache.evaluate([token], 1)
        started = time.process_time()
        for _ in range(tokens):
            token = _largest(self._cache.row(0))
            self._cache.evaluate([token], 1)
        return (time.process_time() - started) * 1000 / tokens

    def _written(self, tokens: int, choose: Any) -> str:
        content, token = b"", self._last
        for _ in range(tokens):
            self._cache.evaluate([token], 1)
            token = choose(self._cache.row(0))
            if self._vocabulary.control[token]:
                break
            content += self._vocabulary.pieces[token]
        return content.decode("utf-8", "ignore")

    def _enter(self, prompt: Sequence[int]) -> None:
        """Evaluate a prompt but for its last token."""
        self._last = prompt[-1]
        before = list(prompt[:-1])
        self._cache.trim(common_length(self._cache.cells, before))
        if missing := before[len(self._cache.cells) :]:
            self._cache.evaluate(missing, 1)

    def _prompt(self, item: Item) -> list[int]:
        prompt = build_prompt(request_of(item), self._settings, self._fim, self._vocabulary.count)
        tokens = list(self._vocabulary.starts())
        for segment in prompt.segments:
            if segment.special:
                tokens.append(self._vocabulary.special(segment.text))
            else:
                tokens += self._vocabulary.tokenize(segment.text)
        return tokens or list(self._vocabulary.split("\n"))

    def _on_log(self, _level: int, text: bytes, _data: Any) -> None:
        self._said = [*self._said[-20:], text.decode("utf-8", "replace").strip()]

    def _why(self, what: str) -> str:
        errors = [line for line in self._said if "error" in line.lower() or "fail" in line.lower()]
        return f"{what}: {errors[-1]}" if errors else f"{what}."


def _plain(settings: Settings) -> Settings:
    """Return settings under which prompts end where the text does, and are short."""
    return replace(
        settings,
        prompt=replace(settings.prompt, healing=Healing.OFF),
        context=replace(
            settings.context, prefix_tokens=PREFIX_TOKENS, suffix_tokens=SUFFIX_TOKENS, sources=()
        ),
    )


def _may_repack(name: str, store: ModelStore) -> bool:
    """Return whether the self-test has found that weights repacked for this processor work.

    Without one they may end this process, so the slower way is taken.
    """
    try:
        key = result_key(store.require(name).sha256)
    except FimbulError:
        return False
    found = remembered(Paths.of_user().selftest_file, key)
    return found is not None and found.extra_buffers


def _never() -> bool:
    return False


def _largest(row: npt.NDArray[np.float32]) -> int:
    return int(row.argmax())


def _log_softmax(row: npt.NDArray[np.float32]) -> _Numbers:
    values = row.astype(np.float64)
    values -= values.max()
    return np.asarray(values - np.log(np.exp(values).sum()), dtype=np.float64)
