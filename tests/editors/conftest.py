"""What tests in real editors share: a Neovim that runs for a whole module, and a script for it."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.editors.installing import Missing
from tests.editors.neovim import WAYS, Neovim, Way, program_for, running
from tests.server.editor import write_script

ANSWER = "total(items, names)"
OTHERS = ("count(items)", "names[0]")
# Where the first stands already, the server takes the same for a repetition.
ANOTHER = "sorted(counts)"
A_THIRD = "open(path)"
HEADER = "def total(items):"
BODY = "result = 0\n    for item in items:\n        result += item\n    return result"

RULES: tuple[Mapping[str, Any], ...] = (
    {"after": "slow = ", "answer": ANSWER, "token_ms": 120.0},
    {"after": "long = ", "answer": f"total({'items, ' * 40})", "token_ms": 2_000.0},
    {"after": "never = ", "answer": ANSWER, "token_ms": 600_000.0},
    {"after": "x = ", "answer": ANSWER, "others": list(OTHERS)},
    {"after": "y = ", "answer": ANOTHER},
    {"after": "z = ", "answer": A_THIRD},
    {"after": f"{HEADER}\n    ", "answer": BODY},
    {"after": "total(", "answer": "items, names)"},
    {"answer": ""},
)
"""What the scripted engine says, and behind what."""

_NUMBERS = itertools.count()


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


@pytest.fixture(scope="module", params=WAYS, ids=str)
def session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Neovim]:
    """One that runs for all tests of a module."""
    way = _installed(request.param)
    folder = tmp_path_factory.mktemp("nvim")
    file = folder / "first.py"
    file.write_text("\n")
    homes = {
        f"XDG_{name}_HOME": str(folder / name) for name in ("CONFIG", "DATA", "CACHE", "STATE")
    }
    script = write_script(folder, *RULES)
    with running(way, folder, script, file, environment=homes) as found:
        yield found


@pytest.fixture
def editor(session: Neovim) -> Neovim:
    """The module's, in normal mode in an empty file of its own that the server looks after."""
    session.types("<Esc>")
    file = session.address.parent / f"file{next(_NUMBERS)}.py"
    file.write_text("\n")
    session.lua("vim.cmd('silent! only! | edit! ' .. ...)", str(file))
    session.until(session.is_ready, "looks after the file")
    return session


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An empty file of Python."""
    path = tmp_path / "a.py"
    path.write_text("\n")
    return path
