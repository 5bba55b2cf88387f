"""A workspace's settings are read, and a disk that stalls holds nobody for long."""

import os
import threading
from pathlib import Path

import pytest

from lsp_server.server.folder_settings import FolderSettings

MANUAL = '[completion]\ntrigger = "manual"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".fimbul.toml").write_text(MANUAL)
    return tmp_path


def stall(folder: Path) -> Path:
    """Put a pipe in the place of the file: whoever opens it waits until somebody writes."""
    file = folder / ".fimbul.toml"
    file.unlink()
    os.mkfifo(file)
    return file


def test_what_is_there_is_read(folder: Path, tmp_path: Path) -> None:
    settings = FolderSettings(lambda: None, patience=60.0)
    (layer,), messages = settings.read(folder)
    assert (layer.values, messages) == ({"completion": {"trigger": "manual"}}, [])
    assert settings.read(tmp_path / "another") == ([], [])


def test_what_was_said_before_holds_while_the_disk_stalls(folder: Path) -> None:
    late = threading.Event()
    settings = FolderSettings(late.set, patience=60.0)
    before = settings.read(folder)
    file = stall(folder)
    settings.patience = 0.05
    assert settings.read(folder) == settings.read(folder) == before
    file.write_text(MANUAL)
    assert late.wait(60.0)


def test_nothing_but_the_current_file_where_nothing_is_known(folder: Path) -> None:
    late = threading.Event()
    settings = FolderSettings(late.set, patience=0.05)
    file = stall(folder)
    for _ in range(2):
        (layer,), (message,) = settings.read(folder)
        assert layer.values == {"privacy": {"mode": "strict"}}
        assert "does not answer" in message
    # Whoever writes to the pipe lets the reader go on.
    file.write_text(MANUAL)
    assert late.wait(60.0)
    file.unlink()
    file.write_text(MANUAL)
    settings = FolderSettings(late.set, patience=60.0)
    (layer,), messages = settings.read(folder)
    assert (layer.values, messages) == ({"completion": {"trigger": "manual"}}, [])
