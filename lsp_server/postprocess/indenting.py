"""Indentation: tabs and spaces follow the document, and lines stand where they can stand."""

import re

from lsp_server.postprocess.lexing import CLOSER_OF, brackets, code_of
from lsp_server.postprocess.place import Place, indentation_of
from lsp_server.text import split_lines, strip_ending
from lsp_server.types import RejectionReason, Surface


def indent_like_document(text: str, place: Place) -> str | RejectionReason:
    """Write the indentation of whole lines with tabs or spaces, as the document does.

    Where the document shows no indentation of its own, or mixes both, the text stays.
    """
    unit = place.indent
    if not unit:
        return text
    lines = split_lines(text)
    first = 0 if not place.typed else 1
    width = _width(lines[first:]) if unit == "\t" else 0
    for index in range(first, len(lines)):
        old = indentation_of(lines[index])
        lines[index] = _converted(old, unit, width) + lines[index][len(old) :]
    return "".join(lines)


def _width(lines: list[str]) -> int:
    """Return how many spaces make a level in `lines`; 0 if they say nothing or different things."""
    widths = {len(old) for line in lines if (old := indentation_of(line)) and not old.strip(" ")}
    smallest = min(widths, default=0)
    return smallest if smallest > 1 and all(width % smallest == 0 for width in widths) else 0


def _converted(old: str, unit: str, width: int) -> str:
    if unit == "\t":
        return "\t" * (len(old) // width) if width and not old.strip(" ") else old
    return old.replace("\t", unit) if not old.strip("\t") else old


def fit_first_line(text: str, place: Place) -> str | RejectionReason:
    """Move the first line to where it can stand, in languages whose blocks are indentation.

    Behind a header that is a level deeper, elsewhere no deeper than the line above. Where the
    cursor itself stands too deep, that is the user's affair; several lines are not moved, since
    they may stand rightly towards each other.
    """
    above = place.line_above()
    begin = text[: len(text) - len(text.lstrip())]
    if not _can_judge(above, begin, place):
        return text
    column, least = len(place.typed + begin), len(indentation_of(above))
    if _opens_block(above, place):
        return text if column > least else _moved(text, least + len(place.indent) - column)
    if column > least >= len(place.typed):
        return _moved(text, least - column)
    if column < least and begin and column not in _levels(place):
        return RejectionReason.BROKEN_INDENTATION
    return text


def _can_judge(above: str, begin: str, place: Place) -> bool:
    """Tell whether the line above says where this one can stand."""
    if not (place.language.indented and place.is_code and place.is_at_line_start and above):
        return False
    if set(place.indent + place.typed + begin + indentation_of(above)) != {" "}:
        return False
    # Behind a line that only ends a statement, or a string, the indentation says nothing.
    depth = sum(one in CLOSER_OF or -1 for _, one in brackets(above, place.language))
    return depth == 0 and not any(mark in above for mark in place.language.long_quotes)


def _opens_block(above: str, place: Place) -> bool:
    return code_of(above, place.language).rstrip().endswith(":")


def _levels(place: Place) -> set[int]:
    """Return the columns at which a line may end the blocks that it is in."""
    levels: set[int] = set()
    for line in reversed(place.lines_above):
        column = len(indentation_of(line))
        if line.strip() and (not levels or column < min(levels)):
            levels.add(column)
    return levels


_CLOSES = re.compile(r"[)\]}]|(?:end|fi|done|esac)\b")


def _moved(text: str, columns: int) -> str | RejectionReason:
    if len(split_lines(text)) > 1:
        return RejectionReason.BROKEN_INDENTATION
    return " " * columns + text if columns > 0 else text[-columns:]


def cut_below_block(text: str, place: Place) -> str | RejectionReason:
    """End a body where its lines stand less deep than its first one."""
    if place.surface not in (Surface.BLOCK, Surface.FUNCTION):
        return text
    lines = split_lines(text)
    said = [index for index, line in enumerate(lines) if line.strip()]
    if not said or (said[0] == 0 and not place.is_at_line_start):
        return text
    first = lines[said[0]]
    begin = indentation_of(place.typed + first if said[0] == 0 else first)
    for index in said[1:]:
        if len(indentation_of(lines[index])) < len(begin):
            if index == said[-1] and _CLOSES.match(lines[index].strip()):
                # What closes the body belongs to it where the document does not have it yet.
                return text
            return strip_ending("".join(lines[:index])).rstrip()
    return text
