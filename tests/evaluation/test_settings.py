"""Options that an editor may not set reach the server as its user's own."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.infilling import Evaluation, evaluate
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.runs import Run
from fimbul_models.evaluation.settings import own_settings, parted
from lsp_server.config.layers import read_file
from lsp_server.config.paths import Paths

ADAPTER = {"engine": {"adapter": "/somewhere/mine.gguf"}}


def test_what_only_the_user_may_set_is_told_apart() -> None:
    editors, own = parted({"engine": {"adapter": "/a", "threads": 2}, "prompt": {"order": "spm"}})
    assert editors == {"engine": {"threads": 2}, "prompt": {"order": "spm"}}
    assert own == {"engine": {"adapter": "/a"}}


def test_the_users_own_file_stays_and_is_added_to(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Paths.of_user().user_file
    file.parent.mkdir(parents=True)
    file.write_text('[engine]\nthreads = 1\nadapter = "/before.gguf"\n[prompt]\norder = "psm"\n')
    before = file.read_text()
    with own_settings(ADAPTER) as environment:
        monkeypatch.setenv("XDG_CONFIG_HOME", environment["XDG_CONFIG_HOME"])
        seen = Paths.of_user().user_file
        assert seen != file
        ((layer,), problems) = read_file(seen, None)
        assert not problems
        assert layer.values == {
            "engine": {"threads": 1, "adapter": "/somewhere/mine.gguf"},
            "prompt": {"order": "psm"},
        }
    assert not seen.exists()
    assert file.read_text() == before


def test_without_such_options_nothing_is_different() -> None:
    with own_settings({}) as environment:
        assert environment == {}


def test_a_file_that_cannot_be_read_is_said() -> None:
    file = Paths.of_user().user_file
    file.parent.mkdir(parents=True)
    file.write_text("[engine")
    with pytest.raises(EvaluationError, match="cannot be read"), own_settings(ADAPTER):
        pass


def test_each_run_has_a_server_with_its_own(
    tmp_path: Path, server_command: Callable[..., tuple[str, ...]], make_item: Callable[..., Item]
) -> None:
    # What stands in front of the server notes where it would read its settings.
    seen = tmp_path / "seen"
    script = tmp_path / "start.py"
    server = server_command()
    script.write_text(
        "import os, pathlib, runpy, sys\n"
        "home = pathlib.Path(os.environ['XDG_CONFIG_HOME']) / 'fimbul/config.toml'\n"
        f"with open({str(seen)!r}, 'a') as file:\n"
        "    file.write((home.read_text() if home.is_file() else 'none').strip() + '\\n')\n"
        f"sys.argv = {list(server[1:])!r}\n"
        f"runpy.run_path({server[1]!r}, run_name='__main__')\n"
    )
    runs = [Run("plain", {}), Run("mine", ADAPTER)]
    done = evaluate(
        Evaluation(items=[make_item("t")], runs=runs, command=(sys.executable, str(script)))
    )
    assert set(done.runs) == {"plain", "mine"}
    assert seen.read_text().splitlines() == [
        "none", "[engine]", 'adapter = "/somewhere/mine.gguf"',
    ]  # fmt: skip
