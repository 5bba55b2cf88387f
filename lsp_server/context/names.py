"""What names mean from the point of view of any file: classes, their members and their bases.

A name that is imported means what is imported or nothing; only others are looked for in the same
package, and last in the whole repository, where they must be the only ones. Asks the repository
for single names only. Knows nothing about expressions.
"""

import builtins
from collections.abc import Collection, Iterator, Mapping

from lsp_server.context import typetexts
from lsp_server.context.filenames import FileNames
from lsp_server.context.meanings import Absence, Module
from lsp_server.context.modules import whole_name
from lsp_server.context.repository import FoundDefinition, Repository
from lsp_server.context.resolve import Resolver, same_package, top_level
from lsp_server.syntax.languages import language_of_path
from lsp_server.syntax.outline import Definition, DefinitionKind, Import, Outline

LEVELS = 3
"""Base classes that are followed one after the other."""

CANDIDATES = 40
"""Definitions of one name that are looked at."""

TYPES = frozenset({DefinitionKind.CLASS, DefinitionKind.TYPE})
CALLABLE = frozenset({DefinitionKind.FUNCTION, DefinitionKind.METHOD})

_GLOBAL_NAMES = (
    "String Number Boolean Object Array Map Set Promise Error TypeError RangeError Date RegExp JSON"
    " Math Symbol Function Integer Long Double Float Character Override Iterable Iterator Record"
    " Partial Omit Pick Readonly void string number boolean any unknown never usize isize u8 u16"
    " u32 u64 i8 i16 i32 i64 f32 f64 error rune byte Vec Box Some None Ok Err Option Result"
)
_BUILT_IN = frozenset((*dir(builtins), *_GLOBAL_NAMES.split()))
"""Names that languages define themselves; a repository's own are imported or in the file."""

_ADDED = ("impl ", "impl<", "extension ", "partial ")

_ALL_VISIBLE = frozenset({"c", "cpp", "csharp", "ruby"})
"""Languages in which an import without names gives none to the module."""

_SPLIT_CLASSES = frozenset({"go", "rust", "c", "cpp", "csharp", "swift", "kotlin"})
"""Languages in which members of one class may stand in several files."""

_SPLIT_ENDINGS = (".go", ".rs", ".cs", ".swift", ".kt")
_C_ENDINGS = (".h", ".hpp", ".hh", ".c", ".cpp", ".cc", ".cxx")

_FAMILIES = (
    frozenset({"javascript", "typescript", "tsx"}),
    frozenset({"c", "cpp"}),
    frozenset({"java", "kotlin", "scala"}),
)
"""Languages whose files use each other's definitions."""


def _best(found: list[FoundDefinition]) -> FoundDefinition:
    """Return the main one of several definitions of a class."""
    for one in found:
        if not one.definition.signature.startswith(_ADDED):
            return one
    return found[0]


class Names:
    """Finds definitions by name."""

    def __init__(
        self, path: str, language: str, outline: Outline, repository: Repository, files: FileNames
    ) -> None:
        self.language = language
        self.resolver = Resolver(path, language, outline, repository, files)
        self._repository = repository
        self._files = files
        self._classes: dict[tuple[str, str], FoundDefinition | None] = {}
        self._own: dict[tuple[str, int], tuple[FoundDefinition, ...]] = {}
        self._all: dict[tuple[str, int], dict[str, FoundDefinition]] = {}

    def uses(self, names: Collection[str], without: Collection[str]) -> Mapping[str, int]:
        """Return in how many files names occur; see `Repository.uses`."""
        return self._repository.uses(names, without)

    def imported(self, name: str, path: str) -> FoundDefinition | Module | Absence | None:
        """Return what an imported name means; absent if no import of the file mentions it."""
        outline = self.resolver.outline(path)
        for module in outline.imports:
            for item in module.names:
                if item.alias == name and item.name != "*":
                    return self._brought_in(name, path, Import(module.module, (item,), 0, 1))
            if self._names_module(module) and whole_name(module, self.language) == name:
                return self._brought_in(name, path, module)
        return self._from_star(name, path)

    def _names_module(self, module: Import) -> bool:
        return not module.names and (bool(module.alias) or self.language not in _ALL_VISIBLE)

    def _brought_in(self, name: str, path: str, module: Import) -> FoundDefinition | Module | None:
        found = list(self.resolver.imported(path, module))
        if not found:
            return None
        return found[0].found or Module(name, tuple(item.path for item in found))

    def _from_star(self, name: str, path: str) -> FoundDefinition | Absence:
        for module in self.resolver.outline(path).imports:
            stars = any(item.name == "*" for item in module.names)
            if stars or (self.language in _ALL_VISIBLE and not module.names):
                paths = self.resolver.modules(path, module)
                found = self.resolver.definition(paths, name) if paths else None
                if found:
                    return found
        return Absence.ABSENT

    def unimported(
        self, name: str, path: str, *, types_only: bool = False
    ) -> FoundDefinition | None:
        """Return what is visible without an import, or the only thing of that name."""
        if name in _BUILT_IN:
            return None
        wanted = TYPES if types_only else TYPES | {DefinitionKind.FUNCTION}
        found = [
            item
            for item in self._repository.definitions_named([name], CANDIDATES)
            if item.definition.kind in wanted and self._speaks(item.path)
        ]
        package = frozenset(same_package(path, self.language, self._files)) if found else ()
        near = [item for item in found if item.path in package]
        if near:
            return _best(near)
        alone = len({(item.path, item.definition.container) for item in found}) == 1
        return _best(found) if alone else None

    def _speaks(self, path: str) -> bool:
        """Return whether a file's definitions can be used from this language."""
        language = language_of_path(path)
        name = language.name if language else ""
        return name == self.language or any({name, self.language} <= family for family in _FAMILIES)

    def class_named(self, name: str, path: str) -> FoundDefinition | None:
        """Return the class that `name`, written in the file `path`, means."""
        key = (name, path)
        if key not in self._classes:
            self._classes[key] = None
            self._classes[key] = self._class_named(name, path)
        return self._classes[key]

    def _class_named(self, name: str, path: str) -> FoundDefinition | None:
        head, _, last = name.rpartition(".")
        if head:
            return self._qualified(head, last, path)
        own = top_level(self.resolver.outline(path), name)
        if own is not None and own.kind in TYPES:
            return self.dealiased(FoundDefinition(path, own))
        found = self.imported(name, path)
        if found is Absence.ABSENT:
            found = self.unimported(name, path, types_only=True)
        if isinstance(found, FoundDefinition) and found.definition.kind in TYPES:
            return self.dealiased(found)
        return None

    def _qualified(self, head: str, last: str, path: str) -> FoundDefinition | None:
        """Return the class ``head.last``: in a module, or inside of another class."""
        for part in dict.fromkeys((head, head.rpartition(".")[2])):
            outer = self.imported(part, path)
            if outer is None:
                return None
            if isinstance(outer, Module):
                return self._type(self.resolver.definition(outer.paths, last))
            if isinstance(outer, FoundDefinition):
                return self._type(self.member(outer, last))
        around = self.class_named(head.rpartition(".")[2], path)
        inner = self._type(self.member(around, last)) if around else None
        if inner is None and self.language in ("cpp", "csharp", "php", "java"):
            return self.unimported(last, path, types_only=True)
        return inner

    @staticmethod
    def _type(found: FoundDefinition | None) -> FoundDefinition | None:
        return found if found is not None and found.definition.kind in TYPES else None

    def dealiased(self, found: FoundDefinition) -> FoundDefinition:
        """Return the class behind an alias; the class itself if it is none."""
        definition = found.definition
        if definition.kind is not DefinitionKind.TYPE:
            return found
        _, mark, target = definition.signature.partition("=")
        name = typetexts.class_name(target, ".", self.language) if mark else ""
        if not name or name == definition.name:
            return found
        return self.class_named(name, found.path) or found

    def bases_of(self, found: FoundDefinition) -> list[FoundDefinition]:
        """Return the known classes that a class extends or implements."""
        names = [base.replace("::", ".").replace("\\", ".") for base in found.definition.bases]
        bases = [self.class_named(name.strip("."), found.path) for name in names]
        return [base for base in bases if base is not None and base != found]

    def member(self, owner: FoundDefinition, name: str) -> FoundDefinition | None:
        """Return the member `name` of a class, inherited ones included."""
        return self._members(owner).get(name)

    def members(self, owner: FoundDefinition) -> list[FoundDefinition]:
        """Return the members of a class, its own first, then those of its bases."""
        return list(self._members(owner).values())

    def _members(self, owner: FoundDefinition) -> dict[str, FoundDefinition]:
        key = (owner.path, owner.definition.first_line)
        if key not in self._all:
            chosen: dict[str, FoundDefinition] = {}
            seen: set[tuple[str, int]] = set()
            level = [owner]
            for _ in range(LEVELS + 1):
                level = self._collect(level, chosen, seen)
            self._all[key] = chosen
        return self._all[key]

    def _collect(
        self,
        level: list[FoundDefinition],
        chosen: dict[str, FoundDefinition],
        seen: set[tuple[str, int]],
    ) -> list[FoundDefinition]:
        """Add the members of classes, and return their bases."""
        bases: list[FoundDefinition] = []
        for one in level:
            key = (one.path, one.definition.first_line)
            if key in seen:
                continue
            seen.add(key)
            for member in self.own_members(one):
                chosen.setdefault(member.definition.name, member)
            bases += self.bases_of(one)
        return bases

    def own_members(self, found: FoundDefinition) -> tuple[FoundDefinition, ...]:
        """Return the members of a class without inherited ones."""
        key = (found.path, found.definition.first_line)
        if key not in self._own:
            self._own[key] = tuple(self._members_of(found))
        return self._own[key]

    def _members_of(self, found: FoundDefinition) -> Iterator[FoundDefinition]:
        definition = found.definition
        whole = _whole_name(definition)
        for item in self.resolver.outline(found.path).definitions:
            if item.container in (whole, definition.name):
                yield FoundDefinition(found.path, item)
        if self.language in _SPLIT_CLASSES:
            near = self._near(found.path)
            for other in self._repository.members_of(definition.name) if near else ():
                if other.path in near:
                    yield other

    def _near(self, path: str) -> frozenset[str]:
        """Return the other files that may hold members of a class of `path`."""
        folder, _, name = path.rpartition("/")
        near = list(self._files.inside(folder, _SPLIT_ENDINGS))
        if self.language in ("c", "cpp"):
            stem = name.rpartition(".")[0]
            near = [item for ending in _C_ENDINGS for item in self._files.ending(stem + ending)]
        return frozenset(near) - {path}


def _whole_name(definition: Definition) -> str:
    if not definition.container:
        return definition.name
    return f"{definition.container}.{definition.name}"
