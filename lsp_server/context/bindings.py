"""Finds where a local name gets its value or its type, in the lines above a cursor.

Lexical: one small rule per family of languages looks at what stands left and right of the name.
A name that is bound in a way which is not understood is unknown, not looked for further up.
Knows nothing about what values and types are.
"""

import enum
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

from lsp_server.context.lexing import masked

VALUE_LINES = 8
"""Lines over which a value may be spread."""

LONGEST_LINE = 300
"""Code points of the longest line that is looked at."""


LONGEST_VALUE = 800
"""Code points of a row with those that belong to it."""

LONGEST_TYPE = 160
"""Code points left of a name in which its type is looked for."""

OCCURRENCES = 4
"""Places in a line at which a name is looked at: the last ones and the first."""

CANDIDATE_ROWS = 40
"""Rows that mention a name and are looked at."""


class BindingKind(enum.Enum):
    """How a name is bound."""

    TYPE = "type"
    """Its type is written there."""
    VALUE = "value"
    """It is given the value of an expression."""
    ELEMENT = "element"
    """It is given one after the other what an expression holds."""
    ENTERED = "entered"
    """It is given what entering an expression gives (``with``)."""
    NARROWED = "narrowed"
    """A condition says its type, for the block below or the rest of the line."""
    UNKNOWN = "unknown"
    """It is bound in a way that is not understood."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What a name is bound to."""

    kind: BindingKind
    text: str = ""
    """The type or the expression, strings and comments masked."""
    number: int = 0
    """Which of several values; of elements, which part of each."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """One place where a name stands in a line."""

    line: str
    before: str
    """Left of the name, without blanks at its end."""
    after: str
    """Right of the name, without blanks at its begin."""
    raw: str
    """The line with its strings, as long as `line`: a type may be written as a string."""

    @property
    def word(self) -> str:
        """The word left of the name."""
        match = _LAST_WORD.search(self.before)
        return match.group() if match else ""

    @property
    def starts(self) -> bool:
        """Whether the statement begins with the name."""
        return not self.before.strip() or self.before.endswith((";", "{"))

    @property
    def assigned(self) -> str | None:
        """What is assigned to the name, if it is."""
        match = _ASSIGNMENT.match(self.after)
        return self.after[match.end() :].strip() if match else None

    @property
    def annotation(self) -> str | None:
        """The type behind a colon, if there is one."""
        match = _COLON.match(self.after)
        if match is None:
            return None
        text = _until(self.after[match.end() :], ",)=;{\n")
        start = len(self.line) - len(self.after) + match.end()
        return self.raw[start : start + len(text)].strip()


_Rule = Callable[[_Spot], Binding | None]

_LAST_WORD = re.compile(r"[\w$]+$")
_ASSIGNMENT = re.compile(r":?=(?![=>~])")
_COLON = re.compile(r"[?!]?:(?![:=])")
_SECOND = re.compile(r",\s*([\w.]+)\s*\)")
_INSTANCE_OF = re.compile(r"instanceof\s+([\w.]+)")
_NEGATED = re.compile(r"(?:\bnot\s+|!\s*\(?\s*)(?:isinstance\()?$|\bor\b|\|\|")
_ASSERTION = re.compile(r"\s*assert\b")
_UNKNOWN = Binding(BindingKind.UNKNOWN)


def _value(text: str) -> Binding:
    return Binding(BindingKind.VALUE, text)


def _type(text: str) -> Binding:
    return Binding(BindingKind.TYPE, text)


def _element(text: str, number: int = 0) -> Binding:
    return Binding(BindingKind.ELEMENT, text, number)


def _until(text: str, stops: str) -> str:
    """Return `text` up to the first of `stops` that is in no bracket."""
    depth, before = 0, ""
    for index, letter in enumerate(text):
        if depth == 0 and letter in stops:
            return text[:index]
        if letter in "([{<":
            depth += 1
        elif letter in ")]}" or (letter == ">" and before not in ("-", "=")):
            depth -= 1
            if depth < 0:
                return text[:index]
        before = letter
    return text


def _until_word(text: str, words: Sequence[str]) -> str:
    match = re.search(rf"\s(?:{'|'.join(words)})\s", text)
    return text[: match.start()] if match else text


def _narrowed(spot: _Spot) -> Binding | None:
    """Return what ``isinstance(x, Foo)`` and ``x instanceof Foo`` say."""
    if spot.before.endswith("isinstance("):
        match = _SECOND.match(spot.after)
    else:
        match = _INSTANCE_OF.match(spot.after)
    if match is None or _NEGATED.search(spot.before):
        return None
    return Binding(BindingKind.NARROWED, match[1])


def _python(spot: _Spot) -> Binding | None:
    if narrowed := _narrowed(spot):
        return narrowed
    if spot.word == "as":
        return _python_as(spot)
    loop = re.search(r"\bfor\s+(?:\(?([\w\s,()]*,\s*))?\(?$", spot.before + " ")
    if loop:
        return _python_loop(spot, (loop[1] or "").count(","))
    if spot.starts and spot.annotation is not None:
        return _type(spot.annotation)
    if spot.before.endswith(("(", ",", "*")) and spot.annotation is not None:
        header = re.match(r"\s*(?:async\s+)?def\b", spot.line)
        return _type(spot.annotation or "") if header else None
    return _python_assigned(spot)


def _python_assigned(spot: _Spot) -> Binding | None:
    value = spot.assigned
    if value is not None and (spot.starts or spot.after.startswith(":=")):
        return _value(value)
    targets = re.match(r"\s*[\w\s,.*()\[\]]+=(?!=)", spot.line)
    in_targets = targets and len(spot.before) < targets.end() and "," in targets.group()
    if in_targets and "(" not in spot.before.strip()[1:]:
        return _UNKNOWN
    header = re.match(r"\s*(?:async\s+)?def\b", spot.line) or "lambda" in spot.before
    if (
        header
        and spot.before.endswith(("(", ",", "lambda"))
        and spot.after[:1] in ("", ",", ")", ":")
    ):
        return _UNKNOWN
    return None


def _python_as(spot: _Spot) -> Binding | None:
    match = re.match(r"\s*(?:async\s+)?(with|except\*?)\b\s*(.*)$", spot.before)
    if match is None:
        return None
    given = match[2].removesuffix("as").strip()
    if match[1] == "with":
        _, _, last = given.rpartition(" as ")
        last = last.partition(",")[2] if " as " in given else last
        return Binding(BindingKind.ENTERED, last.lstrip("( "))
    return _type(given) if given[:1] != "(" else _UNKNOWN


def _python_loop(spot: _Spot, number: int) -> Binding | None:
    more = re.match(r"[\w\s,()]*?\bin\b(.*)$", spot.after)
    if more is None:
        return None
    single = number == 0 and spot.after.startswith("in")
    expression = _until_word(_until(more[1].strip(), ":,"), ("if", "for", "else")).strip()
    return _element(expression, -1 if single else number)


_DECLARING = frozenset({"const", "let", "var", "val", "lazy"})
_FIELD_WORD_LIST = (
    "readonly private public protected static declare override final mut pub ref open lateinit"
    " accessor weak vararg implicit"
)
_FIELD_WORDS = frozenset(_FIELD_WORD_LIST.split())


def _script(spot: _Spot) -> Binding | None:
    if narrowed := _narrowed(spot):
        return narrowed
    declared = spot.word in _DECLARING
    if declared and re.match(r"of\b", spot.after):
        return _element(_until(spot.after[2:].strip(), ")"), -1)
    if declared and re.match(r"in\b", spot.after):
        return _UNKNOWN
    if spot.annotation is not None and _may_annotate(spot):
        return _type(spot.annotation)
    if spot.assigned is not None and (declared or spot.starts or spot.word in _FIELD_WORDS):
        return _value(spot.assigned)
    return _script_hidden(spot)


def _may_annotate(spot: _Spot) -> bool:
    """Return whether a colon behind the name says its type, not the value of a key."""
    if spot.word in _DECLARING or spot.word in _FIELD_WORDS or not spot.before.strip():
        return True
    return spot.before.endswith(("(", ",", "|", "...")) and spot.before.count("{") <= (
        spot.before.count("}")
    )


def _script_hidden(spot: _Spot) -> Binding | None:
    """Return bindings without a type: parameters of arrow functions, and what is taken apart."""
    if re.match(r"(?:,\s*\w+\s*)*\)?\s*=>", spot.after):
        called = re.search(r"([\w$.?()\[\]]+)\.(?:" + _EACH + r")\(\(?$", spot.before)
        return _element(called[1], -1) if called else _UNKNOWN
    if re.search(r"\b(?:const|let|var)\s*[{\[][^=]*$", spot.before):
        return _UNKNOWN
    if re.search(r"\b(?:function\b[^)]*|catch\s*)\([^)]*$", spot.before + " "):
        return _UNKNOWN
    return None


_EACH = "map|forEach|filter|find|findLast|findIndex|some|every|flatMap|sort"


def _go(spot: _Spot) -> Binding | None:
    targets = re.match(
        r"\s*(?:if|for|switch|var|case|else if|\})?\s*((?:[\w.]+,\s*)*)$", spot.before + " "
    )
    rest = re.match(r"((?:,\s*[\w.]+\s*)*)\s*:?=(?!=)\s*(.*)$", spot.after)
    if targets and rest:
        number = targets[1].count(",")
        if rest[2].startswith("range "):
            text = _until(rest[2].removeprefix("range "), "{")
            return _element(text, -1) if number else _UNKNOWN
        return Binding(BindingKind.VALUE, _go_value(rest[2], number), number)
    if spot.word == "var" or spot.before.endswith(("(", ",")) or not spot.before.strip():
        return _go_declared(spot)
    return None


def _go_value(text: str, number: int) -> str:
    """Return the value of one of several targets, if each has its own."""
    parts: list[str] = []
    while text:
        part = _until(text, ",;")
        parts.append(part)
        text = text[len(part) + 1 :]
    return parts[number] if 0 < number < len(parts) else parts[0] if parts else ""


def _go_declared(spot: _Spot) -> Binding | None:
    match = re.match(
        r"(?:,\s*\w+\s*)*\s*((?:\[\w*\]|\*|map\[\w+\]|chan )*[A-Za-z_][\w.]*(?:\[[^\]]*\])?)",
        spot.after,
    )
    if match is None or not spot.line[len(spot.before) :].lstrip().partition(" ")[2]:
        return None
    if spot.word != "var" and spot.before.strip() and "func" not in spot.before:
        return None
    return None if match[1] in ("int", "range") else _type(match[1])


_RUST_TARGET = re.compile(r"\blet\s+(?:mut\s+)?(?:(?:Some|Ok|Err)\s*\()?\s*(?:ref\s+|mut\s+)*$")


def _rust(spot: _Spot) -> Binding | None:
    before = spot.before + " "
    if re.search(r"\bfor\s+(?:mut\s+|&(?:mut\s+)?)?$", before) and spot.after.startswith("in "):
        return _element(_until(spot.after[3:], "{"), -1)
    annotated = re.search(r"(?:[(,|]|\bmut|\blet|\bref|\bpub(?:\(\w+\))?|^)\s*$", before)
    if annotated and spot.annotation is not None:
        return _type(spot.annotation.partition("|")[0])
    if _RUST_TARGET.search(before):
        match = re.match(r"\)?\s*=(?!=)\s*(.*)$", spot.after)
        if match is None or re.search(r"\bErr\s*\(", before):
            return _UNKNOWN
        opened = "?" if re.search(r"\b(?:Some|Ok)\s*\(", before) else ""
        return _value(_until(match[1], "{").rstrip("; ") + opened)
    if re.search(r"\blet\s+[(&\[][^=]*$", before):
        return _UNKNOWN
    if re.search(r"\|[^|]*$", before) and re.match(r"[,|]", spot.after):
        return _UNKNOWN
    return None


_TYPE_BEFORE = re.compile(
    r"(?:^|[\s({,;<]|\bconst\s)((?:[^\W\d]\w*(?:\.|::|\\))*[^\W\d]\w*(?:\s*<[^;={}()]*>)?[?]?(?:\s*\[\w*\])*)"
    r"(?:\s*[*&]+\s*(?:const\s*)?|\s+)$"
)
_NO_TYPE_LIST = (
    "return new throw else case goto in is as delete await yield typeof sizeof using package import"
    " extends implements instanceof public private protected static final not and or class enum"
    " struct interface namespace const volatile do out ref default where when select from"
)
_NO_TYPES = frozenset(_NO_TYPE_LIST.split())
_INFERRED = frozenset({"var", "auto", "val", "dynamic", "let", "__auto_type"})


def _type_first(spot: _Spot) -> Binding | None:
    written = spot.line[: len(spot.line) - len(spot.line.lstrip())] + spot.before
    gap = _gap(spot)
    match = _TYPE_BEFORE.search(spot.line[max(0, gap - LONGEST_TYPE) : gap])
    if match is None or match[1] in _NO_TYPES or spot.after[:1] not in ("", *"=;,):({["):
        return _instance_pattern(spot, match)
    if spot.after.startswith("(") and written.lstrip().startswith(("return", "public", "private")):
        return None
    if match[1] not in _INFERRED:
        return _type(match[1])
    if spot.after.startswith(":"):
        return _element(_until(spot.after[1:].strip(), ")"), -1)
    return _value(spot.assigned) if spot.assigned is not None else _UNKNOWN


def _gap(spot: _Spot) -> int:
    """Return where the name begins in its line."""
    return len(spot.line) - len(spot.line[len(spot.before) :].lstrip())


def _instance_pattern(spot: _Spot, match: re.Match[str] | None) -> Binding | None:
    """Return what ``foreach (var x in xs)`` and ``a is Foo x`` say."""
    if match is None or match[1] in _NO_TYPES:
        return None
    if re.match(r"in\b", spot.after) and match[1] in _INFERRED:
        return _element(_until(spot.after[2:].strip(), ")"), -1)
    if re.match(r"in\b", spot.after) or re.search(r"\b(?:is|instanceof)\s+[\w.]+\s*$", spot.before):
        return _type(match[1])
    return None


def _val_first(spot: _Spot) -> Binding | None:
    """Kotlin, Scala and Swift."""
    before = spot.before + " "
    if re.search(r"\bfor\s*\(?\s*(?:val\s+)?$", before):
        match = re.match(r"(?:in\b|<-)\s*(.*)$", spot.after)
        return _element(_until(match[1], "){"), -1) if match else _UNKNOWN
    declared = spot.word in _DECLARING
    if spot.annotation is not None and (declared or spot.starts or _in_header(spot)):
        return _type(spot.annotation)
    if declared and spot.assigned is not None:
        return _value(_until(spot.assigned, "{"))
    if re.search(r"\b(?:val|var|let)\s*\([^=]*$", before) or re.match(
        r"(?:,\s*\w+)*\s*(?:->|=>)", spot.after
    ):
        return _UNKNOWN
    return None


def _in_header(spot: _Spot) -> bool:
    header = re.search(r"\b(?:fun|func|def|init|class|constructor)\b[^{=]*$", spot.before)
    return header is not None or spot.before.endswith("{")


def _php(spot: _Spot) -> Binding | None:
    if re.search(r"\bas\s+(?:\$\w+\s*=>\s*)?&?$", spot.before + " "):
        match = re.search(r"foreach\s*\((.*)\bas\b", spot.before)
        return _element(match[1].strip(), -1) if match else _UNKNOWN
    match = re.search(r"([?\\\w|]+)\s+[&.]*$", spot.before + " ")
    if match and match[1] not in _NO_TYPES and spot.after[:1] in ("", ",", ")", "=", ";"):
        return _type(match[1])
    if spot.assigned is not None and spot.starts:
        return _value(spot.assigned)
    return None


def _plain(spot: _Spot) -> Binding | None:
    """Ruby, Lua, and what is in no table."""
    if spot.assigned is not None and (spot.starts or spot.word in ("local", "my", "var", "let")):
        return _value(spot.assigned)
    if (
        re.match(r"\s*(?:local\s+)?[\w@, ]+=(?!=)", spot.line)
        and "," in spot.line.partition("=")[0]
    ):
        inside = len(spot.before) < len(spot.line.partition("=")[0])
        return _UNKNOWN if inside and "(" not in spot.before else None
    if re.search(r"\|[^|]*$", spot.before) and re.match(r"[,|]", spot.after):
        called = re.search(
            r"([\w@.]+)\.(?:each|map|select|find|reject|any\?|all\?)\s*(?:do|\{)\s*\|$", spot.before
        )
        return _element(called[1], -1) if called else _UNKNOWN
    return None


_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "python": _python,
        "javascript": _script,
        "typescript": _script,
        "tsx": _script,
        "go": _go,
        "rust": _rust,
        "java": _type_first,
        "c": _type_first,
        "cpp": _type_first,
        "csharp": _type_first,
        "kotlin": _val_first,
        "scala": _val_first,
        "swift": _val_first,
        "php": _php,
    }
)


def binding_in(line: str, name: str, language: str) -> Binding | None:
    """Return how a line of code binds `name`; None if it only uses it."""
    raw, line = line, masked(line, language)
    rule = _RULES.get(language, _plain)
    places = list(_occurrences(line, name))
    for start in places if len(places) <= OCCURRENCES else (*places[: OCCURRENCES - 1], places[-1]):
        spot = _Spot(line, line[:start].rstrip(), line[start + len(name) :].lstrip(" \t"), raw)
        found = rule(spot)
        if found is not None:
            return found
    return None


def _occurrences(line: str, name: str) -> Iterator[int]:
    """Yield where `name` stands as a word that is no member of anything, the last first."""
    end = len(line)
    while (start := line.rfind(name, 0, end)) >= 0:
        end = start + len(name) - 1
        before, after = line[:start], line[start + len(name) :]
        member = before.endswith((".", "->", "::")) and not before.endswith("...")
        used = after.startswith((".", "["))
        if not (member or used or _is_word(before[-1:]) or _is_word(after[:1])):
            yield start


def _is_word(letter: str) -> bool:
    return letter.isalnum() or (letter != "" and letter in "_$@")


def local_binding(name: str, rows: Sequence[str], language: str) -> Binding | None:
    """Return how `name` is bound nearest to the end of `rows`.

    Rows that are indented less or as much as the last one are preferred: what a block binds is not
    known outside of it.
    """
    last = _indentation(rows[-1]) if rows else 0
    hidden: Binding | None = None
    mentions = (number for number in range(len(rows) - 1, -1, -1) if name in rows[number])
    for number in islice(mentions, CANDIDATE_ROWS):
        row = rows[number]
        found = binding_in(_joined(rows, number, language), name, language)
        if found is None or not _holds(found, rows, number):
            continue
        if _indentation(row) <= last or number in (0, len(rows) - 1):
            return found
        hidden = hidden or found
    return hidden


def _indentation(row: str) -> int:
    return len(row) - len(row.lstrip())


def _holds(binding: Binding, rows: Sequence[str], number: int) -> bool:
    """Return whether what a row seems to bind is so at the end of `rows`."""
    if binding.kind is BindingKind.NARROWED:
        return number == len(rows) - 1 or _reaches(rows, number)
    return binding.kind is BindingKind.TYPE or not _continues(rows, number)


def _reaches(rows: Sequence[str], number: int) -> bool:
    """Return whether the block that a condition begins lasts to the end of `rows`."""
    if _ASSERTION.match(rows[number]):
        return _indentation(rows[number]) <= _indentation(rows[-1])
    depth = _indentation(rows[number])
    return all(_indentation(row) > depth for row in rows[number + 1 :] if row.strip())


def _continues(rows: Sequence[str], number: int) -> bool:
    """Return whether a row stands inside of brackets that open above it."""
    return number > 0 and rows[number - 1].rstrip().endswith(("(", ",", "["))


def _joined(rows: Sequence[str], number: int, language: str) -> str:
    """Return a row with those below it that its brackets or a leading dot make part of it."""
    text = _code(rows[number], language)
    for row in rows[number + 1 : min(number + VALUE_LINES, len(rows) - 1)]:
        if len(text) > LONGEST_VALUE or not (
            _is_open(masked(text, language)) or row.lstrip().startswith((".", "?.", "->"))
        ):
            break
        text += " " + _code(row, language).strip()
    return text


def _code(row: str, language: str) -> str:
    """Return a row without its comments and its ending."""
    row = row[:LONGEST_LINE].rstrip()
    return row[: len(masked(row, language).rstrip())]


def _is_open(text: str) -> bool:
    """Return whether a round or square bracket is open at the end of `text`."""
    opened = text.count("(") + text.count("[")
    return opened > text.count(")") + text.count("]")
