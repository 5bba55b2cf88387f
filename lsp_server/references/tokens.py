"""Source code as hashes of its tokens; comments and white space are no tokens.

Reads line by line where it can: a string ends in its line, and marks of longer ones are tokens by
themselves, what stands between them, too. So what is cut out of a file has the tokens that it has
there, wherever the cut is, which no parser gives. Both the index and what is looked up are read by
this; what is cut differently than a compiler would is cut alike on both sides. Knows nothing about
fingerprints.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import xxhash

from lsp_server.syntax.languages import comment_of, language_for

LEXER = 1
"""Raised when a text gets other tokens than before; indexes of another lexer are not read."""

Hashes = npt.NDArray[np.uint64]

IDENTIFIER = 1
"""Lowest bit of a token's hash: it is a name that somebody chose."""

_NO_TOKEN = 1 << 20
"""Values below count the line ends of what is no token."""
_LIFT = 1 << 40
"""Added to a hash that would be taken for a count."""
_MOST_KEPT = 200_000
"""Tokens whose hashes are kept; a file of 1 MB has about 20,000 different ones."""

_BLOCKS = ("/*", "<!--", "--[[", "=begin", "(*")
"""What begins comments of more than a line, in all languages."""

_IDENTIFIER = r"[^\W\d]\w*"
_NUMBER = r"\d[\w.]*"
_MARK = r"[(),:;\[\]{}]"
# A rule of the same mark in a text is one token, or it would be a run of tokens.
_RULES = "(?=[-=#~+.*/^])(?:" + "|".join(rf"{re.escape(mark)}{{4,}}" for mark in "-=#~+.*/^") + ")"
_BOUNDED = frozenset({"bash", "ruby"})
"""Languages in which a hash sign within a word begins no comment."""

KEYWORDS = frozenset({
    # What the grammars of common languages keep for themselves, in one list: a token has to be the
    # same in files of C and C++, or of JavaScript and TypeScript.
    "False", "None", "True", "abstract", "alias", "and", "any", "as", "asm", "assert", "async",
    "auto", "await", "base", "begin", "bool", "boolean", "break", "byte", "case", "cast",
    "catch", "chan", "char", "checked", "class", "const", "constexpr", "continue", "crate",
    "debugger", "decltype", "def", "default", "defer", "del", "delegate", "delete", "do",
    "double", "dyn", "elif", "else", "elseif", "elsif", "end", "endif", "ensure", "enum",
    "event", "except", "explicit", "export", "extends", "extern", "false", "final", "finally",
    "fixed", "float", "fn", "for", "foreach", "friend", "from", "fun", "func", "function",
    "global", "go", "goto", "if", "impl", "implements", "import", "in", "include", "inline",
    "instanceof", "int", "interface", "internal", "is", "lambda", "let", "local", "lock",
    "long", "loop", "match", "mod", "module", "mut", "mutable", "namespace", "native", "new",
    "nil", "not", "null", "nullptr", "object", "of", "operator", "or", "out", "override",
    "package", "params", "pass", "private", "protected", "public", "raise", "range", "readonly",
    "ref", "register", "repeat", "require", "rescue", "return", "sealed", "select", "self",
    "set", "short", "signed", "sizeof", "static", "struct", "super", "switch", "synchronized",
    "template", "then", "this", "throw", "throws", "trait", "transient", "true", "try", "type",
    "typedef", "typename", "typeof", "undefined", "union", "unless", "unsafe", "unsigned",
    "until", "use", "using", "val", "var", "virtual", "void", "volatile", "when", "where",
    "while", "with", "yield",
})  # fmt: skip


@dataclass(frozen=True)
class Tokens:
    """The tokens of a text."""

    hashes: Hashes
    """One of 64 bits for each; see `IDENTIFIER`."""
    lines: npt.NDArray[np.int64]
    """The line in which each stands, counted from 1."""


class Lexer:
    """Cuts texts into tokens; keeps the hashes of those it has met. Threads may share one."""

    def __init__(self) -> None:
        self._hash_of = _HashOf()

    def read(self, text: str, language: str) -> Tokens:
        """Return the tokens of `text`, which is in `language` as an editor or a corpus calls it."""
        values = self._values(_pattern_for(language).findall(text))
        is_token = values >= _NO_TOKEN
        ends = np.where(is_token, 0, values).astype(np.int64)
        lines = np.cumsum(ends) + 1
        return Tokens(values[is_token], lines[is_token])

    def spans(self, text: str, language: str) -> list[tuple[int, int]]:
        """Return where each token of `text` begins and ends, in code points."""
        found = list(_pattern_for(language).finditer(text))
        values = self._values([match.group(1) or "" for match in found])
        return [
            match.span(1)
            for match, value in zip(found, values.tolist(), strict=True)
            if value >= _NO_TOKEN
        ]

    def _values(self, found: list[str]) -> Hashes:
        if len(self._hash_of) > _MOST_KEPT:
            # Another thread may still read the old one, so it is left as it is.
            self._hash_of = _HashOf()
        return np.fromiter(map(self._hash_of.__getitem__, found), np.uint64, len(found))


class _HashOf(dict[str, int]):
    """The hash of each token that was met."""

    def __missing__(self, found: str) -> int:
        if not found.strip("\n"):
            value = len(found)
        elif len(found) > 3 and found.startswith(_BLOCKS):
            return min(found.count("\n"), _NO_TOKEN - 1)
        else:
            value = _hash(found)
        self[found] = value
        return value


def _hash(token: str) -> int:
    whole = xxhash.xxh3_64_intdigest(token.encode("utf-8", "surrogatepass"))
    is_name = (token[0].isalpha() or token[0] == "_") and token not in KEYWORDS
    value = whole & ~IDENTIFIER | is_name
    return value if value >= _NO_TOKEN else value + _LIFT


def hashes_of(tokens: Iterable[str]) -> Hashes:
    """Return the hashes of `tokens`, as `Lexer.read` gives them."""
    return np.array([_hash(token) for token in tokens], np.uint64)


@cache
def _pattern_for(identifier: str) -> re.Pattern[str]:
    """Return what matches a comment, or as its group a line end or a token."""
    language = language_for(identifier)
    if language is None:
        before, after = (mark.strip() for mark in comment_of(identifier))
        return _pattern("" if after else before, (before, after) if after else None, "\"'", True)  # noqa: FBT003
    bounded = language.name in _BOUNDED
    return _pattern(language.line_comment, language.block_comment, language.quotes, bounded)


def _pattern(
    line: str,
    block: tuple[str, str] | None,
    quotes: str,
    bounded: bool,  # noqa: FBT001
) -> re.Pattern[str]:
    # What is frequent stands first, which halves the time.
    tokens = [_IDENTIFIER, r"\n"]
    # What is not closed ends with its line or the text, so that no text makes this slow.
    if block:
        begin, end = map(re.escape, block)
        start = f"^{begin}" if block[0].startswith("=") else begin
        tokens.append(rf"{start}[\s\S]*?(?:{end}|\Z)")
    tokens += [_MARK, "\"\"\"|'''"]
    tokens += [rf"{quote}[^{quote}\\\n]*+(?:\\.[^{quote}\\\n]*+)*+{quote}?" for quote in quotes]
    tokens += [_NUMBER, _RULES, r"[^\s\w]"]
    comment = ""
    if line:
        boundary = r"(?:(?<=\s)|^)" if bounded and line == "#" else ""
        # A longer comment may begin like a short one, as in Lua.
        other = rf"(?!{re.escape(block[0])})" if block and block[0].startswith(line) else ""
        comment = rf"{boundary}{other}{re.escape(line)}[^\n]*|"
    return re.compile(f"{comment}({'|'.join(tokens)})", re.MULTILINE)
