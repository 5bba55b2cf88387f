"""Which definitions of a repository the imports of a file mean.

Follows re-exports for a few steps. Decided by names and outlines alone: knows nothing about
types, and never reads a file's text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lsp_server.context.filenames import FileNames, stem_of
from lsp_server.context.modules import (
    SEPARATORS,
    resolve_module,
    resolve_text,
    same_package,
    submodule,
    whole_name,
)
from lsp_server.context.repository import FoundDefinition, Repository
from lsp_server.syntax.outline import Definition, DefinitionKind, Import, ImportedName, Outline

__all__ = [
    "STAR_LIMIT",
    "FileNames",
    "Imported",
    "Resolver",
    "resolve_imports",
    "resolve_module",
    "same_package",
]

STAR_LIMIT = 100
"""Most definitions that one import of everything brings in."""

STEPS = 3
"""Re-exports that are followed one after the other."""

_FILES = 40
"""Most files of one import of everything."""

_SCRIPT = frozenset({"javascript", "typescript", "tsx"})
_ALL_VISIBLE = frozenset({"c", "cpp", "csharp", "ruby", "bash", "css"})
"""Languages whose imports without names bring in everything under its own name."""

_LAST_IS_ITEM = frozenset({"rust", "java", "kotlin", "scala", "php"})
"""Languages in which the last part of a module may be a definition in it."""

_FILE_PER_CLASS = frozenset({"java", "kotlin", "scala", "php"})
"""Languages in which a definition is looked for in the file of its own name first."""

_FEW = 3
"""Files whose outlines are read one by one; with more, the index is asked for the name."""

_MEMBERS = frozenset({DefinitionKind.METHOD, DefinitionKind.FIELD})

_KIND_RANK: Mapping[DefinitionKind, int] = MappingProxyType(
    {
        DefinitionKind.CLASS: 0,
        DefinitionKind.TYPE: 1,
        DefinitionKind.FUNCTION: 2,
        DefinitionKind.VARIABLE: 3,
        DefinitionKind.METHOD: 4,
        DefinitionKind.FIELD: 5,
    }
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What one name that a file imports means."""

    alias: str
    """As the importing file calls it."""
    path: str
    found: FoundDefinition | None
    """The definition; None for a module as a whole."""


def is_public(definition: Definition, language: str) -> bool:
    """Return whether other files are meant to see a definition."""
    name = definition.name
    if language == "go":
        return name[:1].isupper()
    if language == "rust":
        return definition.signature.startswith(("pub", "macro_rules", "impl", "#["))
    return not name.startswith(("_", "#"))


def top_level(outline: Outline, name: str) -> Definition | None:
    """Return what `name` means in a file: its outermost definition, types before the rest."""
    best: tuple[tuple[bool, int, bool, int], Definition] | None = None
    for number, definition in enumerate(outline.definitions):
        rank = _KIND_RANK.get(definition.kind) if definition.name == name else None
        if rank is None:
            continue
        inside = bool(definition.container)
        addition = definition.signature.startswith(("impl ", "impl<", "extension "))
        worth = (inside and definition.kind in _MEMBERS, rank, addition or inside, number)
        if best is None or worth < best[0]:
            best = (worth, definition)
    return best[1] if best else None


class Resolver:
    """Finds what names mean, from the point of view of any file of a repository."""

    def __init__(
        self,
        path: str,
        language: str,
        outline: Outline,
        repository: Repository,
        files: FileNames,
    ) -> None:
        self.path = path
        self.language = language
        self.repository = repository
        self.files = files
        self._outlines: dict[str, Outline] = {path: outline}

    def outline(self, path: str) -> Outline:
        """Return the outline of the document itself or of another file."""
        known = self._outlines.get(path)
        if known is None:
            known = self._outlines[path] = self.repository.outline(path)
        return known

    def modules(self, path: str, module: Import) -> tuple[str, ...]:
        """Return the files that `module`, imported in the file `path`, stands for itself."""
        return resolve_text(path, module.module, self.language, self.files)

    def below(self, path: str, name: str) -> tuple[str, ...]:
        """Return the files of the module `name` inside of the module that `path` is."""
        inside = f".{name}" if self.language == "python" else f"self::{name}"
        if self.language not in ("python", "rust") or path.endswith((".pyi", "main.py")):
            return ()
        return resolve_text(path, inside, self.language, self.files)[:1]

    def imported(self, path: str, module: Import) -> Iterator[Imported]:
        """Yield everything that one import of the file `path` brings in."""
        if not module.names:
            yield from self._whole(path, module)
            return
        for name in module.names:
            if name.name == "*":
                yield from self._everything(self.modules(path, module))
            else:
                yield from self.named(path, module, name)

    def named(
        self, path: str, module: Import, name: ImportedName, steps: int = STEPS
    ) -> Iterator[Imported]:
        """Yield what one name of an import means: a definition, else the files of a module."""
        below = submodule(path, module.module, name.name, self.language, self.files)
        places = [self.modules(path, module)]
        if self.language in _LAST_IS_ITEM:
            places.insert(0 if self.language in _FILE_PER_CLASS else 1, below)
        for paths in places:
            found = self.definition(paths, name.name, name.alias, steps)
            if found:
                yield Imported(name.alias, found.path, found)
                return
        for other in below[:1] if self.language == "python" else below:
            yield Imported(name.alias, other, None)

    def definition(
        self, paths: Sequence[str], name: str, alias: str = "", steps: int = STEPS
    ) -> FoundDefinition | None:
        """Return what `name` means in one of `paths`, re-exports included."""
        if len(paths) > _FEW:
            return self._in_package(paths, name)
        for path in paths:
            outline = self.outline(path)
            definition = top_level(outline, name)
            if definition is None and name == "default":
                definition = _default(path, outline, alias)
            if definition is not None:
                return FoundDefinition(path, definition)
        if steps > 0:
            for path in paths:
                found = self._re_exported(path, name, steps - 1)
                if found:
                    return found
        return None

    def _in_package(self, paths: Sequence[str], name: str) -> FoundDefinition | None:
        """Return what `name` means in one of many files, with a single question."""
        wanted = frozenset(paths)
        for found in self.repository.definitions_named([name]):
            if found.path in wanted and not found.definition.container:
                return found
        return None

    def _re_exported(self, path: str, name: str, steps: int) -> FoundDefinition | None:
        for module in self.outline(path).imports:
            for imported in module.names:
                if imported.alias == name and imported.name != "*":
                    for item in self.named(path, module, imported, steps):
                        return item.found
        stars = [
            other
            for module in self.outline(path).imports
            if any(imported.name == "*" for imported in module.names)
            for other in self.modules(path, module)
        ]
        return self.definition(stars, name, "", steps) if stars else None

    def _whole(self, path: str, module: Import) -> Iterator[Imported]:
        if self.language in _SCRIPT and not module.alias:
            return
        paths = self.modules(path, module)
        if self.language in _ALL_VISIBLE and not module.alias:
            yield from self._everything(paths)
            return
        alias = whole_name(module, self.language)
        found = self._last_part(paths, module)
        if found:
            yield Imported(alias, found.path, found)
            return
        for other in paths[:1] if self.language == "python" else paths:
            yield Imported(alias, other, None)

    def _last_part(self, paths: Sequence[str], module: Import) -> FoundDefinition | None:
        if self.language not in _LAST_IS_ITEM:
            return None
        last = module.module.rpartition(SEPARATORS[self.language])[2]
        return self.definition(paths, last) if last else None

    def _everything(self, paths: Iterable[str]) -> Iterator[Imported]:
        count = 0
        for path in list(paths)[:_FILES]:
            for definition in self._public(path):
                yield Imported(definition.name, path, FoundDefinition(path, definition))
                count += 1
                if count == STAR_LIMIT:
                    return

    def _public(self, path: str) -> Iterator[Definition]:
        outline = self.outline(path)
        spaces = _namespaces(outline)
        for definition in outline.definitions:
            if definition.container in spaces and is_public(definition, self.language):
                yield definition


def _namespaces(outline: Outline) -> frozenset[str]:
    """Return the containers whose contents are top-level: none, and namespaces."""
    spaces = {""}
    for definition in outline.definitions:
        if definition.kind is DefinitionKind.CLASS and definition.signature.startswith(
            ("namespace", "package", "inline namespace", "extern")
        ):
            above = definition.container
            spaces.add(f"{above}.{definition.name}" if above else definition.name)
    return frozenset(spaces)


def _default(path: str, outline: Outline, alias: str) -> Definition | None:
    """Return what a script exports by default, as far as an outline tells."""
    top = [item for item in outline.definitions if not item.container]
    for item in top:
        if item.signature.startswith("export default"):
            return item
    stem = stem_of(path).partition(".")[0].lower()
    for wanted in (alias.lower(), stem.replace("-", "").replace("_", "")):
        for item in top:
            if item.name.lower() == wanted:
                return item
    return None


def resolve_imports(
    place_path: str, language: str, outline: Outline, repository: Repository, files: FileNames
) -> list[Imported]:
    """Return what the imports of a file bring in from other files, in their order."""
    resolver = Resolver(place_path, language, outline, repository, files)
    found: dict[tuple[str, str, str], Imported] = {}
    for module in outline.imports:
        for item in resolver.imported(place_path, module):
            name = item.found.definition.name if item.found else ""
            if item.path != place_path:
                found.setdefault((item.alias, item.path, name), item)
    return list(found.values())
