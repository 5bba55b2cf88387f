"""The child's side of the sandbox: takes limits upon itself, runs one program, says how it ended.

Started by `sandbox` as a program of its own, with the standard library alone. Reads one JSON object
from standard input and writes one word to what standard output was: the mark that it was given if
the program ran to its end, or the name of the exception that ended it.
"""

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

REFUSED = (
    "socket.", "subprocess.", "ctypes.", "shutil.", "urllib.", "ftplib.", "http.", "smtplib.",
    "imaplib.", "poplib.", "telnetlib.", "nntplib.", "webbrowser.", "sqlite3.", "pty.",
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.kill", "os.startfile",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate",
    "os.ch", "os.lock", "os.utime", "os.setxattr", "os.removexattr", "os.listdrives", "os.putenv",
    "signal.", "resource.", "syslog.", "fcntl.", "mmap.",
)  # fmt: skip
"""Beginnings of the audit events that no program under test has a reason to cause."""

TOO_SLOW = "processor-time"
"""What is said of a program that used up its processor time."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Refused(Exception):
    """The program tried what the sandbox does not let it do."""


def main() -> None:
    """Run the program that stands in standard input."""
    request = json.loads(sys.stdin.buffer.read())
    report = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    _limit(request["limits"])
    signal.signal(signal.SIGXCPU, lambda *_: _end(report, TOO_SLOW))
    sys.addaudithook(_guard(Path.cwd()))
    _end(report, _ended(request["program"], request["mark"]))


def _end(report: int, word: str) -> None:
    """Say how it ended; what the program has left behind, such as an exit handler, gets no turn."""
    os.write(report, word.encode())
    os._exit(0)


def _ended(program: str, mark: str) -> str:
    try:
        code = compile(program, "<program>", "exec", dont_inherit=True, optimize=0)
        exec(code, {"__name__": "program"})  # noqa: S102  # It is what the sandbox is for.
    except BaseException as error:  # noqa: BLE001  # SystemExit is no success either.
        return type(error).__name__
    return mark


def _limit(limits: dict[str, int]) -> None:
    """Take limits that a process without rights outside its namespace cannot lift again."""
    for name, most in limits.items():
        # Between the two limits of processor time there is time to say so.
        hard = most + 1 if name == "RLIMIT_CPU" else most
        resource.setrlimit(getattr(resource, name), (most, hard))


def _guard(folder: Path) -> Any:
    """Return an audit hook that refuses everything but computing and files in `folder`."""
    readable = (f"{folder}{os.sep}", *{f"{path}{os.sep}" for path in _libraries()})

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(REFUSED):
            raise Refused(event)
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            writes = bool(int(arguments[2] or 0) & _WRITES)
            if not path.startswith(readable[:1] if writes else readable):
                raise Refused(event)

    return refuse


def _libraries() -> set[str]:
    return {os.path.realpath(path) for path in (sys.base_prefix, *sys.path) if path}


if __name__ == "__main__":
    main()
