"""Reads import statements: text in, modules and names out.

A parser found the statement; what is in it is read from its text, because the statements are
short and every grammar builds them differently. Knows nothing about trees, and cannot tell
where a module lies.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from lsp_server.syntax.outline import ImportedName

Reference = tuple[str, tuple[ImportedName, ...], str]
"""Module, names that are imported from it, name of the module as a whole."""
_Reader = Callable[[str], Iterator[Reference]]

_LONGEST = 20_000
"""Code points of a statement that are read; no real one is longer."""
_QUOTED = r"[\"'`<]([^\"'`<>\n]+)[\"'`>]"
_EVERYTHING = ImportedName("*", "*")


def read_imports(language: str, text: str) -> list[Reference]:
    """Return what the import statement `text` brings in; empty if it is none after all."""
    reader = _READERS.get(language)
    return list(reader(text[:_LONGEST])) if reader else []


def _renamed(text: str, mark: str) -> ImportedName | None:
    """Read ``name`` or ``name<mark>alias``."""
    name, _, alias = (part.strip() for part in text.strip().partition(mark))
    return ImportedName(name, alias or name) if name else None


def _all_renamed(text: str, mark: str) -> tuple[ImportedName, ...]:
    found = (_renamed(part, mark) for part in text.split(","))
    return tuple(name for name in found if name)


# Python

_PYTHON_FROM = re.compile(r"from\s*(\.*\s*[\w.]*)\s*import\s+(.*)", re.DOTALL)
_PYTHON_IMPORT = re.compile(r"import\s+(.*)", re.DOTALL)


def _python(text: str) -> Iterator[Reference]:
    text = re.sub(r"\\\r?\n", " ", re.sub(r"#.*", "", text)).replace("(", " ").replace(")", " ")
    text = re.sub(r"\s+", " ", text).strip()
    if match := _PYTHON_FROM.match(text):
        yield match[1].replace(" ", ""), _all_renamed(match[2], " as "), ""
    elif match := _PYTHON_IMPORT.match(text):
        for name in _all_renamed(match[1], " as "):
            yield name.name, (), "" if name.alias == name.name else name.alias


# JavaScript and TypeScript

_SCRIPT_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\w])//[^\n]*", re.DOTALL)
_SCRIPT_FROM = re.compile(rf"(import|export)\s+(?:type\s+)?(.*?)\s*\bfrom\s*{_QUOTED}", re.DOTALL)
_SCRIPT_BARE = re.compile(rf"import\s*{_QUOTED}")
_SCRIPT_REQUIRE = re.compile(
    rf"(?:import|(?:export\s+)?(?:const|let|var))\s+(\w+|\{{[^}}]*\}})\s*=\s*require\(\s*{_QUOTED}",
    re.DOTALL,
)
_SCRIPT_CALL = re.compile(rf"\s*require\(\s*{_QUOTED}")
_BRACES = re.compile(r"\{(.*?)\}", re.DOTALL)
_NAMESPACE = re.compile(r"\*\s*as\s+([\w$]+)")


def _script(text: str) -> Iterator[Reference]:
    text = _SCRIPT_COMMENT.sub("", text)
    if match := _SCRIPT_FROM.match(text):
        yield _script_clause(match[1], match[2], match[3])
    elif match := _SCRIPT_BARE.match(text) or _SCRIPT_CALL.match(text):
        yield match[1], (), ""
    else:
        for match in _SCRIPT_REQUIRE.finditer(text):
            yield _required(match[1], match[2])


def _required(target: str, module: str) -> Reference:
    if target.startswith("{"):
        return module, _all_renamed(re.sub(r"=[^,]*", "", target.strip("{}")), ":"), ""
    return module, (), target


def _script_clause(keyword: str, clause: str, module: str) -> Reference:
    braces = _BRACES.search(clause)
    names = _all_renamed(re.sub(r"\btype\s+(?=[\w$])", "", braces[1]), " as ") if braces else ()
    rest = _BRACES.sub("", clause)
    namespace = _NAMESPACE.search(rest)
    if namespace is None and "*" in rest:
        names = (_EVERYTHING, *names)
    default = re.sub(r"[,\s]", "", _NAMESPACE.sub("", rest).replace("*", ""))
    if keyword == "import" and default:
        names = (ImportedName("default", default), *names)
    return module, names, namespace[1] if namespace else ""


_READERS: Mapping[str, _Reader] = MappingProxyType(
    {
        "python": _python,
        "javascript": _script,
        "typescript": _script,
        "tsx": _script,
    }
)
