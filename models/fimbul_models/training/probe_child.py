"""The process in which llama.cpp answers questions about a model: tokens in, tokens or logits out.

It may crash on a damaged file, so it is never the process that trains. One line of JSON is a
question, one line the answer. Knows nothing about prompts, recipes or what is measured.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import llama_cpp
import msgspec
import numpy as np
import numpy.typing as npt

from lsp_server.guard.child import confine
from lsp_server.inference.machine import default_threads
from lsp_server.inference.vocabulary import Vocabulary


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    tokens: list[int]
    most: int = 0
    """Tokens to be generated; 0 asks for logits or losses instead."""
    ends: list[int] = []
    """Tokens that end an answer, besides those that end any text."""
    wanted: str = ""
    """Text that the answer has to begin with, as when a prompt is healed."""
    line: bool = True
    """Whether the answer ends with its first line that says something."""
    logits: str = ""
    """File that all logits go to (npy); empty asks for the losses of the tokens."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered."""

    text: str = ""
    tokens: list[int] = []
    ended: bool = False
    """Whether a token ended the answer."""
    losses: list[float] = []
    """Of every token but the first, in nats."""


class Probe:
    """A model, and perhaps an adapter over it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._llama: Any = llama_cpp.Llama(
            model_path=str(options.model),
            n_ctx=options.context,
            n_batch=min(512, options.context),
            n_threads=options.threads or default_threads(),
            n_threads_batch=options.threads or default_threads(),
            logits_all=options.all,
            # What is compared or measured is not rounded to what saves memory.
            type_k=llama_cpp.GGML_TYPE_F32 if options.all else None,
            type_v=llama_cpp.GGML_TYPE_F32 if options.all else None,
            lora_path=str(options.adapter) if options.adapter else None,
            lora_scale=options.scale,
            verbose=False,
        )
        self._handle = llama_cpp.llama_model_get_vocab(self._llama.model)
        self._vocabulary = Vocabulary(self._handle)

    def answer(self, question: Question) -> Reply:
        """Answer one question."""
        # Each is evaluated whole: what an earlier one left behind decides nothing.
        self._llama.reset()
        self._llama.eval(question.tokens)
        if question.most:
            return self._generated(question)
        scores = np.array(self._llama.scores[: len(question.tokens)], dtype=np.float32)
        if question.logits:
            np.save(Path(question.logits), scores)
            return Reply()
        return Reply(losses=_losses(scores, question.tokens))

    def _generated(self, question: Question) -> Reply:
        wanted, content, made = question.wanted.encode(), b"", list[int]()
        for _ in range(question.most):
            token = self._likeliest(wanted)
            if llama_cpp.llama_vocab_is_eog(self._handle, token) or token in question.ends:
                return Reply(text=_text(content), tokens=made, ended=True)
            piece = self._vocabulary.pieces[token]
            wanted = wanted[len(piece) :]
            content += piece
            made.append(token)
            if question.line and _has_line(content):
                break
            self._llama.eval([token])
        return Reply(text=_text(content), tokens=made)

    def _likeliest(self, wanted: bytes) -> int:
        row = llama_cpp.llama_get_logits_ith(self._llama.ctx, -1)
        logits: npt.NDArray[np.float32] = np.ctypeslib.as_array(row, (self._vocabulary.size,))
        if wanted:
            fitting = self._vocabulary.fitting(wanted)
            if len(fitting):
                return int(fitting[np.argmax(logits[fitting])])
        return int(np.argmax(logits))


def _losses(scores: npt.NDArray[np.float32], tokens: list[int]) -> list[float]:
    rows = scores[:-1].astype(np.float64)
    top = rows.max(axis=1)
    whole = top + np.log(np.exp(rows - top[:, None]).sum(axis=1))
    found: list[float] = (whole - rows[np.arange(len(rows)), tokens[1:]]).tolist()
    return found


def _has_line(content: bytes) -> bool:
    """Return whether a line with something in it has ended."""
    return b"\n" in content.lstrip()


def _text(content: bytes) -> str:
    return content.decode("utf-8", "ignore")


def main() -> None:
    """Answer until the input ends."""
    confine()
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--all", action="store_true")
    probe = Probe(parser.parse_args())
    out = sys.stdout.buffer
    out.write(b"{}\n")
    out.flush()
    for line in sys.stdin.buffer:
        reply = probe.answer(msgspec.json.decode(line, type=Question))
        out.write(msgspec.json.encode(reply) + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
