"""Programs that a model might write end as they should, and reach nothing."""

import asyncio
import socket
from pathlib import Path

import pytest

from fimbul_models.evaluation.sandbox import Limits, Sandbox, Verdict

LIMITS = Limits(processor_seconds=2, wall_seconds=30.0)


def verdict(program: str, limits: Limits = LIMITS) -> Verdict:
    return asyncio.run(Sandbox(limits).run(program))


def test_a_program_that_ends_well_passes() -> None:
    assert verdict("import math, re, typing\nassert math.gcd(4, 6) == 2\n").passed


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("assert 1 == 2", "AssertionError"),
        ("def f(:\n", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("def f(): f()\nf()", "RecursionError"),
        ("x = [0] * 10**10", "MemoryError"),
        ("import os\nos._exit(0)", "killed"),
        ("with open('big', 'w') as file:\n    while True: file.write('x' * 9999)", "OSError"),
    ],
)
def test_anything_else_does_not(program: str, reason: str) -> None:
    assert verdict(program) == Verdict(passed=False, reason=reason)


@pytest.mark.parametrize(
    "program",
    [
        "import socket\nsocket.socket()",
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1')",
        "import subprocess\nsubprocess.run('true')",
        "import os\nos.system('true')",
        "import os\nos.fork()",
        "import os\nos.kill(1, 0)",
        "import ctypes\nctypes.string_at(0)",
        "open('/etc/hostname').read()",
        "open('../elsewhere', 'w')",
        "import os\nos.remove('x')",
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (99, 99))",
    ],
)
def test_what_no_program_needs_is_refused(program: str) -> None:
    assert verdict(program).reason == "Refused"
    # Whoever looks away from the refusal has gained nothing.
    hidden = "\n    ".join(program.split("\n"))
    assert (
        verdict(f"try:\n    {hidden}\nexcept Exception:\n    raise KeyError").reason == "KeyError"
    )


def test_a_file_of_its_own_is_no_harm() -> None:
    assert verdict("open('a', 'w').write('x')\nassert open('a').read() == 'x'").passed


def test_an_endless_loop_is_ended_by_processor_time() -> None:
    found = verdict("while True:\n    pass", Limits(processor_seconds=1, wall_seconds=120.0))
    assert found == Verdict(passed=False, reason="processor-time")
    assert found.is_certain


def test_one_that_waits_is_ended_and_not_judged_for_good() -> None:
    found = verdict("import time\ntime.sleep(600)", Limits(wall_seconds=3.0))
    assert found == Verdict(passed=False, reason="waited")
    assert not found.is_certain


def test_what_a_program_prints_is_not_taken_for_the_verdict() -> None:
    assert verdict("print('x' * 100000)").passed
    assert verdict("import sys\nsys.stdout.write('passed')\n1/0").reason == "ZeroDivisionError"


def test_the_order_of_a_set_is_the_same_every_time() -> None:
    # The order of these sets follows from the hashes of texts, which differ from run to run
    # unless they are told not to.
    orders = {verdict(f"raise type(''.join({set('abcdef')}), (Exception,), {{}})").reason}
    orders |= {verdict(f"raise type(''.join({set('abcdef')}), (Exception,), {{}})").reason}
    assert len(orders) == 1


def test_the_environment_stays_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    assert verdict("import os\nassert 'A_SECRET' not in os.environ").passed


def test_the_folder_is_empty_and_goes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert verdict("import os\nassert os.listdir() == []\nopen('a', 'w').close()").passed
    assert list(tmp_path.iterdir()) == []


def test_by_the_kernel_there_is_no_network() -> None:
    sandbox = Sandbox(LIMITS)
    if not sandbox.has_namespaces:
        pytest.skip("this machine permits no namespaces")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        # Behind the audit hook's back: what a program gets to that has found a way around it.
        program = (
            "import _socket\n"
            f"assert _socket.socket.connect_ex(_socket.socket(), ('127.0.0.1', {port}))\n"
        )
        assert asyncio.run(sandbox.run(program)).reason == "Refused"
        command = [*sandbox.walls, "python3", "-c", f"import socket\n{_connects(port)}"]
        assert asyncio.run(_status(command)) == 1


def _connects(port: int) -> str:
    return f"raise SystemExit(socket.socket().connect_ex(('127.0.0.1', {port})) != 0)"


async def _status(command: list[str]) -> int | None:
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()
