"""Decode one answer greedily: healing, stop rules, and tokens that were guessed ahead.

Drafts change no token: each one is compared with the greedy choice at its place, and the first
that differs ends its draft. Evaluating several tokens at once rounds otherwise than one by one,
so a choice may differ where two tokens are as good as equal: their logits less than `TIE` apart.
Knows nothing about prompts' orders.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lsp_server.inference.backend import common_length
from lsp_server.inference.drafts import Drafter
from lsp_server.inference.kvcache import BATCH, OUTPUTS, KvCache, Row
from lsp_server.inference.lines import first_line_end
from lsp_server.inference.protocol import Complete
from lsp_server.inference.stopping import AnswerText
from lsp_server.inference.symbols import BIAS, Names
from lsp_server.inference.vocabulary import Vocabulary
from lsp_server.types import GeneratedText, StopReason

TIE = 0.3
"""Difference of two logits below which rounding may decide between them (the largest change of a
difference that was seen: 0.23 in 270 tokens, `LOG.md`)."""

FORK_MARGIN = 5.0
"""Difference of two logits beyond which the lesser token is no other way to go."""

_BREAK = re.compile(rb"[\r\n]")

RUNNERS_UP = 4
"""Other tokens at one place of an answer that are remembered, where any are."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A place where an answer could have gone on with another token."""

    index: int
    """How many tokens of the answer stand before it."""
    token: int
    logprob: float
    chance: float
    """Log probability of the tokens up to and with this one; no answer that has it is likelier."""


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
        self._request = request
        self._answer = AnswerText(request)
        self._milliseconds = request.milliseconds
        self._begun = 0.0
        self._names = Names(vocabulary, request.names, request.typed, request.healed)
        self._healing = request.healed.encode()
        self._tokens: list[int] = []
        """Prompt and answer so far."""
        self._prompt_length = 0
        self._guessed: list[int] = []
        """Tokens evaluated behind those, in the hope that they come next."""
        self._row = 0
        self._end: Row | None = None
        """The logits behind the prompt, where nothing was evaluated since."""
        self._stop: StopReason | None = None
        self.line_logprob = 0.0
        """Log probability of the first line with something in it, as far as it has come."""
        self._line_is_whole = False
        self.watches = False
        """Whether `forks` are to be remembered, as long as that line goes on."""
        self.forks: list[Fork] = []
        self.chosen: list[int] = []
        """Tokens of the answer, the last one included."""
        self.logprobs: list[float] = []
        """Log probability of each token of the answer, among all tokens."""
        self.ends: list[int] = []
        """Code points of the answer up to the end of each token."""
        self.end_logprob: float | None = None
        """Log probability of the control token that ended the answer; None if none did."""
        self.typed_logprob = 0.0
        """Log probability that the tokens of the healed text fit it."""
        self._fresh_logprob = 0.0
        """Of the tokens since text was handed out, given the healed text."""

    @property
    def text(self) -> str:
        """The answer behind the healed text."""
        return self._answer.text()

    @property
    def can_turn_off(self) -> bool:
        """Whether `at` is cheap: a recurrent model would evaluate the whole prompt again."""
        return self._cache.forgets_its_end

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

    def run(self, most: int | None = None) -> StopReason:
        """Choose token after token until the answer ends; return why it does.

        It ends with TIME where it would have more than `most` tokens.
        """
        self._begun = time.perf_counter()
        try:
            while self._stop is None:
                if most is not None and len(self.chosen) >= most:
                    return StopReason.TIME
                self._stop = self._step()
        finally:
            self._cache.trim(len(self._tokens))
        return self._stop

    def text_at(self, fork: Fork) -> str:
        """Return the answer behind the healed text up to and with the token of `fork`."""
        tokens = [*self.chosen[: fork.index], fork.token]
        content = b"".join(self._vocabulary.pieces[token] for token in tokens)
        return content.decode("utf-8", "replace")[len(self._request.healed) :]

    def followed_by(self, line: str) -> float:
        """Return the log probability of the answer's line with `line` below it.

        Of that only the first few tokens count, as far as one small evaluation goes; they tell
        best what the model thinks of an answer that it was free to choose. The answer has ended
        with its line.
        """
        pieces, last = self._vocabulary.pieces, self.chosen[-1]
        ends = self._stop is StopReason.LINES
        head = _BREAK.split(pieces[last], maxsplit=1)[0].decode("utf-8", "replace") if ends else ""
        kept = self.chosen[:-1] if ends else self.chosen
        whole = [*self._tokens[: self._prompt_length], *kept]
        room = min(OUTPUTS, self._cache.length - len(whole))
        below = self._vocabulary.split(f"{head}\n{line}")[:room]
        known = min(common_length(self._cache.cells, whole), len(whole) - 1)
        self._cache.trim(known)
        self._cache.evaluate([*whole[known:], *below[:-1]], outputs=len(below))
        total = sum(self.logprobs[: len(kept)])
        return total + sum(
            float(row[token]) - _log_sum(row)
            for index, token in enumerate(below)
            for row in (self._cache.row(index),)
        )

    def learn(self) -> None:
        """Take the answer in, for the guesses to come."""
        self._drafter.learn_from(self._tokens, self._prompt_length)

    def at(self, fork: Fork) -> "Decoding":
        """Return the decoding of the answer that goes the other way at `fork`; `run` it."""
        other = Decoding(
            self._vocabulary, self._cache, self._drafter, self._request, lambda _text: None
        )
        # The time is the first answer's; how many tokens the others may take is said to `run`.
        other._milliseconds = 0.0
        prompt = self._tokens[: self._prompt_length]
        other._prompt_length = len(prompt)
        other.typed_logprob = self.typed_logprob
        other._tokens = [*prompt, *self.chosen[: fork.index], fork.token]
        logprobs = [*self.logprobs[: fork.index], fork.logprob]
        for token, logprob in zip(other._tokens[len(prompt) :], logprobs, strict=True):
            other._stop = other._take(token, logprob)
        if other._stop is None:
            other._enter()
        else:
            del other._tokens[-1]
        return other

    def _enter(self) -> None:
        """Make the logits behind all tokens the next ones to choose from."""
        known = min(common_length(self._cache.cells, self._tokens), len(self._tokens) - 1)
        self._cache.trim(known)
        self._evaluate(self._tokens[known:], (len(self._tokens) - known - 1) % BATCH + 1)

    def _step(self) -> StopReason | None:
        token, logprob = self._choose()
        if token is None:
            return StopReason.NOT_HEALED
        if not self._healing:
            self._drafter.observe(self._tokens, token)
        if self._vocabulary.control[token]:
            self.end_logprob = logprob
            return StopReason.END
        stop = self._take(token, logprob)
        if stop is None:
            self._advance(token)
        return stop

    def _is_late(self) -> bool:
        spent = (time.perf_counter() - self._begun) * 1000.0
        return bool(self._milliseconds) and spent >= self._milliseconds

    def _take(self, token: int, logprob: float) -> StopReason | None:
        """Append `token` to the answer; return why it ends there, if it does."""
        piece = self._vocabulary.pieces[token]
        self._healing = self._healing[len(piece) :]
        self.chosen.append(token)
        self.logprobs.append(logprob)
        self._fresh_logprob += logprob
        stop = self._answer.add(piece)
        self.ends.append(len(self._answer.text()))
        if stop is None and self._is_late():
            stop = self._answer.out_of_time()
        if not self._line_is_whole:
            self.line_logprob += logprob
            end = first_line_end(self._answer.text(), has_text=self._request.line_has_text)
            self._line_is_whole = end is not None
        if fresh := self._answer.fresh():
            self._emit(GeneratedText(fresh, self._fresh_logprob))
            self._fresh_logprob = 0.0
        return stop

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
        normaliser = _log_sum(logits)
        candidates = self._vocabulary.fitting(self._healing) if self._healing else None
        if candidates is not None:
            if len(candidates) == 0:
                return None, 0.0
            fits = _log_sum(logits[candidates]) - normaliser
            self.typed_logprob += fits
            self._fresh_logprob -= fits
        weighed, candidates = self._with_names(logits, candidates)
        if candidates is None:
            token = int(np.argmax(weighed))
        else:
            token = int(candidates[np.argmax(weighed[candidates])])
        if self.watches and not self._line_is_whole:
            self._watch(logits - normaliser, candidates, token)
        return token, float(logits[token]) - normaliser

    def _with_names(
        self, logits: Row, candidates: npt.NDArray[np.int64] | None
    ) -> tuple[Row, npt.NDArray[np.int64] | None]:
        """Return what to choose by and what from, as far as names are known that fit here."""
        spelled = None
        if self._names:
            pieces = self._vocabulary.pieces
            spelled = self._names.tokens(b"".join(pieces[token] for token in self.chosen))
        if spelled is None:
            return logits, candidates
        if self._request.names_only:
            both = spelled if candidates is None else np.intersect1d(candidates, spelled)
            return logits, both if len(both) else candidates
        weighed = logits.copy()
        weighed[spelled] += BIAS
        return weighed, candidates

    def _watch(self, logprobs: Row, candidates: npt.NDArray[np.int64] | None, token: int) -> None:
        """Remember which tokens could have stood in the place of `token`."""
        if candidates is None:
            candidates = np.flatnonzero(logprobs > float(logprobs[token]) - FORK_MARGIN)
        likeliest = candidates[np.argsort(-logprobs[candidates], kind="stable")]
        for other in map(int, likeliest[: RUNNERS_UP + 1]):
            if other != token and not self._vocabulary.control[other]:
                logprob = float(logprobs[other])
                fork = Fork(len(self.chosen), other, logprob, self.line_logprob + logprob)
                self.forks.append(fork)


def _log_sum(logits: Row) -> float:
    """Return the logarithm of the sum of all exponentials: what makes logits log probabilities."""
    highest = float(logits.max())
    return highest + float(np.log(np.exp(logits - highest).sum()))
