"""Our plugin in real Neovims: turned off and on, set up anew, its server killed, what it says."""

import json
import time
from pathlib import Path

import psutil
import pytest

from tests.editors.conftest import A_THIRD, ANOTHER, ANSWER, RULES
from tests.editors.neovim import PLUGIN, ROOT, Neovim, Way, running, serve_command, started
from tests.server.editor import write_script


def call(editor: Neovim, function: str, *arguments: object) -> object:
    """Call a function of our module."""
    return editor.lua(f"return require('fimbul').{function}(...)", *arguments)


def is_silent_until(editor: Neovim, turned_on: str) -> None:
    """Type where a suggestion would come; none does, until it is turned on."""
    editor.types("<Esc>ccx = ")
    editor.has("x = ")
    asked = editor.asked
    # Longer than either way of drawing waits for a pause. A slow machine makes this weaker, not
    # wrong.
    time.sleep(0.5)
    assert (editor.ghost, editor.asked) == ("", asked)
    editor.lua(turned_on)
    editor.sees(ANSWER)


@pytest.mark.parametrize("scope", ["global", "buffer", "filetype"])
def test_toggling(editor: Neovim, scope: str) -> None:
    editor.types("ix = ")
    editor.sees(ANSWER)
    editor.lua(f"vim.cmd('FimbulToggle {scope}')")
    editor.sees("")
    assert editor.status == "fimbul off"
    is_silent_until(editor, f"vim.cmd('FimbulToggle {scope}')")
    assert editor.status == "fimbul"


def test_another_buffer_and_file_type_are_not_meant(editor: Neovim) -> None:
    call(editor, "toggle", "buffer", False)
    call(editor, "toggle", "filetype", True)
    other = editor.address.parent / "other.lua"
    editor.lua("vim.cmd.edit(...)", str(other))
    editor.until(editor.is_ready, "looks after the file")
    editor.types("ix = ")
    editor.sees(ANSWER)


def test_snoozing(editor: Neovim) -> None:
    editor.types("ix = ")
    editor.sees(ANSWER)
    editor.lua("vim.cmd('FimbulSnooze 5')")
    editor.sees("")
    assert editor.status == "fimbul zz 5m"
    is_silent_until(editor, "vim.cmd('FimbulSnooze 0')")


def test_a_snooze_ends_by_itself(editor: Neovim) -> None:
    editor.types("ix = ")
    editor.sees(ANSWER)
    call(editor, "snooze", 0.02)
    editor.sees("")
    editor.sees(ANSWER)


def test_options_of_the_server_change_while_it_runs(editor: Neovim) -> None:
    call(editor, "configure", {"completion": {"trigger": "manual"}})
    try:
        editor.types("ix = ")
        editor.until(lambda: editor.reason == "manual-only", "says why nothing comes")
        assert editor.ghost == ""
        editor.types("<M-Bslash>")
        editor.sees(ANSWER)
        editor.types("<Tab>")
        editor.has(f"x = {ANSWER}")
    finally:
        call(editor, "configure", {"completion": {"trigger": "automatic"}})
    editor.types("<CR>y = ")
    editor.sees(ANOTHER)


def test_what_the_commands_say(editor: Neovim) -> None:
    editor.types("ix = ")
    editor.sees(ANSWER)
    editor.types("<Esc>")
    said = (
        "local found = {} for _, window in ipairs(vim.api.nvim_list_wins()) do "
        "if vim.api.nvim_win_get_config(window).relative ~= '' then "
        "local buffer = vim.api.nvim_win_get_buf(window) "
        "vim.list_extend(found, vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) end end "
        "return table.concat(found, ' ')"
    )
    for command, words in {
        "FimbulExplain": "while typing",
        "FimbulStats": "Suggestions shown in this session",
        "FimbulStatus": "Model: ",
    }.items():
        editor.lua("vim.cmd(...)", command)
        editor.until(lambda words=words: words in editor.lua(said), command)  # type: ignore[misc]
        editor.types("h")
        editor.until(lambda: editor.lua(said) == "", "closes the window at the next move")


def test_health_and_help(editor: Neovim) -> None:
    editor.lua("vim.cmd('checkhealth fimbul')")
    editor.until(lambda: any("a server runs" in line for line in editor.lines), "says it is well")
    assert not [line for line in editor.lines if "ERROR" in line]
    editor.types(":bwipeout!<CR>")


def test_a_server_that_is_killed_comes_back(way: Way, tmp_path: Path, file: Path) -> None:
    with running(way, tmp_path, write_script(tmp_path, *RULES), file) as editor:
        editor.types("ix = ")
        editor.sees(ANSWER)
        editor.types("<Tab>")
        editor.has(f"x = {ANSWER}")
        editor.types("<CR>")
        first = editor.server()
        assert first is not None
        first.kill()

        def is_new() -> bool:
            found = editor.server()
            return found is not None and found.pid != first.pid and editor.is_ready()

        editor.until(is_new, "starts a new server")
        editor.types("y = ")
        editor.sees(ANOTHER)
        editor.types("<Tab>")
        editor.has(f"x = {ANSWER}", f"y = {ANOTHER}")
        second = editor.server()
        assert second is not None
        editor.lua("vim.cmd('FimbulRestart')")
        editor.until(
            lambda: not psutil.pid_exists(second.pid) or not second.is_running(), "ends it"
        )
        editor.until(editor.is_ready, "starts another one")
        editor.types("<CR>z = ")
        editor.sees(A_THIRD)


def test_a_file_type_that_is_off_from_the_beginning(way: Way, tmp_path: Path, file: Path) -> None:
    off = "require('fimbul').setup({ filetypes = { python = false } })"
    script = write_script(tmp_path, *RULES)
    with running(way, tmp_path, script, file, after=off) as editor:
        assert editor.status == "fimbul off"
        is_silent_until(editor, "require('fimbul').toggle('filetype')")


def test_as_a_plugin_manager_loads_it(way: Way, tmp_path: Path, file: Path) -> None:
    """As lazy.nvim does: into the runtime path, files sourced, then `setup` with the options."""
    command = ", ".join(map(json.dumps, serve_command(write_script(tmp_path, *RULES))))
    init = (
        "vim.go.loadplugins = false\n"
        f"vim.opt.runtimepath:append({json.dumps(str(PLUGIN))})\n"
        f"vim.cmd.source({json.dumps(str(PLUGIN / 'plugin' / 'fimbul.lua'))})\n"
        f"require('fimbul').setup({{ ghost = '{way.ghost}', cmd = {{ {command} }}, "
        "keymaps = { accept = '<C-l>', dismiss = false } })\n"
    )
    with started(way, tmp_path, file, init) as editor:
        editor.until(editor.is_ready, "is ready")
        editor.types("ix = ")
        editor.sees(ANSWER)
        editor.types("<C-l>")
        editor.has(f"x = {ANSWER}")
        assert editor.lua("return vim.fn.maparg('<C-]>', 'i')") == ""
        assert editor.lua("return vim.fn.maparg('<M-Right>', 'i', false, true).buffer") == 1
    assert ROOT in PLUGIN.parents


def test_a_word_that_is_selected_in_the_menu(own_way: Way, tmp_path: Path, file: Path) -> None:
    file.write_text("also = 1\nalphabet = 2\n\n")
    rules = [
        {"after": "x = al", "answer": "phabet + 1"},
        {"after": "x = alphabet", "answer": " + 1"},
        {"answer": ""},
    ]
    menu = "vim.o.completeopt = 'menuone,noinsert'"
    with running(own_way, tmp_path, write_script(tmp_path, *rules), file, before=menu) as editor:
        editor.types("Gox = al")
        editor.sees("phabet + 1")
        editor.types("<C-x><C-p>")
        selected = "return vim.fn.complete_info({ 'selected' }).selected"
        editor.until(lambda: bool(editor.lua("return vim.fn.pumvisible()")), "opens the menu")
        first = editor.lua(selected)
        editor.sees("phabet + 1")
        editor.types("<Up>")
        editor.until(lambda: editor.lua(selected) != first, "selects another word")
        editor.sees("")
        editor.types("<Down>")
        editor.sees("phabet + 1")


@pytest.mark.parametrize("name", ["cmp", "blink.cmp"])
def test_another_menu_that_is_open(own_way: Way, tmp_path: Path, file: Path, name: str) -> None:
    """A stand-in for the plugin: what it is asked, and a Tab that is its own while it is open."""
    stand_in = (
        "_G.is_open = false\n"
        f"package.loaded['{name}'] = {{ visible = function() return _G.is_open end, "
        "is_menu_visible = function() return _G.is_open end }\n"
        "vim.keymap.set('i', '<Tab>', function() return _G.is_open and 'M' or '<Tab>' end, "
        "{ expr = true })"
    )
    script = write_script(tmp_path, *RULES)
    with running(own_way, tmp_path, script, file, before=stand_in) as editor:
        editor.types("ix = ")
        editor.sees(ANSWER)
        editor.lua("_G.is_open = true")
        editor.types("t")
        editor.sees("")
        editor.types("<Tab>")
        editor.has("x = tM")
        editor.types("<BS>")
        editor.lua("_G.is_open = false")
        editor.types("o")
        editor.sees(ANSWER.removeprefix("to"))
        editor.types("<Tab>")
        editor.has(f"x = {ANSWER}")
