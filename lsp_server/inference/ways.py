"""Which of several answers to one prompt is given, and which others besides.

The greedy answer comes first. Where it repeats a line that may not come, the answer is decoded
again from a place where it could have gone another way, and the likeliest of these is taken;
where several answers are wanted, they come about in the same way. A place to turn off is chosen by
how likely the answer is up to there, and what was evaluated up to there is not evaluated again.
Knows nothing about models: answers are decoded elsewhere.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lsp_server.inference.decoding import Decoding, Fork
from lsp_server.inference.lines import ForbiddenLines
from lsp_server.inference.protocol import Alternative, Complete
from lsp_server.types import StopReason

AGAIN = 3
"""Answers that are decoded in place of one that may not come; the likeliest is taken (measured in
`LOG.md`)."""

OTHERS_TOKENS = 96
"""Tokens that all further answers together may take, so that nobody waits for them too long."""

TRIES = 3
"""Answers that are decoded for each further one that is wanted, as some turn out to be the same."""


@dataclass(frozen=True, slots=True)
class Way:
    """One answer."""

    decoding: Decoding
    stop: StopReason
    score: float
    """Log probability of its first line."""

    @property
    def text(self) -> str:
        """The answer behind the healed text."""
        return self.decoding.text

    def as_alternative(self) -> Alternative:
        """Return the answer as it is sent."""
        return Alternative(self.text, self.stop.value, self.decoding.logprobs)


class Held:
    """Hands text out once it is certain to be the answer's."""

    def __init__(self, lines: ForbiddenLines, emit: Callable[[str], None]) -> None:
        self._lines = lines
        self._emit = emit
        self._text = ""
        self._handed_out = 0

    def take(self, text: str) -> None:
        """Take a piece of the answer, and hand out what waits unless it may be thrown away."""
        self._text += text
        if self._handed_out or not self._lines.may_come(self._text):
            self.release(self._text)

    def release(self, text: str) -> None:
        """Hand out what is not yet of the answer `text`, which is what was taken, or replaces it.

        What was handed out before is the begin of it in any case.
        """
        if fresh := text[self._handed_out :]:
            self._handed_out = len(text)
            self._emit(fresh)


def answer(first: Decoding, request: Complete, held: Held) -> list[Way]:
    """Run `first`, whose text goes to `held`, and what else is wanted; return the ways, best first.

    There is more than one only where more candidates are wanted. Raises what decoding raises.
    """
    lines = ForbiddenLines(request.typed, request.forbidden)
    first.watches = first.can_turn_off and (bool(lines) or request.candidates > 1)
    way = _run(first)
    found = [way]
    if lines.hold(way.text):
        found = _again(way, lines) or found
    held.release(found[0].text)
    if request.candidates > 1 and found[0].stop is not StopReason.NOT_HEALED:
        found += _others(way, found[0], lines, request.candidates - 1)
    found[0].decoding.learn()
    return found


def _run(decoding: Decoding, most: int | None = None) -> Way:
    stop = decoding.run(most)
    return Way(decoding, stop, decoding.line_logprob)


def _again(way: Way, lines: ForbiddenLines) -> list[Way]:
    """Return the likeliest way whose line may come; nothing if none was found."""
    best: Way | None = None
    for fork in itertools.islice(_forks(way), AGAIN):
        if best is not None and fork.chance <= best.score:
            break
        other = _run(way.decoding.at(fork))
        allowed = bool(other.text.strip()) and not lines.hold(other.text)
        if allowed and (best is None or other.score > best.score):
            best = other
    return [] if best is None else [best]


def _others(way: Way, given: Way, lines: ForbiddenLines, count: int) -> list[Way]:
    """Return up to `count` ways that are not `given` nor each other, likeliest first."""
    found = {_line(given.text): given}
    left = OTHERS_TOKENS
    for fork in itertools.islice(_forks(way), count * TRIES):
        if len(found) > count or left <= 0:
            break
        other = _run(way.decoding.at(fork), fork.index + left)
        left -= len(other.decoding.chosen) - fork.index
        line = _line(other.text)
        if line and other.stop is not StopReason.TIME and not lines.hold(other.text):
            found.setdefault(line, other)
    del found[_line(given.text)]
    return sorted(found.values(), key=lambda other: -other.score)


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
    if other[:1] and other.strip() == "" and "\n" in other:
        return True
    cut = next((at for at, one in enumerate(other) if one in "\r\n"), None)
    if cut is not None and other[:cut].strip():
        return other[:cut].strip() == _line(text)
    goes_on = text[len(other) : len(other) + 1]
    return text.startswith(other) and (other[-1:] + goes_on).isalnum()


def _line(text: str) -> str:
    """Return the first line with something in it, stripped."""
    return next((line for line in map(str.strip, text.splitlines()) if line), "")
