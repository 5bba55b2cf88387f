"""A model's file that changes while it is used: noticed, said, and used again once it is whole."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lsp_server.catalogue.store import ModelStore
from lsp_server.config.paths import Paths
from lsp_server.inference.inspection import describe_model
from tests.engine.tiny import write_tiny_model
from tests.server.editor import Editor, editor
from tests.server.test_crashes import workers

pytestmark = pytest.mark.engine

OPTIONS = {
    "engine": {"model": "mine", "context_length": 512},
    "context": {"prefix_tokens": 64},
}


def cut_short(model: Path) -> None:
    os.truncate(model, model.stat().st_size // 2)


def overwritten(model: Path) -> None:
    with model.open("r+b") as file:
        file.seek(model.stat().st_size // 2)
        file.write(bytes(1000))


def renamed_over(model: Path) -> None:
    other = model.with_suffix(".other")
    write_tiny_model(other, seed=1)
    other.replace(model)
    # What is loaded stays what it was until its process ends.
    (worker,) = workers()
    worker.kill()


@pytest.mark.parametrize("change", [cut_short, overwritten, renamed_over])
async def test_a_model_that_changes_while_it_is_used(
    change: Callable[[Path], None], paths: Paths, tmp_path: Path
) -> None:
    model = write_tiny_model(tmp_path / "mine.gguf")
    description = await asyncio.to_thread(describe_model, model)
    ModelStore(paths).add(
        model, name="mine", family="none", fim_tokens={}, description=description, copy=False
    )
    whole = Path(shutil.copyfile(model, tmp_path / "whole.gguf"))
    async with editor("--engine", "llama", options=OPTIONS) as session:
        await session.ask(session.open("x = self█\n"))
        change(model)
        await asked_until(session, "no-model")
        assert any("mine.gguf" in message for message in session.messages)
        # It comes back by itself.
        whole.replace(model)
        await ready_again(session)
        (worker,) = workers()
        assert worker.status() != psutil.STATUS_ZOMBIE


async def ready_again(session: Editor) -> None:
    """Wait until the server says from now on that it is ready."""
    before = len(session.statuses)
    async with asyncio.timeout(60):
        while not any(status["state"] == "ready" for status in session.statuses[before:]):
            session.changed.clear()
            await session.changed.wait()


async def asked_until(session: Editor, state: str) -> None:
    """Ask, as somebody who types on does, until the status says so."""
    position = session.open("y = self█\n", "file:///workspace/b.py")
    await session.ask(position, "file:///workspace/b.py")
    await session.until(state)
