"""The first line of an answer: where it ends, and whether it is one that may not come.

Knows nothing about engines: text in, yes or no out.
"""

from collections.abc import Sequence

_LINE_ENDS = ("\n", "\r")


def first_line_end(text: str, *, has_text: bool) -> int | None:
    """Return where the first line of `text` with something in it ends; None if it goes on.

    `has_text` says that something stands in front of it already.
    """
    for index, character in enumerate(text):
        if character not in _LINE_ENDS:
            has_text = has_text or not character.isspace()
        elif has_text:
            return index
    return None


class ForbiddenLines:
    """Lines that what is typed and an answer's first line together may not be."""

    def __init__(self, typed: str, lines: Sequence[str]) -> None:
        """Take what stands left of the cursor, and the lines, stripped."""
        self._typed = typed
        self._lines = frozenset(line for line in lines if line)

    def __bool__(self) -> bool:
        return bool(self._lines)

    def hold(self, answer: str) -> bool:
        """Return whether the first line is one of them, as far as `answer` goes."""
        return self._line(answer).rstrip() in self._lines

    def may_come(self, answer: str) -> bool:
        """Return whether a text that goes on from `answer` may begin with one of them."""
        line = self._line(answer)
        return any(one.startswith(line) for one in self._lines) or line.rstrip() in self._lines

    def _line(self, answer: str) -> str:
        text = (self._typed + answer).lstrip()
        return text[: first_line_end(text, has_text=True)]
