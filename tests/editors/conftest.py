"""What tests in real editors share."""

from pathlib import Path

import pytest

from tests.editors.install_neovim import Missing
from tests.editors.neovim import WAYS, Way, program_for


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    """Each Neovim with each that draws; skipped, and counted, where it is not installed."""
    return _installed(request.param)


@pytest.fixture(params=[way for way in WAYS if way.ghost == "own"], ids=str)
def own_way(request: pytest.FixtureRequest) -> Way:
    """Each Neovim with our own ghost text."""
    return _installed(request.param)


def _installed(way: Way) -> Way:
    try:
        program_for(way.version)
    except Missing as reason:
        pytest.skip(f"no Neovim {way.version}: {reason}")
    return way


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An empty file of Python."""
    path = tmp_path / "a.py"
    path.write_text("\n")
    return path
