"""The filters, as one ordered tuple of pure functions.

Each takes the text so far and where it would stand, and returns the text to go on with or the
reason why nothing is shown; no filter says "dropped" by an empty string. Knows nothing about
engines or editors.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from lsp_server.text import split_lines, strip_ending
from lsp_server.types import RejectionReason, Surface


@dataclass(frozen=True, slots=True)
class Place:
    """Where a suggestion would stand."""

    typed: str
    """Text left of the cursor in its line."""
    rest_of_line: str
    """Text right of the cursor in its line."""
    next_lines: tuple[str, ...]
    """Lines below the cursor, without their endings."""
    surface: Surface


Filter = Callable[[str, Place], str | RejectionReason]


def cut_at_control_characters(text: str, _place: Place) -> str | RejectionReason:
    """End the text before the first character that has no place in source code."""
    for index, character in enumerate(text):
        if character == "\ufffd" or (character < " " and character not in "\t\n\r\f"):
            return text[:index]
    return text


def end_line_like_document(text: str, place: Place) -> str | RejectionReason:
    """Take off line endings and blanks at the end, unless the rest of the line follows them."""
    if place.surface is Surface.MIDDLE:
        return text.rstrip("\r\n")
    return text.rstrip()


def cut_overlap_with_rest(text: str, place: Place) -> str | RejectionReason:
    """Take off the end of the text where the document already goes on with the same.

    Models close the brackets that the editor has closed already, and in the middle of a line
    they often run on through what follows.
    """
    rest = place.rest_of_line.rstrip()
    # A body ended before what closes it.
    if not rest or place.surface in (Surface.BLOCK, Surface.FUNCTION):
        return text
    lines = split_lines(text)
    head, last = "".join(lines[:-1]), lines[-1]
    shown = head + _without_overlap(last, rest, place.typed if not head else "")
    if text and not shown.strip():
        return RejectionReason.REPEATS_REST_OF_LINE
    return shown


def _without_overlap(last: str, rest: str, typed: str) -> str:
    if len(rest) > 1 and rest in last:
        return last[: last.index(rest)]
    for length in range(min(len(rest), len(last)), 1, -1):
        if last.endswith(rest[:length]):
            return last[:-length]
    end = _closing_index(last, rest[0], typed)
    return last if end is None else last[:end]


_STRING = re.compile(r"""(["'`])(?:\\.|(?!\1).)*\1""")
_OPENERS = {")": "(", "]": "[", "}": "{"}


def _closing_index(text: str, closer: str, typed: str) -> int | None:
    """Return where `text` closes with `closer` what was opened before it."""
    if closer in "\"'`":
        return text.find(closer) if closer in text and typed.count(closer) % 2 else None
    opener = _OPENERS.get(closer)
    depth = 0
    for index, character in enumerate(_without_strings(text)):
        depth += (character == opener) - (character == closer)
        if opener and depth < 0:
            return index
    return None


def _without_strings(text: str) -> str:
    """Blank out what stands between quotes; a lone apostrophe is none."""
    return _STRING.sub(lambda match: " " * len(match.group()), text)


def drop_repeated_next_line(text: str, place: Place) -> str | RejectionReason:
    """Show nothing that would make the current line equal to the next one that is not blank."""
    line = (place.typed + strip_ending(split_lines(text)[0])).strip()
    following = next((line for line in map(str.strip, place.next_lines) if line), "")
    # A lone bracket or keyword often stands twice in a row, and rightly so.
    if line == following and sum(map(str.isalnum, line)) > 2 and not place.rest_of_line.strip():
        return RejectionReason.REPEATS_NEXT_LINE
    return text


def drop_empty(text: str, _place: Place) -> str | RejectionReason:
    """Show nothing that adds nothing."""
    return text if text.strip() else RejectionReason.EMPTY


FILTERS: tuple[Filter, ...] = (
    cut_at_control_characters,
    end_line_like_document,
    drop_empty,
    cut_overlap_with_rest,
    drop_repeated_next_line,
    drop_empty,
)


def postprocess(text: str, place: Place) -> str | RejectionReason:
    """Pass `text` through all filters in order; the first reason ends it."""
    for apply in FILTERS:
        result = apply(text, place)
        if isinstance(result, RejectionReason):
            return result
        text = result
    return text
