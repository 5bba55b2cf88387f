"""Our plugin in real Neovims: suggestions come, are typed through, accepted, chosen, sent away."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lsp_server.config.paths import Paths
from lsp_server.feedback.store import read_rows
from tests.editors.neovim import PATIENCE, Neovim, Way, running
from tests.server.editor import write_script

SUGGESTION = "total(items, names)"
RULE: Mapping[str, Any] = {"after": "x = ", "answer": SUGGESTION}
SILENCE: Mapping[str, Any] = {"answer": ""}

BODY = "result = 0\n    for item in items:\n        result += item\n    return result"
GROUND = "def total(items):"


def begin(editor: Neovim, text: str = "x = ") -> None:
    editor.types(f"i{text}")
    editor.sees(SUGGESTION)


def remembered(paths: Paths) -> dict[str, Any]:
    """The only row of feedback, once the server has ended, which Neovim does not wait for."""
    end = time.monotonic() + PATIENCE
    while not (rows := read_rows(paths.feedback_file)):
        assert time.monotonic() < end, "nothing was remembered"
        time.sleep(0.05)
    (row,) = rows
    return row


def test_a_line_is_accepted_whole(way: Way, paths: Paths, tmp_path: Path, file: Path) -> None:
    with running(way, tmp_path, write_script(tmp_path, RULE, SILENCE), file) as editor:
        begin(editor)
        editor.types("<Tab>")
        editor.has(f"x = {SUGGESTION}")
        editor.sees("")
        editor.types("!")
        editor.has(f"x = {SUGGESTION}!")
    row = remembered(paths)
    assert (row["fate"], row["fate_known"]) == ("whole", "reported")


def test_a_block_is_accepted_whole(way: Way, tmp_path: Path, file: Path) -> None:
    script = write_script(tmp_path, {"after": f"{GROUND}\n    ", "answer": BODY}, SILENCE)
    with running(way, tmp_path, script, file) as editor:
        editor.types(f"i{GROUND}<CR>")
        editor.sees(BODY)
        editor.types("<Tab>")
        editor.has(GROUND, *f"    {BODY}".split("\n"))
        editor.until(lambda: editor.lua("return vim.api.nvim_win_get_cursor(0)") == [5, 17])


def test_inside_brackets_that_close_by_themselves(way: Way, tmp_path: Path, file: Path) -> None:
    script = write_script(tmp_path, {"after": "total(", "answer": "items, names)"}, SILENCE)
    pairs = "vim.keymap.set('i', '(', '()<Left>')"
    with running(way, tmp_path, script, file, before=pairs) as editor:
        for letter in "ix = total(":
            editor.types(letter)
        editor.sees("items, names")
        editor.has("x = total()")
        editor.types("<Tab>")
        editor.has("x = total(items, names)")


def test_typing_through(way: Way, tmp_path: Path, file: Path) -> None:
    with running(way, tmp_path, write_script(tmp_path, RULE, SILENCE), file) as editor:
        begin(editor)
        for count, letter in enumerate("total(", start=1):
            editor.types(letter)
            editor.sees(SUGGESTION[count:])
        editor.types("<Tab>")
        editor.has(f"x = {SUGGESTION}")


def test_accepting_right_after_typing(way: Way, tmp_path: Path, file: Path) -> None:
    with running(way, tmp_path, write_script(tmp_path, RULE, SILENCE), file) as editor:
        begin(editor)
        editor.types("to<Tab>")
        editor.has(f"x = {SUGGESTION}")


def test_accepting_right_after_typing_something_else(way: Way, tmp_path: Path, file: Path) -> None:
    with running(way, tmp_path, write_script(tmp_path, RULE, SILENCE), file) as editor:
        begin(editor)
        editor.types("z<Tab>")
        editor.types("end")
        editor.until(lambda: editor.lines[0].endswith("end"), "takes keys")
        assert editor.lines[0].split() in (["x", "=", "zend"], ["x", "=", "z", "end"])


def test_accepting_by_the_word_and_the_line(
    way: Way, paths: Paths, tmp_path: Path, file: Path
) -> None:
    with running(way, tmp_path, write_script(tmp_path, RULE, SILENCE), file) as editor:
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


def test_a_block_line_by_line(way: Way, tmp_path: Path, file: Path) -> None:
    script = write_script(tmp_path, {"after": f"{GROUND}\n    ", "answer": BODY}, SILENCE)
    with running(way, tmp_path, script, file) as editor:
        editor.types(f"i{GROUND}<CR>")
        editor.sees(BODY)
        lines = f"    {BODY}".split("\n")
        for count in range(1, len(lines) + 1):
            editor.types("<M-C-Right>")
            editor.has(GROUND, *lines[:count])
            editor.sees("".join(f"\n{line}" for line in lines[count:]))


def test_choosing_among_several(way: Way, tmp_path: Path, file: Path) -> None:
    others = ["count(items)", "names[0]"]
    script = write_script(tmp_path, {**RULE, "others": others}, SILENCE)
    with running(way, tmp_path, script, file) as editor:
        begin(editor)
        editor.types("<M-]>")
        editor.sees(others[0])
        editor.until(lambda: editor.status == "fimbul 2/3", "says which one")
        editor.types("<M-]>")
        editor.sees(others[1])
        editor.types("<M-]>")
        editor.sees(SUGGESTION)
        editor.types("<M-[>")
        editor.sees(others[1])
        editor.types("<Tab>")
        editor.has(f"x = {others[1]}")


def test_asking_where_nothing_comes_by_itself(way: Way, tmp_path: Path, file: Path) -> None:
    manual = "require('fimbul').configure({ completion = { trigger = 'manual' } })"
    script = write_script(tmp_path, RULE, SILENCE)
    with running(way, tmp_path, script, file, after=manual) as editor:
        editor.types("ix = ")
        editor.until(lambda: editor.reason != "", "says why nothing comes")
        assert editor.ghost == ""
        editor.types("<M-Bslash>")
        editor.sees(SUGGESTION)
        editor.types("<Tab>")
        editor.has(f"x = {SUGGESTION}")


def test_sending_away_and_keys_that_mean_what_they_meant(
    way: Way, paths: Paths, tmp_path: Path, file: Path
) -> None:
    with running(way, tmp_path, write_script(tmp_path, RULE, SILENCE), file) as editor:
        begin(editor)
        editor.types("<C-]>")
        editor.sees("")
        editor.has("x = ")
        editor.types("<Tab>y<M-Right>z")
        editor.until(lambda: editor.lines[0].split() == ["x", "=", "yz"])
    row = remembered(paths)
    assert (row["fate"], row["fate_known"]) == ("rejected", "reported")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_word_after_typing_on_and_wide_characters(
    way: Way, paths: Paths, tmp_path: Path, file: Path, encoding: str
) -> None:
    answer = "größe𝒙(items, names)"
    script = write_script(tmp_path, {"after": "𝒚 = ", "answer": answer}, SILENCE)
    only = f"vim.lsp.config('fimbul', {{ capabilities = {{ general = {{ positionEncodings = {{ '{encoding}' }} }} }} }})"
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


def test_what_follows_a_part(way: Way, tmp_path: Path, file: Path) -> None:
    script = write_script(tmp_path, {**RULE, "token_ms": 120.0}, SILENCE)
    with running(way, tmp_path, script, file) as editor:
        begin(editor)
        editor.types("<Tab>")
        editor.has(f"x = {SUGGESTION}")
