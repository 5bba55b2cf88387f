"""llama.cpp behind the backend protocol: the one place that imports llama_cpp.

The low-level binding is used, with an own loop: logits only where a token is chosen, the KV
cache reused by the longest common prefix of tokens, an abort callback that ends an evaluation
between two nodes of the graph, and token healing as a constraint on the first tokens. Runs in
a worker process only. Knows nothing about documents or prompts' orders.
"""

import bisect
import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from lsp_server.errors import EngineRefused, ModelUnusable
from lsp_server.inference.backend import Cancelled, common_length
from lsp_server.inference.protocol import (
    Complete,
    Counters,
    Finished,
    Learn,
    Learned,
    Load,
    Loaded,
    Prefill,
    WireSegment,
)
from lsp_server.inference.stopping import AnswerText
from lsp_server.types import StopReason

BATCH = 128
"""Tokens evaluated in one piece. Larger ones are not faster on two cores, and the abort
callback is polled between the nodes of one piece (measured in `LOG.md`)."""

_KEPT_SEGMENTS = 256
"""Texts whose tokens are remembered; a prompt has about six, and most stay as they were."""

_LINE_BREAKS = frozenset(b"\r\n")

_FIM_ROLES = {
    "prefix": "llama_vocab_fim_pre",
    "suffix": "llama_vocab_fim_suf",
    "middle": "llama_vocab_fim_mid",
    "pad": "llama_vocab_fim_pad",
    "repository": "llama_vocab_fim_rep",
    "separator": "llama_vocab_fim_sep",
}


class Vocabulary:
    """The tokens of one model, as bytes, and how to find them."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.size: int = llama_cpp.llama_vocab_n_tokens(handle)
        self._remembered: dict[str, tuple[int, ...]] = {}
        self.control = np.zeros(self.size, dtype=bool)
        self.pieces: list[bytes] = []
        self._read_pieces()
        plain = [token for token in range(self.size) if self._is_plain(token)]
        plain.sort(key=self.pieces.__getitem__)
        self._sorted_ids = np.array(plain, dtype=np.int64)
        self._sorted_pieces = [self.pieces[token] for token in plain]

    def _read_pieces(self) -> None:
        buffer = ctypes.create_string_buffer(512)
        for token in range(self.size):
            length = llama_cpp.llama_token_to_piece(self._handle, token, buffer, 512, 0, True)
            self.pieces.append(buffer.raw[:length] if length > 0 else b"")
            self.control[token] = llama_cpp.llama_vocab_is_control(
                self._handle, token
            ) or llama_cpp.llama_vocab_is_eog(self._handle, token)

    def _is_plain(self, token: int) -> bool:
        return bool(self.pieces[token]) and not self.control[token]

    def tokenize(self, text: str) -> tuple[int, ...]:
        """Return the tokens of `text`, in which no special token is recognised."""
        known = self._remembered.get(text)
        if known is None:
            known = self._tokenize(text.encode(), special=False)
            while len(self._remembered) >= _KEPT_SEGMENTS:
                self._remembered.pop(next(iter(self._remembered)), None)
            self._remembered[text] = known
        return known

    def count(self, text: str) -> int:
        """Return the number of tokens of `text` without remembering them."""
        return len(self._tokenize(text.encode(), special=False))

    def special(self, text: str) -> int:
        """Return the single special token that is spelled `text`."""
        tokens = self._tokenize(text.encode(), special=True)
        if len(tokens) != 1 or not text:
            raise EngineRefused(
                f"The model has no token {text!r}. Its FIM format does not fit: see "
                "`fimbul models list`, or add the file again with its own FIM tokens."
            )
        return tokens[0]

    def _tokenize(self, text: bytes, *, special: bool) -> tuple[int, ...]:
        room = len(text) + 8
        tokens = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(
            self._handle, text, len(text), tokens, room, False, special
        )
        if count < 0:
            raise EngineRefused("The text could not be split into tokens.")
        return tuple(tokens[:count])

    def starts(self) -> tuple[int, ...]:
        """Return the tokens that every sequence of this model begins with."""
        if not llama_cpp.llama_vocab_get_add_bos(self._handle):
            return ()
        token = llama_cpp.llama_vocab_bos(self._handle)
        return (token,) if token >= 0 else ()

    def fitting(self, wanted: bytes) -> npt.NDArray[np.int64]:
        """Return the tokens that begin with `wanted` or that `wanted` begins with.

        Tokens that hold a line break are left out: healing happens inside a line, and a token
        such as ``(`` with a break behind it would end the suggestion before it began.
        """
        low = bisect.bisect_left(self._sorted_pieces, wanted)
        high = bisect.bisect_left(self._sorted_pieces, wanted + b"\xff" * 8)
        found = [
            int(self._sorted_ids[index])
            for index in range(low, high)
            if not _LINE_BREAKS.intersection(self._sorted_pieces[index])
        ]
        for length in range(1, len(wanted)):
            begin = wanted[:length]
            index = bisect.bisect_left(self._sorted_pieces, begin)
            while index < len(self._sorted_pieces) and self._sorted_pieces[index] == begin:
                found.append(int(self._sorted_ids[index]))
                index += 1
        return np.array(found, dtype=np.int64)

    def fim_tokens(self) -> dict[str, str]:
        """Return the texts of the FIM tokens that the file declares, by role."""
        found = {}
        for role, function in _FIM_ROLES.items():
            token = getattr(llama_cpp, function)(self._handle)
            if 0 <= token < self.size:
                found[role] = self.pieces[token].decode("utf-8", "replace")
        return found

    def special_texts(self) -> list[str]:
        """Return the texts of all control tokens."""
        return [
            self.pieces[token].decode("utf-8", "replace") for token in np.flatnonzero(self.control)
        ]


class LlamaBackend:
    """One model, one context, one sequence."""

    def __init__(self) -> None:
        self._log: list[str] = []
        self._stopping: bool = False
        # Kept as attributes: llama.cpp goes on calling them.
        self._log_callback = llama_cpp.llama_log_callback(self._on_log)
        self._abort_callback = llama_cpp.ggml_abort_callback(lambda _data: self._stopping)
        llama_cpp.llama_log_set(self._log_callback, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        _load_cpu_variants()
        self._model: Any = None
        self._context: Any = None
        self._batch: Any = None
        self._vocabulary: Vocabulary | None = None
        self._cells: list[int] = []
        self._context_length = 0
        self._totals = dict.fromkeys(
            ("requests", "prompt_tokens", "reused_tokens", "generated_tokens"), 0
        )
        self._prefill_ms = 0.0
        self._decode_ms = 0.0

    def begin(self) -> None:
        """See `Backend.begin`."""
        self._stopping = False

    def cancel(self) -> None:
        """See `Backend.cancel`."""
        self._stopping = True

    def load(self, request: Load) -> Loaded:
        """See `Backend.load`."""
        started = time.perf_counter()
        self._free()
        self._log.clear()
        parameters = llama_cpp.llama_model_default_params()
        parameters.vocab_only = request.options.vocabulary_only
        parameters.use_extra_bufts = request.options.extra_buffers
        parameters.n_gpu_layers = 0
        self._model = llama_cpp.llama_model_load_from_file(request.path.encode(), parameters)
        if not self._model:
            raise ModelUnusable(self._why(f"{request.path} cannot be loaded as a model"))
        self._vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(self._model))
        if self._vocabulary.size == 0:
            raise ModelUnusable(f"{request.path} holds no vocabulary.")
        if not request.options.vocabulary_only:
            self._make_context(request)
        return Loaded(
            id=request.id,
            architecture=self._metadata("general.architecture"),
            name=self._metadata("general.name"),
            parameters=llama_cpp.llama_model_n_params(self._model),
            context_length=self._trained_context(),
            fim_tokens=self._vocabulary.fim_tokens(),
            special_tokens=self._vocabulary.special_texts(),
            system=llama_cpp.llama_print_system_info().decode().strip(" |"),
            milliseconds=_milliseconds(started),
        )

    def _make_context(self, request: Load) -> None:
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = request.options.context_length
        parameters.n_batch = parameters.n_ubatch = BATCH
        parameters.n_threads = parameters.n_threads_batch = request.options.threads
        parameters.no_perf = True
        parameters.abort_callback = self._abort_callback
        self._context = llama_cpp.llama_init_from_model(self._model, parameters)
        if not self._context:
            raise ModelUnusable(self._why(f"No context could be made for {request.path}"))
        self._context_length = llama_cpp.llama_n_ctx(self._context)
        self._batch = llama_cpp.llama_batch_init(BATCH, 0, 1)

    def _free(self) -> None:
        self._vocabulary = None
        self._cells = []
        if self._batch is not None:
            llama_cpp.llama_batch_free(self._batch)
        if self._context:
            llama_cpp.llama_free(self._context)
        if self._model:
            llama_cpp.llama_model_free(self._model)
        self._batch = self._context = self._model = None

    def count_tokens(self, texts: list[str]) -> list[int]:
        """See `Backend.count_tokens`."""
        vocabulary = self._require_vocabulary()
        return [vocabulary.count(text) for text in texts]

    def prefill(self, request: Prefill) -> Finished:
        """See `Backend.prefill`."""
        started = time.perf_counter()
        prompt = self._tokens(request.segments, room=1)
        reused = self._evaluate_prompt(prompt)
        return self._finished(request.id, prompt, reused, _milliseconds(started))

    def learn(self, request: Learn) -> Learned:
        """See `Backend.learn`."""
        return Learned(request.id)

    def generate(self, request: Complete, emit: Callable[[str], None]) -> Finished:
        """See `Backend.generate`."""
        vocabulary = self._require_vocabulary()
        started = time.perf_counter()
        prompt = self._tokens(request.segments, room=request.max_tokens)
        reused = self._evaluate_prompt(prompt)
        prefill_ms = _milliseconds(started)
        answer = AnswerText(request)
        remaining = request.healed.encode()
        logprobs: list[float] = []
        started = time.perf_counter()
        stop = None
        while stop is None:
            token, logprob = self._choose(remaining)
            if token is None:
                stop = StopReason.NOT_HEALED
                break
            if vocabulary.control[token]:
                stop = StopReason.END
                break
            piece = vocabulary.pieces[token]
            remaining = remaining[len(piece) :]
            logprobs.append(logprob)
            stop = answer.add(piece)
            if fresh := answer.fresh():
                emit(fresh)
            if stop is None:
                self._decode([token], len(self._cells))
        finished = self._finished(request.id, prompt, reused, prefill_ms)
        self._decode_ms += (decode_ms := _milliseconds(started))
        self._totals["generated_tokens"] += len(logprobs)
        return Finished(
            **{name: getattr(finished, name) for name in ("id", "prompt_tokens", "reused_tokens")},
            text=answer.text(),
            stop=stop.value,
            logprobs=logprobs,
            prefill_ms=prefill_ms,
            decode_ms=decode_ms,
        )

    def _finished(
        self, request_id: int, prompt: list[int], reused: int, prefill_ms: float
    ) -> Finished:
        self._totals["requests"] += 1
        self._totals["prompt_tokens"] += len(prompt)
        self._totals["reused_tokens"] += reused
        self._prefill_ms += prefill_ms
        return Finished(
            request_id, "", StopReason.END.value, [], len(prompt), reused, prefill_ms, 0.0
        )

    def _tokens(self, segments: list[WireSegment], room: int) -> list[int]:
        vocabulary = self._require_vocabulary()
        tokens = list(vocabulary.starts())
        for segment in segments:
            if segment.special:
                tokens.append(vocabulary.special(segment.text))
            else:
                tokens.extend(vocabulary.tokenize(segment.text))
        if not tokens:
            # A model without a begin token still needs something to look at.
            tokens.extend(vocabulary.tokenize("\n"))
        if len(tokens) + room > self._context_length:
            raise EngineRefused(
                f"A prompt of {len(tokens)} tokens and {room} to generate do not fit into "
                f"engine.context_length = {self._context_length}; lower context.prefix_tokens."
            )
        return tokens

    def _evaluate_prompt(self, prompt: list[int]) -> int:
        """Bring the KV cache to exactly `prompt`; return how many tokens were there already."""
        reused = common_length(self._cells, prompt)
        # The last token is evaluated in any case: its logits are what the answer begins with.
        self._trim(min(reused, len(prompt) - 1))
        reused = len(self._cells)
        for start in range(reused, len(prompt), BATCH):
            self._decode(prompt[start : start + BATCH], start, last=start + BATCH >= len(prompt))
        return reused

    def _trim(self, length: int) -> None:
        if length < len(self._cells):
            memory = llama_cpp.llama_get_memory(self._context)
            if not llama_cpp.llama_memory_seq_rm(memory, 0, length, -1):
                # A recurrent model cannot forget its end only.
                llama_cpp.llama_memory_clear(memory, True)
                length = 0
            del self._cells[length:]

    def _decode(self, tokens: list[int], start: int, *, last: bool = True) -> None:
        if self._stopping:
            raise Cancelled
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = start + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = 0
        batch.logits[len(tokens) - 1] = int(last)
        status = llama_cpp.llama_decode(self._context, batch)
        if status == 0:
            self._cells.extend(tokens)
            return
        self._keep_what_is_whole()
        if self._stopping:
            raise Cancelled
        raise EngineRefused(self._why(f"The model could not be evaluated (status {status})"))

    def _keep_what_is_whole(self) -> None:
        """Trim what an evaluation that was cut short has left in the KV cache."""
        memory = llama_cpp.llama_get_memory(self._context)
        held = llama_cpp.llama_memory_seq_pos_max(memory, 0) + 1
        if held > len(self._cells):
            llama_cpp.llama_memory_seq_rm(memory, 0, len(self._cells), -1)
        del self._cells[held:]

    def _choose(self, remaining: bytes) -> tuple[int | None, float]:
        """Return the likeliest token, greedily, and its log probability among all tokens."""
        vocabulary = self._require_vocabulary()
        pointer = llama_cpp.llama_get_logits_ith(self._context, -1)
        logits = np.ctypeslib.as_array(pointer, shape=(vocabulary.size,))
        if remaining:
            candidates = vocabulary.fitting(remaining)
            if len(candidates) == 0:
                return None, 0.0
            token = int(candidates[np.argmax(logits[candidates])])
        else:
            token = int(np.argmax(logits))
        highest = float(logits.max())
        normaliser = highest + float(np.log(np.exp(logits - highest).sum()))
        return token, float(logits[token]) - normaliser

    def counters(self, request_id: int) -> Counters:
        """See `Backend.counters`."""
        return Counters(
            id=request_id,
            **self._totals,
            prefill_ms=self._prefill_ms,
            decode_ms=self._decode_ms,
            cached_tokens=len(self._cells),
        )

    def _require_vocabulary(self) -> Vocabulary:
        if self._vocabulary is None:
            raise EngineRefused("No model is loaded.")
        return self._vocabulary

    def _metadata(self, key: str) -> str:
        buffer = ctypes.create_string_buffer(512)
        length = llama_cpp.llama_model_meta_val_str(self._model, key.encode(), buffer, 512)
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""

    def _trained_context(self) -> int:
        # With only a vocabulary loaded, llama.cpp does not fill in the model's own figures.
        text = self._metadata(f"{self._metadata('general.architecture')}.context_length")
        return int(text) if text.isdecimal() else 0

    def _on_log(self, level: int, text: bytes, _data: Any) -> None:
        # 3 is a warning, 4 an error; the rest is chatter of the loader.
        if level in (3, 4) and text:
            self._log.append(text.decode("utf-8", "replace").strip())
            del self._log[:-8]

    def _why(self, what: str) -> str:
        detail = "; ".join(self._log)
        return f"{what}: {detail}." if detail else f"{what}."


def _load_cpu_variants() -> None:
    """Load the processor's variant where the build chooses one at run time (`make wheel`)."""
    folder = Path(llama_cpp.__file__).parent / "lib"
    for name in ("libggml.so", "libggml.dylib", "ggml.dll"):
        if (folder / name).exists():
            library = ctypes.CDLL(str(folder / name))
            if library.ggml_backend_reg_count() == 0:
                library.ggml_backend_load_all_from_path(str(folder).encode())
            return


def _milliseconds(started: float) -> float:
    return (time.perf_counter() - started) * 1000.0
