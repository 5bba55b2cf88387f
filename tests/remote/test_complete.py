"""`fimbul complete` with a named server."""

import asyncio
import json
from pathlib import Path

import pytest

from lsp_server.cli.main import main
from tests.remote.stand_in import StandIn, running


async def test_one_completion_in_the_terminal_comes_from_the_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = self.\n")
    async with running(StandIn()) as server:
        place = [f"{file}:1", "--engine", "scripted", "--json"]
        chosen = ["--set", f"engine.remote_url={server.url}"]
        assert await asyncio.to_thread(main, ["complete", *place, *chosen]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (shown["model"], shown["text"]) == ("team", "value()")
        server.faults = [503] * 3
        assert await asyncio.to_thread(main, ["complete", *place, *chosen]) == 2
        assert "HTTP 503" in json.loads(capsys.readouterr().out)["detail"]
