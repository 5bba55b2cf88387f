"""What the installation of every editor for the tests needs: a place, a whole or nothing, steps."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LONGEST = 900
"""Seconds that one step may take."""


class Missing(Exception):
    """Something is not installed, or could not be; the message says what and why."""


def cache_folder() -> Path:
    """Return where editors are installed; FIMBUL_EDITORS names another place."""
    chosen = os.environ.get("FIMBUL_EDITORS")
    return Path(chosen) if chosen else Path.home() / ".cache" / "fimbul-editors"


def ensure(folder: Path, make: Callable[[Path], None]) -> None:
    """Let `make` fill `folder` unless it is there, as a whole or not at all.

    It fills a folder beside it, which is renamed as the last step. Only one process may be here.
    """
    if folder.is_dir():
        print(f"{folder} is there.")
        return
    # Nobody else is here, so what lies about is of an installation that was cut off.
    for old in folder.parent.glob(f"{folder.name}.part-*"):
        shutil.rmtree(old)
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
    try:
        make(part)
        part.chmod(0o755)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    print(f"Installed {folder}.")


def run(
    command: Sequence[str], environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run one step and return what it says; raises `Missing` with the end of that."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{' '.join(command[:3])} failed: {error}") from error
    if done.returncode != 0:
        raise Missing(f"{' '.join(command[:3])} failed: {done.stdout.strip()[-600:]}")
    return done.stdout
