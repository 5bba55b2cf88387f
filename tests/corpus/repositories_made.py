"""Repositories that tests make: a few files, committed at given times."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_WHO = {
    f"GIT_{who}_{what}": "a@example.org"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


def git(folder: Path, *arguments: str, date: str = "2026-01-02T03:04:05+00:00") -> str:
    """Run git in `folder` as nobody in particular, at `date`; return what it says."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": "file",
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
        **_WHO,
    }
    command = [shutil.which("git") or "git", *arguments]
    outcome = subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return outcome.stdout.strip()


def new_repository(folder: Path) -> Path:
    """Make an empty repository."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "--initial-branch=main", ".")
    return folder


def commit(folder: Path, files: Mapping[str, str | bytes], date: str) -> str:
    """Write `files`, commit everything at `date`, and return the commit's name."""
    write(folder, files)
    git(folder, "add", "-A", ".")
    git(folder, "commit", "-q", "-m", "x", date=date)
    return git(folder, "rev-parse", "HEAD")


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write `files` below `folder`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
