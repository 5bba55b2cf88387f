"""Decode one answer greedily: healing, stop rules, and tokens that were guessed ahead.

Drafts change no token: each one is compared with the greedy choice at its place, and the first
that differs ends its draft. Evaluating several tokens at once rounds otherwise than one by one,
so a choice may differ where two tokens are as good as equal: their logits less than `TIE` apart.
Knows nothing about prompts' orders.
"""

import time
from collections.abc import Callable

import numpy as np

from lsp_server.inference.drafts import Drafter
from lsp_server.inference.kvcache import BATCH, KvCache, Row
from lsp_server.inference.protocol import Complete
from lsp_server.inference.stopping import AnswerText
from lsp_server.inference.vocabulary import Vocabulary
from lsp_server.types import StopReason

TIE = 0.3
"""Difference of two logits below which rounding may decide between them (the largest change of a
difference that was seen: 0.23 in 270 tokens, `LOG.md`)."""


class Decoding:
    """One answer on its way."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        cache: KvCache,
        drafter: Drafter,
        request: Complete,
        emit: Callable[[str], None],
    ) -> None:
        """Answer `request`, handing text to `emit` as it comes."""
        self._vocabulary = vocabulary
        self._cache = cache
        self._drafter = drafter
        self._emit = emit
        self._answer = AnswerText(request)
        self._milliseconds = request.milliseconds
        self._begun = 0.0
        self._healing = request.healed.encode()
        self._tokens: list[int] = []
        """Prompt and answer so far."""
        self._prompt_length = 0
        self._guessed: list[int] = []
        """Tokens evaluated behind those, in the hope that they come next."""
        self._row = 0
        self._end: Row | None = None
        """The logits behind the prompt, where nothing was evaluated since."""
        self.logprobs: list[float] = []
        """Log probability of each token of the answer, among all tokens."""

    @property
    def text(self) -> str:
        """The answer behind the healed text."""
        return self._answer.text()

    def begin(self, prompt: list[int]) -> int:
        """Evaluate `prompt`; return how many of its tokens were evaluated before."""
        reused = self._cache.enter(prompt)
        self._tokens = list(prompt)
        self._prompt_length = len(prompt)
        self._drafter.learn_from(prompt, reused)
        if reused == len(prompt):
            self._end = self._cache.end_of(prompt)
            return reused
        # What is guessed goes with the last piece of the prompt, and makes no further one.
        last_piece = (len(prompt) - reused - 1) % BATCH + 1
        self._evaluate(prompt[reused:], last_piece)
        self._cache.remember_end(prompt)
        return reused

    def run(self) -> StopReason:
        """Choose token after token until the answer ends; return why it does."""
        self._begun = time.perf_counter()
        try:
            while (stop := self._step()) is None:
                pass
        finally:
            self._cache.trim(len(self._tokens))
        self._drafter.learn_from(self._tokens, self._prompt_length)
        return stop

    def _step(self) -> StopReason | None:
        token, logprob = self._choose()
        if token is None:
            return StopReason.NOT_HEALED
        if not self._healing:
            self._drafter.observe(self._tokens, token)
        if self._vocabulary.control[token]:
            return StopReason.END
        piece = self._vocabulary.pieces[token]
        self._healing = self._healing[len(piece) :]
        self.logprobs.append(logprob)
        stop = self._answer.add(piece)
        if stop is None and self._is_late():
            stop = self._answer.out_of_time()
        if fresh := self._answer.fresh():
            self._emit(fresh)
        if stop is None:
            self._advance(token)
        return stop

    def _is_late(self) -> bool:
        spent = (time.perf_counter() - self._begun) * 1000.0
        return bool(self._milliseconds) and spent >= self._milliseconds

    def _advance(self, token: int) -> None:
        """Make the logits behind `token` the next ones to choose from."""
        if self._guessed and self._guessed[0] == token:
            del self._guessed[0]
            self._tokens.append(token)
            self._row += 1
            self._drafter.accepted += 1
            return
        self._cache.trim(len(self._tokens))
        self._tokens.append(token)
        started = time.perf_counter()
        self._evaluate([token], 1)
        milliseconds = (time.perf_counter() - started) * 1000.0
        self._drafter.measured(1 + len(self._guessed), milliseconds)

    def _evaluate(self, tokens: list[int], last_piece: int) -> None:
        draft = self._draft(last_piece)
        self._cache.evaluate([*tokens, *draft], outputs=1 + len(draft))
        self._end = None
        self._drafter.drafted += len(draft)
        self._guessed = draft
        self._row = 0

    def _draft(self, last_piece: int) -> list[int]:
        """Return tokens to evaluate ahead, as many as the answer could use."""
        draft = self._drafter.propose(self._tokens, BATCH - last_piece, last_piece)
        healing = self._healing
        for count, token in enumerate(draft):
            if self._vocabulary.control[token] or (
                healing and not self._vocabulary.fits(token, healing)
            ):
                draft = draft[:count]
                break
            healing = healing[len(self._vocabulary.pieces[token]) :]
        return draft[: self._answer.room_for([self._vocabulary.pieces[one] for one in draft])]

    def _choose(self) -> tuple[int | None, float]:
        """Return the likeliest token, greedily, and its log probability among all tokens."""
        logits = self._cache.row(self._row) if self._end is None else self._end
        if self._healing:
            candidates = self._vocabulary.fitting(self._healing)
            if len(candidates) == 0:
                return None, 0.0
            token = int(candidates[np.argmax(logits[candidates])])
        else:
            token = int(np.argmax(logits))
        highest = float(logits.max())
        normaliser = highest + float(np.log(np.exp(logits - highest).sum()))
        return token, float(logits[token]) - normaliser
