"""Characters and marks that have no place in source code, and answers that say nothing."""

import re

from lsp_server.postprocess.place import Ended, Place
from lsp_server.types import RejectionReason, Surface

_WIDE_BAR = "\uff5c"
"""Stands in the place of ``|`` in the tokens of some families."""

_MARK = re.compile(
    rf"<[|{_WIDE_BAR}][\w▁ .-]{{2,40}}[|{_WIDE_BAR}]>|"
    r"<(?:fim|file|repo|jupyter|issue|commit|gh)_?[a-z_]{2,16}>|"
    r"<(?:PRE|SUF|MID|EOT|EOM|FILL_ME|CURSOR|cursor)>|\[/?INST\]|█"
)
"""Control tokens of model families, and marks for a cursor that they learned from prompts."""

_MARK_BEGIN = re.compile(rf"<[|{_WIDE_BAR}][\w▁]*\Z")


def cut_at_control_characters(text: str, _place: Place) -> str | RejectionReason:
    """End the text before the first character that has no place in source code."""
    for index, character in enumerate(text):
        if character == "\ufffd" or (character < " " and character not in "\t\n\r\f"):
            return text[:index]
    return text


def cut_at_control_mark(text: str, place: Place) -> str | RejectionReason:
    """End the text where the model spells one of its control tokens.

    Not where the document has the same mark: then it is about such tokens.
    """
    match = _MARK.search(text) or (
        _MARK_BEGIN.search(text) if place.ended is not Ended.ITSELF else None
    )
    if match is None or _stands_around(match.group(), place):
        return text
    return text[: match.start()] if text[: match.start()].strip() else RejectionReason.CONTROL_MARK


def _stands_around(mark: str, place: Place) -> bool:
    around = (place.typed, place.rest_of_line, *place.lines_above, *place.next_lines)
    return any(mark in line for line in around)


def end_like_document(text: str, place: Place) -> str | RejectionReason:
    """Take off line endings and blanks at the end, unless the rest of the line follows them."""
    if place.surface is Surface.MIDDLE:
        return text.rstrip("\r\n")
    return text.rstrip()


def drop_empty(text: str, _place: Place) -> str | RejectionReason:
    """Show nothing that adds nothing."""
    return text if text.strip() else RejectionReason.EMPTY


def drop_too_little(text: str, place: Place) -> str | RejectionReason:
    """Show no lone mark behind code, such as ``)``: one key types it as well, or the editor did.

    At the begin of a line it may end a block, and brings the right indentation with it.
    """
    is_mark = len(text.strip()) == 1 and not text.strip().isalnum()
    return RejectionReason.TOO_LITTLE if is_mark and not place.is_at_line_start else text


def drop_secrets(text: str, place: Place) -> str | RejectionReason:
    """Show nothing that looks like a password or key."""
    return RejectionReason.CREDENTIALS if place.reveals(text) else text
