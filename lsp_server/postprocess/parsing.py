"""Suggestions that would not parse where they stand."""

import re
from collections.abc import Iterator

from lsp_server.postprocess.place import Ended, Place
from lsp_server.text import split_lines
from lsp_server.types import RejectionReason

_MOST_TRIALS = 4
"""Shorter beginnings that are tried; each is parsed."""

_LEAST = 0.4
"""Part of a suggestion of one line that has to be left for it to be shown."""

_END = re.compile(r"(?<=[;)\]}\"'`])|(?=\s+[)\]}{])|(?<=\w)(?=[)\]}]+\W*\Z)")
"""Where a suggestion of one line may end: behind a statement, closed bracket or string, before
blanks and a bracket, and before all the brackets that it ends with."""


def drop_errors(text: str, place: Place) -> str | RejectionReason:
    """Show only what parses; end it earlier where that is enough.

    A beginning that is still on its way is not judged.
    """
    if place.ended is Ended.NOT_YET or place.errors(text) <= 0:
        return text
    for count, shorter in enumerate(_shorter(text)):
        if count == _MOST_TRIALS:
            break
        if place.errors(shorter) <= 0:
            return shorter
    return RejectionReason.ADDS_ERRORS


def _shorter(text: str) -> Iterator[str]:
    """Yield beginnings of `text` that may be worth showing, the longest first."""
    lines = split_lines(text)
    if len(lines) > 1:
        for count in range(len(lines) - 1, 0, -1):
            if "".join(lines[:count]).strip():
                yield "".join(lines[:count]).rstrip()
        return
    ends = [match.start() for match in _END.finditer(text)]
    for end in reversed(ends):
        if len(text) > end >= len(text) * _LEAST and any(map(str.isalnum, text[:end])):
            yield text[:end].rstrip()
