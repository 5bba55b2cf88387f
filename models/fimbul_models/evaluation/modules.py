"""Where the module that an import names lies in a project.

Goes by names and folders as the languages do it; settings of build tools are not read. Knows
nothing about definitions.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from posixpath import normpath

from fimbul_models.corpus.projects import ProjectFile

_SCRIPT_ENDINGS = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts")


class Modules:
    """The files of one project, as imports look for them."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Take all paths, ``/`` between parts."""
        self._paths = frozenset(paths)
        self._by_name: dict[str, list[str]] = {}
        self._by_folder: dict[str, list[str]] = {}
        for path in sorted(self._paths):
            folder, _, name = path.rpartition("/")
            self._by_name.setdefault(name, []).append(path)
            self._by_folder.setdefault(folder, []).append(path)

    def files(self, importer: ProjectFile, module: str) -> frozenset[str]:
        """Return the paths that `module` names in `importer`; none if it is foreign."""
        language = importer.language
        if language == "go":
            return self._go(module)
        if language == "java":
            return self._java(module.replace(".", "/"))
        if language == "python":
            found = _python(importer.path, module)
        elif language in ("javascript", "typescript", "tsx"):
            found = _script(importer.path, module)
        elif language == "rust":
            found = _rust(importer.path, module)
        else:
            found = self._ending(normpath(module).lstrip("./"))
        return frozenset(path for path in found if path in self._paths)

    def _ending(self, ending: str) -> list[str]:
        named = self._by_name.get(ending.rpartition("/")[2], ())
        return [path for path in named if path == ending or path.endswith(f"/{ending}")]

    def _java(self, ending: str) -> frozenset[str]:
        if found := self._ending(f"{ending}.java"):
            return frozenset(found)
        return frozenset(
            path
            for folder, paths in self._by_folder.items()
            if folder == ending or folder.endswith(f"/{ending}")
            for path in paths
        )

    def _go(self, module: str) -> frozenset[str]:
        """Return the files of the longest folder that the path of a package ends with."""
        parts = module.split("/")
        if "." in parts[0]:
            for first in range(2, len(parts)):
                if found := self._by_folder.get("/".join(parts[first:])):
                    return frozenset(path for path in found if path.endswith(".go"))
        return frozenset()


def _python(path: str, module: str) -> Iterable[str]:
    name = module.lstrip(".")
    folder = PurePosixPath()
    if dots := len(module) - len(name):
        folder = PurePosixPath(path).parent
        for _ in range(dots - 1):
            folder = folder.parent
    base = folder.joinpath(*name.split(".")) if name else folder
    bases = [str(base), f"src/{base}"]
    return [f"{one}{end}" for one in bases for end in (".py", "/__init__.py", ".pyi")]


def _script(path: str, module: str) -> Iterable[str]:
    if module.startswith("."):
        bases = [normpath(str(PurePosixPath(path).parent / module))]
    elif re.match(r"[~@#]?/", module):
        bases = [f"src/{module.partition('/')[2]}", module.partition("/")[2]]
    elif module.startswith("@"):
        # A project may call its own folders by its own name, such as `@name/server/adapters`.
        bases = [f"src/{module}"]
    else:
        return []
    bare = [re.sub(r"\.[cm]?jsx?$", "", base) for base in bases]
    found = [base for base in bases if base.endswith(_SCRIPT_ENDINGS)]
    found += [f"{base}{end}" for base in bare for end in _SCRIPT_ENDINGS]
    return found + [f"{base}/index{end}" for base in bases for end in _SCRIPT_ENDINGS]


def _rust(path: str, module: str) -> Iterable[str]:
    parts = [part for part in re.split(r"::|\.", module) if part]
    here = PurePosixPath(path)
    face = here.name in ("mod.rs", "lib.rs", "main.rs")
    folder = here.parent if face else here.parent / here.stem
    if parts[:1] == ["crate"]:
        folder, parts = PurePosixPath("src"), parts[1:]
    elif parts[:1] == ["self"]:
        parts = parts[1:]
    while parts[:1] == ["super"]:
        folder, parts = folder.parent, parts[1:]
    base = str(folder.joinpath(*parts))
    return [f"{base}.rs", *(f"{base}/{name}.rs" for name in ("mod", "lib", "main"))]
