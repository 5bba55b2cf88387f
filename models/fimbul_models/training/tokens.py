"""Texts as tokens of a model: by llama.cpp where the base is a GGUF, else by its tokenizer.

What serves splits texts, too, so training sees the very tokens that a prompt will have.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp

from fimbul_models.errors import RecipeError
from fimbul_models.training.encoding import Splitter
from lsp_server.inference.vocabulary import Vocabulary


class EngineSplitter:
    """The vocabulary of a GGUF."""

    def __init__(self, vocabulary: Vocabulary, end: int) -> None:
        self._vocabulary = vocabulary
        self.end = end
        """The token that ends a text."""

    @property
    def starts(self) -> tuple[int, ...]:
        """The tokens that every sequence begins with."""
        return self._vocabulary.starts()

    def tokenize(self, text: str) -> Sequence[int]:
        """Return the tokens of `text`, in which no special token is recognised."""
        return self._vocabulary.split(text)

    def special(self, text: str) -> int:
        """Return the special token spelled `text`; raise EngineRefused if there is none."""
        return self._vocabulary.special(text)


class HubSplitter:
    """The tokenizer in a hub's folder."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._special: dict[str, int] = dict(tokenizer.get_added_vocab())
        self.end: int = tokenizer.eos_token_id
        """The token that ends a text."""
        empty = tokenizer.backend_tokenizer.encode("", add_special_tokens=True).ids
        self.starts: tuple[int, ...] = tuple(
            token for token in empty[:1] if token == tokenizer.bos_token_id
        )
        """The tokens that every sequence begins with."""

    def tokenize(self, text: str) -> Sequence[int]:
        """Return the tokens of `text`, in which no special token is recognised."""
        found: list[int] = []
        for part in self._apart(text):
            found += self._tokenizer.backend_tokenizer.encode(part, add_special_tokens=False).ids
        return found

    def _apart(self, text: str) -> Iterator[str]:
        """Yield `text` in parts of which none spells a special token."""
        begin = 0
        while begin < len(text):
            places = [
                place + 1
                for spelled in self._special
                if len(spelled) > 1 and (place := text.find(spelled, begin)) >= 0
            ]
            end = min(places, default=len(text))
            yield text[begin:end]
            begin = end

    def special(self, text: str) -> int:
        """Return the special token spelled `text`; raise RecipeError if there is none."""
        if text not in self._special:
            raise RecipeError(f"The base has no token {text!r}; correct the recipe.")
        return self._special[text]


@contextmanager
def splitter_of(path: Path) -> Iterator[Splitter]:
    """Split texts as the base at `path` does, as long as the context lasts.

    Raises RecipeError if it has no vocabulary that can be read.
    """
    if path.is_dir():
        yield _hub_splitter(path)
        return
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    _quiet()
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        raise RecipeError(f"{path} holds no vocabulary that llama.cpp can read.")
    try:
        handle = llama_cpp.llama_model_get_vocab(model)
        yield EngineSplitter(Vocabulary(handle), llama_cpp.llama_vocab_eos(handle))
    finally:
        llama_cpp.llama_model_free(model)


def _hub_splitter(path: Path) -> HubSplitter:
    from transformers import AutoTokenizer

    try:
        return HubSplitter(AutoTokenizer.from_pretrained(str(path), local_files_only=True))
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path} holds no tokenizer that can be read: {error}") from error


@llama_cpp.llama_log_callback
def _silent(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    pass


def _quiet() -> None:
    llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
