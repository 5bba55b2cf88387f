"""Run programs that a model wrote, so that the ordinary mistakes of such programs harm nothing.

Each runs in a process of its own: an interpreter without environment, site packages and user
folders, in an empty folder, with limits on processor time, memory, files and processes, killed as a
group after a time; on Linux, where it may, in new user, network, process and IPC namespaces, so
that it reaches no network and no other process; and behind an audit hook that refuses sockets,
child processes and files elsewhere. Knows nothing about items or answers.

The hook and the limits hold against mistakes. They are no wall against a program that was written
to get out: behind the hook it can read and write what the user can, and a fault of the kernel or
the interpreter is open to it.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

CHILD = Path(__file__).with_name("sandboxed.py")

# No environment, no user folders, no unsafe path: what -I means, but with a hash seed that is the
# same for all, so that the order of a set does not decide whether a program passes.
_INTERPRETER = (sys.executable, "-s", "-S", "-P", "-B", str(CHILD))
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}

_NAMESPACES = ("--net", "--ipc", "--pid", "--fork", "--kill-child")
_PROBE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use."""

    processor_seconds: int = 5
    """Decides whether a program is too slow, as it does not depend on what else runs."""
    wall_seconds: float = 60.0
    """For a program that waits instead of computing."""
    memory: int = 1 << 30
    """Bytes of address space."""
    file_size: int = 1 << 20
    """Bytes of the largest file."""
    open_files: int = 32

    def of_kernel(self) -> dict[str, int]:
        """Return the limits by the name that the kernel's interface has for them."""
        return {
            "RLIMIT_CPU": self.processor_seconds,
            "RLIMIT_AS": self.memory,
            "RLIMIT_FSIZE": self.file_size,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_CORE": 0,
            "RLIMIT_NPROC": 1,
        }


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one program ended."""

    passed: bool
    """It ran to its end without an exception."""
    reason: str = ""
    """Otherwise the exception's name; ``processor-time``, ``waited``; or ``killed``, by a limit, a
    fault or by itself."""

    @property
    def is_certain(self) -> bool:
        """Whether another run would say the same; a machine with much to do makes all wait."""
        return self.reason != "waited"


class Sandbox:
    """Runs programs, each alone."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Take the limits, and see what this machine permits."""
        self.limits = limits or Limits()
        self.walls = walls()
        """The command that puts another one into namespaces of its own; empty without any."""

    @property
    def has_namespaces(self) -> bool:
        """Whether programs run without network by the kernel's doing, not the guard's alone."""
        return bool(self.walls)

    def name(self) -> str:
        """Return a name of everything but the program that decides a verdict."""
        return f"{sys.version} {asdict(self.limits)} {CHILD.read_text(encoding='utf-8')}"

    async def run(self, program: str) -> Verdict:
        """Run the text of a program, and say how it ended."""
        with tempfile.TemporaryDirectory(prefix="fimbul-sandbox-") as folder:
            process = await asyncio.create_subprocess_exec(
                *self.walls,
                *_INTERPRETER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=_ENVIRONMENT,
                start_new_session=True,
            )
            try:
                return await self._watch(process, program)
            finally:
                # The group still holds what the program may have started.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()

    async def _watch(self, process: asyncio.subprocess.Process, program: str) -> Verdict:
        mark = secrets.token_hex(16)
        request = {"program": program, "mark": mark, "limits": self.limits.of_kernel()}
        talking = process.communicate(json.dumps(request).encode())
        try:
            said, _ = await asyncio.wait_for(talking, self.limits.wall_seconds)
        except TimeoutError:
            return Verdict(passed=False, reason="waited")
        word = said.decode("utf-8", "replace")
        if word == mark:
            return Verdict(passed=True)
        return Verdict(passed=False, reason=word or "killed")


def walls() -> tuple[str, ...]:
    """Return the command that puts another one into namespaces of its own; empty if none may."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    for more in (("--user", "--map-root-user"), ()):
        command = (unshare, *more, *_NAMESPACES, "--")
        if _works((*command, sys.executable, "-I", "-S", "-c", "")):
            return command
    return ()


def _works(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
