"""Privacy modes as an editor meets them."""

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from lsp_server.config.paths import Paths
from tests.remote.stand_in import StandIn, running
from tests.server.editor import Editor, editor

OTHER = "def grand_total(items):\n    return sum(items)\n"


def settings(paths: Paths, text: str) -> None:
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.user_file.write_text(text)


def mode(session: Editor) -> str:
    return str(session.statuses[-1]["privacy"]["mode"])


async def test_offline_is_the_rule_and_the_status_says_by_which_means() -> None:
    async with editor() as session:
        privacy = session.statuses[-1]["privacy"]
        assert privacy["mode"] == "offline"
        assert "audit hook" in privacy["guard"]
        assert privacy["refused"] == 0
        if sys.platform == "linux":
            assert ("kernel filter" in privacy["guard"]) == (privacy["guardMissing"] == "")


async def test_a_named_server_is_team_mode_without_a_guard(paths: Paths) -> None:
    async with running(StandIn()) as server:
        settings(paths, f"[engine]\nremote_url = '{server.url}'\n")
        async with editor() as session:
            assert session.statuses[-1]["privacy"]["mode"] == "team"
            assert session.statuses[-1]["privacy"]["guard"] == []
            assert session.statuses[-1]["engine"]["runs"] == "remote"


async def test_team_mode_without_a_server_is_guarded_as_well(paths: Paths) -> None:
    settings(paths, "[privacy]\nmode = 'team'\n")
    async with editor() as session:
        assert mode(session) == "team"
        assert "audit hook" in session.statuses[-1]["privacy"]["guard"]


@pytest.mark.parametrize("chosen", ["offline", "strict"])
async def test_a_server_is_not_asked_in_another_mode(paths: Paths, chosen: str) -> None:
    async with running(StandIn()) as server:
        settings(paths, f"[privacy]\nmode = '{chosen}'\n[engine]\nremote_url = '{server.url}'\n")
        async with editor() as session:
            (item,) = await session.ask(session.open("x = █\n"))
            assert item.insert_text == "scripted()"
            assert mode(session) == chosen
            assert session.statuses[-1]["engine"] == {"runs": "local", "server": ""}
            (message,) = session.messages
            assert f"engine.remote_url is not used, since privacy.mode is {chosen}" in message
            assert 'privacy.mode = "team"' in message
        assert not server.requests


async def test_a_workspace_takes_the_server_away_and_raises_the_guard(
    paths: Paths, tmp_path: Path
) -> None:
    async with running(StandIn()) as server:
        settings(paths, f"[engine]\nremote_url = '{server.url}'\n")
        workspace = tmp_path / "work"
        workspace.mkdir()
        (workspace / ".fimbul.toml").write_text("[privacy]\nmode = 'offline'\n")
        async with editor(folders=[workspace]) as session:
            assert mode(session) == "offline"
            assert session.statuses[-1]["privacy"]["guard"]
            assert session.statuses[-1]["engine"]["runs"] == "local"
        assert not server.requests


async def test_a_server_that_is_named_later_needs_a_restart_and_says_so(paths: Paths) -> None:
    async with running(StandIn()) as server:
        async with editor() as session:
            settings(paths, f"[engine]\nremote_url = '{server.url}'\n")
            session.client.workspace_did_change_configuration(
                lsp.DidChangeConfigurationParams({"fimbul": {"log": {"level": "error"}}})
            )
            (item,) = await session.ask(session.open("x = █\n"))
            assert item.insert_text == "scripted()"
            (message,) = session.messages
            assert "restart fimbul" in message
            assert mode(session) == "offline"
        assert not server.requests


async def test_neither_editor_nor_workspace_loosens_the_mode(paths: Paths, tmp_path: Path) -> None:
    settings(paths, "[privacy]\nmode = 'strict'\n")
    workspace = tmp_path / "work"
    workspace.mkdir()
    (workspace / ".fimbul.toml").write_text("[privacy]\nmode = 'team'\n")
    options = {"privacy": {"mode": "offline"}}
    async with editor(options=options, folders=[workspace]) as session:
        assert mode(session) == "strict"
        (message,) = session.messages
        assert "privacy.mode is set to 'offline' only in your own config.toml" in message


async def test_strict_looks_at_no_other_file_and_writes_nothing(
    paths: Paths, tmp_path: Path
) -> None:
    settings(paths, "[privacy]\nmode = 'strict'\n[log]\nlevel = 'debug'\n")
    workspace = tmp_path / "work"
    workspace.mkdir()
    (workspace / "other.py").write_text(OTHER)
    (workspace / "a.py").write_text("from other import grand_total\nx = grand_total\n")
    async with editor(folders=[workspace]) as session:
        session.open(OTHER, (workspace / "other.py").as_uri())
        uri = (workspace / "a.py").as_uri()
        position = session.open("from other import grand_total\nx = █\n", uri)
        (item,) = await session.ask(position, uri)
        assert item.insert_text == "scripted()"
        outcome = await session.request("fimbul/lastOutcome", uri=uri)
        assert outcome is not None
        assert outcome["sources"] == []
        assert session.statuses[-1]["index"]["state"] == "off"
        explained = await session.client.workspace_execute_command_async(
            lsp.ExecuteCommandParams("fimbul.explain", [])
        )
        assert explained, "what became of requests is still told, from memory"
    # What it wrote says how fast the engine is on this machine, and that a model is intact.
    about_the_machine = {"selftest.json", "selftest.json.lock"}
    written = {
        path.name
        for folder in (paths.state, paths.cache, paths.data)
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert written <= about_the_machine
    assert {path.name for path in workspace.iterdir()} == {"a.py", "other.py"}


@pytest.mark.skipif(sys.platform == "win32", reason="rights are kept otherwise there")
async def test_the_same_session_offline_leaves_files_for_its_owner_only(
    paths: Paths, tmp_path: Path
) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    (workspace / "other.py").write_text(OTHER)
    async with editor(folders=[workspace]) as session:
        assert await session.ask(session.open("x = █\n"))
        async with asyncio.timeout(120):
            while session.statuses[-1]["index"]["state"] != "ready":
                session.changed.clear()
                await session.changed.wait()
    for folder in (paths.state, paths.cache):
        written = [path for path in folder.rglob("*") if path.is_file()]
        assert written
        for path in written:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.skipif(sys.platform == "win32", reason="rights are kept otherwise there")
async def test_an_index_that_an_earlier_version_left_open_is_closed(
    paths: Paths, tmp_path: Path
) -> None:
    folder = paths.cache / "index"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    workspace = tmp_path / "work"
    workspace.mkdir()
    async with editor(folders=[workspace]) as session:
        async with asyncio.timeout(120):
            while session.statuses[-1]["index"]["state"] != "ready":
                session.changed.clear()
                await session.changed.wait()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_nothing_is_suggested_in_files_that_are_off(tmp_path: Path) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    options = {"privacy": {"off_paths": ["/private/", "*.secret.py", "!"]}}
    async with editor(options=options, folders=[workspace]) as session:
        for path, reason in (
            ("private/a.py", "path-off"),
            ("b.secret.py", "path-off"),
            ("c.py", ""),
        ):
            uri = (workspace / path).as_uri()
            items = await session.ask(session.open("x = █\n", uri), uri)
            assert bool(items) == (reason == "")
            assert await session.reason(uri) == reason
        (message,) = session.messages
        assert "'!' is no pattern" in message


async def test_an_attempt_is_refused_shown_and_counted(tmp_path: Path) -> None:
    worker = tmp_path / "chatty.py"
    worker.write_text(
        "import socket, threading, time\n"
        "from lsp_server.inference import worker\n"
        "def call_home():\n"
        "    while True:\n"
        "        time.sleep(0.5)\n"
        "        try:\n"
        "            socket.create_connection(('127.0.0.1', 9))\n"
        "        except OSError:\n"
        "            pass\n"
        "def make():\n"
        "    threading.Thread(target=call_home, daemon=True).start()\n"
        "    return worker.make_backend('scripted')\n"
        "worker.serve(make)\n"
    )
    command = f"{sys.executable} -P {worker}"
    async with editor("--engine", "scripted", "--worker", command) as session:
        async with asyncio.timeout(120):
            while not any("tried to open a connection" in text for text in session.messages):
                session.changed.clear()
                await session.changed.wait()
        assert not any("127.0.0.1" in text for text in session.messages)
        assert await session.ask(session.open("x = █\n")), "everything else goes on"


async def test_an_attempt_of_the_server_itself_is_refused_shown_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    (first / "sitecustomize.py").write_text(
        "import socket, sys, threading, time\n"
        "def call_home():\n"
        "    while True:\n"
        "        time.sleep(0.5)\n"
        "        try:\n"
        "            socket.getaddrinfo('localhost', 9)\n"
        "        except OSError:\n"
        "            pass\n"
        "if 'serve' in sys.orig_argv:\n"
        "    threading.Thread(target=call_home, daemon=True).start()\n"
    )
    path = os.pathsep.join((str(first), os.environ.get("PYTHONPATH", "")))
    monkeypatch.setenv("PYTHONPATH", path)
    async with editor() as session:
        async with asyncio.timeout(120):
            while not session.statuses[-1]["privacy"]["refused"] or not session.messages:
                session.changed.clear()
                await session.changed.wait()
        assert "tried to open a connection (socket.getaddrinfo)" in session.messages[0]
        assert len(session.messages) == 1, "it is told once"
        assert await session.ask(session.open("x = █\n")), "everything else goes on"
