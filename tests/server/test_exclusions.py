"""What the editor excludes: nothing is suggested in it, and it is never opened for others."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from lsp_server.config.layers import WORKSPACE_MAY, Layer, merge
from lsp_server.config.paths import Paths
from lsp_server.context.index.reader import IndexReader
from lsp_server.context.index.store import index_file
from lsp_server.privacy.off import is_off
from lsp_server.server.exclusions import KEY, editor_layers
from tests.server.editor import Editor, editor


def test_only_the_latest_exclusions_count_and_options_stay() -> None:
    values = ({KEY: ["a.py"], "completion": {"enable": False}}, {KEY: {"b.py": True}})
    settings, messages = merge(editor_layers(values))
    assert messages == []
    assert settings.completion.enable is False
    assert not is_off("a.py", settings.privacy.off_paths)
    assert is_off("b.py", settings.privacy.off_paths)


@pytest.mark.parametrize("order", [1, -1])
def test_neither_a_workspace_nor_the_editor_brings_back_what_another_excludes(order: int) -> None:
    user = Layer("user", {"privacy": {"off_paths": ["mine/", "*.x", "!a.x"]}})
    workspace = {"privacy": {"off_paths": ["*.y", "!b.y", "!/mine/", "!*.z"]}}
    layers = [*editor_layers(({KEY: ["**/*.z"]},)), Layer("workspace", workspace, WORKSPACE_MAY)]
    settings, messages = merge([user, *layers[::order]])
    assert messages == []
    off = settings.privacy.off_paths
    for path in ("mine/a.py", "b.x", "c.y", "deep/a.z"):
        assert is_off(path, off), path
    for path in ("a.x", "b.y", "a.py"):
        assert not is_off(path, off), path


async def outcome(session: Editor, file: Path) -> str:
    place = session.open("x = █\n", file.as_uri())
    items = await session.ask(place, file.as_uri())
    reason = await session.reason(file.as_uri())
    assert bool(items) == (reason == "")
    return reason


async def indexed(session: Editor, paths: Paths, folder: Path, count: int) -> list[str]:
    """Wait until so many files are in the index; return their names."""
    async with asyncio.timeout(60):
        while True:
            found = await session.request("fimbul/statistics")
            assert found is not None
            if found["index"]["state"] == "ready" and found["index"]["files"] == count:
                break
            await asyncio.sleep(0.05)
    reader = IndexReader(index_file(paths.cache, folder), folder, lambda _: True, tuple)
    names = list(reader.paths())
    reader.close()
    return names


async def test_what_the_editor_excludes_is_left_alone(paths: Paths, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    for name in ("a.py", "gen/b.py", "web/c.js"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x = 1\n")
    options: dict[str, Any] = {"completion": {"time_budget": 0}}
    sent = {**options, KEY: ["gen", "**/*.js"]}
    async with editor(options=sent, folders=[folder]) as session:
        assert await indexed(session, paths, folder, 1) == ["a.py"]
        assert await outcome(session, folder / "a.py") == ""
        assert await outcome(session, folder / "gen" / "b.py") == "path-off"
        assert await outcome(session, folder / "web" / "c.js") == "path-off"
        # The user excludes something else from now on.
        session.client.workspace_did_change_configuration(
            lsp.DidChangeConfigurationParams({"fimbul": {**options, KEY: ["a.py"]}})
        )
        assert await indexed(session, paths, folder, 2) == ["gen/b.py", "web/c.js"]
        assert await outcome(session, folder / "a.py") == "path-off"
        assert await outcome(session, folder / "gen" / "b.py") == ""
        assert not [one for one in session.messages if KEY in one]
