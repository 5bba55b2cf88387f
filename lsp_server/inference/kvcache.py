"""One context of llama.cpp: which tokens it holds, and how it comes to hold others.

A prompt is brought in by the longest prefix that was evaluated before, be it live or saved; only
the rest is evaluated, in pieces that are short, so that an abort costs little. Knows nothing
about answers.
"""

import ctypes
import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from lsp_server.errors import EngineRefused, ModelUnusable
from lsp_server.inference.backend import Cancelled, common_length
from lsp_server.inference.protocol import LoadOptions
from lsp_server.inference.states import SavedState, SavedStates

BATCH = 64
"""Tokens evaluated in one piece; larger ones are not faster on two cores (measured in `LOG.md`).
The abort callback is polled between the nodes of a piece."""

PIECE_AHEAD = 16
"""Tokens in one piece of work ahead: slower by a quarter, as fast as 32, and what an abort
interrupts is lost."""

OUTPUTS = 8
"""Tokens at the end of one piece whose logits can be asked for in any case."""

ENDS = 4
"""Prompts whose last logits are kept, 0.6 MB each with the default model."""

Row = npt.NDArray[np.float32]
"""The logits of all tokens at one place."""


class KvCache:
    """The KV cache of one model, as a sequence of tokens."""

    def __init__(
        self,
        model: Any,
        options: LoadOptions,
        is_stopping: Callable[[], bool],
        why: Callable[[str], str],
    ) -> None:
        """Make a context for `model`; `why` adds what llama.cpp said to a message.

        Raises ModelUnusable if it cannot be made.
        """
        self._is_stopping = is_stopping
        self._why = why
        # Kept as an attribute: llama.cpp goes on calling it.
        self._abort_callback = llama_cpp.ggml_abort_callback(lambda _data: is_stopping())
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = options.context_length
        parameters.n_batch = parameters.n_ubatch = BATCH
        # Room for the logits of a whole piece would be 20 MB that nobody reads.
        outputs = min(BATCH, max(options.draft_tokens + 1, OUTPUTS))
        parameters.n_outputs_max = parameters.n_outputs_max_per_seq = outputs
        parameters.n_threads = parameters.n_threads_batch = options.threads
        parameters.no_perf = True
        parameters.abort_callback = self._abort_callback
        self._context = llama_cpp.llama_init_from_model(model, parameters)
        if not self._context:
            raise ModelUnusable(why("No context could be made"))
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = llama_cpp.llama_batch_init(BATCH, 0, 1)
        self._vocabulary_size: int = llama_cpp.llama_vocab_n_tokens(
            llama_cpp.llama_model_get_vocab(model)
        )
        self.length: int = llama_cpp.llama_n_ctx(self._context)
        """Tokens that it has room for."""
        self.forgets_its_end = not (
            llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model)
        )
        """Whether the last tokens can be taken away again, which a recurrent model cannot do."""
        self.restored = 0
        """How often a saved state was gone back to."""
        self._cells: list[int] = []
        self._prompt_length = 0
        self._outputs = 0
        self._states = SavedStates(options.state_bytes)
        self._ends: OrderedDict[tuple[int, ...], Row] = OrderedDict()

    def close(self) -> None:
        """Free the memory; nothing else may be called afterwards."""
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self._context)
        self._states.clear()

    def adapt(self, adapter: Any, scale: float, name: str) -> bool:
        """Put an adapter, or none (None), over the model; return whether it could be.

        What was evaluated under another one is not used from now on: live work is saved under its
        name, and comes back when that adapter does. Names of different weights have to differ.
        """
        work = self._cells[: self._prompt_length]
        if self.forgets_its_end and self._states.is_worth_saving(work, 0):
            self.trim(len(work))
            self._save()
        self.trim(0)
        self._prompt_length = 0
        self._ends.clear()
        self._states.adapter = name
        count = int(adapter is not None)
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter) if count else None
        scales = (ctypes.c_float * 1)(scale) if count else None
        status = llama_cpp.llama_set_adapters_lora(self._context, adapters, count, scales)
        return bool(status == 0)

    @property
    def cells(self) -> Sequence[int]:
        """The tokens that were evaluated and are live."""
        return self._cells

    def held(self, prompt: Sequence[int]) -> int:
        """Return how many tokens of `prompt` need not be evaluated, live or saved."""
        return max(common_length(self._cells, prompt), self._states.shared(prompt))

    def enter(self, prompt: Sequence[int]) -> int:
        """Make the longest known prefix of `prompt` live and return its length.

        The last token is part of it only where its logits, which an answer begins with, are known
        (see `end_of`). Live work that `prompt` has no use for is saved.
        """
        live = common_length(self._cells, prompt)
        if self.forgets_its_end:
            self._change_over(prompt, live)
            live = common_length(self._cells, prompt)
        known = live == len(prompt) and self.end_of(prompt) is not None
        self.trim(live if known else min(live, len(prompt) - 1))
        self._prompt_length = len(prompt)
        return len(self._cells)

    def _change_over(self, prompt: Sequence[int], live: int) -> None:
        # Tokens of an answer behind its prompt are cheap to have again, and rarely wanted.
        work = self._cells[: self._prompt_length]
        if self._states.is_worth_saving(work, live):
            self.trim(len(work))
            self._save()
        if state := self._states.find(prompt, live):
            self._restore(state)

    def evaluate_ahead(self, tokens: Sequence[int]) -> None:
        """Append `tokens` without logits, in pieces that lose little when they are aborted.

        Raises what `evaluate` does.
        """
        for start in range(0, len(tokens), PIECE_AHEAD):
            self._decode(tokens[start : start + PIECE_AHEAD], 0)

    def evaluate(self, tokens: Sequence[int], outputs: int) -> None:
        """Append `tokens`, with logits for the last `outputs` of them (see `row`).

        Raises Cancelled, and EngineRefused if llama.cpp fails; what was evaluated in whole
        pieces stays.
        """
        # All outputs have to be in one piece, as the next one overwrites them.
        tail = max(outputs, (len(tokens) - 1) % BATCH + 1)
        bounds = [*range(0, len(tokens) - tail, BATCH), max(0, len(tokens) - tail), len(tokens)]
        for start, end in itertools.pairwise(bounds):
            if end > start:
                self._decode(tokens[start:end], outputs if end == len(tokens) else 0)
        self._outputs = outputs

    def row(self, index: int) -> Row:
        """Return the logits at one of the last outputs, from 0; valid until the next evaluation."""
        pointer = llama_cpp.llama_get_logits_ith(self._context, index - self._outputs)
        row: Row = np.ctypeslib.as_array(pointer, shape=(self._vocabulary_size,))
        return row

    def remember_end(self, prompt: Sequence[int]) -> None:
        """Keep the logits at the first of the last outputs, which is the end of `prompt`."""
        self._ends[tuple(prompt)] = self.row(0).copy()
        while len(self._ends) > ENDS:
            self._ends.popitem(last=False)

    def end_of(self, prompt: Sequence[int]) -> Row | None:
        """Return the logits behind `prompt` if they are known.

        Inside a word what is typed only narrows the choice behind the same prompt (token healing),
        so nothing has to be evaluated for its first token.
        """
        tokens = tuple(prompt)
        if tokens in self._ends:
            self._ends.move_to_end(tokens)
        return self._ends.get(tokens)

    def trim(self, length: int) -> None:
        """Take away all tokens but the first `length`."""
        if length < len(self._cells):
            if not llama_cpp.llama_memory_seq_rm(self._memory, 0, length, -1):
                # A recurrent model cannot forget its end only.
                llama_cpp.llama_memory_clear(self._memory, True)
                length = 0
            del self._cells[length:]

    def _decode(self, tokens: Sequence[int], outputs: int) -> None:
        if self._is_stopping():
            raise Cancelled
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = len(self._cells) + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = int(index >= len(tokens) - outputs)
        status = llama_cpp.llama_decode(self._context, batch)
        if status == 0:
            self._cells.extend(tokens)
            return
        self._keep_what_is_whole()
        if self._is_stopping():
            raise Cancelled
        raise EngineRefused(self._why(f"The model could not be evaluated (status {status})"))

    def _keep_what_is_whole(self) -> None:
        """Trim what an evaluation that was cut short has left in the KV cache."""
        held = llama_cpp.llama_memory_seq_pos_max(self._memory, 0) + 1
        if held > len(self._cells):
            llama_cpp.llama_memory_seq_rm(self._memory, 0, len(self._cells), -1)
        del self._cells[held:]

    def _save(self) -> None:
        size = llama_cpp.llama_state_seq_get_size(self._context, 0)
        data = bytearray(size)
        written = llama_cpp.llama_state_seq_get_data(self._context, _pointer(data), size, 0)
        if written == size:
            self._states.add(SavedState(tuple(self._cells), data, self._states.adapter))

    def _restore(self, state: SavedState) -> None:
        llama_cpp.llama_memory_clear(self._memory, False)
        self._cells = []
        size = len(state.data)
        if llama_cpp.llama_state_seq_set_data(self._context, _pointer(state.data), size, 0) == size:
            self._cells = list(state.tokens)
            self.restored += 1
        else:
            llama_cpp.llama_memory_clear(self._memory, True)


def _pointer(data: bytearray) -> Any:
    return (ctypes.c_uint8 * len(data)).from_buffer(data)
