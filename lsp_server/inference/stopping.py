"""Collect the bytes of an answer and say where it ends.

Knows nothing about engines: bytes in, text and a stop reason out.
"""

import codecs
import re
from collections.abc import Iterator, Sequence

from lsp_server.inference.bodies import judge, whole_until
from lsp_server.inference.protocol import Complete
from lsp_server.types import StopReason

_LINE_ENDS = ("\n", "\r")

_CYCLE = re.compile(r"(?=.{0,24}\w)(.{2,24}?)\1{7,}\Z")
"""The same few characters at least eight times in a row, at the end of a text."""

CYCLES_LENGTH = 64
"""Least length of what is said over and over in one line, in code points. Tables of numbers that
programs really hold are as long at most, as a rule."""

BLANKS = 24
"""Tokens of nothing but white space in a row that end an answer. A model that writes blank after
blank never ends; most know runs of blanks, but one that does not may still indent so far."""

_CYCLES_REACH = 512
"""Code points at the end of a text in which that is looked for."""


class AnswerText:
    """The text of one answer as it grows."""

    def __init__(self, request: Complete) -> None:
        self._request = request
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._tokens = 0
        self._blanks = 0
        """Tokens of nothing but white space that came last."""
        self._end: int | None = None
        self._known = 0
        """How much of a body was there the last time, and had no end in it."""
        self._safe: int | None = None
        """How much may be handed out; None is all of it."""
        self._handed_out = len(request.healed)

    def add(self, piece: bytes) -> StopReason | None:
        """Append the bytes of one token; return why the answer ends here, if it does."""
        self._tokens += 1
        self._text += self._decoder.decode(piece)
        is_blank = piece.isspace() and len(self._text) > len(self._request.healed)
        self._blanks = self._blanks + 1 if is_blank else 0
        stop = self._stop()
        if stop is None and self._tokens >= self._request.max_tokens:
            stop = StopReason.TOKENS
        return None if stop is None else self.end(stop)

    def end(self, reason: StopReason) -> StopReason:
        """End the answer for a reason that may lie outside of its text; return that reason.

        A body that was cut off ends behind its last whole statement, if it has one.
        """
        if reason.is_cut and (whole := self._whole(reason)) is not None:
            self._end = whole
        self._safe = None
        return reason

    def out_of_time(self) -> StopReason | None:
        """End the answer because its time is up, a body once it has a whole statement."""
        if self._request.body is not None and self._whole(StopReason.TIME) is None:
            return None
        return self.end(StopReason.TIME)

    def _whole(self, reason: StopReason) -> int | None:
        """Return where the last whole statement of a body ends; None if there is none."""
        begin = len(self._request.healed)
        if self._request.body is None:
            return None
        text = self._text[begin : self._end]
        # The line that was the last one allowed is a whole one.
        ending = "\n" if reason is StopReason.LINES else ""
        whole = whole_until(text + ending, self._request.body)
        return None if whole is None else begin + min(len(text), whole)

    def room_for(self, pieces: Sequence[bytes]) -> int:
        """Return how many of `pieces` could be added before the answer ends."""
        trial = AnswerText(self._request)
        trial._decoder.setstate(self._decoder.getstate())
        trial._text, trial._tokens, trial._known = self._text, self._tokens, self._known
        trial._blanks = self._blanks
        for count, piece in enumerate(pieces):
            if trial.add(piece) is not None:
                return count
        return len(pieces)

    def _stop(self) -> StopReason | None:
        # Where several end it at once, the first one named here is the reason.
        ends = [(end, reason) for end, reason in self._ends() if end is not None]
        if not ends:
            return None
        self._end, reason = min(ends, key=lambda found: found[0])
        return reason

    def _ends(self) -> Iterator[tuple[int | None, StopReason]]:
        begin = len(self._request.healed)
        if self._request.body is not None:
            found = judge(self._text[begin:], self._request.body, self._known)
            self._known = max(0, len(self._text) - begin)
            self._safe = begin + found.safe
            if found.end is not None and found.reason is not None:
                yield begin + found.end, found.reason
        yield self._end_of_lines(), StopReason.LINES
        yield self._begin_of_string(), StopReason.STRING
        yield self._end_of_cycles(), StopReason.REPETITION
        if self._blanks >= BLANKS:
            yield len(self._text), StopReason.REPETITION

    def _end_of_lines(self) -> int | None:
        """Return where the last permitted line ends; lines without text do not count."""
        lines = 0
        has_text = self._request.line_has_text
        for index in range(len(self._request.healed), len(self._text)):
            character = self._text[index]
            if character not in _LINE_ENDS:
                has_text = has_text or not character.isspace()
            elif has_text:
                lines += 1
                has_text = False
                if lines == self._request.max_lines:
                    return index
        return None

    def _begin_of_string(self) -> int | None:
        found = [
            index
            for string in self._request.stop_strings
            if (index := self._text.find(string, len(self._request.healed))) >= 0
        ]
        return min(found, default=None)

    def _end_of_cycles(self) -> int | None:
        """Return the end of a text that goes round in circles; nothing is taken off it."""
        begin = max(len(self._request.healed), len(self._text) - _CYCLES_REACH)
        found = _CYCLE.search(self._text, begin)
        return None if found is None or len(found[0]) < CYCLES_LENGTH else len(self._text)

    def fresh(self) -> str:
        """Return the text that was not handed out yet."""
        end = len(self._text) if self._end is None else self._end
        if self._safe is not None:
            end = min(end, self._safe)
        text = self._text[self._handed_out : end]
        self._handed_out = max(self._handed_out, end)
        return text

    def text(self) -> str:
        """Return the answer behind the healed text."""
        return self._text[len(self._request.healed) : self._end]
