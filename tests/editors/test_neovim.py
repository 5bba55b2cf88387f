"""Our plugin in real Neovims: suggestions come, are typed through, accepted, chosen, sent away.

Most tests share one Neovim for each way of drawing, each with a file of its own.
"""

import time
from pathlib import Path
from typing import Any

import pytest

from lsp_server.config.paths import Paths
from lsp_server.feedback.store import read_rows
from tests.editors.conftest import ANSWER, BODY, HEADER, OTHERS, RULES
from tests.editors.neovim import PATIENCE, Neovim, Way, running
from tests.server.editor import write_script


def begin(editor: Neovim, text: str = "x = ") -> None:
    editor.types(f"i{text}")
    editor.sees(ANSWER)


def remembered(paths: Paths) -> dict[str, Any]:
    """The only row of feedback, once the server has ended."""
    end = time.monotonic() + PATIENCE
    while not (rows := read_rows(paths.feedback_file)):
        assert time.monotonic() < end, "nothing was remembered"
        time.sleep(0.05)
    (row,) = rows
    return row


def test_a_line_is_accepted_whole(editor: Neovim) -> None:
    begin(editor)
    editor.types("<Tab>")
    editor.has(f"x = {ANSWER}")
    editor.sees("")
    editor.types("!")
    editor.has(f"x = {ANSWER}!")


def test_a_block_is_accepted_whole(editor: Neovim) -> None:
    editor.types(f"i{HEADER}<CR>")
    editor.sees(BODY)
    editor.types("<Tab>")
    editor.has(HEADER, *f"    {BODY}".split("\n"))
    editor.until(lambda: bool(editor.lua("return vim.api.nvim_win_get_cursor(0)") == [5, 17]))


def test_a_block_line_by_line(editor: Neovim) -> None:
    editor.types(f"i{HEADER}<CR>")
    editor.sees(BODY)
    lines = f"    {BODY}".split("\n")
    for count in range(1, len(lines) + 1):
        editor.types("<M-C-Right>")
        editor.has(HEADER, *lines[:count])
        editor.sees("".join(f"\n{line}" for line in lines[count:]))


def test_inside_brackets_that_close_by_themselves(editor: Neovim) -> None:
    editor.lua("vim.keymap.set('i', '(', '()<Left>', { buffer = 0 })")
    for letter in "ix = total(":
        editor.types(letter)
    editor.sees("items, names")
    editor.has("x = total()")
    editor.types("<Tab>")
    editor.has("x = total(items, names)")


def test_typing_through(editor: Neovim) -> None:
    begin(editor)
    for count, letter in enumerate("total(", start=1):
        editor.types(letter)
        editor.sees(ANSWER[count:])
    editor.types("<Tab>")
    editor.has(f"x = {ANSWER}")


def test_accepting_right_after_typing(editor: Neovim) -> None:
    begin(editor)
    editor.types("to<Tab>")
    editor.has(f"x = {ANSWER}")


def test_accepting_right_after_typing_something_else(editor: Neovim) -> None:
    begin(editor)
    editor.types("z<Tab>")
    editor.types("end")
    editor.until(lambda: editor.lines[0].endswith("end"), "takes keys")
    assert editor.lines[0].split() in (["x", "=", "zend"], ["x", "=", "z", "end"])


def test_choosing_among_several(editor: Neovim) -> None:
    begin(editor)
    editor.types("<M-]>")
    editor.sees(OTHERS[0])
    editor.until(lambda: editor.status == "fimbul 2/3", "says which one")
    editor.types("<M-]>")
    editor.sees(OTHERS[1])
    editor.types("<M-]>")
    editor.sees(ANSWER)
    editor.types("<M-[>")
    editor.sees(OTHERS[1])
    editor.types("<Tab>")
    editor.has(f"x = {OTHERS[1]}")


def test_what_follows_a_part(editor: Neovim) -> None:
    editor.types("islow = ")
    editor.sees(ANSWER)
    editor.types("<Tab>")
    editor.has(f"slow = {ANSWER}")


def test_something_else_is_typed_while_a_suggestion_is_made(editor: Neovim) -> None:
    editor.types("ilong = ")
    editor.until(lambda: editor.ghost.startswith("total"), "sees the beginning")
    editor.types("0<CR>x = ")
    # The engine makes one suggestion at a time, and the other one has more than a minute to go.
    editor.sees(ANSWER)
    editor.types("<Esc>")


def test_leaving_ends_what_is_asked_for(editor: Neovim) -> None:
    editor.types("inever = ")
    editor.until(lambda: editor.pending > 0, "asks")
    editor.types("<Esc>")
    editor.until(lambda: editor.pending == 0, "asks no more")
    editor.types("ox = ")
    editor.sees(ANSWER)


def test_keys_mean_what_they_meant_before(editor: Neovim) -> None:
    editor.lua(
        "for key, text in pairs({ ['<C-]>'] = 'R', ['<M-Right>'] = 'W' }) do "
        "vim.keymap.set('i', key, text) end "
        "vim.keymap.set('i', '<Tab>', function() return 'T' end, { expr = true })"
    )
    try:
        editor.types("iquiet<Tab><M-Right><C-]>")
        editor.has("quietTWR")
        editor.types("<CR>x = ")
        editor.sees(ANSWER)
        editor.types("<Tab>")
        editor.has("quietTWR", f"x = {ANSWER}")
        editor.types("<Tab>")
        editor.has("quietTWR", f"x = {ANSWER}T")
    finally:
        editor.lua(
            "for _, key in ipairs({ '<C-]>', '<M-Right>', '<Tab>' }) do "
            "vim.keymap.del('i', key) end"
        )


def test_a_window_beside_it(editor: Neovim) -> None:
    editor.types("ione = 1<CR>two = 2<Esc>:vsplit<CR>Gox = ")
    editor.sees(ANSWER)
    editor.types("<Esc><C-w>wggO")
    editor.sees("")
    editor.types("x = ")
    editor.sees(ANSWER)
    editor.types("<Tab>")
    editor.has(f"x = {ANSWER}", "one = 1", "two = 2", "x = ")


def test_words_and_lines_are_reported(way: Way, paths: Paths, tmp_path: Path, file: Path) -> None:
    with running(way, tmp_path, write_script(tmp_path, *RULES), file) as editor:
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
    assert (row["accepted"], row["typed"]) == (len(ANSWER), 0)


def test_sending_away_is_reported(way: Way, paths: Paths, tmp_path: Path, file: Path) -> None:
    with running(way, tmp_path, write_script(tmp_path, *RULES), file) as editor:
        begin(editor)
        editor.types("<C-]>")
        editor.sees("")
        editor.has("x = ")
        editor.types("<Tab>y<M-Right>z")
        editor.until(lambda: editor.lines[0].split() == ["x", "=", "yz"])
    row = remembered(paths)
    assert (row["fate"], row["fate_known"]) == ("rejected", "reported")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_word_after_typing_on_and_wide_characters(
    way: Way, paths: Paths, tmp_path: Path, file: Path, encoding: str
) -> None:
    answer = "größe𝒙(items, names)"
    script = write_script(tmp_path, {"after": "𝒚 = ", "answer": answer}, {"answer": ""})
    general = f"general = {{ positionEncodings = {{ '{encoding}' }} }}"
    only = f"vim.lsp.config('fimbul', {{ capabilities = {{ {general} }} }})"
    with running(way, tmp_path, script, file, after=only) as editor:
        client = "return vim.lsp.get_clients({ name = 'fimbul' })[1].offset_encoding"
        assert editor.lua(client) == encoding
        editor.types("i𝒚 = ")
        editor.sees(answer)
        editor.types("gr")
        editor.types("<M-Right>")
        editor.has("𝒚 = größe𝒙")
        editor.sees("(items, names)")
        editor.types("<Esc>")
    row = remembered(paths)
    assert (row["fate"], row["fate_known"]) == ("word", "reported")
    assert (row["accepted"], row["typed"]) == (4, 2)
