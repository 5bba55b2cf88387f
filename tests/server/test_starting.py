"""What `fimbul serve` begins with: the worker first, then everything else."""

import asyncio
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from lsp_server.inference.client import worker_command
from lsp_server.inference.engine import LocalEngine, ModelFile
from lsp_server.inference.protocol import LoadOptions
from lsp_server.inference.spare import SpareWorker
from tests.server.editor import editor

MODEL = ModelFile("scripted", Path("scripted"), "scripted")
OPTIONS = LoadOptions()

TELLING = """
import sys
from lsp_server.cli.main import main
from lsp_server.errors import EngineCrashed
from lsp_server.inference.client import WorkerClient

async def start(*_):
    late = ("pygls", "lsprotocol", "tree_sitter", "lsp_server.server", "lsp_server.syntax")
    early = [name for name in sys.modules if name.startswith(late)]
    print("started beside", early, file=sys.stderr)
    raise EngineCrashed("This is a test.")

WorkerClient.start = start
status = main(["serve", "--engine", "scripted"])
print("imported", "lsp_server.server.handlers" in sys.modules, status, file=sys.stderr)
"""
"""Runs `fimbul serve` and tells what was imported when the first worker was started."""


def test_the_worker_is_started_before_the_server_is_imported() -> None:
    run = subprocess.run(
        [sys.executable, "-P", "-c", TELLING],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )

    assert run.stderr.splitlines() == ["started beside []", "imported True 0"]
    assert run.stdout == ""


HEAPS = """
import ctypes, sys, threading
from lsp_server.cli.serve import use_one_heap
if sys.argv[1] == "one":
    assert use_one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(4)

def allocate():
    together.wait(60)
    libc.malloc(1000)
    together.wait(60)

threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_stats()
"""
"""Allocates in four threads at once and tells of the heaps of this process."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another library than glibc")
def test_threads_share_one_heap() -> None:
    def heaps(how: str) -> int:
        command = [sys.executable, "-P", "-c", HEAPS, how]
        run = subprocess.run(command, capture_output=True, check=True, text=True, timeout=300)
        return run.stderr.count("Arena ")

    assert heaps("one") == 1
    assert heaps("many") > 1


def counting_worker(folder: Path) -> tuple[list[str], Path]:
    """A worker that leaves a line in a file for each start."""
    count, program = folder / "starts", folder / "worker.py"
    program.write_text(
        f"open({str(count)!r}, 'a').write('started\\n')\n"
        "from lsp_server.inference.worker import main\nmain()\n"
    )
    return [sys.executable, "-P", str(program), "--backend", "scripted"], count


@pytest.mark.parametrize("options", [{}, {"engine": {"threads": 3}}])
async def test_what_is_started_first_is_what_answers(
    options: dict[str, object], tmp_path: Path
) -> None:
    """The first session tests the model in a process of its own; later ones start one worker,
    and another one only if the editor wants the model loaded otherwise."""
    command, count = counting_worker(tmp_path)
    worker = " ".join(command)

    starts = []
    for _ in range(2):
        count.unlink(missing_ok=True)
        async with editor("--engine", "scripted", "--worker", worker, options=options):
            pass
        starts.append(len(count.read_text().splitlines()))

    assert starts == [2, 2 if options else 1]


async def test_a_spare_worker_with_the_model_is_taken(tmp_path: Path) -> None:
    spare = await SpareWorker.start(worker_command("scripted"))
    assert spare is not None
    await spare.begin_loading("scripted", OPTIONS)

    ready = await spare.take("scripted", OPTIONS)

    assert ready is not None
    assert await spare.take("scripted", OPTIONS) is None, "it can be taken once only"
    await spare.close()
    assert ready[0].death is None, "whoever took it has it"
    await ready[0].close()


async def test_a_spare_worker_with_something_else_ends(tmp_path: Path) -> None:
    spare = await SpareWorker.start(worker_command("scripted"))
    assert spare is not None
    worker = spare._worker
    assert worker is not None
    await spare.begin_loading("scripted", OPTIONS)

    assert await spare.take("scripted", LoadOptions(threads=OPTIONS.threads + 1)) is None

    async with asyncio.timeout(60):
        await worker.wait_for_death()
    with pytest.raises(ProcessLookupError):
        os.kill(worker.pid, 0)


async def test_a_spare_worker_that_died_is_replaced(tmp_path: Path) -> None:
    spare = await SpareWorker.start((sys.executable, "-c", "raise SystemExit(7)"))

    engine = LocalEngine(worker_command("scripted"), tmp_path / "selftest.json", spare=spare)
    await engine.open(MODEL, OPTIONS)

    assert await engine.count_tokens(["a word"])
    await engine.close()


async def test_a_worker_that_cannot_be_started_is_none(tmp_path: Path) -> None:
    assert await SpareWorker.start((str(tmp_path / "nothing"),)) is None
