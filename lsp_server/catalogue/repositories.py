"""Which repository a folder is a clone of, told by its commits without a parent.

git is asked for them once, when an adapter is trained or chosen, by the command line. Whether a
folder belongs to a repository that is known is answered without git, by looking for those
commits among its objects, so that a server starts no process for it. Opens no connection.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from lsp_server.catalogue.adapters import Repository
from lsp_server.errors import AdapterError

_SECONDS = 120
"""Time that git may take to walk through a history."""

_MAGIC = b"\xfftOc\x00\x00\x00\x02"
"""Begins an index of a pack, version 2: https://git-scm.com/docs/gitformat-pack."""
_FANOUT = 256 * 4
_MOST_ROOTS = 64
_MOST_ALTERNATES = 16
_MOST_TEXT = 65536
"""Characters that are read of a file that names other folders."""
_MOST_NAMES = 4_000_000
"""Objects of one first byte above which an index is taken for damage: 80 MB of names."""


def root_of(folder: Path) -> Path:
    """Return the top folder of the repository that `folder` is in; without one, `folder`."""
    folder = folder.resolve()
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)


def identify(folder: Path) -> Repository:
    """Return what repository `folder` belongs to.

    Raises `AdapterError` if git is missing or cannot say.
    """
    root = root_of(folder)
    if not root.is_dir():
        raise AdapterError(f"There is no folder {folder}.")
    if not (root / ".git").exists():
        return Repository("folder", (_digest_of(root),), _label(root))
    roots = _roots(root)
    if not roots:
        # Nothing was committed yet, so there is nothing to tell another clone by.
        return Repository("folder", (_digest_of(root),), _label(root))
    return Repository("git", tuple(sorted(roots)[:_MOST_ROOTS]), _label(root))


def belongs(folder: Path, repository: Repository) -> bool:
    """Return whether `folder` is part of a clone of `repository`. Never raises.

    A repository that was only fetched into the one of `folder` counts, too: whoever can open that
    has its history.
    """
    try:
        folder = folder.resolve()
        if repository.kind == "folder":
            return any(_digest_of(one) in repository.ids for one in (folder, *folder.parents))
        stores = list(_object_stores(root_of(folder)))
        return all(any(_holds(store, one) for store in stores) for one in repository.ids)
    except (OSError, ValueError, RuntimeError):
        return False


def _roots(root: Path) -> list[str]:
    git = shutil.which("git")
    if git is None:
        raise AdapterError(f"git is needed to tell which repository {root} is; install it.")
    # Nothing that the repository's own configuration names may run, and nothing may be fetched.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment = {
        **inherited,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }
    command = [git, "--no-replace-objects", "-c", "core.fsmonitor=false", "rev-list"]
    command += ["--max-parents=0", "HEAD", "--"]
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise AdapterError(f"git could not say which repository {root} is: {exc}.") from exc
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode and "bad revision" not in said and "unknown revision" not in said:
        raise AdapterError(f"git could not say which repository {root} is: {said[:200]}")
    return re.findall(r"^[0-9a-f]{40,64}$", done.stdout.decode("ascii", "replace"), re.MULTILINE)


def _label(root: Path) -> str:
    return "".join(sign for sign in root.name if sign.isprintable())[:100]


def _digest_of(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()


def _object_stores(root: Path) -> Iterator[Path]:
    """Yield the folders in which git keeps the objects of a repository."""
    git = root / ".git"
    if git.is_file():
        # A worktree or a submodule: "gitdir: PATH".
        git = root / _text(git).removeprefix("gitdir:").strip()
    common = git / "commondir"
    if common.is_file():
        git = git / _text(common).strip()
    objects = git / "objects"
    yield objects
    alternates = objects / "info" / "alternates"
    if alternates.is_file():
        for line in _text(alternates).splitlines()[:_MOST_ALTERNATES]:
            yield objects / line


def _text(file: Path) -> str:
    with file.open(encoding="utf-8") as opened:
        return opened.read(_MOST_TEXT)


def _holds(objects: Path, name: str) -> bool:
    if (objects / name[:2] / name[2:]).is_file():
        return True
    wanted = bytes.fromhex(name)
    # A pipe of that name would hold whoever opens it.
    indexes = (index for index in objects.glob("pack/*.idx") if index.is_file())
    return any(_is_in_pack(index, wanted) for index in indexes)


def _is_in_pack(index: Path, wanted: bytes) -> bool:
    """Return whether a pack holds an object: its index has all names in order, by first byte."""
    with index.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return False
        fanout = file.read(_FANOUT)
        first = wanted[0]
        begin = int.from_bytes(fanout[4 * first - 4 : 4 * first], "big") if first else 0
        end = int.from_bytes(fanout[4 * first : 4 * first + 4], "big")
        if not 0 <= end - begin <= _MOST_NAMES:
            return False
        file.seek(len(_MAGIC) + _FANOUT + begin * len(wanted))
        names = file.read((end - begin) * len(wanted))
    return any(
        names[start : start + len(wanted)] == wanted for start in range(0, len(names), len(wanted))
    )
