"""What all tests share: no test sees or touches the files of the user who runs it."""

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from lsp_server.catalogue.store import ModelStore
from lsp_server.config.options import DEFAULT_MODEL
from lsp_server.config.paths import Paths
from lsp_server.inference.machine import engine_version

_REAL = Paths.of_user()

# Machines that run tests are shared, so how long one example takes says nothing.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / f"xdg-{name.lower()}"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs the engine or the model where they are missing; skips are counted."""
    missing = {}
    if engine_version() is None:
        missing["engine"] = "the engine is not installed; run `fimbul setup`"
    if default_model() is None:
        missing["model"] = "the default model is not installed; run `fimbul models pull`"
    for item in items:
        for marker, reason in missing.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def default_model() -> Path | None:
    """Return the file of the default model of whoever runs the tests, if it is there."""
    return ModelStore(_REAL).installed(DEFAULT_MODEL)


@pytest.fixture
def paths() -> Paths:
    """The folders of a user who exists for one test only."""
    return Paths.of_user()


@pytest.fixture
def model_installed(paths: Paths) -> Path:
    """The default model, installed for the test's own user as a link to the real file."""
    real = default_model()
    assert real is not None
    target = paths.models / DEFAULT_MODEL / real.name
    target.parent.mkdir(parents=True)
    target.symlink_to(real)
    # Its digest was verified when it was pulled; reading half a gigabyte again proves nothing.
    shutil.copyfile(_REAL.registry_file, paths.registry_file)
    return target
