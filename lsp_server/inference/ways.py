"""Which of several answers to one prompt is given, and which others besides.

The greedy answer comes first. Another is decoded where it repeats a line that may not come, where
it is unsure and the line below does not follow from it, and where several are wanted: from a place
at which it could have gone another way, the likeliest such place first. What was evaluated up to
there is not evaluated again. Knows nothing about models: answers are decoded elsewhere.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lsp_server.inference.decoding import Decoding, Fork
from lsp_server.inference.lines import ForbiddenLines
from lsp_server.inference.protocol import Alternative, Complete
from lsp_server.types import GeneratedText, StopReason

AGAIN = 3
"""Answers that are decoded in place of one that may not come (measured in `LOG.md`)."""

UNSURE = 2
"""Answers that are decoded beside one that is unsure (measured in `LOG.md`)."""

UNSURE_CHANCE = -3.0
"""Log probability that the begin of another answer has at least for one to be unsure."""

MARGIN = 0.5
"""By how much the log probability of another answer has to be better than that of the greedy one:
more than what rounding can make of it (`decoding.TIE`)."""

OTHERS_TOKENS = 96
"""Tokens that all further answers together may take, so that nobody waits for them too long."""

TRIES = 3
"""Answers that are decoded for each further one that is wanted, as some turn out to be the same."""

CUT = -1000.0
"""Added to the log probability of an answer that was cut off, which nothing can follow."""

_WHOLE = (StopReason.LINES, StopReason.END)


@dataclass(frozen=True, slots=True)
class Way:
    """One answer."""

    decoding: Decoding
    stop: StopReason
    score: float
    """Log probability of its first line, that of the line below included where that counts."""

    @property
    def text(self) -> str:
        """The answer behind the healed text."""
        return self.decoding.text

    def as_alternative(self) -> Alternative:
        """Return the answer as it is sent."""
        made = self.decoding
        return Alternative(self.text, self.stop.value, made.logprobs, made.ends, made.end_logprob)


class Ways:
    """The answers to one request."""

    def __init__(self, request: Complete, emit: Callable[[str], None]) -> None:
        """Hand text out to `emit`, as soon as it is certain that it will not be thrown away."""
        self._request = request
        self._lines = ForbiddenLines(request.typed, request.forbidden)
        # Longer answers are not held against what is below, which may be far away.
        self._following = request.following if request.max_lines == 1 else ""
        self._emit = emit
        self._text = ""
        self._handed_out = 0
        self._held_logprob: float | None = 0.0
        self._first: Decoding | None = None

    def take(self, text: str) -> None:
        """Take a piece of the first answer as it comes."""
        self._text += text
        logprob = text.logprob if isinstance(text, GeneratedText) else None
        known = logprob is not None and self._held_logprob is not None
        self._held_logprob = (self._held_logprob or 0.0) + (logprob or 0.0) if known else None
        if not self._lines.may_come(self._text) and not self._unsure():
            self._release(self._text, self._held_logprob)
            self._held_logprob = 0.0

    def _release(self, text: str, logprob: float | None) -> None:
        if fresh := text[self._handed_out :]:
            self._handed_out = len(text)
            self._emit(GeneratedText(fresh, logprob))

    def answer(self, first: Decoding) -> list[Way]:
        """Run `first`, whose text comes to `take`, and what else is wanted; return the best first.

        There is more than one only where several are wanted. Raises what decoding raises.
        """
        self._first = first
        wanted = bool(self._lines) or bool(self._following) or self._request.candidates > 1
        first.watches = wanted and first.can_turn_off
        way = self._run(first, judged=False)
        given = self._best(way)
        # What was held back is judged as a whole, by what comes with the end of the answer.
        self._release(given.text, None)
        others = []
        if self._request.candidates > 1 and way.stop is not StopReason.NOT_HEALED:
            others = self._others(way, given, self._request.candidates - 1)
        given.decoding.learn()
        return [given, *others]

    def _run(self, decoding: Decoding, most: int | None = None, *, judged: bool = True) -> Way:
        stop = decoding.run(most)
        if not (judged and self._following):
            return Way(decoding, stop, decoding.line_logprob)
        if stop in _WHOLE and decoding.text.strip():
            return Way(decoding, stop, decoding.followed_by(self._following))
        return Way(decoding, stop, decoding.line_logprob + CUT)

    def _unsure(self) -> bool:
        """Return whether another answer may yet be given, as far as the first has come."""
        if not self._following or self._first is None:
            return False
        return any(fork.chance > UNSURE_CHANCE for fork in self._first.forks)

    def _best(self, way: Way) -> Way:
        if self._lines.hold(way.text):
            return self._better(way, AGAIN) or way
        if way.stop not in _WHOLE or not way.text.strip() or not self._unsure():
            return way
        score = way.decoding.followed_by(self._following)
        return self._better(way, UNSURE, score + MARGIN, UNSURE_CHANCE) or way

    def _better(
        self, way: Way, most: int, bound: float = -math.inf, least: float = -math.inf
    ) -> Way | None:
        """Return the other way with the best score above `bound`, if there is one.

        At most `most` are decoded, none whose begin is less likely than `least`. No way is
        likelier than its begin, so one that cannot win is not decoded either.
        """
        best: Way | None = None
        forks = (fork for fork in _forks(way) if not self._is_comment(way, fork))
        for fork in itertools.islice(forks, most):
            if fork.chance <= max(bound, least):
                break
            other = self._run(way.decoding.at(fork))
            if self._may_come(other) and other.score > bound:
                best, bound = other, other.score
        return best

    def _others(self, way: Way, given: Way, count: int) -> list[Way]:
        """Return up to `count` ways that are not `given` nor each other, likeliest first."""
        found = {_line(given.text): given}
        left = OTHERS_TOKENS
        for fork in itertools.islice(_forks(way), count * TRIES):
            if len(found) > count or left <= 0:
                break
            other = self._run(way.decoding.at(fork), fork.index + left)
            left -= len(other.decoding.chosen) - fork.index
            if self._may_come(other):
                found.setdefault(_line(other.text), other)
        del found[_line(given.text)]
        return sorted(found.values(), key=lambda other: -other.score)

    def _is_comment(self, way: Way, fork: Fork) -> bool:
        """Return whether a comment begins at `fork` in the place of code."""
        mark = self._request.comment
        if not mark or way.text.lstrip().startswith(mark):
            return False
        return way.decoding.text_at(fork).lstrip().startswith(mark)

    def _may_come(self, way: Way) -> bool:
        whole = way.stop is not StopReason.TIME and bool(way.text.strip())
        return whole and not self._lines.hold(way.text)


def _forks(way: Way) -> Iterator[Fork]:
    """Yield where to turn off `way`, the likeliest places first."""
    forks = sorted(way.decoding.forks, key=lambda fork: (-fork.chance, fork.index, fork.token))
    for fork in forks:
        if not _is_same(way.text, way.decoding.text_at(fork)):
            yield fork


def _is_same(text: str, other: str) -> bool:
    """Return whether `other`, the begin of an answer, is mostly the begin of `text` all the same.

    It is where the tokens of a word or of blanks were cut otherwise.
    """
    if not other.strip():
        return "\n" in other
    cut = next((at for at, one in enumerate(other) if one in "\r\n" and other[:at].strip()), None)
    if cut is not None:
        return other[:cut].strip() == _line(text)
    goes_on = text[len(other) : len(other) + 1]
    return text.startswith(other) and (other[-1:] + goes_on).isalnum()


def _line(text: str) -> str:
    """Return the first line with something in it, stripped."""
    return next((line for line in map(str.strip, text.splitlines()) if line), "")
