"""Options as they reach a running server."""

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from lsp_server.config.paths import Paths
from tests.server.editor import editor

MANUAL = {"completion": {"trigger": "manual"}}
OFF = {"completion": {"enable": False}}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (OFF, "disabled"),
        (MANUAL, "manual-only"),
        ({"completion": {"disabled_languages": ["python"]}}, "language-disabled"),
        ({"fimbul": OFF}, "disabled"),
    ],
)
async def test_initialization_options_hold(options: dict[str, Any], reason: str) -> None:
    async with editor(options=options) as session:
        assert await session.ask(session.open("x = █")) == []
        assert await session.reason() == reason


async def test_manual_still_answers_when_asked() -> None:
    async with editor(options=MANUAL) as session:
        position = session.open("x = █")
        assert await session.ask(position, kind=lsp.InlineCompletionTriggerKind.Invoked)


async def test_the_editors_configuration_is_asked_for() -> None:
    async with editor(configuration=OFF) as session:
        assert await session.ask(session.open("x = █")) == []


async def test_a_change_of_configuration_holds_at_once() -> None:
    async with editor() as session:
        position = session.open("x = █")
        assert await session.ask(position)
        session.client.workspace_did_change_configuration(
            lsp.DidChangeConfigurationParams({"fimbul": OFF})
        )
        assert await session.ask(position) == []
        assert await session.reason() == "disabled"


async def test_user_and_workspace_files_are_read(tmp_path: Path, paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.user_file.write_text('[completion]\ndisabled_languages = ["java"]\n')
    workspace = tmp_path / "work"
    workspace.mkdir()
    (workspace / ".fimbul.toml").write_text(
        '[completion]\ndisabled_languages = ["python"]\n[engine]\nmodel = "evil"\n'
    )
    async with editor(folders=[workspace]) as session:
        for language, reason in (("java", "language-disabled"), ("python", "language-disabled")):
            uri = f"file:///workspace/{language}"
            assert await session.ask(session.open("x█", uri, language), uri) == []
            assert await session.reason(uri) == reason
        (message,) = session.messages
        assert ".fimbul.toml: engine.model may not be set there" in message


async def test_a_bad_value_gives_the_default_and_one_message() -> None:
    async with editor(options={"completion": {"max_tokens": "many", "colour": 1}}) as session:
        assert await session.ask(session.open("x = █"))
        (message,) = session.messages
        assert "completion.max_tokens is 'many', not a whole number; it stays 64." in message
        assert "completion.colour is not an option" in message


async def test_without_a_model_it_says_which_command_to_run() -> None:
    async with editor("--engine", "llama", ready=False) as session:
        position = session.open("x = █")
        await session.until("no-model")
        assert await session.ask(position) == []
        assert await session.reason() == "no-model"
        (message,) = session.messages
        assert "fimbul models pull" in message


async def test_a_folder_that_joins_brings_its_settings(tmp_path: Path) -> None:
    (tmp_path / ".fimbul.toml").write_text("[completion]\nenable = false\n")
    folder = lsp.WorkspaceFolder(tmp_path.as_uri(), "joined")
    async with editor() as session:
        position = session.open("x = █")
        assert await session.ask(position)
        for added, removed, shown in (([folder], [], False), ([], [folder], True)):
            session.client.workspace_did_change_workspace_folders(
                lsp.DidChangeWorkspaceFoldersParams(
                    lsp.WorkspaceFoldersChangeEvent(added=added, removed=removed)
                )
            )
            assert bool(await session.ask(position)) is shown
