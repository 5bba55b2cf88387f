"""Which editors are found, and what their users are told."""

import io
import sys
from pathlib import Path

import pytest

from lsp_server.cli import editors
from lsp_server.cli.console import Console
from lsp_server.cli.main import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")


def program(folder: Path, name: str, says: str = "") -> Path:
    file = folder / name
    folder.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)
    return file


def told(folder: Path) -> dict[str, str]:
    return {name: "\n".join(lines) for name, lines in editors.next_steps(str(folder))}


def test_where_no_editor_is_found_the_server_is_named(tmp_path: Path) -> None:
    (steps,) = told(tmp_path).values()
    assert f"{Path(sys.executable).with_name('fimbul')} serve" in steps


def test_neovim_gets_the_lines_for_its_configuration(tmp_path: Path) -> None:
    program(tmp_path, "nvim", "NVIM v0.11.4")
    steps = told(tmp_path)["Neovim"]
    plugin = editors.neovim_plugin()
    assert plugin is not None
    assert (plugin / "plugin" / "fimbul.lua").is_file()
    assert f'vim.opt.runtimepath:prepend("{plugin}")' in steps
    assert "vim.g.fimbul = { cmd = {" in steps, "it is not on this PATH"


def test_an_old_neovim_is_told_so(tmp_path: Path) -> None:
    program(tmp_path, "nvim", "NVIM v0.7.2")
    steps = told(tmp_path)["Neovim"]
    assert "0.7" in steps
    assert "runtimepath" not in steps


def test_a_neovim_that_does_not_tell_its_version_gets_the_lines(tmp_path: Path) -> None:
    program(tmp_path, "nvim", "what?")
    assert "runtimepath" in told(tmp_path)["Neovim"]


@pytest.mark.parametrize(
    ("said", "version"), [("NVIM v0.12.4\nBuild", (0, 12)), ("NVIM v1.0.0-dev", (1, 0)), ("", None)]
)
def test_versions_are_read(said: str, version: tuple[int, int] | None) -> None:
    assert editors.neovim_version(said) == version


@pytest.mark.parametrize("name", ["code", "codium", "code-server"])
def test_vs_code_gets_its_own_command(name: str, tmp_path: Path) -> None:
    program(tmp_path, name)
    steps = told(tmp_path)["VS Code"]
    assert f"{name} --install-extension fimbul.vsix" in steps
    assert '"fimbul.server.command": "' in steps


def test_others_are_named_and_come_before_the_rest(tmp_path: Path) -> None:
    for name in ("hx", "emacs"):
        program(tmp_path, name)
    assert list(told(tmp_path)) == ["Emacs", "Helix", "Any other editor"]


def test_the_path_is_left_out_where_the_name_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = program(tmp_path / "environment", "fimbul")
    monkeypatch.setattr(sys, "executable", str(own.with_name("python")))
    program(tmp_path, "nvim", "NVIM v0.12.4")
    (tmp_path / "fimbul").symlink_to(own)  # As pipx and uv do.
    assert editors.server_command(str(tmp_path)) == "fimbul"
    assert "vim.g.fimbul" not in told(tmp_path)["Neovim"]


def test_another_fimbul_on_the_path_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = program(tmp_path / "environment", "fimbul")
    monkeypatch.setattr(sys, "executable", str(own.with_name("python")))
    program(tmp_path, "fimbul")
    assert editors.server_command(str(tmp_path)) == str(own)


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["editors", "--neovim"]) == 0
    assert capsys.readouterr().out == f"{editors.neovim_plugin()}\n"


def test_all_is_printed() -> None:
    out = io.StringIO()
    editors.tell(Console(out, io.StringIO()))
    assert "serve" in out.getvalue()
