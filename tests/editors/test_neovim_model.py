"""The real model in a real Neovim, as a new user has it."""

from pathlib import Path

import pytest

from tests.editors.installing import Missing
from tests.editors.neovim import WAYS, program_for, running


@pytest.mark.model
def test_a_suggestion_of_the_default_model(
    model_installed: Path, tmp_path: Path, file: Path
) -> None:
    way = WAYS[0]
    try:
        program_for(way.version)
    except Missing as reason:
        pytest.skip(f"no Neovim {way.version}: {reason}")
    with running(way, tmp_path, None, file) as editor:
        editor.types("idef add(first, second):<CR>return first + ")
        editor.until(lambda: editor.ghost.startswith("second"), "sees the other summand")
        editor.types("<M-Right>")
        editor.has("def add(first, second):", "    return first + second")
