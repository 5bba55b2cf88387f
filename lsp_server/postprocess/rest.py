"""The text right of the cursor: what the document has already is not said again."""

import re

from lsp_server.postprocess.lexing import CLOSERS, OPENER_OF, QUOTES, open_quote, without_strings
from lsp_server.postprocess.place import Place
from lsp_server.text import split_lines
from lsp_server.types import RejectionReason, Surface


def cut_overlap_with_rest(text: str, place: Place) -> str | RejectionReason:
    """Take off the end of the text where the document already goes on with the same.

    Models close the brackets and quotes that the editor has closed already, and in the middle of
    a line they often run on through what follows.
    """
    rest = place.rest_of_line.rstrip()
    # A body ended before what closes it.
    if not rest or place.surface in (Surface.BLOCK, Surface.FUNCTION):
        return text
    lines = split_lines(text)
    head, last = "".join(lines[:-1]), lines[-1]
    shown = head + _without_overlap(last, rest, place.typed if not head else "")
    if text.strip() and not shown.strip():
        return RejectionReason.REPEATS_REST_OF_LINE
    return shown


def _without_overlap(last: str, rest: str, typed: str) -> str:
    end = _closing_index(last, rest, typed)
    if end is not None and all(one in CLOSERS or one in QUOTES for one in rest.strip(" ,;")):
        return last[:end]
    if len(rest) > 1 and rest in last:
        return last[: last.index(rest)]
    if len(rest) == 1 and rest in "{;,:" and last.rstrip().endswith(rest):
        return last.rstrip()[:-1]
    for length in range(min(len(rest), len(last)), 1, -1):
        if last.endswith(rest[:length]):
            return last[:-length]
    return last if end is None else last[:end]


def _closing_index(text: str, rest: str, typed: str) -> int | None:
    """Return where `text` closes what was opened before it and what `rest` closes, too."""
    closer, quote = rest[0], open_quote(typed)
    if closer in QUOTES:
        return _end_of_string(text, rest) if quote == closer else None
    opener = OPENER_OF.get(closer)
    if opener is None:
        return None
    # Where the string is closed behind the cursor, this is code inside of it.
    begin = text.find(quote) + 1 if quote and quote not in rest else 0
    depth = 0
    for index, character in enumerate(without_strings(text[begin:]), begin):
        depth += (character == opener) - (character == closer)
        if depth < 0:
            return index
    return None


def _end_of_string(text: str, rest: str) -> int | None:
    """Return where the string at the cursor ends, or the last one that ends as `rest` does."""
    ending = text.rstrip(" ;:,{").removesuffix(rest)
    if len(ending) < len(text.rstrip(" ;:,{")):
        return len(ending)
    match = re.search(rf"(?<!\\){rest[0]}", text)
    return match.start() if match else None
