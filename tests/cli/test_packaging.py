"""What is packed: a user who has only the wheel or the source archive lacks nothing."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(tmp_path: Path, target: str) -> Path:
    pytest.importorskip("hatchling", reason="the build back end is not installed")
    subprocess.run(
        [sys.executable, "-P", "-m", "hatchling", "build", "-t", target, "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=300,
    )
    (made,) = tmp_path.iterdir()
    return made


def sources(folder: str) -> set[str]:
    """All files that git would keep below a folder: not what Python and Neovim make there."""
    files = (ROOT / folder).rglob("*")
    return {
        file.relative_to(ROOT).as_posix()
        for file in files
        if file.is_file()
        and "__pycache__" not in file.parts
        and file.name != "tags"
        and not file.name.startswith(".")
    }


def test_the_wheel_holds_all_that_runs_and_the_neovim_plugin(tmp_path: Path) -> None:
    with zipfile.ZipFile(build(tmp_path, "wheel")) as wheel:
        names = set(wheel.namelist())
    assert sources("lsp_server") <= names
    assert "lsp_server/completion/confidence.json" in names
    (data,) = {name.partition("/")[0] for name in names if ".data/" in name}
    prefix = f"{data}/data/share/fimbul/neovim/"
    plugin = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    assert plugin == {name.removeprefix("editors/neovim/") for name in sources("editors/neovim")}
    foreign = {name.partition("/")[0] for name in names} - {"lsp_server", data}
    assert all(name.endswith(".dist-info") for name in foreign), foreign


def test_the_source_archive_builds_the_same(tmp_path: Path) -> None:
    with tarfile.open(build(tmp_path, "sdist")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert sources("lsp_server") | sources("editors/neovim") <= names
    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"} <= names
    assert not [name for name in names if name.startswith(("models/", "benchmarks/", "tests/"))]
