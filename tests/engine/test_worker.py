"""The client and a real worker process, whose engine is scripted."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lsp_server.errors import EngineCrashed, EngineRefused
from lsp_server.inference import client as client_module
from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.protocol import (
    LENGTH,
    Complete,
    Load,
    LoadOptions,
    WireSegment,
    encode,
    read_frame,
)
from lsp_server.inference.pulse import Pulse
from lsp_server.types import BodyStop, Generation, Prompt, Segment, StopReason, StopRules
from tests.server.editor import write_script

RULES = (
    {"after": "slow", "answer": "a b c d", "token_ms": 20_000},
    {"after": "crash", "fault": "crash"},
    {"after": "exit", "fault": "exit"},
    {"after": "hang", "fault": "hang"},
    {"after": "fail", "fault": "fail"},
    {"after": "", "answer": "one two"},
)


@asynccontextmanager
async def worker(folder: Path, *rules: Mapping[str, Any]) -> AsyncIterator[WorkerClient]:
    script = write_script(folder, *(rules or RULES))
    found = await WorkerClient.start(worker_command("scripted", str(script)))
    try:
        await found.load("none", LoadOptions())
        yield found
    finally:
        await found.close()


async def complete(found: WorkerClient, before: str, **more: Any) -> Generation:
    prompt = Prompt((Segment(before),), more.pop("healed", ""))
    return await found.complete(prompt, StopRules(16), line_has_text=True, **more)


async def test_a_generation_is_streamed_and_returned(tmp_path: Path) -> None:
    async with worker(tmp_path) as found:
        pieces: list[str] = []
        generation = await complete(found, "x = ", on_text=pieces.append)
        assert generation.text == "".join(pieces) == "one two"
        assert pieces == ["one", " ", "two"]
        assert generation.stop is StopReason.END
        again = await complete(found, "x = ")
        assert again.reused_tokens == again.prompt_tokens == generation.prompt_tokens


async def test_healed_text_is_not_part_of_the_answer(tmp_path: Path) -> None:
    async with worker(tmp_path, {"after": "x.ge", "answer": "t()"}) as found:
        assert (await complete(found, "x", healed=".ge")).text == "t()"


async def test_a_cold_place_is_answered_from_the_smaller_prompt(tmp_path: Path) -> None:
    async with worker(tmp_path) as found:
        whole, short = Segment("a " * 30 + "x"), Segment("x")
        asked = Prompt((whole,), short=(short,), cold_tokens=8)
        cold = await found.complete(asked, StopRules(16), line_has_text=True)
        assert (cold.is_short, cold.prompt_tokens, cold.text) == (True, 1, "one two")
        await found.prefill(asked)
        warm = await found.complete(asked, StopRules(16), line_has_text=True)
        assert (warm.is_short, warm.prompt_tokens) == (False, 61)


async def test_learning_is_acknowledged(tmp_path: Path) -> None:
    async with worker(tmp_path) as found:
        await found.learn(["a b c", ""])
        assert (await complete(found, "x = ")).text == "one two"


async def test_tokens_are_counted_while_a_generation_runs(tmp_path: Path) -> None:
    async with worker(tmp_path) as found:
        slow = asyncio.create_task(complete(found, "slow"))
        await asyncio.sleep(0.1)
        assert await found.count_tokens(["a b", "", "x"]) == [3, 0, 1]
        assert not slow.done()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)


async def test_cancelling_frees_the_worker(tmp_path: Path) -> None:
    async with worker(tmp_path) as found:
        slow = asyncio.create_task(complete(found, "slow"))
        await asyncio.sleep(0.1)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert (await complete(found, "x")).text == "one two"


async def test_what_waits_in_the_queue_can_be_cancelled(tmp_path: Path) -> None:
    async with worker(tmp_path) as found:
        first = asyncio.create_task(complete(found, "slow"))
        second = asyncio.create_task(complete(found, "slow too slow"))
        third = asyncio.create_task(complete(found, "x"))
        await asyncio.sleep(0.1)
        for task in (second, first):
            task.cancel()
        assert (await third).text == "one two"
        assert (await found.counters()).requests == 2


async def test_what_is_asked_for_goes_before_work_ahead(tmp_path: Path) -> None:
    busy = {"after": "busy", "answer": "a b c", "token_ms": 60}
    async with worker(tmp_path, busy, {"answer": "one two"}) as found:
        order: list[str] = []

        def note(name: str, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
            task.add_done_callback(lambda _task: order.append(name))
            return task

        running = note("busy", asyncio.create_task(complete(found, "busy")))
        await asyncio.sleep(0.05)
        waiting = [
            note("learn", asyncio.create_task(found.learn(["a b " * 5000, "c"]))),
            note("prefill", asyncio.create_task(found.prefill(Prompt((Segment("a b c"),))))),
            note("complete", asyncio.create_task(complete(found, "x"))),
        ]
        await asyncio.gather(running, *waiting)
        assert order == ["busy", "complete", "prefill", "learn"]


async def test_learning_that_waits_can_be_cancelled(tmp_path: Path) -> None:
    async with worker(tmp_path) as found:
        slow = asyncio.create_task(complete(found, "slow"))
        learning = asyncio.create_task(found.learn(["a b c"] * 3))
        await asyncio.sleep(0.1)
        for task in (learning, slow):
            task.cancel()
        await asyncio.gather(slow, learning, return_exceptions=True)
        assert (await complete(found, "x")).text == "one two"


@pytest.mark.parametrize(("fault", "how"), [("crash", "signal 11"), ("exit", "status 1")])
async def test_death_reaches_everyone_who_waits(fault: str, how: str, tmp_path: Path) -> None:
    async with worker(tmp_path) as found:
        waiting = [asyncio.create_task(complete(found, text)) for text in (fault, "x", "y")]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, EngineCrashed) for result in results)
        assert how in str(results[0])
        assert found.death is not None
        with pytest.raises(EngineCrashed):
            await found.count_tokens(["x"])


async def test_a_worker_deaf_to_cancelling_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "DEAF_SECONDS", 0.2)
    async with worker(tmp_path) as found:
        hung = asyncio.create_task(complete(found, "hang"))
        await asyncio.sleep(0.1)
        hung.cancel()
        assert "did not react" in str(await found.wait_for_death())


@pytest.mark.parametrize("how", ["stopped", "hung"])
async def test_a_worker_that_stands_still_is_killed_though_nobody_cancels(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with worker(tmp_path) as found:
        monkeypatch.setattr(Pulse, "EVERY", 0.05)
        monkeypatch.setattr(Pulse, "DEAF", 1.0)
        waiting = asyncio.create_task(complete(found, {"stopped": "slow", "hung": "hang"}[how]))
        await asyncio.sleep(0.1)
        if how == "stopped":
            os.kill(found.pid, signal.SIGSTOP)
        async with asyncio.timeout(60):
            with pytest.raises(EngineCrashed, match=r"no sign of life|stood still"):
                await waiting


async def test_a_worker_that_computes_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = {"after": "long", "answer": "a b", "token_ms": 1500}
    async with worker(tmp_path, long) as found:
        monkeypatch.setattr(Pulse, "EVERY", 0.05)
        monkeypatch.setattr(Pulse, "DEAF", 3.0)
        assert (await complete(found, "long")).text == "a b"


async def test_a_worker_without_memory_says_so_and_goes_on(tmp_path: Path) -> None:
    greedy = {"after": "greedy", "fault": "memory"}
    async with worker(tmp_path, greedy, {"answer": "x"}) as found:
        with pytest.raises(EngineRefused, match="not enough memory"):
            await complete(found, "greedy")
        assert (await complete(found, "y")).text == "x"


def process(folder: Path) -> "subprocess.Popen[bytes]":
    """Start a worker that is spoken to without a client."""
    script = write_script(folder, *RULES)
    pipe = subprocess.PIPE
    return subprocess.Popen(worker_command("scripted", str(script)), stdin=pipe, stdout=pipe)


def test_a_worker_that_hangs_ends_when_its_server_does(tmp_path: Path) -> None:
    with process(tmp_path) as found:
        assert found.stdin is not None
        assert isinstance(found.stdout, io.BufferedReader)
        found.stdin.write(encode(Load(1, "none", LoadOptions())))
        found.stdin.flush()
        assert read_frame(found.stdout)
        hang = Complete(2, [WireSegment("hang")], "", 16, 1, line_has_text=True)
        found.stdin.write(encode(hang))
        found.stdin.close()
        found.wait(60)


def test_a_worker_that_cannot_understand_its_server_ends(tmp_path: Path) -> None:
    with process(tmp_path) as found:
        assert found.stdin is not None
        found.stdin.write(LENGTH.pack(3) + b"\xc1\xc1\xc1")
        found.stdin.flush()
        found.wait(60)


async def test_cancelling_never_kills_a_worker_that_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "DEAF_SECONDS", 0.2)
    long = {"after": "long", "answer": "a b c d e", "token_ms": 100}
    async with worker(tmp_path, long, {"answer": "x"}) as found:
        running = asyncio.create_task(complete(found, "long"))
        await asyncio.sleep(0.05)
        queued = asyncio.create_task(complete(found, "queued"))
        await asyncio.sleep(0.05)
        queued.cancel()
        # Longer than the patience with a deaf worker, which waits behind the first request.
        assert (await running).text == "a b c d e"
        # Cancelled at every moment around its answer, one of them that in which it comes.
        for turn in range(60):
            task = asyncio.create_task(found.count_tokens(["a"]))
            for _ in range(turn):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.5)
        assert found.death is None
        assert (await complete(found, "y")).text == "x"


async def test_a_failure_is_an_error_and_the_worker_goes_on(tmp_path: Path) -> None:
    async with worker(tmp_path) as found:
        with pytest.raises(EngineRefused, match="script says"):
            await complete(found, "fail")
        assert (await complete(found, "x")).text == "one two"


async def test_a_worker_that_does_not_start_says_why(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("colour = 1\n")
    found = await WorkerClient.start(worker_command("scripted", str(bad)))
    death = await found.wait_for_death()
    assert "status 3" in str(death)
    assert str(bad) in str(death)
    await found.close()
    with pytest.raises(EngineCrashed, match="cannot be started"):
        await WorkerClient.start((str(tmp_path / "nothing"),))


async def test_modules_in_the_editors_folder_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("queue", "msgspec", "lsp_server"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(42)\n")
    monkeypatch.chdir(tmp_path)
    async with worker(tmp_path) as found:
        assert (await complete(found, "x")).text == "one two"


async def test_output_of_libraries_does_not_break_the_frames(tmp_path: Path) -> None:
    # What a native library prints goes to descriptor 1, whatever Python's sys.stdout is.
    code = (
        "import os, sys; from lsp_server.inference import scripted, worker\n"
        "count = scripted.ScriptedBackend.count_tokens\n"
        "def noisy(self, texts):\n"
        "    os.write(1, b'noise'); return count(self, texts)\n"
        "scripted.ScriptedBackend.count_tokens = noisy\n"
        "sys.argv = ['worker', '--backend', 'scripted']; worker.main()\n"
    )
    found = await WorkerClient.start((sys.executable, "-c", code))
    try:
        assert await found.count_tokens(["a b"]) == [3]
        assert await found.count_tokens(["a"]) == [1]
    finally:
        await found.close()


async def test_time_and_bodies_end_an_answer(tmp_path: Path) -> None:
    rules = (
        {"after": "late", "answer": "\n    a\n    b\n    c\n    d\n", "token_ms": 10},
        {"after": "while x:", "answer": "\n    a(x)\n\nb(x)\n"},
    )
    async with worker(tmp_path, *rules) as found:
        body = BodyStop(0, "while x:")
        ends = StopRules(99, 99, milliseconds=65.0, body=body)
        late = await found.complete(Prompt((Segment("late"),)), ends, line_has_text=False)
        assert (late.text, late.stop) == ("\n    a", StopReason.TIME)
        ends = StopRules(99, 99, body=body)
        whole = await found.complete(Prompt((Segment("while x:"),)), ends, line_has_text=False)
        assert (whole.text, whole.stop) == ("\n    a(x)", StopReason.DEDENTED)
