"""The model alone: the server's prompts, unhealed, through the binding's own high-level class.

It shares the prompt with the server and nothing else, neither engine nor filters, so that a
fault in those shows as a difference.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import llama_cpp

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.driver import Answer
from fimbul_models.evaluation.items import Item
from lsp_server.catalogue.store import ModelStore
from lsp_server.completion.answering import build_prompt
from lsp_server.completion.serving import fim_format
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.machine import default_threads
from lsp_server.text import split_lines
from lsp_server.types import (
    CompletionRequest,
    Document,
    ModelDescription,
    Position,
    Prompt,
    StopReason,
    TriggerKind,
)

_LINE_ENDS = ("\n", "\r")

# The catalogue knows the format of every model in it, so the file itself is not asked.
_UNREAD = ModelDescription(architecture="", name="", parameters=0, context_length=0)


class Baseline:
    """A context inside which the model of some settings is loaded into this process."""

    def __init__(self, settings: Settings, file: Path | None = None) -> None:
        """Take the settings and the model's `file`; None is the one in the catalogue.

        Raises ModelError if the model is unknown or not on this machine.
        """
        store = ModelStore(Paths.of_user())
        self.model = settings.engine.model
        """Name of the model in the catalogue."""
        self._fim = fim_format(store.get(self.model), _UNREAD)
        self._file = file or store.require(self.model).path
        self._settings = settings

    def __enter__(self) -> "Baseline":
        """Load the model."""
        try:
            self._llama: Any = llama_cpp.Llama(
                model_path=str(self._file),
                n_ctx=self._settings.engine.context_length,
                n_threads=self._settings.engine.threads or default_threads(),
                n_threads_batch=self._settings.engine.threads or default_threads(),
                verbose=False,
            )
        except ValueError as error:
            raise EvaluationError(f"{self._file} cannot be loaded: {error}.") from error
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._llama.model)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the memory back."""
        self._llama.close()

    async def complete(self, item: Item) -> Answer:
        """Complete `item` greedily up to the end of its first line with something in it."""
        started = time.perf_counter()
        tokens = self._tokens(build_prompt(_request(item), self._settings, self._fim, self._count))
        text, stop = self._generate(tokens)
        return Answer(
            text=text if text.strip() else "",
            reason="" if text.strip() else stop.value,
            milliseconds=(time.perf_counter() - started) * 1000,
            prompt_tokens=len(tokens),
        )

    def _generate(self, tokens: list[int]) -> tuple[str, StopReason]:
        content = b""
        for token in self._greedy(tokens):
            if llama_cpp.llama_vocab_is_eog(self._vocabulary, token):
                return _text(content), StopReason.END
            content += self._llama.detokenize([token])
            line = _first_whole_line(_text(content))
            if line is not None:
                return line, StopReason.LINES
        return _text(content), StopReason.TOKENS

    def _greedy(self, tokens: list[int]) -> Iterator[int]:
        # Each prompt is evaluated whole: what an earlier item left behind decides nothing.
        self._llama.reset()
        stream = self._llama.generate(tokens, temp=0.0, repeat_penalty=1.0)
        for _ in range(self._settings.completion.max_tokens):
            yield next(stream)

    def _tokens(self, prompt: Prompt) -> list[int]:
        tokens = list(self._llama.tokenize(b"", add_bos=True, special=False))
        for segment in prompt.segments:
            part = self._llama.tokenize(
                segment.text.encode(), add_bos=False, special=segment.special
            )
            if segment.special and len(part) != 1:
                raise EvaluationError(f"{self._file} has no special token {segment.text!r}.")
            tokens += part
        return tokens

    def _count(self, text: str) -> int:
        return len(self._llama.tokenize(text.encode(), add_bos=False, special=False))


def _request(item: Item) -> CompletionRequest:
    above = split_lines(item.prefix)
    document = Document(
        uri=f"fimbul-evaluation:{item.task_id}",
        language=item.language,
        version=1,
        lines=tuple(split_lines(item.prefix + item.suffix)),
    )
    position = Position(len(above) - 1, len(above[-1]))
    return CompletionRequest(document, position, TriggerKind.INVOKED)


def _text(content: bytes) -> str:
    # A character may still lack its last bytes.
    return content.decode("utf-8", errors="ignore")


def _first_whole_line(text: str) -> str | None:
    """Return `text` up to the end of the first line with something in it, if it ends there."""
    begin = len(text) - len(text.lstrip())
    ends = [place for place in (text.find(end, begin) for end in _LINE_ENDS) if place >= 0]
    return text[: min(ends)] if begin < len(text) and ends else None
