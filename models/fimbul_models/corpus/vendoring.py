"""Which files of a repository are somebody else's, or a build's: by paths and what folders hold.

Names of folders that the field uses for copies of other projects, marks that tools leave in such
copies, and what the repository itself says (``.gitmodules``, ``.gitattributes``). Knows nothing
about contents besides those two files.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from fimbul_models.corpus.packages import Origin
from fimbul_models.corpus.projects import BUILT_FOLDERS
from fimbul_models.corpus.reasons import Reason

MODULES = ".gitmodules"
ATTRIBUTES = ".gitattributes"

_FOLDERS = re.compile(
    r"node_modules|bower_components|jspm_packages|web_modules|site-packages|dist-packages"
    r"|_?vendor(ed)?|third[-_]?party|3rd[-_]?party|_third_party"
    r"|Godeps|Pods|Carthage|\.?venv|virtualenv|\.tox|\.nox|\.eggs|\.bundle|\.yarn"
    r"|\.gradle|\.cargo|__pypackages__",
    re.IGNORECASE,
)
"""Folders that hold copies of other projects, whatever lies in them."""

_ROOTED = re.compile(r"deps|submodules|externals?|extern", re.IGNORECASE)
"""The same, but only at the top of a repository: further down they are ordinary words."""

_WRAP = re.compile(r"((?:.*/)?subprojects)/[^/]+\.wrap")
"""Where Meson unpacks what a project needs; in other builds such a folder is the project's own."""

_TOP_BUILDS = re.compile(r"_?esm|_?cjs|umd|_types|bundles?")
"""Names of built folders that further down are ordinary words."""

_MARKS = {
    ".cargo-checksum.json": "crate",
    "pyvenv.cfg": "virtual environment",
    "conda-meta/history": "conda environment",
}
"""Files that tools leave in what they copied or installed, and what that is."""

_MODULE_PATH = re.compile(r"^\s*path\s*=\s*(.+?)\s*$", re.MULTILINE)
_SET = {"linguist-vendored": Reason.VENDORED, "linguist-generated": Reason.GENERATED}


@dataclass(frozen=True, slots=True)
class _Attribute:
    """What one line of ``.gitattributes`` says about provenance."""

    pattern: re.Pattern[str]
    reason: Reason
    is_set: bool


@dataclass(frozen=True)
class Vendoring:
    """What is known about foreign files of one repository."""

    origin: Origin | None = None
    """What it was published as."""
    skip: tuple[str, ...] = ()
    """Globs of the recipe."""
    folders: dict[str, str] = field(default_factory=dict)
    """Folders that are foreign, and why."""
    attributes: tuple[_Attribute, ...] = ()

    def verdict(self, path: str) -> tuple[Reason, str] | None:
        """Return why the file at `path` is not the repository's own, None if it is."""
        if any(PurePosixPath(path).match(glob) for glob in self.skip):
            return Reason.VENDORED, "the recipe says so"
        said = None
        for attribute in self.attributes:
            if attribute.pattern.fullmatch(path):
                said = attribute
        if said is not None:
            # A repository that says that its `vendor` is its own is believed.
            return (said.reason, ATTRIBUTES) if said.is_set else None
        return self._by_folder(path)

    def _by_folder(self, path: str) -> tuple[Reason, str] | None:
        *folders, _ = path.split("/")
        for depth, name in enumerate(folders):
            place = "/".join(folders[: depth + 1])
            if why := self.folders.get(place):
                return Reason.VENDORED, f"{why}: {place}"
            if _FOLDERS.fullmatch(name) or (depth == 0 and _ROOTED.fullmatch(name)):
                return Reason.VENDORED, place
            if self.origin and _is_built(self.origin, name, depth):
                return Reason.GENERATED, f"built: {place}"
        return None


def vendoring_of(
    paths: Iterable[str],
    origin: Origin | None = None,
    skip: Sequence[str] = (),
    nested: Iterable[str] = (),
    modules: str = "",
    attributes: str = "",
) -> Vendoring:
    """Return what the `paths` of a repository tell about foreign files in it.

    `nested` are folders that are repositories of their own; `modules` and `attributes` are the
    contents of its ``.gitmodules`` and ``.gitattributes``.
    """
    folders = dict.fromkeys(nested, "repository")
    folders |= {path.strip("/"): "submodule" for path in _MODULE_PATH.findall(modules)}
    for path in paths:
        for mark, what in _MARKS.items():
            if path.endswith("/" + mark):
                folders[path.removesuffix("/" + mark)] = what
        if match := _WRAP.fullmatch(path):
            folders[match[1]] = "Meson"
    return Vendoring(origin, tuple(skip), folders, tuple(_attributes(attributes)))


def _is_built(origin: Origin, name: str, depth: int) -> bool:
    built = BUILT_FOLDERS[origin].fullmatch(name)
    return bool(built) and not (depth and _TOP_BUILDS.fullmatch(name))


def _attributes(text: str) -> Iterable[_Attribute]:
    for line in text.splitlines():
        pattern, *words = line.split() or [""]
        if not pattern or pattern.startswith(("#", "[", '"')):
            continue
        for word in words:
            name, _, value = word.lstrip("-!").partition("=")
            if name in _SET:
                is_set = not word.startswith(("-", "!")) and value.lower() != "false"
                yield _Attribute(_glob(pattern), _SET[name], is_set)


def _glob(pattern: str) -> re.Pattern[str]:
    """Translate a pattern of ``.gitattributes``; without a slash it holds in every folder."""
    anchored = "/" in pattern.rstrip("/")
    parts = []
    for piece in re.findall(r"\*\*/?|\*|\?|[^*?]+", pattern.strip("/")):
        star = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
        parts.append(star.get(piece, re.escape(piece)))
    below = "(?:/.*)?" if pattern.endswith("/") else ""
    return re.compile(("" if anchored else "(?:.*/)?") + "".join(parts) + below)
