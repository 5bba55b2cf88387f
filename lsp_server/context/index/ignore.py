"""Which paths of a workspace folder its ignore files leave out.

Reads `.gitignore` (nested ones, and those between the top of a repository and the folder),
`.git/info/exclude`, the user's `git/ignore` in the configuration folder, and `.fimbulignore`,
which is written the same way. The two kinds are asked apart, so that a `.fimbulignore` can leave
out more and never bring back what git ignores. git itself is never run: the configuration of a
repository can make it run commands. Knows nothing about what files hold.
"""

import enum
import os
import re
import stat
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

GIT_FILE = ".gitignore"
OWN_FILE = ".fimbulignore"
RULE_FILES = frozenset((GIT_FILE, OWN_FILE))

_MOST_BYTES = 1024 * 1024
"""Longest ignore file that is read."""


class Ignored(enum.Enum):
    """Who leaves out a file."""

    GIT = "git"
    """One of git's files."""
    OWN = "own"
    """A `.fimbulignore`, or the settings."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file.

    The library's own answer counts what lies below a matching folder as matched. For git a
    pattern speaks of the entry itself and of nothing below it, which matters as soon as another
    line brings the folder back; so the end of the match is compared.
    """

    pattern: GitIgnoreSpecPattern
    folders_only: bool
    everything: bool
    """Whether it speaks of every entry."""
    open_end: bool
    """Whether it ends in ``**`` and so matches at any depth."""

    def speaks_of(self, path: str, *, folder: bool) -> bool:
        """Return whether the entry `path` itself is meant."""
        if self.folders_only and not folder:
            return False
        if self.everything:
            return True
        asked = f"{path}/" if self.folders_only and not self.open_end else path
        found = self.pattern.match_file(asked)
        return found is not None and (self.open_end or found.match.end() == len(asked))


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One ignore file, and where its patterns hold."""

    base: str
    """Path of its folder relative to the workspace folder, ending in ``/``; empty for that one
    and for those above it."""
    above: str
    """Path of the workspace folder relative to the file's, ending in ``/``; empty inside."""
    rules: tuple[Rule, ...]
    """The last line first."""

    def verdict(self, path: str, *, folder: bool) -> bool | None:
        """Return whether `path` is ignored, or brought back; None if no line speaks of it."""
        asked = self.above + path[len(self.base) :]
        for rule in self.rules:
            if rule.speaks_of(asked, folder=folder):
                return rule.pattern.include
        return None


@dataclass(frozen=True, slots=True)
class Rules:
    """All that is said about the entries of one folder, the strongest first."""

    git: tuple[RuleFile, ...] = ()
    own: tuple[RuleFile, ...] = ()
    off: tuple[RuleFile, ...] = ()
    """What the settings and the editor exclude: what one of them does, nothing brings back."""

    def inside(self, folder: Path, base: str, names: Collection[str] | None = None) -> "Rules":
        """Return the rules that hold in `folder`, whose relative path with its ``/`` is `base`.

        `names` are its entries, where they are known.
        """
        git, own = self.git, self.own
        if (base and names is None) or (names and ".git" in names):
            git = (*_read(exclude_file(folder), base), *git)
        if names is None or GIT_FILE in names:
            git = (*_read(folder / GIT_FILE, base), *git)
        if names is None or OWN_FILE in names:
            own = (*_read(folder / OWN_FILE, base), *own)
        return self if (git, own) == (self.git, self.own) else Rules(git, own, self.off)

    def ignores(self, path: str, *, folder: bool) -> bool:
        """Return whether the entry `path`, relative to the workspace folder, is left out.

        The folders above it are taken for not ignored: nobody looks into ignored ones.
        """
        return self.ignored_by(path, folder=folder) is not None

    def ignored_by(self, path: str, *, folder: bool) -> "Ignored | None":
        """Return what leaves out an entry, as `ignores` says; None if nothing does."""
        for kind in (self.own, *((one,) for one in self.off)):
            if _last_word(kind, path, folder=folder):
                return Ignored.OWN
        return Ignored.GIT if _last_word(self.git, path, folder=folder) else None


def rules_above(root: Path, exclude: Sequence[Sequence[str]] = ()) -> Rules:
    """Return what is said about the workspace folder `root` from outside of it.

    `exclude` are patterns that hold from the folder on, in groups that each count by themselves. A
    folder that is ignored itself was opened on purpose; what ignores it does not count then.
    """
    files = tuple(_from_outside(root.resolve()))
    if any(_hides(file.rules, file.above) for file in files):
        files = tuple(_read(_user_file(), ""))
    off = tuple(RuleFile("", "", _compiled(group)) for group in exclude)
    return Rules(git=files, off=off)


def ignored_by(root: Path, path: str) -> Ignored | None:
    """Return what leaves out the file `path` of the folder `root`, or a folder it is in.

    Where several do, that is what somebody has said to fimbul. None if nothing does.
    """
    rules, base, found = rules_above(root).inside(root, ""), "", None
    *folders, name = path.split("/")
    for folder in folders:
        here = rules.ignored_by(base + folder, folder=True)
        if here is Ignored.OWN:
            return here
        found = found or here
        base += f"{folder}/"
        rules = rules.inside(root / base, base)
    here = rules.ignored_by(base + name, folder=False)
    return here if here is Ignored.OWN else found or here


def exclude_file(folder: Path) -> Path:
    """Return the file of excludes of the repository whose top is `folder`; it may not exist."""
    git = folder / ".git"
    if not git.is_dir():
        # A worktree or submodule: the file names the folder, which may share another one's.
        git = folder / _pointer(git, "gitdir: ")
        git = git / _pointer(git / "commondir", "")
    return git / "info" / "exclude"


def _last_word(files: tuple[RuleFile, ...], path: str, *, folder: bool) -> bool:
    for file in files:
        if (verdict := file.verdict(path, folder=folder)) is not None:
            return verdict
    return False


def _hides(rules: tuple[Rule, ...], path: str) -> bool:
    """Return whether `rules` ignore the folder `path`, which ends in ``/``, or one above it."""
    whole = RuleFile("", "", rules)
    ends = [place for place, character in enumerate(path) if character == "/"]
    return any(whole.verdict(path[:end], folder=True) for end in ends)


def _from_outside(root: Path) -> Iterator[RuleFile]:
    above = ""
    for folder in (root, *root.parents):
        if above:
            yield from _read(folder / GIT_FILE, "", above)
        if (folder / ".git").exists():
            yield from _read(exclude_file(folder), "", above)
            break
        above = f"{folder.name}/{above}"
    yield from _read(_user_file(), "")


def _user_file() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path("~/.config").expanduser()) / "git" / "ignore"


def _pointer(file: Path, key: str) -> str:
    for line in _lines_of(file)[:1]:
        if line.startswith(key):
            return line[len(key) :].strip()
    return ""


def _read(file: Path, base: str, above: str = "") -> Iterator[RuleFile]:
    lines = _lines_of(file)
    if lines:
        yield RuleFile(base, above, _compiled(lines))


def _lines_of(file: Path) -> list[str]:
    """Return the lines of a regular file; none of a link, as git does not follow them either."""
    try:
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
            return []
        text = file.read_bytes().decode("utf-8-sig", "surrogateescape")
    except (OSError, ValueError):
        return []
    return [line.removesuffix("\r") for line in text.split("\n")]


def _compiled(lines: Sequence[str]) -> tuple[Rule, ...]:
    return tuple(rule for line in reversed(lines) if (rule := _rule(line)) is not None)


def _rule(line: str) -> Rule | None:
    """Return the meaning of one line; None for a comment, and for nonsense as git passes it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            (pattern,) = GitIgnoreSpec.from_lines([line]).patterns
    except (ValueError, re.error, FutureWarning):
        return None
    if pattern.include is None:
        return None
    written = (line if line.endswith("\\ ") else line.rstrip()).removeprefix("!")
    core = written.rstrip("/")
    *front, last = core.removeprefix("/").split("/")
    return Rule(
        pattern,
        folders_only=written.endswith("/"),
        everything=last in ("*", "**") and core != "/*" and set(front) <= {"**"},
        open_end=core.endswith("/**"),
    )
