"""Collect the bytes of an answer and say where it ends.

Knows nothing about engines: bytes in, text and a stop reason out.
"""

import codecs
from collections.abc import Sequence

from lsp_server.inference.protocol import Complete
from lsp_server.types import StopReason

_LINE_ENDS = ("\n", "\r")


class AnswerText:
    """The text of one answer as it grows."""

    def __init__(self, request: Complete) -> None:
        self._request = request
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._tokens = 0
        self._end: int | None = None
        self._handed_out = len(request.healed)

    def add(self, piece: bytes) -> StopReason | None:
        """Append the bytes of one token; return why the answer ends here, if it does."""
        self._tokens += 1
        self._text += self._decoder.decode(piece)
        stop = self._stop()
        if stop is None and self._tokens >= self._request.max_tokens:
            return StopReason.TOKENS
        return stop

    def room_for(self, pieces: Sequence[bytes]) -> int:
        """Return how many of `pieces` could be added before the answer ends."""
        trial = AnswerText(self._request)
        trial._decoder.setstate(self._decoder.getstate())
        trial._text, trial._tokens = self._text, self._tokens
        for count, piece in enumerate(pieces):
            if trial.add(piece) is not None:
                return count
        return len(pieces)

    def _stop(self) -> StopReason | None:
        ends = [
            (end, reason)
            for end, reason in (
                (self._end_of_lines(), StopReason.LINES),
                (self._begin_of_string(), StopReason.STRING),
            )
            if end is not None
        ]
        if not ends:
            return None
        self._end, reason = min(ends, key=lambda found: found[0])
        return reason

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

    def fresh(self) -> str:
        """Return the text that was not handed out yet."""
        end = len(self._text) if self._end is None else self._end
        text = self._text[self._handed_out : end]
        self._handed_out = max(self._handed_out, end)
        return text

    def text(self) -> str:
        """Return the answer behind the healed text."""
        return self._text[len(self._request.healed) : self._end]
