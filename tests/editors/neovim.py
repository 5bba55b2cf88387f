"""A real Neovim without a screen, driven through its own command line."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

PATIENCE = 60.0
"""Seconds that anything may take; machines that run tests are slow."""

ANSWER = 10.0
"""Seconds that one question may take; Neovim does not answer while it starts or waits for a key."""


def neovim() -> str | None:
    """Return a Neovim that has inline completion: FIMBUL_NVIM, or the one on the PATH."""
    program = os.environ.get("FIMBUL_NVIM") or shutil.which("nvim")
    if program is None:
        return None
    ask = [
        program,
        "--clean",
        "--headless",
        "-c",
        "lua io.write(tostring(vim.lsp.inline_completion ~= nil))",
    ]
    found = subprocess.run([*ask, "-c", "qa!"], capture_output=True, text=True, check=False)
    return program if found.stdout.strip() == "true" else None


@dataclass
class Neovim:
    """One that runs."""

    program: str
    socket: Path

    def lua(self, code: str) -> Any:
        """Run Lua code that returns something."""
        escaped = f"vim.json.encode({{(function() {code} end)()}})".replace("'", "''")
        answer = self._remote("--remote-expr", f"luaeval('{escaped}')")
        values = json.loads(answer)
        return values[0] if values else None

    def types(self, keys: str) -> None:
        """Send keys, special ones as in ``<Tab>``."""
        self._remote("--remote-send", keys)

    @property
    def lines(self) -> list[str]:
        found: list[str] = self.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)")
        return found

    @property
    def ghost(self) -> str:
        """The suggestion on the screen; empty if there is none."""
        code = (
            "local space = vim.api.nvim_create_namespace('nvim.lsp.inline_completion') "
            "local mark = vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })[1] "
            "if not mark then return '' end "
            "local text = '' "
            "for _, chunk in ipairs(mark[4].virt_text or {}) do text = text .. chunk[1] end "
            "for _, line in ipairs(mark[4].virt_lines or {}) do "
            "text = text .. '\\n' .. line[1][1] end "
            "return text"
        )
        return str(self.lua(code))

    def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(subprocess.SubprocessError):
                if wanted():
                    return
            assert time.monotonic() < end, (self.lines, self.ghost)
            time.sleep(0.02)

    def sees(self, text: str) -> None:
        """Wait until a suggestion is on the screen."""
        self.until(lambda: self.ghost == text)

    def has(self, *lines: str) -> None:
        """Wait until the buffer holds some lines."""
        self.until(lambda: self.lines == list(lines))

    def _remote(self, *arguments: str) -> str:
        command = [self.program, "--clean", "--headless", "--server", str(self.socket), *arguments]
        found = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER, check=True)
        # `--remote-expr` writes to the error stream where there is no terminal.
        return found.stdout or found.stderr


@contextlib.contextmanager
def running(
    program: str, folder: Path, script: Path, file: Path, options: Sequence[str] = ()
) -> Iterator[Neovim]:
    """Run one with our plugin and a scripted engine, in insert mode, until the block ends."""
    command = [sys.executable, "-m", "lsp_server.cli.main", "serve", "--engine", "scripted"]
    command += ["--script", str(script), *options]
    init = folder / "init.lua"
    init.write_text(
        f"vim.opt.runtimepath:prepend({json.dumps(str(ROOT / 'editors' / 'neovim'))})\n"
        f"vim.lsp.config('fimbul', {{ cmd = {{ {', '.join(map(json.dumps, command))} }} }})\n"
        "vim.o.swapfile = false\n"
        # Room for messages, so that none waits for a key.
        "vim.o.cmdheight = 5\n"
    )
    socket = folder / "nvim.sock"
    process = subprocess.Popen(
        [program, "--headless", "--clean", "-u", str(init), "--listen", str(socket), str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    editor = Neovim(program, socket)
    try:
        editor.until(socket.exists)
        ready = "return (vim.lsp.get_clients({ name = 'fimbul' })[1] or {}).initialized"
        editor.until(lambda: bool(editor.lua(ready)))
        yield editor
        editor.types("<Esc>:qa!<CR>")
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
