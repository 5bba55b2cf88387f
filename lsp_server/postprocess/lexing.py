"""Brackets, strings and comments in a few lines of text, without a parser.

Good enough for lines that no grammar accepts yet. Marks and quotes come from the language's row
of the table.
"""

import re
from collections.abc import Iterator
from functools import cache

from lsp_server.syntax.languages import Language

CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
OPENER_OF = {closer: opener for opener, closer in CLOSER_OF.items()}
CLOSERS = frozenset(OPENER_OF)
QUOTES = frozenset("\"'`")

_STRING = re.compile(r"""(["'`])(?:\\.|(?!\1).)*\1""")
_BRACKET = re.compile(r"[()\[\]{}]")
_LETTER = r"'(?:\\.|[^'\\\n])'"


@cache
def _hidden(language: Language) -> re.Pattern[str]:
    """Return what matches a comment or string of the language, where it begins."""
    patterns = []
    if language.line_comment:
        # `#` also begins what is no comment: `$#`, `"#fff"`, `#id`.
        boundary = r"(?:(?<=\s)|^)" if language.line_comment == "#" else ""
        patterns.append(f"{boundary}{re.escape(language.line_comment)}[^\\n]*")
    if language.block_comment:
        start, end = map(re.escape, language.block_comment)
        patterns.append(rf"{start}(?:.|\n)*?(?:{end}|\Z)")
    patterns += (
        rf"{mark}(?:\\.|(?!{mark})(?:.|\n))*{mark}" for mark in map(re.escape, language.long_quotes)
    )
    # An apostrophe opens nothing if no other one follows in its line.
    patterns += (_LETTER, *(rf"{quote}(?:\\.|[^{quote}\\\n])*{quote}" for quote in language.quotes))
    return re.compile("|".join(patterns), re.MULTILINE)


def code_of(text: str, language: Language) -> str:
    """Return `text` with blanks instead of its comments and closed strings; lines stay lines."""
    return _hidden(language).sub(_blanked, text)


def _blanked(match: re.Match[str]) -> str:
    hidden = match.group()
    if "\n" not in hidden:
        return " " * len(hidden)
    return "\n".join(" " * len(line) for line in hidden.split("\n"))


def without_strings(text: str) -> str:
    """Blank out what stands between quotes in one line; a lone apostrophe is none."""
    return _STRING.sub(lambda match: " " * len(match.group()), text)


def brackets(text: str, language: Language) -> Iterator[tuple[int, str]]:
    """Yield the brackets of the code in `text`, with their places."""
    for match in _BRACKET.finditer(code_of(text, language)):
        yield match.start(), match.group()


def open_brackets(text: str, language: Language) -> list[str]:
    """Return the openers in `text` that nothing in it closes, outermost first."""
    stack: list[str] = []
    for _, character in brackets(text, language):
        if character in CLOSER_OF:
            stack.append(character)
        elif stack and stack[-1] == OPENER_OF[character]:
            stack.pop()
    return stack


def open_quote(line: str) -> str:
    """Return the quote of the string that is open at the end of `line`; empty if there is none."""
    found = ""
    escaped = False
    for character in line:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = bool(found)
        elif found:
            found = "" if character == found else found
        elif character in QUOTES:
            found = character
    return found


def comment_in(line: str, language: Language) -> str:
    """Return the words of the comment that `line` is or ends with; empty if it has none."""
    text = line.strip()
    if not text:
        return ""
    starts = [mark for mark in (language.line_comment,) if mark]
    if language.block_comment:
        starts.append(language.block_comment[0])
    visible = without_strings(text)
    found = [(visible.find(mark), mark) for mark in starts if mark in visible]
    if found:
        at, mark = min(found)
        return _bare(text[at + len(mark) :], language)
    if language.block_comment and text.startswith("*"):
        return _bare(text[1:], language)
    return ""


def _bare(comment: str, language: Language) -> str:
    if language.block_comment:
        comment = comment.removesuffix(language.block_comment[1])
    return comment.strip(" \t/*#!-<>")
