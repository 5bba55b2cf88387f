"""`fimbul erase`: what goes, what stays, and what is said about it."""

import io
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lsp_server.cli import engine_build
from lsp_server.cli.console import Console
from lsp_server.cli.engine_build import EngineBuild
from lsp_server.cli.engine_recipe import RECORD_NAME, Compiler, make_recipe
from lsp_server.cli.erase import KINDS, Kind, erase, how_to_uninstall, servers
from lsp_server.cli.main import main
from lsp_server.config.paths import Paths
from lsp_server.feedback.records import Texts
from lsp_server.feedback.store import open_store, read_rows
from lsp_server.inference.machine import Cpu
from tests.feedback.rows import suggestion

COMPILER = Compiler("cc", "c++", "cc 12", ())

BY_NAME = {kind.name: kind for kind in KINDS}


@pytest.fixture
def filled(paths: Paths) -> Paths:
    """A user who has something of every kind."""
    for file in (
        paths.state / "requests" / "1.jsonl",
        paths.state / "logs" / "server.log",
        paths.reference_log,
        paths.reference_indexes / "public.fimref",
        paths.cache / "index" / "a.sqlite",
        paths.cache / "wheels" / "a.whl",
        paths.cache / "workspaces" / "p" / "a.py",
        paths.selftest_file,
        paths.engine / "build" / "a.whl",
        paths.models / "tiny" / "tiny.gguf",
        paths.registry_file,
        paths.adapters / "uses.json",
        paths.signing_key,
        paths.user_file,
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 1000)
    store, _ = open_store(paths.feedback_file)
    row = suggestion()
    store.write([row, Texts(row.id, "suggested_text", "became_text")], 10**7)
    store.close()
    return paths


class Person:
    """Somebody in front of a console."""

    def __init__(self, answer: str | None = None) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.answer = answer
        self.console = Console(self.out, self.err, interactive=True, read=self._read)

    def _read(self) -> str:
        if self.answer is None:
            raise EOFError
        return self.answer

    def erases(self, paths: Paths, *names: str, ask: bool = True, dry_run: bool = False) -> int:
        kinds: list[Kind] = [BY_NAME[name] for name in names]
        kinds = kinds or [kind for kind in KINDS if not kind.only_if_named]
        return erase(paths, kinds, self.console, ask=ask, dry_run=dry_run)

    @property
    def said(self) -> str:
        return self.out.getvalue() + self.err.getvalue()


def test_all_goes_but_the_settings(filled: Paths) -> None:
    person = Person("y")
    assert person.erases(filled) == 0
    assert not filled.state.exists()
    assert not filled.cache.exists()
    assert not filled.data.exists()
    assert filled.user_file.exists()
    for kind in KINDS:
        assert (f"\n{kind.name} " in f"\n{person.said}") != kind.only_if_named
    assert "SSDs" in person.said


def test_everything_goes_where_that_is_asked_for(
    filled: Paths,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    uninstalled: list[object] = []
    engine = tmp_path / "environment" / "llama_cpp"
    home = tmp_path / "home"
    extension = home / ".local/share/code-server/User/globalStorage/fimbul.fimbul/environment"
    for file in (
        engine / "llama.so",
        extension / "bin" / "fimbul",
        filled.cache / "of a newer version" / "file",
        filled.state / "old.json",
        filled.config / "theme.toml",
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 1000)
    monkeypatch.setattr(engine_build, "installed_folders", lambda: (engine,))
    monkeypatch.setattr(engine_build, "uninstall", uninstalled.append)
    monkeypatch.setattr(Path, "home", lambda: home)

    assert main(["erase", "--all", "--dry-run"]) == 0
    assert engine.exists()
    assert main(["erase", "--all", "--yes"]) == 0

    assert len(uninstalled) == 1
    for folder in (engine, extension.parent, filled.state, filled.cache, filled.data):
        assert not folder.exists()
    assert not filled.config.exists()
    said = capsys.readouterr().out
    for kind in KINDS:
        assert f"\n{kind.name} " in f"\n{said}", kind.name
    assert "old.json" in said
    assert "uninstall fimbul" in said
    assert main(["erase", "--all", "--yes"]) == 0
    assert "Nothing is stored" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/home/u/.local/share/pipx/venvs/fimbul", "pipx uninstall fimbul"),
        ("/home/u/.local/share/uv/tools/fimbul", "uv tool uninstall fimbul"),
        ("/home/u/venv", f"{sys.executable} -m pip uninstall fimbul"),
    ],
)
def test_how_fimbul_itself_is_taken_away(prefix: str, command: str) -> None:
    assert how_to_uninstall(prefix) == command


def test_an_engine_that_somebody_else_built_is_not_ours_to_uninstall(tmp_path: Path) -> None:
    info = tmp_path / "llama_cpp_python-1.dist-info"
    (tmp_path / "llama_cpp").mkdir()
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llama-cpp-python\nVersion: 1\n")
    (info / "RECORD").write_text(
        "llama_cpp/__init__.py,,\nllama_cpp_python-1.dist-info/METADATA,,\n../../bin/x,,\n"
    )
    (tmp_path / "llama_cpp" / "__init__.py").touch()
    assert engine_build.installed_folders([str(tmp_path)]) == ()

    build = EngineBuild(make_recipe(COMPILER, Cpu("", ""), portable=True), "2026-01-02")
    (tmp_path / "llama_cpp" / RECORD_NAME).write_bytes(msgspec.json.encode(build))
    assert engine_build.installed_folders([str(tmp_path)]) == (tmp_path / "llama_cpp", info)


def test_settings_go_where_they_are_named(filled: Paths) -> None:
    assert Person("yes").erases(filled, "settings") == 0
    assert not filled.user_file.exists()
    assert filled.registry_file.exists()


@pytest.mark.parametrize("answer", ["", "n", "no", "what?", None])
def test_without_a_yes_nothing_goes(answer: str | None, filled: Paths) -> None:
    person = Person(answer)
    assert person.erases(filled) == 1
    assert "Nothing was erased" in person.said
    assert len(read_rows(filled.feedback_file)) == 1
    assert filled.registry_file.exists()


def test_a_dry_run_only_shows(filled: Paths) -> None:
    person = Person()
    assert person.erases(filled, dry_run=True) == 0
    assert str(filled.models) in person.said
    assert "1 kB, 1 file: indexes" in person.said
    assert filled.models.exists()


def test_only_what_is_named_goes(filled: Paths) -> None:
    assert Person().erases(filled, "index", "feedback", ask=False) == 0
    assert not (filled.cache / "index").exists()
    assert not filled.feedback_file.parent.exists()
    assert (filled.cache / "wheels").exists()
    assert filled.selftest_file.exists()


def test_where_nothing_is_there_is_nothing_to_do(paths: Paths) -> None:
    person = Person()
    assert person.erases(paths) == 0
    assert "Nothing is stored" in person.said


def test_links_go_and_what_they_point_to_stays(filled: Paths, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("precious")
    (filled.models / "linked").symlink_to(outside, target_is_directory=True)
    (filled.models / "tiny" / "file.gguf").symlink_to(outside / "precious.txt")
    (filled.state / "requests" / "1.jsonl").unlink()
    (filled.state / "requests").rmdir()
    (filled.state / "requests").symlink_to(outside, target_is_directory=True)
    person = Person()
    assert person.erases(filled, "models", "requests", ask=False) == 0
    assert (outside / "precious.txt").read_text() == "precious"
    assert not filled.models.exists()
    assert not (filled.state / "requests").is_symlink()
    assert "a link; only it" in person.said


def test_feedback_behind_a_link_is_not_emptied(filled: Paths, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.sqlite"
    filled.feedback_file.rename(real)
    filled.feedback_file.symlink_to(real)
    assert Person().erases(filled, "feedback", ask=False) == 0
    assert not filled.feedback_file.is_symlink()
    assert len(read_rows(real)) == 1


def test_feedback_that_a_server_has_open_is_emptied(filled: Paths) -> None:
    store, _ = open_store(filled.feedback_file)
    person = Person()
    assert person.erases(filled, "feedback", ask=False) == 0
    assert "was emptied" in person.said
    assert read_rows(filled.feedback_file) == []
    for path in filled.feedback_file.parent.iterdir():
        assert b"ed_text" not in path.read_bytes()
    store.write([suggestion()], 10**7)
    assert len(read_rows(filled.feedback_file)) == 1
    store.close()


@pytest.mark.parametrize("version", [0, 99])
def test_feedback_that_cannot_be_opened_is_deleted(version: int, filled: Paths) -> None:
    if version:
        connection = sqlite3.connect(filled.feedback_file)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
    else:
        filled.feedback_file.write_bytes(b"damaged" * 1000)
    assert Person().erases(filled, "feedback", ask=False) == 0
    assert not filled.feedback_file.parent.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may delete everything")
def test_what_cannot_be_deleted_is_named(filled: Paths) -> None:
    folder = filled.cache / "index"
    folder.chmod(0o500)
    try:
        person = Person()
        assert person.erases(filled, "index", ask=False) == 1
        assert str(folder / "a.sqlite") in person.said
    finally:
        folder.chmod(0o700)


def test_what_the_system_refuses_to_delete_is_named(
    filled: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, **_more: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "unlink", refuse)
    person = Person()
    assert person.erases(filled, "index", "selftest", ask=False) == 1
    assert str(filled.selftest_file) in person.said
    assert "could not be deleted: Permission denied." in person.said
    assert "Erased" not in person.said


def test_servers_that_run_are_mentioned(filled: Paths) -> None:
    command = [sys.executable, "-m", "lsp_server.cli.main", "serve", "--engine", "scripted"]
    before = len(servers())
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=root) as server:
        assert len(servers()) == before + 1
        person = Person()
        assert person.erases(filled, dry_run=True) == 0
        assert "Servers that run now" in person.said
        server.kill()
    assert server.returncode != 0


def test_from_the_command_line(filled: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", "selftest", "--dry-run"]) == 0
    assert filled.selftest_file.exists()
    assert main(["erase", "selftest", "--yes"]) == 0
    assert not filled.selftest_file.exists()
    with pytest.raises(SystemExit) as usage:
        main(["erase", "everything"])
    assert usage.value.code == 2
    assert "everything is not one of feedback" in capsys.readouterr().err
