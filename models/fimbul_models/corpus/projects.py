"""A fetched package as the project it was made from: its text files, and as a folder on disk.

What was built from the sources (bundles, compiled copies, metadata of the archive) is no part of
the project. Knows nothing about fetching or about what the files are used for.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fimbul_models.corpus.archives import read_members
from fimbul_models.corpus.packages import Origin, Package
from fimbul_models.errors import SourceError
from lsp_server.syntax.languages import language_of_path

SOURCE_LINES = range(20, 2001)
"""Lengths, in lines, of files that count as hand-written: neither stubs nor tables."""

LINE_LIMIT = 400
"""Code points of the longest line of a hand-written file."""

TEXT_LIMIT = 1_000_000
"""Bytes of the largest file that belongs to a project; larger ones are data."""

BUILT_FOLDERS = {
    Origin.WHEEL: re.compile(r".*\.(dist-info|data)"),
    Origin.NPM: re.compile(r"dist|build|esm|_esm|cjs|_cjs|umd|_types|bundles?|node_modules"),
    Origin.DEBIAN: re.compile(r"dist|node_modules"),
}
"""What hides its own answers: copies of the sources that a build made."""

_BUILT_FILES = re.compile(r".*\.(min\.[cm]?js|map|lock)|package-lock\.json")
_OTHER_FOLDERS = re.compile(
    r"_?tests?|testing|__tests__|spec|testdata|fixtures?|mocks?|_?examples?|attic|bench(es|marks?)?|docs?"
    r"|_?vendor(ed)?|third_party|generated|compat|contrib"
)
_OTHER_FILES = re.compile(
    r"(test|bench)_.*|.*[_.-](test|spec|bench|mock)s?|conftest|.*Tests?|.*_pb2(_grpc)?|_?version"
)
_GENERATED = re.compile(r"generated (by|from|code|file)|auto-?generated|do not edit", re.IGNORECASE)
_GENERATED_HEAD = 1000
"""Code points of a file in which it says that it is generated."""


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """One text file of a project."""

    path: str
    """Relative to the project's folder, ``/`` between parts."""
    text: str
    language: str
    """Our name for the language."""
    is_own: bool
    """Hand-written code of the project itself: no test, not generated, no copy of others."""


@dataclass(frozen=True, slots=True)
class Project:
    """The text files of one package, sorted by path."""

    name: str
    files: tuple[ProjectFile, ...]


def read_project(package: Package, archive: Path) -> Project:
    """Return what `archive`, the fetched `package`, holds in known languages.

    Raises SourceError if the archive cannot be read.
    """
    members = [
        (name, content)
        for name, content in read_members(archive, "*")
        if _is_kept(package.origin, name, content)
    ]
    if package.origin is not Origin.WHEEL:
        members = list(_without_top(members))
    return project_of(package.name, members, package.skip)


def project_of(
    name: str, members: Iterable[tuple[str, bytes]], skip: Sequence[str] = ()
) -> Project:
    """Return the project `name` of files given by path; those that match `skip` are not its own.

    Files that are no text of a known language are left out.
    """
    files = [file for path, content in members if (file := _file(skip, path, content))]
    return Project(name, tuple(sorted(files, key=_path_of)))


def lay_out(project: Project, folder: Path) -> int:
    """Write the files of `project` into `folder` as a workspace; return how many.

    Files are plain text that nobody may execute, and never links.

    Raises SourceError if `folder` cannot be written to.
    """
    try:
        for file in project.files:
            place = folder / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(file.text, encoding="utf-8", newline="")
            place.chmod(0o644)
    except OSError as error:
        raise SourceError(f"{project.name} cannot be written to {folder}: {error}.") from error
    return len(project.files)


def _path_of(file: ProjectFile) -> str:
    return file.path


def _is_kept(origin: Origin, name: str, content: bytes) -> bool:
    *folders, last = PurePosixPath(name).parts
    hidden = any(part.startswith(".") for part in (*folders, last))
    built = any(BUILT_FOLDERS[origin].fullmatch(folder) for folder in folders)
    return not (hidden or built or _BUILT_FILES.fullmatch(last) or len(content) > TEXT_LIMIT)


def _without_top(members: list[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Take off the one folder that archives of sources put everything into."""
    for name, content in members:
        _, _, rest = name.partition("/")
        if rest:
            yield rest, content


def _file(skip: Sequence[str], path: str, content: bytes) -> ProjectFile | None:
    language = language_of_path(path)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if language is None or "\0" in text or len(path.encode()) > 240:
        return None
    own = is_hand_written(path, text) and not _skipped(skip, path)
    return ProjectFile(path, text, language.name, own)


def _skipped(skip: Sequence[str], path: str) -> bool:
    return any(PurePosixPath(path).match(pattern) for pattern in skip)


def is_hand_written(path: str, text: str) -> bool:
    """Say whether a file looks like the project's own code: no test, not generated, no copy."""
    *folders, name = PurePosixPath(path).parts
    stem = name.removesuffix(".d.ts") if name.endswith(".d.ts") else PurePosixPath(name).stem
    return not (
        any(_OTHER_FOLDERS.fullmatch(folder) for folder in folders)
        or _OTHER_FILES.fullmatch(stem)
        or name.endswith(".d.ts")
        or _GENERATED.search(text[:_GENERATED_HEAD])
        or text.count("\n") not in SOURCE_LINES
        or re.search(r"[\r\f\v\ufeff]", text)
        or max(map(len, text.split("\n"))) > LINE_LIMIT
    )
