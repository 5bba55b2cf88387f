"""Faults of the machine that a process meets without knowing: a clock, a disk, a file system.

Written as a `sitecustomize` module into a folder that comes first on the import path of a server,
so the server and all processes that it starts run it before anything else. What it stands for:

- a disk that is full: no file may grow beyond a size (`RLIMIT_FSIZE`), so writing fails with EFBIG
  instead of ENOSPC;
- a clock that jumps: `time.time` and `time.time_ns` are put off by what stands in a file;
- a network file system that stalls: whatever opens, lists or looks at a path below a folder waits,
  without the interpreter's lock, as long as a marker file is there;
- a folder that may not be read, also for the superuser: whatever opens or lists something below it
  gets `PermissionError`.
"""

import os
from collections.abc import Mapping
from pathlib import Path

DISK, CLOCK, STALL, MARKER = "FAULT_DISK", "FAULT_CLOCK", "FAULT_STALL", "FAULT_MARKER"
FORBIDDEN = "FAULT_FORBIDDEN"
"""Environment variables: bytes; a file with seconds; a folder; a file; a folder."""

_MODULE = """
import os, sys, time


def no_room(size):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def jumping(place):
    real, real_ns = time.time, time.time_ns

    def offset():
        try:
            with open(place) as file:
                return float(file.read() or 0)
        except (OSError, ValueError):
            return 0.0

    time.time = lambda: real() + offset()
    time.time_ns = lambda: real_ns() + int(offset() * 1e9)


def stalling(folder, marker):
    exists, sleep, real_stat, real_lstat = os.path.exists, time.sleep, os.stat, os.lstat

    def wait(path):
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str) and not hasattr(path, "__fspath__"):
            return
        text = os.path.abspath(os.fspath(path))
        if text != folder and not text.startswith(folder + os.sep):
            return
        while True:
            try:
                real_lstat(marker)
            except OSError:
                return
            sleep(0.02)

    def hook(event, arguments):
        if event in ("open", "os.scandir", "os.listdir") and arguments:
            wait(arguments[0])

    def stat(path, *rest, **more):
        wait(path)
        return real_stat(path, *rest, **more)

    def lstat(path, *rest, **more):
        wait(path)
        return real_lstat(path, *rest, **more)

    os.stat, os.lstat = stat, lstat
    sys.addaudithook(hook)


def forbidding(folder):
    def hook(event, arguments):
        if event in ("open", "os.scandir", "os.listdir") and arguments:
            path = arguments[0]
            if isinstance(path, str) or hasattr(path, "__fspath__"):
                text = os.path.abspath(os.fspath(path))
                if text == folder or text.startswith(folder + os.sep):
                    raise PermissionError(13, "Permission denied", text)

    sys.addaudithook(hook)


if "FAULT_FORBIDDEN" in os.environ:
    forbidding(os.environ["FAULT_FORBIDDEN"])
if "FAULT_DISK" in os.environ:
    no_room(int(os.environ["FAULT_DISK"]))
if "FAULT_CLOCK" in os.environ:
    jumping(os.environ["FAULT_CLOCK"])
if "FAULT_STALL" in os.environ:
    stalling(os.environ["FAULT_STALL"], os.environ["FAULT_MARKER"])
"""


def injected(folder: Path, faults: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which a server meets `faults`, named as above."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_MODULE, encoding="utf-8")
    root = Path(__file__).parents[1]
    others = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([str(folder), str(root), *([others] if others else [])])
    return {"PYTHONPATH": path, **faults}
