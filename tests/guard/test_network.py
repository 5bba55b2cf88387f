"""The guard, in processes of its own: it cannot be taken away again."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lsp_server.guard.network import AUDIT, KERNEL, NetworkGuard, is_allowed
from lsp_server.guard.seccomp import forbid_connections

HEAD = """
import ctypes, errno, json, os, socket, subprocess, sys, threading
from lsp_server.guard.network import NetworkGuard
libc = ctypes.CDLL(None, use_errno=True)

def native(family, kind):
    ctypes.set_errno(0)
    return [libc.socket(family, kind, 0) >= 0, errno.errorcode.get(ctypes.get_errno(), "")]
"""


def run(body: str) -> Any:
    """What a process prints last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", HEAD + body],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def kernel() -> None:
    """Skips where the kernel has no filter: another system, or a sandbox that takes it away."""
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            "from lsp_server.guard.seccomp import *; print(forbid_connections())",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    if missing := done.stdout.strip():
        pytest.skip(f"the kernel does not filter here: {missing}")


ATTEMPTS = {
    "TCP": "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "IPv6": "socket.socket(socket.AF_INET6, socket.SOCK_STREAM)",
    "a helper": "socket.create_connection(('127.0.0.1', 9))",
    "a server": "socket.create_server(('127.0.0.1', 0))",
    "a name": "socket.getaddrinfo('localhost', 80)",
    "an old name": "socket.gethostbyname('localhost')",
    "a local service": "socket.socket(socket.AF_UNIX).connect('/nothing')",
    "a datagram": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'', '/nothing')",
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pairs")
def test_python_code_is_refused_and_heard_of() -> None:
    found = run(
        f"""
heard = []
guard = NetworkGuard(heard.append)
before, after = guard.is_up, guard.raise_up()
refused = {{}}
for name, attempt in {ATTEMPTS!r}.items():
    try:
        eval(attempt)
        refused[name] = "went through"
    except PermissionError:
        refused[name] = "refused"
print(json.dumps([before, guard.is_up, refused, heard, guard.refused.total()]))
"""
    )
    before, up, refused, heard, total = found
    assert (before, up) == (False, True)
    assert refused == dict.fromkeys(ATTEMPTS, "refused")
    # What the kernel refuses before Python is asked is not heard of: the last two.
    assert total == len(heard) >= len(ATTEMPTS) - 2
    assert all(what.startswith("socket.") and "127" not in what for what in heard)


def test_without_the_guard_the_same_goes_through() -> None:
    assert run("socket.socket().close(); print(json.dumps(native(2, 2)))") == [True, ""]


@pytest.mark.usefixtures("kernel")
def test_native_code_threads_and_children_are_refused_by_the_kernel() -> None:
    found = run(
        """
go, done = threading.Event(), []
def wait():
    go.wait()
    done.append(native(2, 1))
thread = threading.Thread(target=wait)
thread.start()
means = NetworkGuard().raise_up()
go.set()
thread.join()
families = [native(family, kind) for family in (1, 2, 10, 16, 17, 40) for kind in (1, 2, 3)]
command = [sys.executable, "-I", "-c", "import socket; socket.socket()"]
child = subprocess.run(command, stderr=subprocess.PIPE, text=True)
print(json.dumps([means.active, done, families, child.stderr.splitlines()[-1]]))
"""
    )
    means, thread, families, child = found
    assert means == [KERNEL, AUDIT]
    assert thread == [[False, "EACCES"]]
    assert families == [[False, "EACCES"]] * 18
    assert "Permission denied" in child


def test_pairs_children_and_pipes_work_as_before() -> None:
    found = run(
        """
import asyncio
NetworkGuard().raise_up()
left, right = socket.socketpair()
left.sendall(b"local")

async def talk():
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", "print(input())", stdin=pipe, stdout=pipe
    )
    return (await process.communicate(b"heard\\n"))[0].decode().strip()

print(json.dumps([right.recv(9).decode(), asyncio.run(talk())]))
"""
    )
    assert found == ["local", "heard"]


def test_it_says_why_the_kernel_does_not_help() -> None:
    found = run(
        """
import lsp_server.guard.network as network
network.forbid_connections = lambda: "this is no Linux"
means = NetworkGuard().raise_up()
try:
    socket.socket()
    outcome = "went through"
except PermissionError:
    outcome = "refused"
print(json.dumps([means.active, means.missing, outcome]))
"""
    )
    assert found == [[AUDIT], "this is no Linux", "refused"]


def test_on_windows_python_may_make_its_pairs_and_nothing_more() -> None:
    def allowed(event: str, *arguments: Any) -> bool:
        return is_allowed(event, (None, *arguments), "win32")

    assert allowed("socket.__new__", 2, 1, 0)
    assert allowed("socket.connect", ("127.0.0.1", 5000))
    assert allowed("socket.bind", ("::1", 0, 0, 0))
    assert not allowed("socket.connect", ("10.0.0.1", 5000))
    assert not allowed("socket.bind", ("0.0.0.0", 0))  # noqa: S104  # It is refused.
    assert not allowed("socket.getaddrinfo", "127.0.0.1")
    assert not allowed("socket.sendto", ("127.0.0.1", 5000))


def test_a_guard_that_is_not_up_forbids_nothing() -> None:
    guard = NetworkGuard()
    assert not guard.is_up
    assert guard.means.active == ()


def test_other_systems_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "darwin" in forbid_connections()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert "riscv64" in forbid_connections()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_core_is_left_and_nobody_else_looks_in() -> None:
    found = run(
        """
import resource
from lsp_server.guard.remnants import forbid_core_dumps
done = forbid_core_dumps()
print(json.dumps([done, resource.getrlimit(resource.RLIMIT_CORE), libc.prctl(3, 0, 0, 0, 0)]))
"""
    )
    assert found == [True, [0, 0], 0]


@pytest.mark.skipif(sys.platform != "linux", reason="where dumps go is Linux' own way")
def test_a_crash_leaves_no_core_behind(tmp_path: Path) -> None:
    crash = """
import os, resource
_, most = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
{confine}
os.abort()
"""
    confine = "from lsp_server.guard.child import confine; confine()"
    left = {}
    for name, line in (("open", ""), ("confined", confine)):
        folder = tmp_path / name
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-P", "-c", crash.format(confine=line)],
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == -signal.SIGABRT, done.stderr
        left[name] = [path.name for path in folder.iterdir()]
    assert left["confined"] == []
    if not left["open"]:
        pytest.skip(
            "this system writes no core files into the folder, so their absence says little"
        )


@pytest.mark.parametrize(
    "command",
    [
        ("lsp_server.inference.worker", "--backend", "scripted"),
        ("lsp_server.completion.indexing", "--cache", "cache"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.usefixtures("kernel")
def test_every_process_that_the_server_starts_is_under_it(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", *command],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(6000):
            status = Path(f"/proc/{process.pid}/status").read_text()
            if "Seccomp:\t2" in status:
                break
            assert process.poll() is None, "it ended by itself"
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status, "no filter came within two minutes"
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        (core,) = (line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)
