"""The extension for VS Code: its manifest is in step with the server, its own tests pass."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lsp_server.config.options import Tighten, entries

EXTENSION = Path(__file__).parents[2] / "editors" / "vscode"


def manifest() -> dict[str, object]:
    found: dict[str, object] = json.loads((EXTENSION / "package.json").read_text("utf-8"))
    return found


def test_the_manifest_has_the_servers_options() -> None:
    check = [sys.executable, str(EXTENSION / "manifest.py"), "--check"]
    done = subprocess.run(
        check, check=False, env={**os.environ, "PYTHONPATH": str(EXTENSION.parents[1])}
    )
    assert done.returncode == 0, "run python editors/vscode/manifest.py"


def test_nothing_that_an_editor_may_not_set_is_a_setting_there() -> None:
    text = (EXTENSION / "package.json").read_text("utf-8")
    kept = [one.key for one in entries() if one.option.tighten in (Tighten.MACHINE, Tighten.POLICY)]
    assert kept
    assert not [key for key in kept if f'"fimbul.{key}"' in text]


def test_a_workspace_cannot_set_anything() -> None:
    contributes = manifest()["contributes"]
    assert isinstance(contributes, dict)
    properties = contributes["configuration"]["properties"]
    assert {one["scope"] for one in properties.values()} == {"machine", "application"}


def test_nothing_runs_in_a_folder_that_is_not_trusted() -> None:
    capabilities = manifest()["capabilities"]
    assert isinstance(capabilities, dict)
    assert capabilities["untrustedWorkspaces"]["supported"] is False


@pytest.mark.skipif(shutil.which("npm") is None, reason="Node is not installed")
def test_its_own_tests(tmp_path: Path) -> None:
    """In a copy, so that nothing is installed into the clone."""
    copy = tmp_path / "vscode"
    shutil.copytree(EXTENSION, copy, ignore=shutil.ignore_patterns("node_modules", "build", "dist"))
    for command in (["npm", "ci", "--ignore-scripts"], ["npm", "run", "check"], ["npm", "test"]):
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
