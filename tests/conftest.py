"""What all tests share: no test sees or touches the files of the user who runs it."""

import os
from pathlib import Path

import pytest

from lsp_server.config.paths import Paths

_REAL = Paths.of_user()


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / f"xdg-{name.lower()}"))
    monkeypatch.setenv("HF_HUB_OFFLINE", os.environ.get("HF_HUB_OFFLINE", "0"))


@pytest.fixture
def paths() -> Paths:
    """The folders of a user who exists for one test only."""
    return Paths.of_user()


@pytest.fixture(scope="session")
def real_paths() -> Paths:
    """The folders of whoever runs the tests, where the model lies; only read."""
    return _REAL
