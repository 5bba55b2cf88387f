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
    rf"(?:import|const|let|var|,)\s+(\w+|\{{[^}}]*\}})\s*=\s*require\(\s*{_QUOTED}", re.DOTALL
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


# Languages whose imports are a path that ends in what is imported


def _split_path(path: str, separator: str) -> tuple[str, str]:
    module, _, name = path.rpartition(separator)
    return module, name


def _last_of_path(path: str, alias: str, separator: str) -> Reference:
    """Read ``a.b.C``: the module ``a.b`` and the name ``C``; a single word is a module."""
    path = re.sub(r"\s+", "", path)
    module, name = _split_path(path, separator)
    if not module:
        return path, (), alias
    if name in ("*", "_"):
        return module, (_EVERYTHING,), ""
    return module, (ImportedName(name, alias or name),), ""


_JAVA = re.compile(r"import\s+(?:static\s+)?([\w.\s*]+)")
_KOTLIN = re.compile(r"import\s+([\w.`*]+)(?:\s+as\s+(\w+))?")
_SWIFT = re.compile(
    r"(?:@\w+\s+)*(?:\w+\s+)?import\s+"
    r"(?:(typealias|struct|class|enum|protocol|let|var|func)\s+)?([\w.]+)"
)
_SHARP = re.compile(r"(?:global\s+)?using\s+(static\s+)?(?:(\w+)\s*=\s*)?([\w.:]+)")


def _java(text: str) -> Iterator[Reference]:
    if match := _JAVA.match(text):
        yield _last_of_path(match[1], "", ".")


def _kotlin(text: str) -> Iterator[Reference]:
    if match := _KOTLIN.match(text):
        yield _last_of_path(match[1].replace("`", ""), match[2] or "", ".")


def _swift(text: str) -> Iterator[Reference]:
    if match := _SWIFT.match(text):
        yield _last_of_path(match[2], "", ".") if match[1] else (match[2], (), "")


def _sharp(text: str) -> Iterator[Reference]:
    if match := _SHARP.match(text):
        yield match[3], (_EVERYTHING,) if match[1] else (), match[2] or ""


_SCALA_GROUP = re.compile(r"([\w.]+)\.\{([^}]*)\}\s*,?|([\w.]+\*?)(?:\s+as\s+(\w+))?\s*,?")


def _scala(text: str) -> Iterator[Reference]:
    text = text.strip().removeprefix("import").strip()
    for match in _SCALA_GROUP.finditer(text):
        if match[1]:
            names = _all_renamed(match[2].replace(" as ", "=>"), "=>")
            kept = (_EVERYTHING if name.name in ("_", "*") else name for name in names)
            yield match[1], tuple(kept), ""
        else:
            yield _last_of_path(match[3], match[4] or "", ".")


_PHP_USE = re.compile(r"use\s+(?:function\s+|const\s+)?(.*?);?\s*$", re.DOTALL)
_PHP_GROUP = re.compile(r"([\w\\]+)\\\{([^}]*)\}")
_PHP_FILE = re.compile(rf"(?:require|include)(?:_once)?[^'\"]*{_QUOTED}")


def _php(text: str) -> Iterator[Reference]:
    if match := _PHP_FILE.match(text):
        yield match[1], (), ""
    elif match := _PHP_USE.match(text):
        if group := _PHP_GROUP.match(match[1]):
            yield group[1], _all_renamed(group[2], " as "), ""
            return
        for name in _all_renamed(match[1], " as "):
            alias = "" if name.alias == name.name else name.alias
            yield _last_of_path(name.name.lstrip("\\"), alias, "\\")


# Rust


def _rust(text: str) -> Iterator[Reference]:
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text).strip(" ;")
    text = re.sub(r"^pub(?: ?\([^)]*\))? ", "", text)
    if text.startswith("extern crate "):
        name = _renamed(text.removeprefix("extern crate "), " as ")
        if name:
            yield name.name, (), "" if name.alias == name.name else name.alias
    elif text.startswith("mod "):
        yield f"self::{text.removeprefix('mod ')}", (), ""
    elif text.startswith("use "):
        yield from _use_tree("", text.removeprefix("use "))


def _use_tree(prefix: str, tree: str) -> Iterator[Reference]:
    """Flatten a tree of uses: one reference for each path that names are taken from."""
    head, brace, rest = tree.strip().partition("{")
    if not brace:
        yield from _use_leaves(prefix, [tree])
        return
    path = "::".join(part for part in (prefix, head.strip().removesuffix("::")) if part)
    branches = _split_branches(rest)
    yield from _use_leaves(path, [branch for branch in branches if "{" not in branch])
    for branch in branches:
        if "{" in branch:
            yield from _use_tree(path, branch)


def _split_branches(text: str) -> list[str]:
    """Split what stands between two braces at the commas of the outer level."""
    branches = [""]
    depth = 1
    for char in text:
        depth += (char == "{") - (char == "}")
        if depth == 0:
            break
        if char == "," and depth == 1:
            branches.append("")
        else:
            branches[-1] += char
    return branches


def _use_leaves(prefix: str, leaves: list[str]) -> Iterator[Reference]:
    names: dict[str, list[ImportedName]] = {}
    for leaf in leaves:
        found = _renamed(leaf, " as ")
        if found is None:
            continue
        whole = "::".join(part for part in (prefix, found.name.strip(": ")) if part)
        alias = "" if found.alias == found.name else found.alias
        module, name = _split_path(whole, "::")
        if name == "self":
            yield module, (), alias
        elif not module:
            yield whole, (), alias
        else:
            names.setdefault(module, []).append(ImportedName(name, alias or name))
    for module, imported in names.items():
        yield module, tuple(imported), ""


# Languages that name files or modules in quotes

_GO = re.compile(rf"([\w.]+)?\s*{_QUOTED}")
_INCLUDE = re.compile(rf"#\s*(?:include(?:_next)?|import)\s*{_QUOTED}")
_RUBY = re.compile(rf"(require|require_relative|load|autoload)\b[\s(:\w,]*{_QUOTED}")
_LUA = re.compile(rf"(?:local\s+([\w]+)[^=]*=\s*)?require\s*\(?\s*(?:{_QUOTED}|\[\[([^\]]+)\]\])")
_BASH = re.compile(r"(?:source|\.)\s+[\"']?([^\s\"';&|]+)")
_CSS = re.compile(r"@(?:import|use|forward)\s+(?:url\(\s*)?[\"']?([^\"')\s;]+)")
_HTML = re.compile(
    r"<\s*(?:script\b[^>]*?\ssrc|link\b[^>]*?\shref)\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE
)


def _go(text: str) -> Iterator[Reference]:
    if match := _GO.match(text):
        if match[1] == ".":
            yield match[2], (_EVERYTHING,), ""
        else:
            yield match[2], (), match[1] or ""


def _ruby(text: str) -> Iterator[Reference]:
    if match := _RUBY.match(text):
        relative = match[1] == "require_relative" and not match[2].startswith(".")
        yield f"./{match[2]}" if relative else match[2], (), ""


def _lua(text: str) -> Iterator[Reference]:
    if match := _LUA.match(text):
        yield match[2] or match[3], (), match[1] or ""


def _first_group(pattern: re.Pattern[str]) -> _Reader:
    """Return a reader of statements that bring in one module as a whole."""

    def read(text: str) -> Iterator[Reference]:
        if match := pattern.match(text):
            yield match[1], (), ""

    return read


_READERS: Mapping[str, _Reader] = MappingProxyType(
    {
        "python": _python,
        "javascript": _script,
        "typescript": _script,
        "tsx": _script,
        "java": _java,
        "kotlin": _kotlin,
        "swift": _swift,
        "csharp": _sharp,
        "scala": _scala,
        "php": _php,
        "rust": _rust,
        "go": _go,
        "c": _first_group(_INCLUDE),
        "cpp": _first_group(_INCLUDE),
        "ruby": _ruby,
        "lua": _lua,
        "bash": _first_group(_BASH),
        "css": _first_group(_CSS),
        "html": _first_group(_HTML),
    }
)
