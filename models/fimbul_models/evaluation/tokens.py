"""Splits source text into tokens: names, comments, strings and the rest.

A scanner of a few patterns per language, on purpose not the parser that the server uses: what
judges the context engine should not share its faults. It never fails; on odd text it finds odd
tokens. Knows nothing about definitions.
"""

import enum
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lsp_server.text import split_lines


class TokenKind(enum.Enum):
    """What a token is."""

    NAME = "name"
    NUMBER = "number"
    STRING = "string"
    COMMENT = "comment"
    DIRECTIVE = "directive"
    """A line for the preprocessor."""
    MARK = "mark"
    """An operator or a bracket."""


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of text; strings and comments may span lines."""

    kind: TokenKind
    text: str
    line: int
    """Of its begin, from 0."""
    column: int
    """Of its begin, in code points from 0."""


_HASH = r"(?P<comment>#[^\n]*)"
_SLASHES = r"(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))"
_DOUBLE = r'"(?:\\.|[^"\\\n])*(?:"|(?=\n)|\Z)'
_SINGLE = r"'(?:\\.|[^'\\\n])*(?:'|(?=\n)|\Z)"
_TICKS = r"`(?:\\.|[^`\\])*(?:`|\Z)"
_THREE = r'"""(?:\\.|.)*?(?:"""|\Z)'
_THREE_SINGLE = r"'''(?:\\.|.)*?(?:'''|\Z)"
_REGEX = (
    r"(?<![\w)\]}.\"'`])(?<![\w)\]}] )/(?![*/ ])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*"
)
_LONGER_MARKS = r"->|\?\.|::|=>|:=|[=!<>]=|[+\-*/%&|^]=|\.\.\.?|\*\*"
_COMMON = (
    r"(?P<name>[^\W\d][\w$]*|\$[\w$]*)|(?P<number>\d[\w.]*)"
    rf"|(?P<mark>{_LONGER_MARKS}|\S)"
)

_STRINGS = MappingProxyType(
    {
        "python": (
            rf"(?i:[rbuft]{{0,3}})(?:{_THREE}|{_THREE_SINGLE}|{_DOUBLE}|{_SINGLE})",
            _HASH,
        ),
        "javascript": (rf"{_DOUBLE}|{_SINGLE}|{_TICKS}|{_REGEX}", _SLASHES),
        "go": (rf"{_DOUBLE}|`[^`]*(?:`|\Z)|{_SINGLE}", _SLASHES),
        "rust": (
            r'b?r(?P<hashes>#*)".*?(?:"(?P=hashes)|\Z)|b?"(?:\\.|[^"\\])*(?:"|\Z)'
            r"|b?'(?:\\[^']*|[^'\\])'|'[a-z_]\w*\b",
            _SLASHES,
        ),
        "java": (rf"{_THREE}|{_DOUBLE}|{_SINGLE}", _SLASHES),
        "c": (
            rf"{_DOUBLE}|{_SINGLE}",
            _SLASHES + r"|(?P<directive>(?m:^)[ \t]*#(?:\\\n|[^\n])*)",
        ),
    }
)


def _pattern(strings: str, comments: str) -> re.Pattern[str]:
    return re.compile(f"{comments}|(?P<string>{strings})|{_COMMON}", re.DOTALL)


_PATTERNS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        **{name: _pattern(*parts) for name, parts in _STRINGS.items()},
        **dict.fromkeys(("typescript", "tsx"), _pattern(*_STRINGS["javascript"])),
    }
)

_KINDS = MappingProxyType({kind.value: kind for kind in TokenKind})

LANGUAGES = frozenset(_PATTERNS)
"""Our names of the languages that can be scanned."""


def scan(text: str, language: str) -> Iterator[Token]:
    """Yield the tokens of `text`, which is in one of `LANGUAGES`, in order."""
    starts = [0]
    for line in split_lines(text):
        starts.append(starts[-1] + len(line))
    for match in _PATTERNS[language].finditer(text):
        number = min(bisect_right(starts, match.start()) - 1, len(starts) - 2)
        # A group inside of another one closes first, so the last one tells the kind.
        kind = _KINDS[match.lastgroup or ""]
        yield Token(kind, match[0], number, match.start() - starts[number])
