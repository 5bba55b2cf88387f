"""Reads what a signature says: parameters with their types, and what comes back.

One small rule per family of languages. Pure; knows nothing about what the types are.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lsp_server.context.lexing import masked, matching, split_top

_ARROW = frozenset({"python", "rust", "swift"})
_COLON = frozenset({"typescript", "tsx", "kotlin", "scala", "php"})
_SCRIPT = frozenset({"javascript", "typescript", "tsx"})
_TYPE_FIRST = frozenset({"java", "c", "cpp", "csharp"})

_WORD = re.compile(r"[#@$]?[^\W\d][\w$]*")
_BEHIND_NAMES = ("(", "<", "[", "?", "=", ":")
_OWN_WORDS = frozenset({"self", "cls", "this", "&self", "&mut self", "mut self", "/", "*", "..."})
_MODIFIERS_WORDS = (
    "private public protected internal readonly final const val var let mut ref out in params"
    " override required implicit using inout borrowing static open lateinit vararg export"
    " default abstract async function def fun fn func pub unsafe extern inline virtual constexpr"
    " explicit friend synchronized native strictfp sealed partial new suspend operator tailrec"
    " infix external get set declare mutable typename"
)
_MODIFIERS = frozenset(_MODIFIERS_WORDS.split())
_ANNOTATION = re.compile(r"@[\w.]+(?:\([^()]*\))?\s*|#?\[[\w\s,().=\"]*\]\s*(?=\w)")
_QUALIFIER = re.compile(r"(?:\w+(?:<[^<>]*>)?::)+$")
_TEMPLATE = re.compile(r"^[\w\s]*template\s*<[^<>]*>\s*")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function."""

    name: str
    type: str
    """As written; empty if it is not."""
    text: str
    """The whole of it, as written."""


def parameters(signature: str, name: str, language: str) -> tuple[Parameter, ...]:
    """Return the parameters of a function, without the object that it is called on."""
    start, end = _brackets(signature, name, language)
    if start < 0:
        return ()
    parts = [part for part in _split(signature, start, end) if part not in _OWN_WORDS]
    if language == "go":
        return _go_parameters(parts)
    read = _READERS.get(language, _colon_parameter)
    found = [read(part) for part in parts if not part.startswith("self:")]
    return tuple(parameter for parameter in found if parameter and parameter.name not in _OWN_WORDS)


def _split(signature: str, start: int, end: int) -> list[str]:
    """Split the arguments between two brackets, at commas that are not in strings."""
    shown = masked(signature[start + 1 : end], "java").replace('"', "_")
    parts, at = [], start + 1
    for part in _cuts(shown):
        parts.append(signature[at : at + len(part)].strip())
        at += len(part) + 1
    return [part for part in parts if part]


def _cuts(shown: str) -> list[str]:
    parts, depth, before = [""], 0, ""
    for letter in shown:
        depth += (letter in "([{<") - (letter in ")]}" or (letter == ">" and before not in "-="))
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
        before = letter
    return parts


def _brackets(signature: str, name: str, language: str) -> tuple[int, int]:
    """Return where the brackets around the parameters stand; -1 if there are none."""
    found = -1
    for start in _places(signature, name):
        found = start + len(name)
        if signature[found:].lstrip()[:1] in _BEHIND_NAMES:
            break
    if found < 0:
        return -1, -1
    at = _skip_type_parameters(signature, found)
    start = signature.find("(", at)
    if start < 0 or (
        language not in ("javascript", "typescript", "tsx") and signature[at:start].strip()
    ):
        return -1, -1
    return start, matching(masked(signature, "java"), start)


def _places(signature: str, name: str) -> Iterator[int]:
    """Yield where `name` stands as a word."""
    start = signature.find(name) if name else -1
    while start >= 0:
        end = start + len(name)
        if not (_is_word(signature[start - 1 : start]) or _is_word(signature[end : end + 1])):
            yield start
        start = signature.find(name, end)


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter in ("_", "$")


def _skip_type_parameters(signature: str, at: int) -> int:
    rest = signature[at:].lstrip()
    begin = len(signature) - len(rest)
    if rest.startswith("["):
        return matching(signature, begin) + 1
    if not rest.startswith("<"):
        return begin
    depth = 0
    for index in range(begin, len(signature)):
        letter = signature[index]
        depth += (letter == "<") - (letter == ">" and signature[index - 1] not in "-=")
        if depth == 0:
            return index + 1
    return len(signature)


def _go_parameters(parts: list[str]) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    kind = ""
    named = any(" " in part for part in parts)
    for part in reversed(parts):
        name, _, written = part.partition(" ")
        kind = written.strip() or kind
        if named:
            found.append(Parameter(name, kind, part))
        else:
            found.append(Parameter("", part, part))
    return tuple(reversed(found))


def _colon_parameter(part: str) -> Parameter | None:
    text = _ANNOTATION.sub("", part)
    left, colon, right = _top_partition(text, ":")
    words = _WORD.findall(left.partition("=")[0])
    if not words or left.lstrip().startswith(("{", "[", "(")):
        return None
    kind = _top_partition(right, "=")[0].strip() if colon else ""
    return Parameter(words[-1], kind, part)


def _top_partition(text: str, mark: str) -> tuple[str, str, str]:
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter in "([{<") - (letter in ")]}")
        depth -= letter == ">" and text[index - 1 : index] not in ("-", "=")
        if letter == mark and depth == 0:
            return text[:index], mark, text[index + 1 :]
    return text, "", ""


def _script_parameter(part: str) -> Parameter | None:
    found = _colon_parameter(part.removeprefix("..."))
    if found is None and part.startswith("{"):
        return Parameter(part[: matching(part, 0) + 1], "", part)
    return found and Parameter(found.name, found.type, part)


def _type_first_parameter(part: str) -> Parameter | None:
    text = _ANNOTATION.sub("", part).partition("=")[0].strip()
    match = re.search(r"[$]?([^\W\d]\w*)\s*((?:\[\w*\])*)$", text)
    if match is None:
        return Parameter("", text, part) if text else None
    kind = text[: match.start()].strip() + match[2]
    return Parameter(match.group().strip() if kind else "", kind or text, part)


def _php_parameter(part: str) -> Parameter | None:
    text = _ANNOTATION.sub("", part).partition("=")[0].strip()
    words = [word for word in text.split() if word not in _MODIFIERS]
    if not words:
        return None
    return Parameter(words[-1].lstrip("&."), " ".join(words[:-1]), part)


def _plain_parameter(part: str) -> Parameter | None:
    match = re.match(r"[*&.]*([^\W\d][\w]*)", part)
    return Parameter(match[1], "", part) if match else None


_READERS: Mapping[str, Callable[[str], Parameter | None]] = MappingProxyType(
    {
        "javascript": _script_parameter,
        "typescript": _script_parameter,
        "tsx": _script_parameter,
        "java": _type_first_parameter,
        "c": _type_first_parameter,
        "cpp": _type_first_parameter,
        "csharp": _type_first_parameter,
        "php": _php_parameter,
        "ruby": _plain_parameter,
        "lua": _plain_parameter,
    }
)


def result_type(signature: str, name: str, language: str) -> str:
    """Return the type, as written, of what a function gives; empty if it does not say."""
    start, end = _brackets(signature, name, language)
    behind = signature[end + 1 :].strip() if start >= 0 else ""
    if language in _ARROW or (language == "cpp" and behind.startswith("->")):
        return _behind_arrow(behind)
    if language == "go":
        return first_result(behind)
    if language in _COLON:
        behind = behind if start >= 0 else signature.rpartition(name)[2].lstrip()
        return behind[1:].removesuffix("=>").strip() if behind.startswith(":") else ""
    if language in _TYPE_FIRST:
        return _before_name(signature, name)
    return ""


def _behind_arrow(behind: str) -> str:
    _, arrow, result = behind.partition("->")
    return result.partition(" where ")[0].strip().rstrip(":").strip() if arrow else ""


def first_result(behind: str, number: int = 0) -> str:
    """Return one of the results that stand behind the parameters of a function in Go."""
    if not behind.startswith("("):
        return behind.rstrip("{ ") if number == 0 else ""
    parts = split_top(behind[1 : matching(behind, 0)])
    if number >= len(parts):
        return ""
    name, _, kind = parts[number].partition(" ")
    return kind.strip() if kind and not name.startswith(("chan", "func", "map[")) else parts[number]


def results(signature: str, name: str, number: int) -> str:
    """Return the type of result `number` of a function in Go."""
    start, end = _brackets(signature, name, "go")
    return first_result(signature[end + 1 :].strip(), number) if start >= 0 else ""


def _before_name(signature: str, name: str) -> str:
    """Return the type that stands before the name of a function."""
    place = next((at for at in _places(signature, name) if _is_called(signature, at, name)), 0)
    text = _ANNOTATION.sub("", _QUALIFIER.sub("", signature[:place])).strip()
    words = _TEMPLATE.sub("", text).split()
    while words and words[0] in _MODIFIERS:
        words.pop(0)
    text = " ".join(words)
    return text[_skip_type_parameters(text, 0) :].strip() if text.startswith("<") else text


def _is_called(signature: str, at: int, name: str) -> bool:
    return signature[at + len(name) :].lstrip().startswith(("(", "<"))
