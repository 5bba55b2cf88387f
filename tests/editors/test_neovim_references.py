"""Published code that suggestions resemble, as our plugin shows it in real Neovims."""

import os
from pathlib import Path

from lsp_server.config.paths import Paths
from lsp_server.references.log import read_log
from tests.editors.neovim import Way, running
from tests.references.published import BODY, HEADER, build
from tests.server.editor import write_script

NOTE = "MIT: wheel:intervals 1.0"

ALL = "{ completion = { show = 'all', time_budget = 0, body_tokens = 2000 } }"


def test_it_is_shown_and_listed(way: Way, paths: Paths, tmp_path: Path) -> None:
    build(paths.reference_indexes)
    script = write_script(
        tmp_path, {"after": "gap=0):\n    ", "answer": BODY.strip()}, {"answer": ""}
    )
    file = tmp_path / "a.py"
    file.write_text(f"{HEADER}    \n")
    homes = {name: value for name, value in os.environ.items() if name.startswith("XDG_")}
    after = f"require('fimbul').configure({ALL})"
    with running(way, tmp_path, script, file, environment=homes, after=after) as editor:
        indexes = "return table.concat((vim.g.fimbul_status.references or {}).indexes or {}, ' ')"
        editor.until(lambda: editor.lua(indexes) == "public", "has the index")
        editor.types("GA")
        shown = BODY.strip() + (f" [{NOTE}]" if way.ghost == "own" else "")
        editor.sees(shown)
        editor.until(lambda: editor.status == f"fimbul [{NOTE}]", "tells it in the status")
        editor.types("<Tab>")
        editor.has(*HEADER.splitlines(), *BODY.splitlines())
        said = "return vim.fn.execute('messages')"
        editor.until(lambda: NOTE in editor.lua(said), "says so when it is accepted")
        editor.types("<Esc>")

        editor.until(lambda: bool(read_log(paths.reference_log)[0]), "is listed by the server")
        editor.lua("vim.cmd('FimbulReferences')")
        window = (
            "local found = {} for _, window in ipairs(vim.api.nvim_list_wins()) do "
            "if vim.api.nvim_win_get_config(window).relative ~= '' then "
            "local buffer = vim.api.nvim_win_get_buf(window) "
            "vim.list_extend(found, vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) end end "
            "return table.concat(found, ' ')"
        )
        editor.until(lambda: "a.py:1-15: 159 tokens" in editor.lua(window), "lists it")
