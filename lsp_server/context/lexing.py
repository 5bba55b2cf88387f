"""Tells code from strings and comments without a parser, for a few lines around a cursor.

Works on text that no grammar accepts, which is what a half-typed line is. A table says per
language how strings and comments look. Knows nothing about names.
"""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

STRING = '"'
"""What every code point of a string becomes."""

_END = "\0"
"""Stands behind the text while it is read: what swallows it is open at the cursor."""

_SLASHES = r"//[^\n]*|/\*.*?(?:\*/|\Z)"
_HASH = r"#[^\n]*"
_DOUBLE = r'"(?:\\.|[^"\\\n])*(?:"|\\?\Z|$)'
_SINGLE = r"'(?:\\.|[^'\\\n])*(?:'|\\?\Z|$)"
_LETTER = r"'(?:\\[^\n']{1,9}|\\'|[^'\\\n])'"
_TEMPLATE = r"`(?:\\.|[^`\\])*(?:`|\\?\Z)"
_TRIPLE = r'""".*?(?:"""|\Z)'
_TRIPLE_SINGLE = r"'''.*?(?:'''|\Z)"
_RAW = r"`[^`]*(?:`|\Z)"
_RUST_RAW = r'\bb?r(?P<marks>#*)".*?(?:"(?P=marks)|\Z)'
_VERBATIM = r'\$?@\$?"(?:""|[^"])*(?:"|\Z)'
_LONG = r"\[\[.*?(?:\]\]|\Z)"


@dataclass(frozen=True, slots=True)
class _Lexis:
    """How strings and comments look in a language."""

    comments: re.Pattern[str]
    """A comment, at its beginning."""
    tokens: re.Pattern[str]
    """A comment or a string."""
    code_in_strings: tuple[str, ...] = ()
    """What begins code inside of a string."""


def _lexis(comments: str, strings: str, *code_in_strings: str) -> _Lexis:
    flags = re.DOTALL | re.MULTILINE
    tokens = re.compile(f"{comments}|{strings}", flags)
    return _Lexis(re.compile(comments, flags), tokens, code_in_strings)


def _any(*patterns: str) -> str:
    return "|".join(patterns)


_SCRIPT = _lexis(_SLASHES, _any(_DOUBLE, _SINGLE, _TEMPLATE), "${")
_PLAIN = _lexis(_SLASHES, _any(_TRIPLE, _DOUBLE, _LETTER))
_OTHER = _lexis(_any(_SLASHES, r"(?:(?<=\s)|^)#[^\n]*"), _any(_DOUBLE, _SINGLE, _TEMPLATE))

_TABLE: Mapping[str, _Lexis] = MappingProxyType(
    {
        "python": _lexis(_HASH, _any(_TRIPLE, _TRIPLE_SINGLE, _DOUBLE, _SINGLE), "{"),
        "javascript": _SCRIPT,
        "typescript": _SCRIPT,
        "tsx": _SCRIPT,
        "go": _lexis(_SLASHES, _any(_RAW, _DOUBLE, _LETTER)),
        "rust": _lexis(_SLASHES, _any(_RUST_RAW, _DOUBLE, _LETTER)),
        "java": _PLAIN,
        "c": _PLAIN,
        "cpp": _PLAIN,
        "csharp": _lexis(_SLASHES, _any(_VERBATIM, _TRIPLE, _DOUBLE, _LETTER), "{"),
        "kotlin": _lexis(_SLASHES, _any(_TRIPLE, _DOUBLE, _LETTER), "${"),
        "scala": _lexis(_SLASHES, _any(_TRIPLE, _DOUBLE, _LETTER), "${"),
        "swift": _lexis(_SLASHES, _any(_TRIPLE, _DOUBLE), "\\("),
        "ruby": _lexis(_HASH, _any(_DOUBLE, _SINGLE, _TEMPLATE), "#{"),
        "php": _lexis(_any(_SLASHES, r"#(?!\[)[^\n]*"), _any(_DOUBLE, _SINGLE), "{"),
        "lua": _lexis(_any(r"--\[\[.*?(?:\]\]|\Z)", r"--[^\n]*"), _any(_LONG, _DOUBLE, _SINGLE)),
    }
)

_CLOSERS = MappingProxyType({"{": "}", "(": ")"})


def _blank(lexis: _Lexis, match: re.Match[str]) -> str:
    text = match.group()
    if lexis.comments.match(text):
        return "".join(letter if letter == "\n" else " " for letter in text)
    return STRING * len(text)


def masked(text: str, language: str) -> str:
    """Return `text`, as long as it is, with strings made quotes and comments made blanks."""
    lexis = _TABLE.get(language, _OTHER)
    return lexis.tokens.sub(lambda match: _blank(lexis, match), text)


@dataclass(frozen=True, slots=True)
class Before:
    """The code left of a cursor."""

    code: str
    """Masked; where the cursor is in a string, what stands before the string."""
    in_string: bool = False


def before_cursor(text: str, language: str) -> Before | None:
    """Return what a cursor behind `text` has before it; None if it stands in a comment.

    Code inside of a string (``f"{…``) counts from where it begins.
    """
    lexis = _TABLE.get(language, _OTHER)
    whole = text + _END
    last = next(iter(deque(lexis.tokens.finditer(whole), maxlen=1)), None)
    if last is None or last.end() < len(whole):
        return Before(masked(text, language))
    if lexis.comments.match(last.group()):
        return None
    inside = _code_inside(last.group()[:-1], lexis)
    if inside is not None:
        return before_cursor(inside, language)
    return Before(masked(text[: last.start()], language), in_string=True)


def _code_inside(string: str, lexis: _Lexis) -> str | None:
    """Return the code that is open at the end of a string."""
    for mark in lexis.code_in_strings:
        _, found, code = string.rpartition(mark)
        if found and _CLOSERS[mark[-1]] not in code:
            return code
    return None


def matching(text: str, start: int) -> int:
    """Return where the bracket that opens at `start` closes; the end of the text if nowhere."""
    depth = 0
    for index in range(start, len(text)):
        letter = text[index]
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
            if depth == 0:
                return index
    return len(text)


def opening(text: str, end: int) -> int:
    """Return where the bracket that closes at `end` opens; -1 if nowhere."""
    depth = 0
    for index in range(end, -1, -1):
        letter = text[index]
        if letter in ")]}":
            depth += 1
        elif letter in "([{":
            depth -= 1
            if depth == 0:
                return index
    return -1


def split_top(text: str, *, angles: bool = False) -> list[str]:
    """Split at commas outside of brackets; with `angles`, of angle brackets too."""
    parts = [""]
    depth = 0
    opens, closes = ("([{<", ")]}>") if angles else ("([{", ")]}")
    before = ""
    for letter in text:
        if letter in opens:
            depth += 1
        elif letter in closes and not (letter == ">" and before in "-="):
            depth -= 1
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
        before = letter
    return [part.strip() for part in parts if part.strip()]
