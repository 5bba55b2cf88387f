"""Which definition in another file of its project a name in a file means.

Works on names, imports and folders, without types: it says what a name means only where that is
plain, and nothing otherwise. What brings a name into a file is looked at first; members of values
whose type is not written down count only if their name is rare. Knows nothing about cursors.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from fimbul_models.corpus.projects import Project, ProjectFile
from fimbul_models.evaluation.modules import Modules
from lsp_server.context.repository import FoundDefinition
from lsp_server.syntax.languages import LANGUAGES
from lsp_server.syntax.outline import Definition, DefinitionKind, Import, Outline
from lsp_server.syntax.tree import outline_of
from lsp_server.text import split_lines

Found = tuple[FoundDefinition, ...]

MOST_DEFINITIONS = 3
"""In how many files a name may be defined before it says too little."""

_ANCESTORS = 4
"""How many base classes up a member is looked for."""

_RARE_LENGTH = 8
_FAMILIES = {"tsx": "typescript", "javascript": "typescript", "cpp": "c"}
_TYPES = (DefinitionKind.CLASS, DefinitionKind.TYPE)
_MEMBERS = (DefinitionKind.METHOD, DefinitionKind.FIELD)
_FIELDS = (DefinitionKind.FIELD,)


def family(language: str) -> str:
    """Return the name of the languages that `language` shares definitions with."""
    return _FAMILIES.get(language, language)


def is_rare(name: str) -> bool:
    """Say whether a name is so particular that it hardly means two things in one project."""
    parts = re.findall(r"[A-Z]?[a-z\d]+|[A-Z\d]+", name)
    return len(parts) > 1 and len(name) >= _RARE_LENGTH


def last_part(container: str) -> str:
    """Return the innermost name of a container."""
    return container.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class View:
    """What one file sees of its project."""

    file: ProjectFile
    outline: Outline
    own: frozenset[str]
    """Names that the file itself defines, or binds in a way that is seen at once."""
    visible: Mapping[str, Found]
    """What imported names mean."""
    modules: Mapping[str, frozenset[str]]
    """Files of the modules that the file calls by a name."""
    externals: frozenset[str]
    """Names that come from other projects."""
    words: frozenset[str]
    """All words of the file."""


@dataclass(frozen=True)
class Links:
    """All definitions of one project."""

    project: Project
    outlines: Mapping[str, Outline]
    by_name: Mapping[tuple[str, str], Found]
    """By family of languages and name."""
    files: Mapping[str, ProjectFile]
    modules: Modules

    def named(self, file: ProjectFile, name: str) -> Found:
        """Return the definitions called `name` in other files; none if there are too many."""
        found = self.by_name.get((family(file.language), name), ())
        files = {one.path for one in found}
        if file.path in files or len(files) > MOST_DEFINITIONS:
            return ()
        return found

    def top_named(self, file: ProjectFile, name: str) -> Found:
        """Return definitions called `name` that are no members."""
        return tuple(one for one in self.named(file, name) if one.definition.kind not in _MEMBERS)

    def is_type(self, file: ProjectFile, name: str) -> bool:
        """Say whether the project has a type called `name`."""
        found = self.by_name.get((family(file.language), name), ())
        return any(one.definition.kind in _TYPES for one in found)

    def members(self, file: ProjectFile, container: str, name: str) -> Found:
        """Return the members called `name` of types called `container`, inherited ones too."""
        wanted, seen = [container], set[str]()
        for _ in range(_ANCESTORS):
            found = self.by_name.get((family(file.language), name), ())
            fitting = tuple(one for one in found if last_part(one.definition.container) in wanted)
            if fitting:
                return tuple(one for one in fitting if one.path != file.path)
            seen.update(wanted)
            wanted = [base for each in wanted for base in self._bases(file, each)]
            wanted = [base for base in wanted if base not in seen]
        return ()

    def _bases(self, file: ProjectFile, name: str) -> Iterator[str]:
        for one in self.by_name.get((family(file.language), name), ()):
            if one.definition.kind in _TYPES:
                yield from (re.split(r"[.:]+", base)[-1] for base in one.definition.bases)

    def neighbours(self, file: ProjectFile, name: str) -> Found:
        """Return what needs no import: the same package in Go and Java, everything in C."""
        language = family(file.language)
        if language not in ("go", "java", "c"):
            return ()
        folder = PurePosixPath(file.path).parent
        return tuple(
            one
            for one in self.top_named(file, name)
            if language == "c" or PurePosixPath(one.path).parent == folder
        )

    def view(self, file: ProjectFile) -> View:
        """Return what `file` sees."""
        outline = self.outlines.get(file.path, Outline())
        seen = _Seen(self, file)
        for item in outline.imports:
            seen.take(item)
        own = {definition.name for definition in outline.definitions}
        return View(
            file,
            outline,
            frozenset(own),
            seen.visible,
            seen.modules,
            frozenset(seen.externals - seen.visible.keys() - seen.modules.keys()),
            frozenset(re.findall(r"[^\W\d]\w*", file.text)),
        )


def link(project: Project, languages: Iterable[str]) -> Links:
    """Return the definitions of `project` in `languages`; those of tests do not count."""
    wanted = frozenset(languages)
    files = {file.path: file for file in project.files if file.language in wanted}
    outlines = {
        path: outline_of(LANGUAGES[file.language], split_lines(file.text))
        for path, file in files.items()
    }
    by_name: dict[tuple[str, str], list[FoundDefinition]] = {}
    for path, outline in outlines.items():
        for definition in outline.definitions:
            if files[path].is_own:
                key = family(files[path].language), definition.name
                by_name.setdefault(key, []).append(FoundDefinition(path, definition))
    return Links(
        project,
        outlines,
        {name: tuple(found) for name, found in by_name.items()},
        files,
        Modules(files),
    )


class _Seen:
    """What the imports of one file bring in, gathered import by import."""

    def __init__(self, links: Links, file: ProjectFile) -> None:
        self._links = links
        self._file = file
        self.visible: dict[str, Found] = {}
        self.modules: dict[str, frozenset[str]] = {}
        self.externals: set[str] = set()

    def take(self, item: Import) -> None:
        """Take one import."""
        files = self._links.modules.files(self._file, item.module)
        names = [(name.name, name.alias) for name in item.names]
        if not names and not files and self._file.language in ("rust", "java"):
            # The last part of a path names a thing rather than a module.
            module, _, name = re.sub(r"::", ".", item.module).rpartition(".")
            names = [(name, item.alias or name)]
            files = self._links.modules.files(self._file, module)
        if not names:
            self._module(item, files)
        for name, alias in names:
            self._name(item.module, files, name, alias)

    def _module(self, item: Import, files: frozenset[str]) -> None:
        parts = [part for part in re.split(r"[./:]+", item.module) if part]
        if parts and re.fullmatch(r"v\d+", parts[-1]):
            parts.pop()
        alias = item.alias or (parts[-1] if parts else "")
        if files:
            self.modules[alias] = files
        else:
            self.externals.update((alias, parts[0] if parts else "", alias.removeprefix("go-")))

    def _name(self, module: str, files: frozenset[str], name: str, alias: str) -> None:
        if not files:
            self.externals.add(alias)
            return
        if name == "*":
            self._all(files)
            return
        found = self._links.top_named(self._file, alias if name == "default" else name)
        near = tuple(one for one in found if one.path in files)
        below = tuple(one for one in found if _is_below(one.path, files))
        separator = "" if module.endswith(".") else "."
        inner = self._links.modules.files(self._file, f"{module}{separator}{name}")
        if near or (below and not inner):
            self.visible[alias] = near or below
        elif inner and self._file.language in ("python", "rust"):
            self.modules[alias] = inner
        elif name == "default":
            self.visible[alias] = self._default(files)
        elif found:
            self.visible[alias] = found

    def _all(self, files: frozenset[str]) -> None:
        for path in sorted(files):
            for definition in self._links.outlines.get(path, Outline()).definitions:
                if not definition.container:
                    found = self._links.top_named(self._file, definition.name)
                    self.visible.setdefault(definition.name, found)

    def _default(self, files: frozenset[str]) -> Found:
        found = [
            FoundDefinition(path, definition)
            for path in sorted(files)
            for definition in self._links.outlines.get(path, Outline()).definitions
            if definition.kind is DefinitionKind.CLASS and not definition.container
        ]
        return tuple(found) if len(found) == 1 else ()


def _is_below(path: str, files: Iterable[str]) -> bool:
    """Say whether one of `files` is the face of a package that holds `path`."""
    return any(
        re.fullmatch(r"__init__\.pyi?|index\.[jt]sx?|mod\.rs|lib\.rs", PurePosixPath(file).name)
        and path.startswith(f"{PurePosixPath(file).parent}/")
        for file in files
    )


def enclosing_types(outline: Outline, line: int) -> list[Definition]:
    """Return the types that `line` is in, the innermost first."""
    found = [
        definition
        for definition in outline.definitions
        if definition.kind is DefinitionKind.CLASS
        and definition.first_line <= line < definition.end_line
    ]
    return sorted(found, key=lambda one: -one.first_line)


def described(
    links: Links, found: FoundDefinition, wanted: Collection[str], most_lines: int = 5
) -> str:
    """Return what defines a name: its signature, the type it is in, of a type what it holds.

    Of what a type holds come first constructors and what is `wanted`, then fields.
    """
    definition = found.definition
    outline = links.outlines[found.path]
    lines = [definition.signature]
    indent = ""
    if definition.container:
        holder = _holder(outline, definition)
        lines = [holder.signature if holder else last_part(definition.container)]
        indent = "    "
        lines.append(f"{indent}{definition.signature}")
    if definition.kind is DefinitionKind.CLASS:
        inner = _contents(outline, definition, wanted)[: most_lines - len(lines)]
        inner.sort(key=lambda one: one.first_line)
        lines += [f"{indent}    {one.signature}" for one in inner]
    return "\n".join(lines)


def _holder(outline: Outline, definition: Definition) -> Definition | None:
    name = last_part(definition.container)
    fitting = [one for one in outline.definitions if one.name == name and one.kind in _TYPES]
    inside = [one for one in fitting if one.first_line <= definition.first_line < one.end_line]
    return next(iter(inside or fitting), None)


def _contents(outline: Outline, holder: Definition, wanted: Collection[str]) -> list[Definition]:
    """Return what a type holds: constructors and what is wanted, then fields, then methods."""
    inner = [
        one
        for one in outline.definitions
        if last_part(one.container) == holder.name
        and holder.first_line <= one.first_line < holder.end_line
    ]
    first = {"__init__", "constructor", "new", holder.name, *wanted}
    return sorted(inner, key=lambda one: (one.name not in first, one.kind not in _FIELDS))


def nearest(found: Sequence[FoundDefinition], path: str) -> FoundDefinition:
    """Return the definition whose file shares most folders with `path`."""
    own = PurePosixPath(path).parts

    def order(one: FoundDefinition) -> tuple[int, bool, str, int]:
        parts = PurePosixPath(one.path).parts
        shared = next(
            (i for i, (a, b) in enumerate(zip(own, parts, strict=False)) if a != b), len(parts)
        )
        is_header = one.path.endswith(".h")
        return -shared, not is_header, one.path, one.definition.first_line

    return min(found, key=order)
