"""Lines that stand beside the cursor already, and answers that go round in circles."""

import re
from collections.abc import Sequence

from lsp_server.postprocess.lexing import open_brackets
from lsp_server.postprocess.place import Ended, Place, has_words, indentation_of
from lsp_server.text import split_lines, strip_ending
from lsp_server.types import RejectionReason

_IMPORT = re.compile(r"\s*(?:import|from|use|using|#include|require|require_once)\b\s*\S.*\S")
"""A line that says what a file needs; nobody says it twice."""

_LONG = 12
"""Letters and digits of a line that is hardly twice in the same block."""

_ENDS = frozenset({"}", "};", "},", ")", ");", "),", "]", "];", "],", "})", "});", "fi", "od"})
"""Lines that end a block or a list."""

_ROUNDS = 3
"""Times in a row that a suggestion may say the same lines before it is cut."""

_MOST_LINES = 4
"""Longest group of lines that is looked for again right behind itself."""

_TOKEN = re.compile(r"\w+|\s+|([^\w\s])\1*")

_REPEATED_TOKENS = 12
"""Tokens at the end of a cut answer that say the same again and again, if it goes in circles."""

_CERTAIN = 30
"""The same for an answer that came to an end by itself; tables of numbers may do that."""


def drop_repeated_next_line(text: str, place: Place) -> str | RejectionReason:
    """Show nothing that would make the current line equal to the one below, or the one after it.

    Not where the current line stands deeper: ``return False`` may end a block and, behind it, the
    block around it.
    """
    if place.rest_of_line.strip():
        return text
    line = _first_line(text, place)
    below = [one for one in place.next_lines if one.strip()][:2]
    if not below:
        return text
    if not has_words(line):
        # Nested blocks end at different depths.
        twice = line.strip() in _ENDS and line == below[0].rstrip()
        return RejectionReason.REPEATS_NEXT_LINE if twice else text
    if _is_same(line, below[0], text, place) and _depth(line) <= _depth(below[0]):
        return RejectionReason.REPEATS_NEXT_LINE
    if len(below) > 1 and _is_in_same_block(line, below):
        return RejectionReason.REPEATS_NEXT_LINE
    return text


def cut_next_line_at_end(text: str, place: Place) -> str | RejectionReason:
    """Take off the line below where it is said behind the end of a block, as in ``} return x``."""
    below = place.line_below().strip()
    if len(below) < _LONG or place.rest_of_line.strip() or not text.endswith(below):
        return text
    kept = text.removesuffix(below).rstrip()
    return kept if kept.endswith(("}", ")", ";")) else text


def _is_in_same_block(line: str, below: Sequence[str]) -> bool:
    """Tell whether `line` is the second one below and nothing between them ends their block."""
    is_long = sum(map(str.isalnum, line)) >= _LONG and not line.endswith(("(", "[", "{"))
    return is_long and line == below[1].rstrip() and _depth(below[0]) >= _depth(line)


def _first_line(text: str, place: Place) -> str:
    return (place.typed + strip_ending(split_lines(text)[0])).rstrip()


def _depth(line: str) -> int:
    return len(indentation_of(line).expandtabs(4))


def _is_same(line: str, other: str, text: str, place: Place) -> bool:
    line, other = line.strip(), other.strip()
    if line == other:
        return True
    # What is cut off in the middle of the same line would have become it.
    cut = place.ended is not Ended.ITSELF and len(split_lines(text)) == 1
    return cut and len(line) > len(other) // 2 and other.startswith(line)


def cut_where_document_goes_on(text: str, place: Place) -> str | RejectionReason:
    """End a suggestion of several lines where they begin to repeat those below the cursor."""
    lines = split_lines(text)
    below = [line.rstrip() for line in place.next_lines if line.strip()]
    if len(lines) < 2 or not below or place.rest_of_line.strip():
        return text
    stripped = [line.rstrip() for line in lines]
    for index in range(1, len(lines)):
        behind = [line for line in stripped[index:] if line]
        if behind and _goes_on(behind, below) and _is_whole("".join(lines[:index]), behind, place):
            return strip_ending("".join(lines[:index]))
    return text


def _goes_on(behind: Sequence[str], below: Sequence[str]) -> bool:
    """Tell whether `behind` begins as `below` does, or is its beginning."""
    if has_words(below[0]):
        return behind[0] == below[0]
    # A lone bracket says little: all that is left has to be the same.
    return len(behind) <= len(below) and list(behind) == list(below[: len(behind)])


def _is_whole(kept: str, behind: Sequence[str], place: Place) -> bool:
    """Tell whether what is kept needs none of the brackets that are taken off."""
    if has_words(behind[0]):
        return True
    return not open_brackets(place.typed + kept, place.language)


def drop_repeated_lines_above(text: str, place: Place) -> str | RejectionReason:
    """Show nothing that says again what stands just above the cursor."""
    line = _first_line(text, place)
    if place.rest_of_line.strip() or not has_words(line):
        return text
    if place.is_code and _IMPORT.fullmatch(line) and line in place.lines_above:
        return RejectionReason.REPEATS_LINES_ABOVE
    above = place.line_above()
    if sum(map(str.isalpha, line)) <= 2:
        # Rows of numbers may well be equal.
        return text
    if _depth(line) >= _depth(above) and _is_same(line, above, text, place):
        return RejectionReason.REPEATS_LINES_ABOVE
    return text


def cut_repeated_lines(text: str, _place: Place) -> str | RejectionReason:
    """End a suggestion of several lines where it says the same lines over and over."""
    lines = split_lines(text)
    said = [line.strip() for line in lines]
    for start in range(len(lines)):
        for size in range(1, min(_MOST_LINES, (len(lines) - start) // _ROUNDS) + 1):
            group = said[start : start + size]
            if any(map(has_words, group)) and said[start : start + size * _ROUNDS] == (
                group * _ROUNDS
            ):
                return strip_ending("".join(lines[: start + size]))
    return text


def drop_circles(text: str, place: Place) -> str | RejectionReason:
    """Show nothing of an answer whose end says the same words again and again."""
    tokens = [match.group() for match in _TOKEN.finditer(text)]
    needed = _CERTAIN if place.ended is Ended.ITSELF else _REPEATED_TOKENS
    for period in range(1, len(tokens) // 3 + 1):
        repeated = _repeated_at_end(tokens, period)
        if repeated + period >= max(needed, 3 * period) and "".join(tokens[-period:]).strip():
            return RejectionReason.REPEATS_ITSELF
    return text


def _repeated_at_end(tokens: Sequence[str], period: int) -> int:
    """Return how many tokens at the end equal the one `period` places before them."""
    count = 0
    while count + period < len(tokens) and tokens[-1 - count] == tokens[-1 - count - period]:
        count += 1
    return count
