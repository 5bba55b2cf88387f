"""Git repositories: cloned, and read from what is committed, never from a working tree.

Repositories come from strangers, so git is told to run nothing that one of them may name: no
hook, no filter, no signature check, no helper, and no connection but the one to clone. Nothing is
ever checked out. Knows nothing about which files are wanted.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

from fimbul_models.corpus.listings import Entry, Listing, entry_of, sorted_by_path
from fimbul_models.corpus.reasons import Reason
from fimbul_models.errors import SourceError

_LAST_LINES = 3
_SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "gpg.program=false",
    "log.showSignature=false",
    "log.showRoot=true",
    "diff.orderFile=/dev/null",
    "diff.relative=false",
)
"""Settings that win over a repository's own."""

_PATIENCE = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=120")
"""A clone that brings less than so many bytes a second, for so many seconds, is given up."""

_SSH = {"GIT_SSH", "GIT_SSH_COMMAND"}
"""How the user reaches other machines."""

_HEAD = re.compile(rb"\x01(\d+)")
_HEAD_WORDS = 3
"""Name, kind and size, above each content that git gives."""
_BLOCK = 1 << 16

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
"""Above each stretch of a difference: lines taken away, the first one added, lines added."""

_SUBMODULE = (Reason.VENDORED, "submodule")
_LOST = (Reason.UNREADABLE, "git does not have its content")


def git_folder(path: Path) -> Path:
    """Return where git keeps the repository at `path`: ordinary, bare, or a linked work tree.

    Raises SourceError if there is none.
    """
    inside = path / ".git"
    if inside.is_file():
        # Work trees and submodules say where their repository is.
        text = inside.read_text(encoding="utf-8", errors="replace").strip()
        return path / text.removeprefix("gitdir: ")
    for folder in (inside, path):
        if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
            return folder
    raise SourceError(f"{path} is no git repository; name one, or make it a folder source.")


def commit_of(folder: Path, revision: str) -> str:
    """Return the full name of the commit that `revision` means in the git directory `folder`.

    Raises SourceError if there is none, as in a repository without commits.
    """
    arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"]
    found = _run(folder, arguments, refused=b"").decode("ascii", "replace").strip()
    if not found:
        raise SourceError(f"{folder} has no commit {revision}.")
    return found


def commit_before(folder: Path, head: str, date: str) -> str:
    """Return the newest commit that led to `head` and is not younger than `date`.

    Dates are written as git reads them. Raises SourceError if there is none.
    """
    arguments = ["rev-list", "-1", f"--before={date}", head]
    found = _run(folder, arguments).decode("ascii", "replace").strip()
    if not found:
        raise SourceError(f"{folder} has no commit before {date}.")
    return found


def history(folder: Path, commit: str) -> list[str]:
    """Return the commits that led to `commit`, it first; of merges the side that was merged into.

    Raises SourceError if git cannot read the repository.
    """
    told = _run(folder, ["rev-list", "--first-parent", commit]).decode("ascii", "replace")
    return told.split()


def added_lines(folder: Path, before: str, after: str) -> dict[str, frozenset[int]]:
    """Return, by path, the lines (from 0) of `after` that `before` does not have.

    A file that was only renamed has added nothing. Names that git would have to quote are left
    out. Raises SourceError if git cannot read the repository.
    """
    command = ["-c", "core.quotePath=false", "diff-tree", "-r", "-p", "--unified=0"]
    command += ["--find-renames", "--no-color", "--no-ext-diff", "--no-textconv"]
    command += ["--src-prefix=a/", "--dst-prefix=b/", "--diff-filter=AMR", before, after]
    found: dict[str, set[int]] = {}
    path, left = "", 0
    for line in _run(folder, command).split(b"\n"):
        if left:
            # What stands in the files may look like a header.
            left -= not line.startswith(b"\\")
        elif line.startswith(b"+++ b/"):
            path = line[len(b"+++ b/") :].rstrip(b"\t").decode("utf-8", "surrogateescape")
        elif line.startswith(b"+++ "):
            path = ""
        elif hunk := _HUNK.match(line):
            removed, first, added = (int(number or b"1") for number in hunk.groups())
            left = removed + added
            if path and added:
                found.setdefault(path, set()).update(range(first - 1, first - 1 + added))
    return {name: frozenset(numbers) for name, numbers in found.items()}


def clone(address: str, folder: Path, protocols: Sequence[str]) -> Path:
    """Return the git directory of `address`, from `folder` if it is there, else cloned into it.

    Raises SourceError if it cannot be cloned, or not by one of `protocols`.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # A folder of its own, then a rename: half a clone is never taken for a whole one.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".clone-") as work:
        command = ["git", *_settings(), *_PATIENCE, "clone", "--quiet", "--bare", "--template="]
        command += ["--single-branch", "--no-tags", "--", address, f"{work}/clone"]
        # Without a terminal nothing can ask for a password and wait for it.
        outcome = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=_environment(protocols),
            start_new_session=True,
        )
        if outcome.returncode:
            raise SourceError(f"{address} cannot be cloned: {_last(outcome.stderr)}")
        shutil.move(f"{work}/clone", folder)
    return folder


@contextmanager
def listed_repository(folder: Path, commit: str) -> Iterator[Listing]:
    """Return the files that `commit` holds, with the dates of their last changes.

    Symbolic links are passed over, submodules are entries that say so.

    Raises SourceError if git cannot read the repository.
    """
    tree = _run(folder, ["ls-tree", "-r", "-z", "--long", "--full-tree", commit])
    lines = [line for line in tree.split(b"\0") if line]
    dates = _dates(folder, commit, {line.partition(b"\t")[2] for line in lines})
    entries = [entry for line in lines if (entry := _entry(line, dates))]
    with _started(folder, ["cat-file", "--batch"]) as process:
        yield Listing(sorted_by_path(entries), partial(_blob, process))


def _entry(line: bytes, dates: Mapping[bytes, str]) -> Entry | None:
    """Return the entry of one line of `git ls-tree --long`, None if it is a link."""
    told, _, name = line.partition(b"\t")
    mode, kind, blob, size = told.split()
    if kind == b"commit":
        return Entry(entry_of(name, 0).path, problem=_SUBMODULE)
    if mode == b"120000":
        return None
    if not size.isdigit():
        return Entry(entry_of(name, 0).path, problem=_LOST)
    return entry_of(name, int(size), dates.get(name, ""), blob)


def _dates(folder: Path, commit: str, wanted: set[bytes]) -> dict[bytes, str]:
    """Return when each path was changed last, by one pass over the history, newest first.

    Of merges only what differs from all parents counts: everything else was changed before.
    Where the history is damaged, the dates behind the damage are missing.
    """
    command = ["log", "-z", "--format=%x01%ct", "--name-only", "--no-renames", "-c"]
    command += ["--no-show-signature", "--no-ext-diff", "--no-textconv", commit]
    dates: dict[bytes, str] = {}
    date = ""
    with _started(folder, command) as process:
        for part in _parts(process.stdout):
            if head := _HEAD.fullmatch(part):
                date = f"{datetime.fromtimestamp(int(head[1]), UTC):%Y-%m-%dT%H:%M:%SZ}"
            elif (name := part.removeprefix(b"\n")) in wanted:
                dates[name] = date
                wanted.discard(name)
                if not wanted:
                    break
    return dates


def _parts(stream: IO[bytes] | None) -> Iterator[bytes]:
    """Yield what stands between zero bytes, without holding all of it."""
    rest = b""
    while stream and (block := stream.read(_BLOCK)):
        *parts, rest = (rest + block).split(b"\0")
        yield from parts


@contextmanager
def _started(folder: Path, arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run git beside us; it ends, at the latest, when it is not needed any more."""
    with subprocess.Popen(
        [*_git(folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(()),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _blob(process: subprocess.Popen[bytes], entry: Entry) -> bytes:
    """Return the content of `entry` from a running `git cat-file --batch`."""
    asked, told = process.stdin, process.stdout
    if asked is None or told is None:
        raise SourceError("git cannot be spoken to")
    try:
        asked.write(entry.handle + b"\n")
        asked.flush()
    except BrokenPipeError as error:
        raise SourceError("git ended before it gave the content") from error
    head = told.readline().split()
    if len(head) != _HEAD_WORDS:
        raise SourceError("git does not have its content")
    content = told.read(int(head[2]))
    told.read(1)
    return content


def _git(folder: Path) -> list[str]:
    return ["git", "--no-pager", f"--git-dir={folder}", *_settings()]


def _settings() -> list[str]:
    return [word for setting in _SAFE for word in ("-c", setting)]


def _environment(protocols: Sequence[str]) -> dict[str, str]:
    """Return the environment of git: no questions, and no connection but by `protocols`."""
    wanted = _SSH if protocols else set()
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in wanted
    }
    ours = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}
    ours["GIT_ALLOW_PROTOCOL"] = ":".join(protocols) or "none"
    ours["GIT_NO_REPLACE_OBJECTS"] = "1"
    if not protocols:
        # What is read is the same for every user.
        ours |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    return kept | ours | {"LC_ALL": "C"}


def _run(folder: Path, arguments: Sequence[str], refused: bytes | None = None) -> bytes:
    try:
        outcome = subprocess.run(
            [*_git(folder), *arguments], capture_output=True, check=False, env=_environment(())
        )
    except FileNotFoundError as error:
        raise SourceError("git is needed to read repositories; install it.") from error
    if outcome.returncode and refused is not None:
        return refused
    if outcome.returncode:
        raise SourceError(f"git cannot read {folder}: {_last(outcome.stderr)}")
    return outcome.stdout


def _last(words: bytes) -> str:
    lines = words.decode("utf-8", "replace").strip().splitlines()[-_LAST_LINES:]
    return " ".join(lines) or "it says nothing"
