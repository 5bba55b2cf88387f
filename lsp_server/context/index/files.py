"""Find and read the files of a workspace folder that may be looked at.

What is left out is counted by reason. Symbolic links are never followed, folders that tools
make are not entered, and limits keep a huge folder from being read whole. Files come folder by
folder, shallow ones first, each folder's by name, so that a limit always cuts the same. Knows
nothing about what is done with the texts.
"""

import enum
import os
import stat
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import xxhash

from lsp_server.context.index.ignore import Rules, rules_above
from lsp_server.text import split_lines

MayRead = Callable[[Path], bool]

Redact = Callable[[Sequence[str]], Sequence[str]]
"""Returns the lines with what is secret in them replaced: as many, each as long."""
"""Asked before a file is opened. Ignore files are rules, not sources, and are read without."""


class LeftOut(enum.Enum):
    """Why a file, or a folder with all that is in it, is not in the index."""

    IGNORED = "ignored"
    TOOL_FOLDER = "tool-folder"
    LINK = "link"
    SPECIAL = "special"
    NAME = "name"
    DATA = "data"
    LARGE = "large"
    HARD = "hard"
    FORBIDDEN = "forbidden"
    UNREADABLE = "unreadable"
    BINARY = "binary"
    ENCODING = "encoding"
    MINIFIED = "minified"
    TOO_MANY_FILES = "too-many-files"
    TOO_MUCH_TEXT = "too-much-text"
    TOO_MANY_ENTRIES = "too-many-entries"
    TOO_MUCH_MEMORY = "too-much-memory"
    VANISHED = "vanished"

    @property
    def explanation(self) -> str:
        """A sentence for the user."""
        return _EXPLANATIONS[self]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one workspace folder is looked at."""

    files: int = 20_000
    total_bytes: int = 200_000_000
    file_bytes: int = 512_000
    entries: int = 400_000
    """Entries of folders that are looked through, those left out included."""


_LIMITS = Limits()

_EXPLANATIONS = {
    LeftOut.IGNORED: "Ignored by .gitignore, .git/info/exclude, git's user file or .fimbulignore.",
    LeftOut.TOOL_FOLDER: "A folder that a tool made: packages, caches, virtual environments.",
    LeftOut.LINK: "A symbolic link; links are never followed.",
    LeftOut.SPECIAL: "Not a regular file.",
    LeftOut.NAME: "The file name is not valid Unicode.",
    LeftOut.DATA: "Data rather than source, by its name: lock files, logs, tables, source maps.",
    LeftOut.LARGE: "Larger than limits.index_file_size allows.",
    LeftOut.HARD: "Parsing takes longer than limits.parse_time allows.",
    LeftOut.FORBIDDEN: "The settings forbid reading it.",
    LeftOut.UNREADABLE: "The system did not let it be read.",
    LeftOut.BINARY: "Holds binary content.",
    LeftOut.ENCODING: "Not UTF-8.",
    LeftOut.MINIFIED: "Minified: its lines are over 300 characters long on average.",
    LeftOut.TOO_MANY_FILES: "limits.index_files allows no more files.",
    LeftOut.TOO_MUCH_TEXT: "limits.index_size allows no more text.",
    LeftOut.TOO_MANY_ENTRIES: f"{_LIMITS.entries:,} entries are looked through, and no more.",
    LeftOut.TOO_MUCH_MEMORY: "limits.index_memory allows no more memory.",
    LeftOut.VANISHED: "It went away while it was looked at.",
}

_TOOL_FOLDERS = frozenset(
    (
        *(".git", ".hg", ".svn", ".jj", "node_modules", "bower_components", "__pycache__"),
        *(".venv", ".tox", ".nox", ".eggs", ".mypy_cache", ".ruff_cache", ".pytest_cache"),
        *(".gradle", ".terraform", ".next", ".nuxt"),
    )
)
"""Folders that no human writes in, by name. Others, such as `target`, only if ignored."""

_TOOL_MARKS = frozenset(("pyvenv.cfg", "CACHEDIR.TAG"))
"""Files that mark such a folder whatever it is called."""

_DATA_SUFFIXES = (
    *(".lock", ".map", ".min.js", ".min.css", ".csv", ".tsv"),
    *(".jsonl", ".ndjson", ".log", ".svg"),
)
_DATA_NAMES = frozenset(("package-lock.json", "pnpm-lock.yaml", "npm-shrinkwrap.json", "go.sum"))

_BINARY_PROBE = 8192
"""Bytes in which a zero byte tells binary content, as git does it."""

_MINIFIED_MEAN = 300
"""Mean line length in characters above which a text is taken for minified."""

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_BINARY_MODE = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that may be read, by its name and size."""

    path: str
    """Relative to the workspace folder, ``/`` between parts."""
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells whether a file has changed."""

    size: int
    """Bytes."""
    mtime_ns: int
    digest: bytes = b""
    """xxh3 of the bytes, 128 bit; empty for a file that was refused unread."""

    def looks_like(self, file: FoundFile) -> bool:
        """Return whether `file` seems unchanged, without reading it."""
        return (self.size, self.mtime_ns) == (file.size, file.mtime_ns)


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of one file as they were read."""

    stamp: Stamp
    data: bytes


class Walk:
    """One look through a folder: yields the files and counts what it leaves out.

    Iterating also yields None now and then, to let the caller do something more urgent.
    """

    def __init__(
        self, root: Path, limits: Limits = _LIMITS, exclude: Sequence[Sequence[str]] = ()
    ) -> None:
        self.left_out: Counter[LeftOut] = Counter()
        self._root = root
        self._limits = limits
        self._exclude = exclude
        self._files = 0
        self._bytes = 0
        self._entries = 0

    def __iter__(self) -> Iterator[FoundFile | None]:
        """Look through the folder."""
        folders = deque([("", rules_above(self._root, self._exclude))])
        while folders:
            base, rules = folders.popleft()
            yield None
            entries = self._list(base)
            names = {entry.name for entry in entries}
            if base and names & _TOOL_MARKS:
                self.left_out[LeftOut.TOOL_FOLDER] += 1
                continue
            rules = rules.inside(self._root / base, base, names)
            for entry in entries:
                path = base + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if self._counted(left_out_folder(path, rules)) is None:
                        folders.append((f"{path}/", rules))
                elif (found := self._judge(entry, path, rules)) is not None:
                    yield found

    def _list(self, base: str) -> list[os.DirEntry[str]]:
        room = self._limits.entries - self._entries
        try:
            with os.scandir(self._root / base) as found:
                entries = list(islice(found, room + 1))
        except OSError:
            self.left_out[LeftOut.UNREADABLE] += 1
            return []
        if len(entries) > room:
            self.left_out[LeftOut.TOO_MANY_ENTRIES] += 1
            entries.pop()
        self._entries += len(entries)
        return sorted(entries, key=lambda entry: entry.name)

    def _judge(self, entry: os.DirEntry[str], path: str, rules: Rules) -> FoundFile | None:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None
        reason = left_out_file(path, status, rules, self._limits) or self._beyond(status.st_size)
        if self._counted(reason) is not None:
            return None
        self._files += 1
        self._bytes += status.st_size
        return FoundFile(path, status.st_size, status.st_mtime_ns)

    def _beyond(self, size: int) -> LeftOut | None:
        if self._files >= self._limits.files:
            return LeftOut.TOO_MANY_FILES
        if self._bytes + size > self._limits.total_bytes:
            return LeftOut.TOO_MUCH_TEXT
        return None

    def _counted(self, reason: LeftOut | None) -> LeftOut | None:
        if reason is not None:
            self.left_out[reason] += 1
        return reason


def left_out_folder(path: str, rules: Rules) -> LeftOut | None:
    """Return why the folder `path` is not entered, as far as its name tells."""
    if path.rpartition("/")[2] in _TOOL_FOLDERS:
        return LeftOut.TOOL_FOLDER
    if not _is_unicode(path):
        return LeftOut.NAME
    return LeftOut.IGNORED if rules.ignores(path, folder=True) else None


def left_out_file(
    path: str, status: os.stat_result, rules: Rules, limits: Limits = _LIMITS
) -> LeftOut | None:
    """Return why the file `path` is not read, as far as its name and size tell."""
    if rules.ignores(path, folder=False):
        return LeftOut.IGNORED
    name = path.rpartition("/")[2]
    checks = (
        (stat.S_ISLNK(status.st_mode), LeftOut.LINK),
        (not stat.S_ISREG(status.st_mode), LeftOut.SPECIAL),
        (not _is_unicode(path), LeftOut.NAME),
        (name in _TOOL_FOLDERS, LeftOut.TOOL_FOLDER),
        (name.endswith(_DATA_SUFFIXES) or name in _DATA_NAMES, LeftOut.DATA),
        (status.st_size > limits.file_bytes, LeftOut.LARGE),
    )
    return next((reason for applies, reason in checks if applies), None)


def look_at(
    root: Path, path: str, limits: Limits = _LIMITS, exclude: Sequence[Sequence[str]] = ()
) -> FoundFile | LeftOut:
    """Return the one file `path` of the workspace folder `root`, or why it is left out.

    Says what a walk would say, limits of the whole folder apart.
    """
    rules = rules_above(root, exclude).inside(root, "")
    base = ""
    try:
        for part in path.split("/")[:-1]:
            if stat.S_ISLNK((root / base / part).lstat().st_mode):
                return LeftOut.LINK
            if reason := left_out_folder(base + part, rules) or _marked(root / base / part):
                return reason
            base += f"{part}/"
            rules = rules.inside(root / base, base)
        status = (root / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return LeftOut.VANISHED
    except (OSError, ValueError):
        return LeftOut.UNREADABLE
    reason = left_out_file(path, status, rules, limits)
    return reason or FoundFile(path, status.st_size, status.st_mtime_ns)


def read_source(file: Path, may_read: MayRead, limits: Limits = _LIMITS) -> Source | LeftOut:
    """Read `file`, if `may_read` allows it and it is still a regular file of a fair size."""
    if not may_read(file):
        return LeftOut.FORBIDDEN
    try:
        # Between the look at the folder and now a link or a pipe may have taken its place.
        descriptor = os.open(file, os.O_RDONLY | _NO_FOLLOW | _BINARY_MODE)
        with open(descriptor, "rb") as stream:  # noqa: PTH123  # A descriptor, not a path.
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return LeftOut.SPECIAL
            data = stream.read(limits.file_bytes + 1)
    except (FileNotFoundError, NotADirectoryError):
        return LeftOut.VANISHED
    except OSError:
        return LeftOut.UNREADABLE
    if len(data) > limits.file_bytes:
        return LeftOut.LARGE
    digest = xxhash.xxh3_128_digest(data)
    return Source(Stamp(status.st_size, status.st_mtime_ns, digest), data)


def lines_of(data: bytes, redact: Redact) -> Sequence[str] | LeftOut:
    """Return the lines of a file's bytes, secrets in them replaced, or why they are no source."""
    if b"\0" in data[:_BINARY_PROBE]:
        return LeftOut.BINARY
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return LeftOut.ENCODING
    lines = split_lines(text)
    return LeftOut.MINIFIED if len(text) > _MINIFIED_MEAN * len(lines) else redact(lines)


def _marked(folder: Path) -> LeftOut | None:
    found = any((folder / name).exists() for name in _TOOL_MARKS)
    return LeftOut.TOOL_FOLDER if found else None


def _is_unicode(path: str) -> bool:
    # Bytes of a name that are no UTF-8 come as lone surrogates, which no database takes.
    return not any("\ud800" <= character <= "\udfff" for character in path)
