"""The process that writes requantised copies of a model and compares them with the original.

It uses llama.cpp, so it may crash on a damaged file or an odd type: it serves one request and
ends, and never shares a process with the server. It also ends when its input does, so that
nothing goes on computing for nobody. Knows nothing about catalogues or which copy is wanted.
"""

import ctypes
import itertools
import os
import re
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import llama_cpp
import msgspec
import numpy as np

from lsp_server.errors import FimbulError, ModelUnusable
from lsp_server.guard.child import confine
from lsp_server.inference.agreement import Logits, Tally, Tokens
from lsp_server.inference.llama import LlamaBackend
from lsp_server.inference.tensors import number_of
from lsp_server.inference.tuning import (
    Answer,
    AnyRequest,
    Compare,
    Compared,
    Done,
    Failed,
    Requantise,
    Settings,
    Step,
    Times,
    Tried,
    TrySettings,
    request_of,
    to_line,
)
from lsp_server.inference.vocabulary import Vocabulary

CHUNK = 256
"""Tokens of text that models are shown together."""

LEAD = 16
"""Tokens at the beginning of a chunk that do not count: there is nothing yet to go by."""

PROMPT = 64
"""Tokens of a prompt whose time is taken."""

STEPS = 8
"""Single tokens whose time is taken behind each prompt."""

ROUNDS_OF_LOSERS = 2
"""How often times are taken where the answers are lost anyway."""

_FILE_TYPES = {"q4_0": 2, "q8_0": 7, "q5_0": 8, "q4_k": 15, "q5_k": 17, "q6_k": 18, "iq4_nl": 25}
"""Values of `llama_ftype`; they name the file, each tensor's type is told one by one."""

Say = Callable[[Answer], None]


class _Log:
    """The last complaints of llama.cpp."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        # Kept as an attribute: llama.cpp goes on calling it.
        self._callback = llama_cpp.llama_log_callback(self._add)
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _add(self, level: int, text: bytes, _data: Any) -> None:
        # 4 is an error; warnings name every tensor whose type was told.
        if level == 4 and text:
            self._lines = [*self._lines, text.decode("utf-8", "replace").strip()][-4:]

    def because(self, what: str) -> str:
        """Return a sentence that ends with them."""
        return f"{what}: {'; '.join(self._lines)}." if self._lines else f"{what}."


def load(path: str, settings: Settings, log: _Log) -> Any:
    """Return llama.cpp's handle of a model; raise `ModelUnusable` if there is none."""
    parameters = llama_cpp.llama_model_default_params()
    parameters.use_extra_bufts = settings.extra_buffers
    parameters.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(path.encode(), parameters)
    if not model:
        raise ModelUnusable(log.because(f"{path} cannot be loaded as a model"))
    return model


class Evaluator:
    """A short context of one model, evaluated as it is told."""

    def __init__(self, model: Any, settings: Settings, log: _Log) -> None:
        self._model = model
        context = llama_cpp.llama_context_default_params()
        context.n_ctx = 2 * CHUNK
        context.n_batch = context.n_ubatch = settings.batch
        context.n_threads = context.n_threads_batch = settings.threads
        context.no_perf = True
        self._context = llama_cpp.llama_init_from_model(self._model, context)
        if not self._context:
            raise ModelUnusable(log.because("No context could be made for the model"))
        self._log = log
        self._size = settings.batch
        self._batch = llama_cpp.llama_batch_init(settings.batch, 0, 1)
        self.vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(model))
        self._held = 0

    def chunks(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of the texts in pieces, each begun as this model's texts begin."""
        begin = list(self.vocabulary.starts())
        found = []
        for text in texts:
            tokens = self.vocabulary.tokenize(text)
            room = CHUNK - len(begin)
            found += [begin + list(tokens[at : at + room]) for at in range(0, len(tokens), room)]
        return found

    def clear(self) -> None:
        """Forget all tokens."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        self._held = 0

    def evaluate(self, tokens: Sequence[int], *, every: bool = False) -> Iterator[Logits]:
        """Evaluate tokens behind those before, a batch at a time.

        Yields after each batch what the model says behind each of its tokens with `every`, else
        behind the last one; the rows are good until the next batch.
        """
        for start in range(0, len(tokens), self._size):
            piece = tokens[start : start + self._size]
            self._fill(piece, every=every)
            status = llama_cpp.llama_decode(self._context, self._batch)
            if status != 0:
                raise ModelUnusable(self._log.because(f"Evaluating failed (status {status})"))
            self._held += len(piece)
            shape = (len(piece) if every else 1, self.vocabulary.size)
            pointer = llama_cpp.llama_get_logits(self._context)
            yield np.ctypeslib.as_array(pointer, shape=shape)

    def _fill(self, piece: Sequence[int], *, every: bool) -> None:
        batch = self._batch
        batch.n_tokens = len(piece)
        for index, token in enumerate(piece):
            batch.token[index] = token
            batch.pos[index] = self._held + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = int(every or index == len(piece) - 1)

    def milliseconds(self, tokens: Sequence[int]) -> float:
        """Evaluate tokens for their time only; return it for one of them."""
        started = time.perf_counter()
        for _ in self.evaluate(tokens):
            pass
        return (time.perf_counter() - started) * 1000.0 / len(tokens)


def requantise(request: Requantise, log: _Log) -> Done:
    """Write the copy; raise `ModelUnusable` if llama.cpp cannot."""
    overrides = (llama_cpp.llama_model_tensor_override * (len(request.types) + 1))()
    for index, (name, kind) in enumerate(request.types.items()):
        overrides[index].pattern = f"^{re.escape(name)}$".encode()
        overrides[index].type = number_of(kind)
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.nthread = request.threads
    parameters.ftype = _FILE_TYPES[request.file_type]
    parameters.allow_requantize = True
    parameters.tt_overrides = overrides
    status = llama_cpp.llama_model_quantize(
        request.source.encode(), request.target.encode(), ctypes.byref(parameters)
    )
    if status != 0:
        raise ModelUnusable(log.because(f"{request.source} could not be requantised"))
    return Done()


def compare(request: Compare, log: _Log, say: Say) -> Compared:
    """Show both models the same text, then take their times by turns."""
    settings = request.settings
    original, candidate = (
        Evaluator(load(path, settings, log), settings, log)
        for path in (request.original, request.candidate)
    )
    chunks = original.chunks(request.texts)
    tally = _agreement(original, candidate, chunks, request, say)
    longest = max(chunks, key=len)
    rounds = request.rounds
    if not tally.can_reach(request.agreement, request.positions):
        rounds = min(rounds, ROUNDS_OF_LOSERS)
    both = [(original, longest), (candidate, _renumbered(original, candidate)(longest))]
    pairs = [_taken(both, turn) for turn in range(rounds)]
    prefill = [(first[0], second[0]) for first, second in pairs]
    decode = [step for first, second in pairs for step in zip(first[1], second[1], strict=True)]
    return Compared(
        positions=tally.positions,
        equal=tally.equal,
        divergence=tally.mean_divergence,
        original=_medians(prefill, decode, 0),
        candidate=_medians(prefill, decode, 1),
        prefill_ratio=statistics.median(second / first for first, second in prefill),
        decode_ratio=statistics.median(second / first for first, second in decode),
    )


def _agreement(
    original: Evaluator,
    candidate: Evaluator,
    chunks: Sequence[Sequence[int]],
    request: Compare,
    say: Say,
) -> Tally:
    tally = Tally()
    renumbered = _renumbered(original, candidate)
    tokens = _numbers(candidate.vocabulary, original.vocabulary)
    if -1 in tokens:
        raise ModelUnusable("The candidate has tokens that the original does not know.")
    same = original.vocabulary.pieces == candidate.vocabulary.pieces
    for chunk in chunks:
        original.clear()
        candidate.clear()
        skipped = LEAD
        both = zip(
            original.evaluate(chunk, every=True),
            candidate.evaluate(renumbered(chunk), every=True),
            strict=True,
        )
        for first, second in both:
            wanted = slice(skipped, skipped + request.positions - tally.positions)
            skipped = max(0, skipped - len(first))
            tally.add(first[wanted], second[wanted], None if same else tokens)
        say(Step(tally.positions, request.positions))
        if tally.positions >= request.positions:
            return tally
        if not tally.can_reach(request.agreement, request.positions):
            return tally
    raise ModelUnusable(
        f"The texts to compare with hold {tally.positions:,} positions instead of"
        f" {request.positions:,}; name more files with --sources, or fewer --positions."
    )


def _numbers(wanted: Vocabulary, known: Vocabulary) -> Tokens:
    """Return the numbers that another vocabulary gives to one's tokens; -1 where it has none."""
    places = {
        (piece, bool(control)): number
        for number, (piece, control) in enumerate(zip(known.pieces, known.control, strict=True))
    }
    found = [
        places.get((piece, bool(control)), -1)
        for piece, control in zip(wanted.pieces, wanted.control, strict=True)
    ]
    return np.array(found, dtype=np.int64)


def _renumbered(
    original: Evaluator, candidate: Evaluator
) -> Callable[[Sequence[int]], Sequence[int]]:
    """Return what turns the original's tokens into the candidate's."""
    numbers = _numbers(original.vocabulary, candidate.vocabulary)

    def renumbered(tokens: Sequence[int]) -> list[int]:
        found = [int(numbers[token]) for token in tokens]
        if -1 in found:
            raise ModelUnusable("The texts to compare with need tokens that were left out.")
        return found

    return renumbered


def _taken(
    models: Sequence[tuple[Evaluator, Sequence[int]]], turn: int
) -> list[tuple[float, list[float]]]:
    """Return each model's milliseconds a token of a prompt, and of each token behind it.

    They take turns at every step, and begin by turns, so that what else the machine does falls
    on all of them alike.
    """
    prompts = [list(itertools.islice(itertools.cycle(tokens), PROMPT)) for _, tokens in models]
    order = range(len(models)) if turn % 2 == 0 else range(len(models) - 1, -1, -1)
    for model, _ in models:
        model.clear()
    prefill = {index: models[index][0].milliseconds(prompts[index]) for index in order}
    decode: dict[int, list[float]] = {index: [] for index in order}
    for step in range(STEPS):
        for index in order:
            token = prompts[index][step : step + 1]
            decode[index].append(models[index][0].milliseconds(token))
    return [(prefill[index], decode[index]) for index in range(len(models))]


def _medians(
    prefill: Sequence[tuple[float, float]], decode: Sequence[tuple[float, float]], which: int
) -> Times:
    return Times(
        prefill=statistics.median(pair[which] for pair in prefill),
        decode=statistics.median(pair[which] for pair in decode),
    )


def try_settings(request: TrySettings, log: _Log, say: Say) -> Tried:
    """Take the times of one model under several settings, by turns."""
    # One copy of the weights serves all contexts.
    model = load(request.model, request.settings[0], log)
    contexts = [Evaluator(model, settings, log) for settings in request.settings]
    tokens = max(contexts[0].chunks([request.text]), key=len)
    rounds = []
    for turn in range(request.rounds):
        rounds.append(_taken([(model, tokens) for model in contexts], turn))
        say(Step(turn + 1, request.rounds))
    return Tried(
        [
            Times(
                prefill=statistics.median(taken[index][0] for taken in rounds),
                decode=statistics.median(step for taken in rounds for step in taken[index][1]),
            )
            for index in range(len(contexts))
        ]
    )


def answer(request: AnyRequest, say: Say) -> Answer:
    """Do what is asked; raise FimbulError if it cannot be done."""
    # Its construction readies llama.cpp for this processor, as it does for the worker.
    backend = LlamaBackend()
    log = _Log()
    try:
        match request:
            case Requantise():
                return requantise(request, log)
            case Compare():
                return compare(request, log, say)
            case TrySettings():
                return try_settings(request, log, say)
    finally:
        del backend


def main() -> None:
    """Serve one request from standard input on standard output."""
    confine()
    # Anything a native library prints would break the lines, so descriptor 1 is moved away.
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(message: Answer) -> None:
        sink.write(to_line(message))
        sink.flush()

    try:
        request = request_of(source.readline())
        threading.Thread(target=_end_with, args=(source,), daemon=True).start()
        say(answer(request, say))
    except (FimbulError, msgspec.DecodeError) as error:
        say(Failed(str(error)))
    sys.stderr.flush()
    # llama.cpp's own clearing up is not worth the wait, nor a crash in it.
    os._exit(0)


def _end_with(source: BinaryIO) -> None:
    """End this process when whoever asked is gone."""
    source.read()
    os._exit(1)


if __name__ == "__main__":
    main()
