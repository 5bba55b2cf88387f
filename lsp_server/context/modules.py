"""Which files of a repository an import means: one small rule per language, in a table.

Decided by names alone; where several files fit, the one nearest to the importing file comes
first. Knows nothing about what is in the files.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from lsp_server.context.filenames import FileNames, folder_of, joined, name_of, nearest, stem_of
from lsp_server.syntax.outline import Import

MOST = 60
"""Most files of one import: the size of a large package in Go or Java."""

_Rule = Callable[[str, str, FileNames], tuple[str, ...]]
"""From the importing file and the module as written to the files it means."""

_SCRIPT = (".ts", ".tsx", ".mts", ".cts", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".vue", ".svelte")
_WRITTEN_FOR = MappingProxyType(
    {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
)
_JVM = (".java", ".kt", ".scala", ".groovy")
_SOURCE_ROOTS = frozenset({"src", "lib", "python", "source", "app"})

_GO_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"})
_GO_NAMES = (
    "archive arena bufio builtin bytes cmp compress container context crypto database debug embed"
    " encoding errors expvar flag fmt go hash html image index io iter log maps math mime net os"
    " path plugin reflect regexp runtime slices sort strconv strings structs sync syscall testing"
    " text time unicode unique unsafe weak C"
)
_GO_STANDARD = frozenset(_GO_NAMES.split())
_C_NAMES = (
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal"
    " stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath"
    " threads time uchar unistd wchar wctype"
)
_C_STANDARD = frozenset(_C_NAMES.split())
_FOREIGN_PACKAGES = frozenset(
    {"java", "javax", "jakarta", "kotlin", "kotlinx", "scala", "android", "androidx"}
)
_FOREIGN_NAMESPACES = frozenset({"System", "Microsoft", "Windows"})


def _python(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    tail = module.lstrip(".")
    dots = len(module) - len(tail)
    if dots:
        base = joined(folder_of(importing), "../" * (dots - 1) + tail.replace(".", "/"))
        return () if base is None else _python_at(base, files)
    found = _python_absolute(importing, tail.replace(".", "/"), files)
    first, _, rest = tail.partition(".")
    if not found and files.name and files.name == first and "__init__.py" in files:
        return _python_at(rest.replace(".", "/"), files)
    return found


def _python_at(base: str, files: FileNames) -> tuple[str, ...]:
    package = f"{base}/__init__" if base else "__init__"
    return files.existing((f"{package}.py", f"{base}.py", f"{package}.pyi", f"{base}.pyi"))


def _python_absolute(importing: str, tail: str, files: FileNames) -> tuple[str, ...]:
    if not tail:
        return ()
    bases = {path.rpartition(".")[0] for path in files.ending(f"{tail}.py")}
    bases |= {path.rpartition(".")[0] for path in files.ending(f"{tail}.pyi")}
    bases |= set(files.folders_ending(tail))
    for base in nearest(importing, bases):
        if _is_python_root(importing, base[: -len(tail)].rstrip("/"), tail, files):
            found = _python_at(base, files)
            if found:
                return found
    return ()


def _is_python_root(importing: str, root: str, tail: str, files: FileNames) -> bool:
    """Return whether Python would look for `tail` in the folder `root`."""
    if root and f"{root}/__init__.py" in files:
        return False
    if "/" in tail or not root or name_of(root) in _SOURCE_ROOTS:
        return True
    return importing.startswith(f"{root}/")


def _script(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    if module.startswith("."):
        base = joined(folder_of(importing), module)
        return () if base is None else _script_at(base, files)
    if module[:2] in ("@/", "~/", "#/"):
        return _script_ending(importing, module[2:], files)
    if module.startswith(("src/", "/")):
        return _script_ending(importing, module.lstrip("/"), files)
    return _script_package(importing, module, files)


def _script_at(base: str, files: FileNames) -> tuple[str, ...]:
    return files.existing(_script_names(base))[:1]


def _script_names(base: str) -> list[str]:
    stem, dot, ending = base.rpartition(".")
    written_for = [stem + other for other in _WRITTEN_FOR.get(dot + ending, ())]
    index = f"{base}/index" if base else "index"
    exact = [base] if f".{ending}" in _SCRIPT else []
    return (
        exact
        + written_for
        + [base + ending for ending in _SCRIPT]
        + [index + ending for ending in _SCRIPT]
    )


def _script_ending(importing: str, tail: str, files: FileNames) -> tuple[str, ...]:
    names = _script_names(tail)
    bases = {path.removesuffix(name) + tail for name in names for path in files.ending(name)}
    for base in nearest(importing, bases):
        return _script_at(base, files)
    return ()


def _script_package(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    """Return the file of a package of this workspace, or of a path from its base."""
    scoped = module.startswith("@")
    parts = module.split("/")
    package, rest = ("/".join(parts[1:2]), parts[2:]) if scoped else (parts[0], parts[1:])
    for folder in nearest(importing, files.folders_ending(package)) if package else ():
        if name_of(folder_of(folder)) in ("packages", "libs", "apps", "modules"):
            return _script_in_package(folder, "/".join(rest), files)
    if scoped or not rest:
        return ()
    return _script_at(f"src/{module}", files) or _script_at(module, files)


def _script_in_package(folder: str, rest: str, files: FileNames) -> tuple[str, ...]:
    for root in (f"{folder}/src", folder):
        found = _script_at(f"{root}/{rest}" if rest else f"{root}/index", files)
        if found:
            return found
    return ()


def _go(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    parts = module.split("/")
    if parts[0] in _GO_STANDARD:
        return ()
    least = 3 if parts[0] in _GO_HOSTS else 1
    for dropped in (0, *range(least, len(parts))):
        tail = "/".join(parts[dropped:])
        found = _go_folder(importing, tail, files)
        if found:
            return found
    if "." in parts[0] and files.is_called(_go_name(parts)):
        return _go_files(importing, "", files)
    return ()


def _go_name(parts: list[str]) -> str:
    versioned = len(parts) > 1 and parts[-1][:1] == "v" and parts[-1][1:].isdigit()
    return parts[-2] if versioned else parts[-1]


def _go_folder(importing: str, tail: str, files: FileNames) -> tuple[str, ...]:
    found = files.folders_ending(tail)
    if tail in found:
        return _go_files(importing, tail, files)
    if "/" in tail and found:
        return _go_files(importing, nearest(importing, found)[0], files)
    return ()


def _go_files(importing: str, folder: str, files: FileNames) -> tuple[str, ...]:
    found = files.inside(folder, (".go",))
    if folder == folder_of(importing) and not importing.endswith("_test.go"):
        return ()
    return tuple(path for path in found if not path.endswith("_test.go"))


def _rust(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    parts = [part for part in module.split("::") if part]
    if not parts:
        return ()
    if parts[0] == "crate":
        root = _crate_root(importing, files)
        return () if root is None else _rust_at(root, parts[1:], files, importing, anchored=True)
    base = _module_folder(importing)
    if parts[0] in ("self", "super"):
        return _rust_relative(importing, parts, files)
    return _rust_at(base, parts, files, importing, anchored=False) or _rust_crate(
        importing, parts, files
    )


def _rust_relative(importing: str, parts: list[str], files: FileNames) -> tuple[str, ...]:
    base = _module_folder(importing)
    for number, part in enumerate(parts):
        if part == "super":
            base = folder_of(base)
        elif part != "self":
            return _rust_at(base, parts[number:], files, importing, anchored=True)
    return _rust_at(base, [], files, importing, anchored=True)


def _module_folder(path: str) -> str:
    """Return the folder in which the modules below the Rust file `path` lie."""
    own = name_of(path) in ("mod.rs", "lib.rs", "main.rs", "build.rs")
    return folder_of(path) if own else path.removesuffix(".rs")


def _crate_root(importing: str, files: FileNames) -> str | None:
    folder = folder_of(importing)
    while True:
        at = f"{folder}/" if folder else ""
        if f"{at}lib.rs" in files or f"{at}main.rs" in files:
            return folder
        if not folder:
            return None
        folder = folder_of(folder)


def _rust_at(
    base: str, parts: list[str], files: FileNames, importing: str, *, anchored: bool
) -> tuple[str, ...]:
    """Return the file of the deepest module on the way down `parts` from the folder `base`."""
    for count in range(len(parts), 0, -1):
        path = "/".join((*([base] if base else []), *parts[:count]))
        found = files.existing((f"{path}.rs", f"{path}/mod.rs"))
        if found:
            return found[:1]
    if not anchored:
        return ()
    at = f"{base}/" if base else ""
    roots = [f"{base}.rs", f"{at}mod.rs", f"{at}lib.rs", f"{at}main.rs"]
    if importing.endswith("main.rs"):
        roots = [importing, *roots]
    return files.existing(roots)[:1]


def _rust_crate(importing: str, parts: list[str], files: FileNames) -> tuple[str, ...]:
    """Return the file of another crate of the same workspace, or of this one by its name."""
    for word in dict.fromkeys((parts[0], parts[0].replace("_", "-"))):
        for folder in nearest(importing, files.folders_ending(word)):
            if f"{folder}/src/lib.rs" in files:
                return _rust_at(f"{folder}/src", parts[1:], files, importing, anchored=True)
    if files.is_called(parts[0]) and "src/lib.rs" in files:
        return _rust_at("src", parts[1:], files, importing, anchored=True)
    return ()


def _java(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    parts = [part for part in module.split(".") if part not in ("", "*", "_")]
    for count in range(len(parts), max(1, len(parts) - 2), -1):
        found = _jvm_class(importing, "/".join(parts[:count]), files)
        if found:
            return found
    folders = nearest(importing, files.folders_ending("/".join(parts))) if parts else ()
    return tuple(path for folder in folders for path in files.inside(folder, _JVM))


def _jvm_class(importing: str, tail: str, files: FileNames) -> tuple[str, ...]:
    found = [path for ending in _JVM for path in files.ending(tail + ending)]
    return nearest(importing, found)[:1]


def _kotlin(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    """As Java's, but a definition may stand in any file of its package's folder."""
    found = _java(importing, module, files)
    parts = [part for part in module.split(".") if part not in ("", "*", "_")]
    if found or not parts or parts[0] in _FOREIGN_PACKAGES:
        return found
    for dropped in range(len(parts) - 1):
        tail = "/".join(parts[dropped:-1])
        if "/" not in tail and dropped:
            break
        folders = nearest(importing, files.folders_ending(tail))
        if folders:
            return tuple(path for folder in folders[:2] for path in files.inside(folder, _JVM))
    return ()


def _include(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    beside = joined(folder_of(importing), module)
    if beside is not None and beside in files:
        return (beside,)
    tail = joined("", module.replace("../", ""))
    if not tail or module.removesuffix(".h") in _C_STANDARD:
        return ()
    return nearest(importing, files.ending(tail))[:1]


def _csharp(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    parts = module.split(".")
    if parts[0] in _FOREIGN_NAMESPACES:
        return ()
    for dropped in range(len(parts)):
        if dropped == len(parts) - 1 and dropped > 1:
            break
        folders = files.folders_ending("/".join(parts[dropped:]))
        folders += files.folders_ending(".".join(parts[dropped:])) if "." in module else []
        if dropped == len(parts) - 1 and dropped:
            folders = [folder for folder in folders if _stands_for(folder, parts[0], files)]
        if folders:
            found = nearest(importing, folders)
            return tuple(path for folder in found[:2] for path in files.inside(folder, (".cs",)))
    return ()


def _stands_for(folder: str, namespace: str, files: FileNames) -> bool:
    """Return whether `folder` lies at the top of what `namespace` names."""
    above = folder_of(folder)
    return files.is_called(namespace) or name_of(above).lower() == namespace.lower()


def _ruby(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    tail = module.removesuffix(".rb")
    beside = joined(folder_of(importing), tail)
    if beside is not None and f"{beside}.rb" in files:
        return (f"{beside}.rb",)
    if tail.startswith("."):
        return ()
    found = files.ending(f"{tail}.rb")
    if "/" not in tail:
        found = [path for path in found if name_of(folder_of(path)) in _SOURCE_ROOTS]
    return nearest(importing, found)[:1]


def _php(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    if module.endswith((".php", ".inc")):
        return _include(importing, module.lstrip("/"), files)
    parts = [part for part in module.split("\\") if part]
    for dropped in range(max(0, len(parts) - 1)):
        found = nearest(importing, files.ending("/".join(parts[dropped:]) + ".php"))
        if found:
            return found[:1]
    if len(parts) != 2:
        return ()
    roots = (*_SOURCE_ROOTS, parts[0].lower())
    found = nearest(importing, files.ending(f"{parts[1]}.php"))
    return tuple(path for path in found if name_of(folder_of(path)).lower() in roots)[:1]


def _lua(importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    tail = module.removesuffix(".lua").replace(".", "/").strip("/")
    if not tail:
        return ()
    found = files.ending(f"{tail}.lua") + files.ending(f"{tail}/init.lua")
    return nearest(importing, found)[:1]


def _swift(_importing: str, module: str, files: FileNames) -> tuple[str, ...]:
    for folder in files.folders_ending(f"Sources/{module}"):
        return files.inside(folder, (".swift",))
    return ()


_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "python": _python,
        "javascript": _script,
        "typescript": _script,
        "tsx": _script,
        "go": _go,
        "rust": _rust,
        "java": _java,
        "kotlin": _kotlin,
        "scala": _kotlin,
        "c": _include,
        "cpp": _include,
        "csharp": _csharp,
        "ruby": _ruby,
        "php": _php,
        "lua": _lua,
        "bash": _include,
        "css": _include,
        "swift": _swift,
    }
)

SEPARATORS: Mapping[str, str] = MappingProxyType(
    {
        "python": ".",
        "rust": "::",
        "java": ".",
        "kotlin": ".",
        "scala": ".",
        "php": "\\",
        "csharp": ".",
        "lua": ".",
    }
)
"""What stands between a module and a thing in it, where a thing may be a module too."""


def resolve_module(
    importing: str, module: Import, language: str, files: FileNames
) -> tuple[str, ...]:
    """Return the files of the repository that an import in the file `importing` means.

    First the module's own, then those of submodules among the names it brings in.
    """
    found = list(resolve_text(importing, module.module, language, files))
    for name in module.names:
        if name.name != "*":
            found += submodule(importing, module.module, name.name, language, files)
    return tuple(dict.fromkeys(found))[:MOST]


def resolve_text(importing: str, module: str, language: str, files: FileNames) -> tuple[str, ...]:
    """Return the files that the module `module`, as written in the file `importing`, means."""
    rule = _RULES.get(language)
    return rule(importing, module, files)[:MOST] if rule and module else ()


def submodule(
    importing: str, module: str, name: str, language: str, files: FileNames
) -> tuple[str, ...]:
    """Return the files of the module `name` inside of `module`."""
    separator = SEPARATORS.get(language)
    if separator is None:
        return ()
    whole = module + name if module.endswith(separator) else module + separator + name
    return resolve_text(importing, whole, language, files)


_PACKAGE_ENDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "go": (".go",),
        "java": _JVM,
        "kotlin": _JVM,
        "scala": _JVM,
        "csharp": (".cs",),
        "swift": (".swift",),
        "php": (".php",),
    }
)
"""Languages in which the files of one folder see each other's definitions."""


def same_package(path: str, language: str, files: FileNames) -> tuple[str, ...]:
    """Return the other files whose definitions `path` sees without importing them."""
    endings = _PACKAGE_ENDINGS.get(language)
    if endings is None:
        return ()
    folders = [folder_of(path)]
    for one, other in (("/main/", "/test/"), ("/test/", "/main/")):
        if one in f"/{path}" and endings is _JVM:
            folders.append(f"/{folder_of(path)}/".replace(one, other, 1).strip("/"))
    found = [item for folder in folders for item in files.inside(folder, endings)]
    test = language != "go" or path.endswith("_test.go")
    return tuple(
        item for item in found if item != path and (test or not item.endswith("_test.go"))
    )[:MOST]


def whole_name(module: Import, language: str) -> str:
    """Return what the module as a whole is called in the file that imports it."""
    if module.alias:
        return module.alias
    if language == "go":
        return _go_alias(module.module)
    if language == "python":
        return module.module
    tail = module.module.rstrip("/")
    for separator in ("::", "\\", "/"):
        tail = tail.rpartition(separator)[2]
    if language in ("java", "kotlin", "scala", "csharp", "lua"):
        return tail.rpartition(".")[2]
    return stem_of(tail)


def _go_alias(module: str) -> str:
    name = _go_name(module.split("/"))
    base, dot, version = name.rpartition(".v")
    return base if dot and version.isdigit() else name
