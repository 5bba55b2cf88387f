"""Answers that were cut off by a limit: what is unfinished at their end is not shown."""

import re

from lsp_server.postprocess.place import Ended, Place
from lsp_server.text import split_lines
from lsp_server.types import RejectionReason

_UNFINISHED_WORD = re.compile(r"\w+\Z")
_LOOSE_END = re.compile(r"[\s.,:=+\-*/%<>&|!?(\[{@~^]+\Z")
"""What may stand at the end of half a statement, but not at the end of a whole one."""


def end_at_whole(text: str, place: Place) -> str | RejectionReason:
    """End a text that a limit has cut off at its last whole statement, argument or word."""
    if place.ended is not Ended.LIMIT or text.endswith(("\n", "\r")):
        return text
    lines = split_lines(text)
    whole = "".join(lines[:-1])
    if whole.strip():
        return whole.rstrip()
    last = _UNFINISHED_WORD.sub("", text)
    if place.is_code:
        last = _LOOSE_END.sub("", last)
    return last if last.strip() else RejectionReason.TOO_LITTLE
