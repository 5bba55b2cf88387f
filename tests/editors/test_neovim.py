"""Our plugin in a real Neovim; skipped, and counted, where there is none of 0.12 or newer."""

import time
from pathlib import Path
from typing import Any

import pytest

from lsp_server.config.paths import Paths
from lsp_server.feedback.store import read_rows
from tests.editors.neovim import PATIENCE, Neovim, neovim, running
from tests.server.editor import write_script

PROGRAM = neovim()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Neovim of 0.12 or newer; FIMBUL_NVIM")

SUGGESTION = "total(items, names)"


def begin(editor: Neovim, text: str = "x = ") -> None:
    editor.types(f"i{text}")
    editor.sees(SUGGESTION)


def remembered(paths: Paths) -> dict[str, Any]:
    """The only row of feedback, once the server has ended, which Neovim does not wait for."""
    end = time.monotonic() + PATIENCE
    while not (rows := read_rows(paths.feedback_file)):
        assert time.monotonic() < end
        time.sleep(0.05)
    (row,) = rows
    return row


def test_accepting_by_the_word_and_the_line(paths: Paths, tmp_path: Path) -> None:
    script = write_script(tmp_path, {"after": "x = ", "answer": SUGGESTION}, {"answer": ""})
    file = tmp_path / "a.py"
    file.write_text("\n")
    with running(str(PROGRAM), tmp_path, script, file) as editor:
        begin(editor)
        editor.types("<M-Right>")
        editor.has("x = total")
        editor.sees("(items, names)")
        editor.types("<M-Right>")
        editor.has("x = total(")
        editor.sees("items, names)")
        editor.types("<M-C-Right>")
        editor.has("x = total(items, names)")
    row = remembered(paths)
    assert (row["fate"], row["fate_known"]) == ("whole", "reported")
    assert (row["accepted"], row["typed"]) == (len(SUGGESTION), 0)


def test_a_line_of_several(paths: Paths, tmp_path: Path) -> None:
    script = write_script(tmp_path, {"answer": ""})
    file = tmp_path / "a.py"
    file.write_text("\n")
    with running(str(PROGRAM), tmp_path, script, file) as editor:
        for lines in (["a(b)"], ["a(b)", "    c"]):
            # Stands in for Neovim's client with a suggestion of several lines on the screen.
            editor.lua(
                "local client = vim.lsp.inline_completion "
                "local get = client.get "
                "client.get = function(options) "
                "local row = vim.api.nvim_win_get_cursor(0)[1] - 1 "
                "local column = #vim.api.nvim_get_current_line() "
                "vim.api.nvim_win_set_cursor(0, { row + 1, column }) "
                "options.on_accept({ insert_text = row == 0 and column == 0 and "
                "'a(b)\\n    c\\nd' or '\\n    c\\nd', "
                "range = vim.range(0, row, column, row, column), client_id = 1 }) "
                "return true end "
                "vim.cmd('startinsert!') "
                "require('fimbul').accept_line() "
                "client.get = get return 1"
            )
            editor.has(*lines)


def test_sending_away_and_keys_that_mean_what_they_meant(paths: Paths, tmp_path: Path) -> None:
    script = write_script(tmp_path, {"after": "x = ", "answer": SUGGESTION}, {"answer": ""})
    file = tmp_path / "a.py"
    file.write_text("\n")
    with running(str(PROGRAM), tmp_path, script, file) as editor:
        begin(editor)
        editor.types("<C-]>")
        editor.sees("")
        editor.has("x = ")
        editor.types("<Tab>y<M-Right>z")
        editor.until(lambda: editor.lines[0].split() == ["x", "=", "yz"])
    row = remembered(paths)
    assert (row["fate"], row["fate_known"]) == ("rejected", "reported")


def test_a_word_after_typing_on_and_wide_characters(paths: Paths, tmp_path: Path) -> None:
    answer = "größe𝒙(items, names)"
    script = write_script(tmp_path, {"after": "x = ", "answer": answer}, {"answer": ""})
    file = tmp_path / "a.py"
    file.write_text("\n")
    with running(str(PROGRAM), tmp_path, script, file) as editor:
        editor.types("ix = ")
        editor.sees(answer)
        editor.types("gr")
        editor.types("<M-Right>")
        editor.has("x = größe𝒙")
        editor.sees("(items, names)")
        editor.types("<Esc>")
    row = remembered(paths)
    assert (row["fate"], row["fate_known"]) == ("word", "reported")
    assert (row["accepted"], row["typed"]) == (4, 2)
