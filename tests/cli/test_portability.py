"""Imports and ordinary use where what only Linux has is missing, as far as that can be told here.

It is not the same as running there: only what this interpreter can hide is hidden.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lsp_server

LINUX_ONLY = (
    "getuid", "geteuid", "getgid", "getpgid", "setsid", "setpgid", "fork", "forkpty", "killpg",
    "nice", "getpriority", "setpriority", "sched_setaffinity", "sched_getaffinity", "getloadavg",
    "uname", "statvfs", "fchmod", "chown", "mkfifo", "sysconf", "posix_fadvise", "memfd_create",
    "SIGKILL", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGXCPU", "setitimer", "alarm",
)  # fmt: skip
"""What `os` and `signal` do not have everywhere."""
FLAGS = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_DIRECTORY", "O_BINARY")
"""Flags of files that are not everywhere. They cannot be hidden from the libraries that use them
on this system."""

ELSEWHERE = """
import importlib, os, pkgutil, signal, sys
import lsp_server

names = [module.name for module in pkgutil.walk_packages(lsp_server.__path__, "lsp_server.")]
for name in names:
    importlib.import_module(name)

# The foreign libraries stay, as they would be others there; our own modules are imported anew.
for name in [name for name in sys.modules if name.partition(".")[0] == "lsp_server"]:
    del sys.modules[name]
for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix"):
    sys.modules[name] = None
for name in sys.argv[3].split():
    for module in (os, signal):
        if hasattr(module, name):
            delattr(module, name)
sys.platform = sys.argv[1]

for name in names:
    importlib.import_module(name)

from lsp_server.cli.engine_recipe import how_to_get_a_compiler
from lsp_server.cli.main import main
from lsp_server.config.paths import Paths
from lsp_server.inference.machine import default_threads, find_cpu, machine_key

assert Paths.of_user().policy_file.name == "policy.toml"
assert find_cpu().name and machine_key() and default_threads() >= 1
print(how_to_get_a_compiler())
sys.stdout.flush()
for words in (
    ["complete", sys.argv[2], "--engine", "scripted", "--json"],
    ["stats"], ["erase", "--dry-run"], ["models", "list"], ["editors"], ["explain", "--last"],
):
    status = main(words)
    print(words[0], status, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("system", "compiler"), [("darwin", "xcode-select"), ("win32", "Build Tools")]
)
def test_nothing_that_only_linux_has_is_needed(
    system: str, compiler: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("workspace") / "a.py"
    file.write_text("def add(a, b):\n    return \n")

    run = subprocess.run(
        [sys.executable, "-P", "-c", ELSEWHERE, system, f"{file}:2:12", " ".join(LINUX_ONLY)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=400,
    )

    assert run.returncode == 0, run.stderr
    assert compiler in run.stdout
    said = run.stderr.splitlines()
    for command in ("complete", "stats", "erase", "models", "editors"):
        assert f"{command} 0" in said, run.stderr


def test_a_console_that_knows_ascii_only_is_no_error() -> None:
    run = subprocess.run(
        [sys.executable, "-P", "-m", "lsp_server.cli.main", "doctor"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=400,
    )
    assert "? " in run.stdout, "it points to what to do about the model, which is not there"
    assert "Traceback" not in run.stderr


def modules() -> list[Path]:
    return sorted(Path(lsp_server.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("file", modules(), ids=lambda file: file.stem)
def test_no_flag_or_function_is_taken_for_granted(file: Path) -> None:
    """`getattr(os, "O_NOFOLLOW", 0)` is right everywhere, `os.O_NOFOLLOW` is not."""
    attributes = [
        node.attr
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("os", "signal")
    ]
    assert [name for name in attributes if name in (*LINUX_ONLY, *FLAGS)] == []
