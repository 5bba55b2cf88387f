"""A build of the engine that is stopped, cannot begin, or is watched without a terminal."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lsp_server.cli.engine_build import check_space, ensure_wheel
from lsp_server.cli.engine_recipe import Compiler, how_to_get_a_compiler, make_recipe
from lsp_server.config.paths import Paths
from lsp_server.errors import SetupError
from lsp_server.inference.machine import Cpu

RECIPE = 'make_recipe(COMPILER, Cpu("A processor", "0123"), portable=False)'
COMPILER = Compiler("cc", "c++", "cc 12", ())

SLOW_PIP = """
import os, pathlib, subprocess, sys, time
compiler = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
told = pathlib.Path(__file__).with_name("pids.partial")
told.write_text(f"{os.getpid()} {compiler.pid}")
told.rename(told.with_name("pids"))
time.sleep(600)
"""

QUICK_PIP = """
import pathlib, sys
for step in range(1, 21):
    print(f"  [{step}/20] cc file.c", flush=True)
folder = pathlib.Path(sys.argv[sys.argv.index("--wheel-dir") + 1])
(folder / "llama_cpp_python-1-py3-none-any.whl").write_bytes(b"a wheel")
"""

BUILDING = f"""
import signal, sys
from lsp_server.cli.engine_build import ensure_wheel
from lsp_server.cli.engine_recipe import Compiler, make_recipe
from lsp_server.config.paths import Paths
from lsp_server.inference.machine import Cpu

signal.signal(signal.SIGINT, signal.default_int_handler)
COMPILER = {COMPILER!r}
ensure_wheel(Paths.of_user(), {RECIPE}, COMPILER, [sys.executable, sys.argv[1]])
"""


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.skipif(os.name != "posix", reason="no SIGINT for another process")
def test_a_stopped_build_leaves_nothing_and_can_be_repeated(paths: Paths, tmp_path: Path) -> None:
    slow, quick = tmp_path / "slow.py", tmp_path / "quick.py"
    slow.write_text(SLOW_PIP)
    quick.write_text(QUICK_PIP)
    building = subprocess.Popen(
        [sys.executable, "-P", "-c", BUILDING, str(slow)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        pids = tmp_path / "pids"
        until(lambda: pids.exists() or building.poll() is not None, "the build")
        assert building.poll() is None, building.communicate()[1]
        building.send_signal(signal.SIGINT)
        _, said = building.communicate(timeout=120)
    finally:
        building.kill()
    assert "KeyboardInterrupt" in said
    for pid in map(int, pids.read_text().split()):
        until(lambda pid=pid: is_gone(pid), "the end of pip and its compiler")  # type: ignore[misc]
    assert not list(paths.engine.glob("building-*"))

    recipe = make_recipe(COMPILER, Cpu("A processor", "0123"), portable=False)
    build = ensure_wheel(paths, recipe, COMPILER, [sys.executable, str(quick)], progress=False)
    assert build.wheel


def test_where_no_terminal_is_progress_is_told_in_lines(
    paths: Paths, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    quick = tmp_path / "quick.py"
    quick.write_text(QUICK_PIP)
    recipe = make_recipe(COMPILER, Cpu("", ""), portable=False)
    ensure_wheel(paths, recipe, COMPILER, [sys.executable, str(quick)])
    told = capfd.readouterr().err.splitlines()
    assert told == [f"compiling: {percent} %" for percent in range(10, 101, 10)]


def test_too_little_space_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    check_space([tmp_path], lambda _: 2_000_000_000)
    with pytest.raises(SetupError, match=r"1\.0 GB in .*, but 5 MB are free"):
        check_space([tmp_path], lambda _: 5_000_000)


@pytest.mark.parametrize(
    ("system", "release", "expected"),
    [
        ("linux", {"ID": "debian"}, "apt install build-essential"),
        ("linux", {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "apt install build-essential"),
        ("linux", {"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "dnf install gcc-c++"),
        ("linux", {"ID": "manjaro", "ID_LIKE": "arch"}, "pacman -S base-devel"),
        ("linux", {"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "zypper install gcc-c++"),
        ("linux", {"ID": "nixos"}, "Install gcc and g++"),
        ("linux", {}, "Install gcc and g++"),
        ("darwin", {}, "xcode-select --install"),
        ("win32", {}, "Build Tools for Visual Studio"),
    ],
)
def test_how_to_get_a_compiler_depends_on_the_system(
    system: str, release: dict[str, str], expected: str
) -> None:
    assert expected in how_to_get_a_compiler(system, release)
