"""llama.cpp behind the backend protocol.

The low-level binding is used, with an own loop: the KV cache is reused by the longest common
prefix of tokens (`kvcache`), tokens are guessed ahead (`drafts`), and an answer is decoded
greedily (`decoding`). Runs in a worker process only. Knows nothing about documents or prompts'
orders.
"""

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llama_cpp
from msgspec import structs

from lsp_server.errors import AdapterUnfit, EngineRefused, ModelUnusable
from lsp_server.inference.decoding import Decoding
from lsp_server.inference.drafts import Drafter
from lsp_server.inference.kvcache import KvCache
from lsp_server.inference.loras import NOTHING, LoraAdapters
from lsp_server.inference.mapped import MappedFile
from lsp_server.inference.protocol import (
    Complete,
    Counters,
    Finished,
    Learn,
    Learned,
    Load,
    Loaded,
    LoadOptions,
    Prefill,
    WireAdapter,
    WireSegment,
)
from lsp_server.inference.vocabulary import Vocabulary
from lsp_server.inference.ways import Ways
from lsp_server.types import StopReason


class LlamaBackend:
    """One model, one context, one sequence."""

    def __init__(self) -> None:
        self._log: list[str] = []
        self._stopping: bool = False
        self._beats = 0
        # Kept as an attribute: llama.cpp goes on calling it.
        self._log_callback = llama_cpp.llama_log_callback(self._on_log)
        llama_cpp.llama_log_set(self._log_callback, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        _load_cpu_variants()
        self._model: Any = None
        self._file: MappedFile | None = None
        self._vocabulary: Vocabulary | None = None
        self._cache: KvCache | None = None
        self._adapters: LoraAdapters | None = None
        self._default = NOTHING
        self._drafter = Drafter(0)
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
        parameters.n_gpu_layers = request.options.gpu_layers
        self._file = MappedFile(request.path)
        self._model = llama_cpp.llama_model_load_from_file(request.path.encode(), parameters)
        if not self._model:
            raise ModelUnusable(self._why(f"{request.path} cannot be loaded as a model"))
        self._vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(self._model))
        if self._vocabulary.size == 0:
            raise ModelUnusable(f"{request.path} holds no vocabulary.")
        if not request.options.vocabulary_only:
            self._cache = KvCache(self._model, request.options, self._is_stopping, self._why)
            self._adapters = LoraAdapters(self._model, self._cache, self._why)
            self._adapt(request.options)
            drafts = request.options.draft_tokens if self._cache.forgets_its_end else 0
            self._drafter = Drafter(drafts)
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

    def _adapt(self, options: LoadOptions) -> None:
        """Read the adapter that the model is loaded with, if there is one."""
        self._default = WireAdapter(options.adapter, options.adapter_scale)
        if not options.adapter:
            self._default = NOTHING
        try:
            self._put(None)
        except AdapterUnfit as exc:
            raise ModelUnusable(f"{options.adapter} (engine.adapter): {exc}") from exc

    def _put(self, wanted: WireAdapter | None) -> None:
        """Put over the model what a request wants: None is what it was loaded with."""
        # Nothing may touch a model whose file was changed.
        self._require_cache()
        if self._adapters is not None:
            self._adapters.put(self._default if wanted is None else wanted)

    def _free(self) -> None:
        self._vocabulary = None
        if self._file is not None:
            self._file.close()
        if self._cache is not None:
            self._cache.close()
        if self._model:
            llama_cpp.llama_model_free(self._model)
        # Adapters were freed with the model.
        self._cache = self._model = self._file = self._adapters = None

    @property
    def beats(self) -> int:
        """See `Backend.beats`."""
        return self._beats

    def _is_stopping(self) -> bool:
        self._beats += 1
        return self._stopping

    def count_tokens(self, texts: list[str]) -> list[int]:
        """See `Backend.count_tokens`."""
        vocabulary = self._require_vocabulary()
        return [vocabulary.count(text) for text in texts]

    def prefill(self, request: Prefill) -> Finished:
        """See `Backend.prefill`."""
        started = time.perf_counter()
        cache = self._require_cache()
        self._put(request.adapter)
        prompt = self._tokens(request.segments, room=1)
        reused = len(prompt)
        if list(cache.cells[: len(prompt)]) != prompt:
            reused = cache.enter(prompt)
            self._drafter.learn_from(prompt, reused)
            cache.evaluate_ahead(prompt[reused:])
        return self._finished(request.id, prompt, reused, _milliseconds(started))

    def learn(self, request: Learn) -> Learned:
        """See `Backend.learn`."""
        vocabulary = self._require_vocabulary()
        for text in request.texts if self._drafter.is_on else ():
            self._drafter.learn(vocabulary.split(text))
        return Learned(request.id)

    def generate(self, request: Complete, emit: Callable[[str], None]) -> Finished:
        """See `Backend.generate`."""
        started = time.perf_counter()
        self._put(request.adapter)
        prompt, is_short = self._choose_prompt(request)
        ways = Ways(request, emit)
        decoding = Decoding(
            self._require_vocabulary(), self._require_cache(), self._drafter, request, ways.take
        )
        reused = decoding.begin(prompt)
        prefill_ms = _milliseconds(started)
        started = time.perf_counter()
        answers = ways.answer(decoding)
        given, *others = answers
        self._decode_ms += (decode_ms := _milliseconds(started))
        self._totals["generated_tokens"] += sum(len(way.decoding.logprobs) for way in answers)
        return structs.replace(
            self._finished(request.id, prompt, reused, prefill_ms),
            text=given.text,
            stop=given.stop.value,
            logprobs=given.decoding.logprobs,
            decode_ms=decode_ms,
            is_short=is_short,
            alternatives=[way.as_alternative() for way in others],
            ends=given.decoding.ends,
            end_logprob=given.decoding.end_logprob,
            typed_logprob=given.decoding.typed_logprob,
        )

    def _choose_prompt(self, request: Complete) -> tuple[list[int], bool]:
        """Return the prompt to answer, and whether it is the smaller one."""
        cache = self._require_cache()
        whole = self._tokens(request.segments, room=request.max_tokens)
        if not (request.short and request.cold_tokens):
            return whole, False
        missing = len(whole) - cache.held(whole)
        if missing <= request.cold_tokens:
            return whole, False
        short = self._tokens(request.short, room=request.max_tokens)
        is_short = len(short) - cache.held(short) < missing
        return (short if is_short else whole), is_short

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
        vocabulary, cache = self._require_vocabulary(), self._require_cache()
        tokens = list(vocabulary.starts())
        for segment in segments:
            if segment.special:
                tokens.append(vocabulary.special(segment.text))
            else:
                tokens.extend(vocabulary.tokenize(segment.text))
        if not tokens:
            # A model without a begin token still needs something to look at.
            tokens.extend(vocabulary.tokenize("\n"))
        if len(tokens) + room > cache.length:
            raise EngineRefused(
                f"A prompt of {len(tokens)} tokens and {room} to generate do not fit into "
                f"engine.context_length = {cache.length}; lower context.prefix_tokens."
            )
        return tokens

    def counters(self, request_id: int) -> Counters:
        """See `Backend.counters`."""
        return Counters(
            id=request_id,
            **self._totals,
            prefill_ms=self._prefill_ms,
            decode_ms=self._decode_ms,
            cached_tokens=len(self._cache.cells) if self._cache else 0,
            drafted=self._drafter.drafted,
            accepted=self._drafter.accepted,
            restored=self._cache.restored if self._cache else 0,
            swaps=self._adapters.swaps if self._adapters else 0,
            swap_ms=self._adapters.milliseconds if self._adapters else 0.0,
        )

    def _require_vocabulary(self) -> Vocabulary:
        if self._vocabulary is None:
            raise EngineRefused("No model is loaded.")
        return self._vocabulary

    def _require_cache(self) -> KvCache:
        if self._cache is None:
            raise EngineRefused("No model is loaded.")
        if self._file is not None and self._file.has_changed():
            # Nothing that is computed from here on means anything, so this process ends.
            raise SystemExit(f"{self._file.path} was changed while it was in use")
        return self._cache

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
