"""The default model through the whole path. What it answers is asserted only where any sane
model must agree; how good it is, `make eval` measures."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.decoding import TIE
from lsp_server.inference.protocol import LoadOptions
from lsp_server.types import Prompt, Segment, StopRules
from tests.server.editor import editor

pytestmark = [pytest.mark.engine, pytest.mark.model]

BEFORE = '''import json


def read_settings(path):
    """Return the settings in the JSON file at `path`."""
    with open(path) as file:
        settings = '''


async def test_an_editor_gets_a_completion_and_typing_on_is_cheap(model_installed: Path) -> None:
    async with editor("--engine", "llama", encodings=("utf-8",)) as session:
        position = session.open(f"{BEFORE}json.█\n    return settings\n")
        (item,) = await session.ask(position)
        assert str(item.insert_text).startswith("load(")
        first = await session.request("fimbul/lastOutcome", uri="file:///workspace/a.py")
        session.change("lo", position, position)
        after = lsp.Position(position.line, position.character + 2)
        (item,) = await session.ask(after)
        assert str(item.insert_text).startswith("ad(")
        second = await session.request("fimbul/lastOutcome", uri="file:///workspace/a.py")
        assert first is not None
        assert second is not None
        assert first["reusedTokens"] == 0
        assert second["promptTokens"] - second["reusedTokens"] <= 4


async def test_healing_finishes_the_word_that_raw_tokens_cannot(model_installed: Path) -> None:
    answers = {}
    for healing in ("on", "off"):
        options = {"prompt": {"healing": healing}}
        async with editor("--engine", "llama", options=options) as session:
            text = f"{BEFORE}json.load(fi█\n    return settings\n"
            items = await session.ask(session.open(text))
            answers[healing] = str(items[0].insert_text) if items else ""
    assert answers["on"].startswith("le)")
    assert not answers["off"].startswith("le")


async def test_a_cancelled_prefill_ends_and_leaves_the_model_usable(model_installed: Path) -> None:
    worker = await WorkerClient.start(worker_command())
    try:
        await worker.load(str(model_installed), LoadOptions(2, 4096))
        text = "".join(f"value_{number} = compute({number})\n" for number in range(300))
        long = asyncio.create_task(worker.prefill(Prompt((Segment(text),))))
        await asyncio.sleep(0.5)
        assert await worker.count_tokens(["value"]) == [1]
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)
        counters = await worker.counters()
        # The prefill was left half-way, so it is not among the requests that were finished.
        assert counters.requests == 0
        assert counters.cached_tokens < 2500
        found = await worker.complete(
            Prompt((Segment("for i in range(10):\n    print"),), "("),
            StopRules(8),
            line_has_text=True,
        )
        assert found.text.startswith("i)")
    finally:
        await worker.close()


async def test_drafts_change_no_token_but_between_equals(model_installed: Path) -> None:
    texts = (
        BEFORE,
        f"{BEFORE}json.load(file)\n    return settings\n\n\ndef read_options(path):\n    ",
        "class Point:\n    def __init__(self, x, y):\n        self.x = x\n        self.",
    )
    stop = StopRules(24, max_lines=24)
    answers: dict[int, list[tuple[list[str], tuple[float, ...]]]] = {}
    for drafts in (0, 7):
        worker = await WorkerClient.start(worker_command())
        try:
            await worker.load(str(model_installed), LoadOptions(2, 512, draft_tokens=drafts))
            for text in (*texts, texts[0]):
                pieces: list[str] = []
                found = await worker.complete(
                    Prompt((Segment(text),)), stop, line_has_text=True, on_text=pieces.append
                )
                answers.setdefault(drafts, []).append((pieces, found.logprobs))
            counters = await worker.counters()
        finally:
            await worker.close()
    assert counters.accepted > 0
    for (plain, plain_logs), (drafted, drafted_logs) in zip(answers[0], answers[7], strict=True):
        for one, two, log, other in zip(plain, drafted, plain_logs, drafted_logs, strict=False):
            # Up to a flip all is alike; at a flip the two tokens were as likely as each other.
            assert abs(log - other) < TIE
            if one != two:
                break
        else:
            assert plain == drafted


def test_the_command_line_completes_a_file(model_installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text(f"{BEFORE}json.\n    return settings\n")
    run = subprocess.run(
        [sys.executable, "-m", "lsp_server.cli.main", "complete", "--json", f"{file}:7"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert answer["text"].startswith("load(")
    assert answer["timings_ms"]["prefill"] > 0


def test_the_doctor_finds_nothing_wrong(model_installed: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "lsp_server.cli.main", "doctor", "--report"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "passed at full speed" in run.stdout or "crashes at full speed" in run.stdout
    assert str(Path.home()) not in run.stdout
