"""Answers that stand for code instead of being code."""

import re

from lsp_server.postprocess.lexing import code_of, comment_in
from lsp_server.postprocess.place import Ended, Place, has_words
from lsp_server.text import split_lines, strip_ending
from lsp_server.types import RejectionReason

_PLACEHOLDER = re.compile(
    r"\b(?:TODO|FIXME|XXX)\b|"
    r"\b(?:your|the rest of the|rest of the|remaining|existing|more|some|actual|other)\s+"
    r"(?:\w+\s+){0,2}(?:code|logic|implementation|stuff)\b.*(?:\bhere\b|\.\.\.|…)|"
    r"\b(?:code|logic|implementation) (?:goes|comes) here\b|"
    r"^\s*(?:\.\.\.|…)|"
    r"^(?:implement(?:ation)?|write|add|fill in|insert|put)\b[^.]*"
    r"\b(?:here|this|me|your (?:own )?(?:code|logic|implementation)|the (?:function|method))\b\W*$|"
    r"^(?:not (?:yet )?implemented|implement)\W*$",
    re.IGNORECASE,
)
"""What comments say that stand in the place of code."""

_NOTHING = re.compile(
    r"(?:pass|\.\.\.|return|return (?:None|null|nil|0|\"\"|''|\[\]|\{\}|false|true)|[{}();])?"
    r"[;\s]*",
    re.IGNORECASE,
)
"""Code that does nothing, in front of such a comment."""

_SHORT = re.compile(r"\W+")


def cut_at_placeholder(text: str, place: Place) -> str | RejectionReason:
    """End the text before a comment that stands for code, such as ``# TODO: implement``.

    Where the user has begun such a comment it is what is wanted.
    """
    if not place.is_code or comment_in(place.typed, place.language):
        return text
    kept = ""
    for line in split_lines(text):
        comment = comment_in(line, place.language)
        if comment and _PLACEHOLDER.search(comment):
            code = code_of(strip_ending(line), place.language).rstrip()
            if not _NOTHING.fullmatch(code.strip()):
                kept += line[: len(code)]
            break
        kept += line
    else:
        return text
    kept = kept.rstrip()
    return RejectionReason.PLACEHOLDER if _NOTHING.fullmatch(kept.strip()) else kept


def drop_echo(text: str, place: Place) -> str | RejectionReason:
    """Show nothing that only repeats a comment just above the cursor."""
    said = comment_in(
        place.typed + strip_ending(split_lines(text.lstrip("\r\n"))[0]), place.language
    )
    if not has_words(said):
        return text
    above = comment_in(place.line_above(), place.language)
    if not above or not _is_same(_words(said), _words(above), place):
        return text
    return RejectionReason.ECHO


def _is_same(said: str, above: str, place: Place) -> bool:
    if said == above:
        return True
    cut = place.ended is not Ended.ITSELF
    return cut and len(said) > len(above) // 2 and above.startswith(said)


def _words(text: str) -> str:
    return _SHORT.sub(" ", text).strip().lower()
