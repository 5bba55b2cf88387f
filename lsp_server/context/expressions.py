"""Reads the expressions at a cursor from text: what is left of the dot, which call is open.

Lexical and cheap, so that it can run at every key press. Knows nothing about what names mean.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.context.lexing import STRING, before_cursor, matching, opening, split_top

CALL = "()"
INDEX = "[]"
UNWRAP = "?"

CALL_LINES = 30
"""Lines above the cursor in which a call may have begun."""

CALL_LENGTH = 6000
"""Code points that are searched for the begin of a call."""

CHAIN_LINES = 8
"""Lines above the cursor over which a chain of calls may be spread."""

LINE_LENGTH = 1000
"""Code points left of the cursor that are looked at."""

LONGEST = 12
"""Links of the longest chain that is read."""

_NAME = re.compile(r"[#@$]{0,2}[^\W\d]\w*")
_PREFIX = re.compile(r"\s*(?:(?:(await|co_await)|new|try[!?]?|yield|move|mut|ref)\b\s*|[&*\\]\s*)")
_SEPARATOR = re.compile(r"\s*(&\.|->|::|\\|\.(?!\.))\s*")
_COLON = re.compile(r"(:)(?!:)")
_BEFORE = re.compile(r"(?:&?(?<!\.\.)\.|->|::)[ \t]*$|\\$")
_BEFORE_COLON = re.compile(r"(?<!:):$")
_CURSOR = re.compile(r"(&\.|->|::|(?<!\.)\.)([#@$]?\w*)$")
_CURSOR_COLON = re.compile(r"((?<![:\s]):)(\w*)$")
_CONTINUED = re.compile(r"\s*(?:[?!&]?\.(?!\.)|->|::)")
_UNWRAP = re.compile(r"(?:\?|!!?)(?=[.;,)\]?]|::|->|\s*$|\s*\n)")
_END = re.compile(r"\s*(?:[;,:){\]]|$|\n|in\b|else\b|if\b(?=.*\bfor\b))")
_CAST = re.compile(r"\s*\bas[?!]?\s+([^\s;,){]+(?:<[^;]*>)?)")
_ANGLES = re.compile(r"(?:::)?<[\w\s,.:\[\]<>|?&*'\"]*>(?=[({]|::|\.|$)")
_TYPE_IN_BRACKETS = re.compile(r"[\w.:]+(?:<.*>)?[\s*&?]*(?:\[\])*$")
_OPERATOR_WORD = re.compile(r"(?:in|as|is|else|if|or|and|of|for)\b")
_KEYWORD = re.compile(r"(\w+)\s*(?:=(?![=>])|:(?!:))")
_STATEMENT = re.compile(r"\s*(?:import|from|use|using|package|namespace|#\s*include|require)\b")
_DECLARATION = re.compile(
    r"\b(?:def|func|fn|fun|function|sub|class|struct|record|enum|interface|trait|impl)\s*"
    r"(?:\([^()]*\)\s*)?$"
)
_LAST_WORD = re.compile(r"(?:^|[^\w$])([^\W\d]\w*)(?:>|\[\])?(?:\s+[*&]*|[*&]+\s+)$")
_STRUCTURE = re.compile(r"[()\[\]{};,]")

_RESERVED_WORDS = (
    "if elif else while for foreach switch return in is not and or catch except throw raise yield"
    " await with assert typeof sizeof delete lambda unless until del try def fn func let const var"
    " function"
)
_RESERVED = frozenset(_RESERVED_WORDS.split())
"""Words that are never the name of anything."""

_UNCALLED_WORDS = (
    "match when case lock synchronized using guard select async move of do fun fixed print"
)
_UNCALLED = _RESERVED | frozenset(_UNCALLED_WORDS.split())
"""Words that are followed by brackets without calling anything."""

_CALLING_WORDS = (
    "return await new in not and or else yield throw raise case is assert if while elif co_await"
    " co_return co_yield go defer try of typeof when match until unless puts print echo do then"
    " from lambda using move range del delete for void"
)
_CALLING = frozenset(_CALLING_WORDS.split())
"""Words that may stand before a call. Any other word there makes it a declaration."""


@dataclass(frozen=True, slots=True)
class Link:
    """One name of a chain and what is done with it."""

    name: str
    after: tuple[str, ...] = ()
    """`CALL`, `INDEX` and `UNWRAP`, in the order of the text."""
    by: str = ""
    """What stands before the name, such as ``.`` or ``->``; empty at the begin."""

    def __str__(self) -> str:
        return f"{self.name}{''.join(self.after)}"


@dataclass(frozen=True, slots=True)
class Expression:
    """A chain of names."""

    links: tuple[Link, ...]
    head: "Expression | None" = None
    """What stands in brackets before the first link; its own brackets are part of no link."""
    awaited: bool = False
    """The whole of it is awaited."""
    cast: str = ""
    """The type that it is said to have."""

    def __str__(self) -> str:
        parts = [f"({self.head})"] if self.head else []
        parts += [str(link) for link in self.links]
        text = ".".join(parts)
        text = f"await {text}" if self.awaited else text
        return f"{text} as {self.cast}" if self.cast else text


@dataclass(frozen=True, slots=True)
class Receiver:
    """What is left of the dot before the cursor, and what is typed behind it."""

    expression: Expression
    operator: str
    partial: str


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call whose arguments are being written."""

    callee: Expression
    """Its last link is the function, without the call."""
    number: int
    """Arguments before the cursor."""
    keywords: tuple[str, ...] = ()
    """Names of arguments that are given already."""


def parse_expression(code: str, language: str = "") -> Expression | None:
    """Read masked code that begins with a chain of names; None if it is anything else.

    What follows the chain must end the expression: nothing is known about ``a.b + c``.
    """
    reader = _Reader(code, language)
    return reader.whole()


class _Reader:
    """Reads one expression from the left."""

    def __init__(self, code: str, language: str) -> None:
        self.code = code
        self.language = language
        self.at = 0

    def whole(self) -> Expression | None:
        awaited = self._prefixes()
        cast, head = "", None
        if self.code.startswith("(", self.at):
            close = matching(self.code, self.at)
            inner = self.code[self.at + 1 : close]
            self.at = close + 1
            if self._begins_operand() and _TYPE_IN_BRACKETS.match(inner.strip()):
                cast = inner.strip()
                self._prefixes()
            else:
                head = parse_expression(inner, self.language)
                if head is None:
                    return None
        chain = self._chain(head)
        if chain is None:
            return None
        links, asserted = chain
        cast = cast or asserted or self._cast()
        if not _END.match(self.code, self.at):
            return None
        return Expression(links, head, awaited, cast)

    def _prefixes(self) -> bool:
        awaited = False
        while match := _PREFIX.match(self.code, self.at):
            awaited = awaited or match[1] is not None
            self.at = match.end()
        while self.at < len(self.code) and self.code[self.at].isspace():
            self.at += 1
        return awaited

    def _begins_operand(self) -> bool:
        rest = self.code[self.at :].lstrip()
        if not rest or _OPERATOR_WORD.match(rest):
            return False
        return rest[0] in "(&*" + STRING or _NAME.match(rest) is not None

    def _chain(self, head: Expression | None) -> tuple[tuple[Link, ...], str] | None:
        links: list[Link] = []
        by = ""
        if head is not None:
            head_after = self._after("")
            if head_after is None:
                return None
            links = [Link("", head_after)] if head_after else []
        while len(links) < LONGEST:
            if links or head:
                step = self._step()
                if step is None:
                    return tuple(links), ""
                by = step
            if self.code.startswith("(", self.at) and by == ".":
                return tuple(links), self._asserted()
            link = self._link(by)
            if link is None:
                return None
            links.append(link)
        return None

    def _step(self) -> str | None:
        match = _SEPARATOR.match(self.code, self.at)
        if match is None and self.language == "lua":
            match = _COLON.match(self.code, self.at)
        if match is None:
            return None
        self.at = match.end()
        return "->" if "->" in match[1] else "::" if match[1] in ("::", "\\") else "."

    def _link(self, by: str) -> Link | None:
        match = _NAME.match(self.code, self.at)
        if match is None or (not by and match.group() in _RESERVED):
            return None
        self.at = match.end()
        after = self._after(match.group())
        return None if after is None else Link(match.group(), after, by)

    def _asserted(self) -> str:
        close = matching(self.code, self.at)
        asserted = self.code[self.at + 1 : close].strip()
        self.at = close + 1
        return asserted

    def _after(self, name: str) -> tuple[str, ...] | None:
        after: list[str] = []
        while self.at < len(self.code):
            found = self._one_after(name)
            if found is None:
                break
            if found == "!":
                return None
            after.append(found)
        return tuple(after)

    def _one_after(self, name: str) -> str | None:
        code, at = self.code, self.at
        if angles := _ANGLES.match(code, at):
            self.at = at = angles.end()
        if code.startswith(("(", "["), at):
            self.at = matching(code, at) + 1
            return CALL if code[at] == "(" else INDEX
        if self._is_literal(name):
            self.at = matching(code, code.index("{", at)) + 1
            return CALL
        if code.startswith(("!(", "![", "!{"), at):
            return "!"
        if match := _UNWRAP.match(code, at):
            self.at = match.end()
            return UNWRAP
        return None

    def _is_literal(self, name: str) -> bool:
        """Return whether braces that give a new value its fields follow."""
        if self.language not in ("go", "rust", "cpp") or not name[:1].isupper():
            return False
        return self.code[self.at : self.at + 2].lstrip().startswith("{")

    def _cast(self) -> str:
        match = _CAST.match(self.code, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[1]


def _chain_start(code: str, end: int, language: str) -> int:
    """Return where the chain of names that ends at `end` begins; `end` if there is none."""
    start = end
    while True:
        begin = _operand_start(code, start)
        if begin == start:
            return end
        start = begin
        before = code[max(0, start - 40) : start]
        if before.endswith(".."):
            return start
        match = _BEFORE.search(before)
        if match is None and language == "lua":
            match = _BEFORE_COLON.search(before)
        if match is None:
            return start
        start -= len(before) - match.start()
        while start > 0 and code[start - 1].isspace():
            start -= 1


def _operand_start(code: str, end: int) -> int:
    """Return where a name with its calls and indexes begins."""
    start = end
    while start > 0:
        letter = code[start - 1]
        if letter in ")]":
            start = opening(code, start - 1)
            if start < 0:
                return end
        elif letter == ">" and code[start - 2 : start - 1] not in ("-", "="):
            begin = _angle_start(code, start)
            if begin == start:
                return end
            start = begin
        elif letter in "?!" and not code[start:end].strip("?!"):
            start -= 1
        else:
            break
    name = _name_start(code, start)
    unnamed = _RESERVED if start == end else _UNCALLED
    if code[name:start] in unnamed and not code[:name].endswith((".", "->", "::")):
        return start
    return name


def _angle_start(code: str, end: int) -> int:
    depth = 0
    for index in range(end - 1, max(-1, end - 120), -1):
        letter = code[index]
        if letter == ">":
            depth += 1
        elif letter == "<":
            depth -= 1
            if depth == 0:
                return index - 2 if code[index - 2 : index] == "::" else index
        elif not (letter.isalnum() or letter in "_ ,.:[]?&*'" + STRING):
            break
    return end


def _name_start(code: str, end: int) -> int:
    start = end
    while start > 0 and (code[start - 1].isalnum() or code[start - 1] == "_"):
        start -= 1
    while start > 0 and code[start - 1] in "#@$" and end - start:
        start -= 1
    return start


def _is_continued(line: str) -> bool:
    return _CONTINUED.match(line) is not None


def _spread(above: Sequence[str], typed: str) -> str:
    """Return what is typed together with the lines above whose chain it continues."""
    rows = [typed[-LINE_LENGTH:]]
    for line in reversed(above[-CHAIN_LINES:]):
        if not _is_continued(rows[0]):
            break
        rows.insert(0, line[-LINE_LENGTH:].split("//")[0].rstrip() + "\n")
    return "".join(rows)


def receiver_at(typed: str, language: str = "", above: Sequence[str] = ()) -> Receiver | None:
    """Return what is left of the last dot, arrow or double colon before the cursor.

    `above` are the lines above, for chains of calls that begin there.
    """
    before = before_cursor(_spread(above, typed), language)
    if before is None or before.in_string:
        return None
    code = before.code
    match = _CURSOR.search(code)
    if match is None and language == "lua":
        match = _CURSOR_COLON.search(code)
    if match is None or _STATEMENT.match(code):
        return None
    end = len(code[: match.start()].rstrip())
    expression = parse_expression(code[_chain_start(code, end, language) : end], language)
    if expression is None:
        return None
    return Receiver(expression, match[1].lstrip("&"), match[2])


def open_call(above: Sequence[str], typed: str, language: str = "") -> OpenCall | None:
    """Return the innermost call whose brackets are open at the cursor."""
    text = ("".join(above[-CALL_LINES:]) + typed[-LINE_LENGTH:])[-CALL_LENGTH:]
    before = before_cursor(text, language)
    if before is None:
        return None
    code = before.code
    start = _open_bracket(code)
    if start < 0:
        return None
    callee = _callee(code, start, language)
    if callee is None:
        return None
    arguments = code[start + 1 :]
    return OpenCall(callee, _count(arguments), _keywords(arguments))


def _open_bracket(code: str) -> int:
    """Return where the innermost open call begins; -1 if there is none."""
    depth = 0
    for match in reversed(list(_STRUCTURE.finditer(code))):
        letter = match.group()
        if letter in ")]}":
            depth += 1
        elif depth:
            depth -= letter in "([{"
        elif letter == "(":
            return match.start()
        elif letter == ";" or (letter == "{" and not _is_value(code, match.start())):
            return -1
    return -1


def _is_value(code: str, brace: int) -> bool:
    """Return whether a brace begins an object rather than a block."""
    return code[:brace].rstrip().endswith(("(", ",", "[", ":", "="))


def _callee(code: str, start: int, language: str) -> Expression | None:
    end = len(code[:start].rstrip(" ")) if language in ("c", "cpp") else start
    begin = _chain_start(code, end, language)
    text = code[begin:end]
    if not text or text.endswith((")", "!")) or (text.endswith("]") and language != "python"):
        return None
    if _declares(code[:begin].rpartition("\n")[2]):
        return None
    return parse_expression(text if language == "ruby" else text.lstrip("@"), language)


def _declares(before: str) -> bool:
    """Return whether a name with brackets behind `before` is declared there, not called."""
    if _DECLARATION.search(before):
        return True
    word = _LAST_WORD.search(before)
    return word is not None and word[1] not in _CALLING


def _count(arguments: str) -> int:
    depth = count = 0
    for match in _STRUCTURE.finditer(arguments):
        letter = match.group()
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth == 0:
            count += 1
    return count


def _keywords(arguments: str) -> tuple[str, ...]:
    names = (_KEYWORD.match(part) for part in split_top(arguments))
    return tuple(dict.fromkeys(match[1] for match in names if match))
