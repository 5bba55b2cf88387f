"""Parts of our Neovim plugin that need no server: its pure functions, its help, its absence."""

import subprocess
from pathlib import Path

import pytest

from tests.editors import install
from tests.editors.install_neovim import NEW, OLD, mirror
from tests.editors.installing import Missing
from tests.editors.neovim import PLUGIN, program_for


@pytest.fixture(params=[NEW, OLD])
def nvim(request: pytest.FixtureRequest) -> str:
    try:
        return program_for(request.param)
    except Missing as reason:
        pytest.skip(f"no Neovim {request.param}: {reason}")


def run(nvim: str, *arguments: str) -> str:
    command = [nvim, "--clean", "--headless", "--cmd", f"set runtimepath^={PLUGIN}", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_pure_functions(nvim: str) -> None:
    assert "all held" in run(nvim, "-l", str(Path(__file__).with_name("logic.lua")))


def test_every_tag_of_the_help_is_found(nvim: str, tmp_path: Path) -> None:
    folder = tmp_path / "doc"
    folder.mkdir()
    (folder / "fimbul.txt").write_bytes((PLUGIN / "doc" / "fimbul.txt").read_bytes())
    run(nvim, "-c", f"helptags {folder}", "-c", "qa!")
    tags = {line.split("\t")[0] for line in (folder / "tags").read_text("utf-8").splitlines()}
    assert {":FimbulExplain", "fimbul", "fimbul.setup()", "fimbul-options"} <= tags
    links = (PLUGIN / "doc" / "fimbul.txt").read_text("utf-8").split("|")[1::2]
    assert links
    assert not [link for link in links if link not in tags]


def test_a_program_that_is_not_there_is_named(nvim: str) -> None:
    said = run(
        nvim,
        "--cmd",
        "let g:fimbul = {'cmd': ['no-such-fimbul', 'serve']}",
        "-c",
        "runtime! plugin/fimbul.lua",
        "-c",
        "lua vim.wait(60000, function() "
        "return vim.fn.execute('messages'):find('no%-such%-fimbul') ~= nil end)",
        "-c",
        "checkhealth fimbul",
        "-c",
        "lua print(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), ' '))",
        "-c",
        "qa!",
    )
    assert "fimbul: `no-such-fimbul` is not there" in said
    assert "ERROR `no-such-fimbul` cannot be started" in said


def test_help_names_every_command_and_key() -> None:
    text = (PLUGIN / "doc" / "fimbul.txt").read_text("utf-8")
    lua = (PLUGIN / "lua" / "fimbul" / "commands.lua").read_text("utf-8")
    commands = [part.split("'")[0] for part in lua.split("command('")[1:]]
    assert len(commands) > 4
    assert not [name for name in commands if f"*:{name}*" not in text]


def test_where_packages_come_from() -> None:
    new = ["Types: deb", "URIs: http://one.example/debian", "Suites: stable"]
    assert mirror(new) == "http://one.example/debian"
    old = ["# deb http://no.example/", "deb [arch=amd64 x=y] http://two.example/debian stable main"]
    assert mirror(old) == "http://two.example/debian"
    assert mirror(["URIs: http://one.example/debian-security", *old]) == "http://two.example/debian"
    with pytest.raises(Missing):
        mirror(["deb-src http://one.example/debian stable main"])


def test_an_editor_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert install.main(["ed"]) == 2
    assert "neovim" in capsys.readouterr().err
