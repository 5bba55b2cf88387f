"""Every layer of options, gathered from real files."""

from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.config.options import Trigger
from lsp_server.config.paths import Paths, workspace_file
from lsp_server.server.configuration import gather, section_of


@pytest.fixture
def layered(paths: Paths, tmp_path: Path) -> tuple[Paths, Path]:
    """A user, a workspace and a policy, each with something to say."""
    paths = replace(paths, policy_file=tmp_path / "policy.toml")
    workspace = tmp_path / "work"
    workspace.mkdir()
    paths.config.mkdir(parents=True)
    paths.user_file.write_text("[completion]\nmax_tokens = 30\n[engine]\nmodel = 'users'\n")
    workspace_file(workspace).write_text(
        "[completion]\nmax_tokens = 60\ntrigger = 'manual'\n[engine]\nmodel = 'evil'\n"
    )
    paths.policy_file.write_text(
        "[completion]\nmax_tokens = 20\ntrigger = 'automatic'\n[policy]\nallowed_models = ['a']\n"
    )
    return paths, workspace


def test_layers_in_their_order(layered: tuple[Paths, Path]) -> None:
    paths, workspace = layered
    editor = {"completion": {"max_tokens": 40}}
    found, (message,) = gather(paths, [editor], [workspace.as_uri()])
    assert found.completion.max_tokens == 20
    assert found.completion.trigger is Trigger.MANUAL
    assert found.engine.model == "users"
    assert found.policy.allowed_models == ("a",)
    assert "engine.model may not be set there" in message


def test_folders_that_are_no_files_are_left_out(layered: tuple[Paths, Path]) -> None:
    paths, _ = layered
    found, messages = gather(paths, [], ["vscode-remote://host/work"])
    assert found.completion.trigger is Trigger.AUTOMATIC
    assert not messages


@pytest.mark.parametrize(
    ("sent", "section"),
    [
        ({"completion": {}}, {"completion": {}}),
        ({"fimbul": {"completion": {}}, "other": 1}, {"completion": {}}),
        ({"fimbul": None}, None),
        (None, None),
        ([], None),
        ("text", None),
    ],
)
def test_our_section_is_found(sent: object, section: object) -> None:
    assert section_of(sent) == section
