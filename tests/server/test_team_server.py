"""A named server as an editor meets it."""

import asyncio
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp

from lsp_server.config.paths import Paths
from lsp_server.server.configuration import gather
from tests.remote.stand_in import SPECIALS, StandIn, running
from tests.server.editor import editor


def name_server(paths: Paths, server: StandIn, **more: Any) -> None:
    paths.config.mkdir(parents=True, exist_ok=True)
    lines = [f"{key} = {str(value).lower()}" for key, value in more.items()]
    text = "\n".join(["[engine]", f"remote_url = '{server.url}'", *lines, ""])
    paths.user_file.write_text(text)


async def test_the_users_own_file_names_a_server_and_the_status_says_so(paths: Paths) -> None:
    async with running(StandIn()) as server:
        name_server(paths, server)
        whole = {"completion": {"time_budget": 0}}
        async with editor(options=whole) as session:
            (item,) = await session.ask(session.open("x = self.█\n"))
            assert item.insert_text == "value()"
            status = session.statuses[-1]
            assert status["model"] == "team"
            assert status["engine"] == {"runs": "remote", "server": server.url}
            statistics = await session.request("fimbul/statistics")
            assert statistics is not None
            assert statistics["engine"] == {"runs": "remote", "server": server.url}
        (body,) = server.completions
        sent = server.text(body["prompt"])
        assert sent[:3] == list(SPECIALS[:3])
        assert "".join(sent).endswith("x = self")


async def test_a_server_that_fails_is_told_once_and_comes_back_by_itself(paths: Paths) -> None:
    async with running(StandIn()) as server:
        name_server(paths, server)
        async with editor() as session:
            position = session.open("x = self.█\n")
            server.down = True
            assert await session.ask(position) == []
            assert await session.reason() == "engine-failed"
            await session.until("ready", 2)
            (item,) = await session.ask(position)
            assert item.insert_text == "scripted()"
            assert session.statuses[-1]["engine"] == {"runs": "fallback", "server": server.url}
            server.down = False
            while session.statuses[-1]["engine"]["runs"] != "remote":
                session.changed.clear()
                await session.changed.wait()
            (item,) = await session.ask(position)
            assert item.insert_text == "value()"
            down, up = session.messages
            assert "scripted on this machine answers until it is back" in down
            assert "is back" in up


async def test_no_workspace_and_no_editor_sends_code_anywhere(paths: Paths, tmp_path: Path) -> None:
    async with running(StandIn()) as server:
        workspace = tmp_path / "work"
        workspace.mkdir()
        (workspace / ".fimbul.toml").write_text(f"[engine]\nremote_url = '{server.url}'\n")
        options = {"engine": {"remote_url": server.url}}
        async with editor(options=options, folders=[workspace]) as session:
            (item,) = await session.ask(session.open("x = █\n"))
            assert item.insert_text == "scripted()"
            assert session.statuses[-1]["engine"] == {"runs": "local", "server": ""}
            (message,) = session.messages
            assert message.count("engine.remote_url") == 2
        assert not server.requests


async def test_an_address_that_cannot_be_used_is_named(paths: Paths) -> None:
    async with running(StandIn()) as server:
        server.url = "completion.example"
        name_server(paths, server)
        async with editor(ready=False) as session:
            await session.until("no-model")
            assert await session.ask(session.open("x = █\n")) == []
            (message,) = session.messages
            assert "engine.remote_url cannot be used" in message


def test_a_policy_has_the_last_word(paths: Paths, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    moved = Paths(paths.config, paths.data, paths.cache, paths.state, policy)
    name_server(paths, StandIn(url="https://team.example"))
    assert gather(moved, (), ())[0].engine.remote_url == "https://team.example"
    for url in ("", "https://other.example"):
        policy.write_text(f"[engine]\nremote_url = '{url}'\n")
        settings, messages = gather(moved, (), ())
        assert (settings.engine.remote_url, messages) == (url, [])


async def test_a_request_that_the_editor_cancels_ends_on_the_server(paths: Paths) -> None:
    async with running(StandIn(answer="a " * 2000, token_seconds=0.02)) as server:
        name_server(paths, server)
        async with editor() as session:
            position = session.open("x = █\n")
            waiting = session.ask_later(position, message_id="7")
            while not server.completions:
                await asyncio.sleep(0.02)
            session.client.cancel_request(lsp.CancelParams(id="7"))
            await server.left.wait()
            waiting.cancel()
