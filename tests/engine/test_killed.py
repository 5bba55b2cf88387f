"""A worker that something outside kills again and again is started again and again."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from lsp_server.inference import client
from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.engine import EngineEvent, EngineState, LocalEngine, ModelFile
from lsp_server.inference.protocol import LoadOptions
from lsp_server.inference.selftest import SETTINGS
from lsp_server.types import Generation, Prompt, Segment, StopRules

KILLS = 3 * len(SETTINGS)
"""Deaths in a row that would use up every setting."""

PROMPT = Prompt((Segment("x = "),))


async def complete(engine: LocalEngine) -> Generation:
    return await engine.complete(PROMPT, StopRules(max_tokens=4), line_has_text=False)


@pytest.mark.parametrize("asks", [True, False])
async def test_killing_it_at_its_work_never_uses_up_the_settings(
    tmp_path: Path, *, asks: bool
) -> None:
    """Whoever is not asked anything has to have been well for a while, which is no time here."""
    started: list[WorkerClient] = []
    start = WorkerClient.start
    events: list[EngineEvent] = []
    ready = asyncio.Event()

    def listen(event: EngineEvent) -> None:
        events.append(event)
        if event.state is EngineState.READY:
            ready.set()

    with pytest.MonkeyPatch.context() as patch:

        async def remember(*arguments: object) -> WorkerClient:
            worker = await start(*arguments)  # type: ignore[arg-type]
            started.append(worker)
            return worker

        patch.setattr(WorkerClient, "start", remember)
        patch.setattr(client, "_WELL_SECONDS", 600.0 if asks else 0.0)
        engine = LocalEngine(worker_command("scripted"), tmp_path / "selftest.json", listen)
        await engine.open(ModelFile("scripted", Path("scripted"), "scripted"), LoadOptions())
        try:
            async with asyncio.timeout(400):
                for _ in range(KILLS):
                    if asks:
                        assert (await complete(engine)).text
                    ready.clear()
                    os.kill(started[-1].pid, signal.SIGKILL)
                    await ready.wait()
            assert (await complete(engine)).text
        finally:
            await engine.close()
    assert [event.state for event in events if event.state is EngineState.FAILED] == []
    told = [event.message for event in events if event.message]
    assert len(told) == 1
    assert "suggestions go on" in told[0]
