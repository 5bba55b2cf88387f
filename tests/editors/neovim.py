"""A real Neovim without a screen, driven through its own remote interface (MessagePack)."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

from tests.editors.install_neovim import NEW, OLD, program
from tests.editors.installing import Missing

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "editors" / "neovim"

PATIENCE = 60.0
"""Seconds that anything may take; machines that run tests are slow."""

ANSWER = 20.0
"""Seconds that one question may take; Neovim does not answer while it starts or waits for a key."""

NAMESPACES = {"builtin": "nvim.lsp.inline_completion", "own": "fimbul"}

OVERRIDES = {NEW: "FIMBUL_NVIM", OLD: "FIMBUL_NVIM_OLD"}
"""Variables that name other programs to test with."""


@dataclass(frozen=True)
class Way:
    """Which Neovim, and who draws the suggestions there."""

    version: str
    ghost: str

    def __str__(self) -> str:
        return f"{self.version}-{self.ghost}"


WAYS = (Way(NEW, "builtin"), Way(NEW, "own"), Way(OLD, "own"))


def program_for(version: str) -> str:
    """Return a Neovim; raises `Missing`.

    That is the one that a variable names, the one that was installed for tests, or, of the newer
    version, one on the PATH.
    """
    if chosen := os.environ.get(OVERRIDES[version]):
        return chosen
    try:
        return str(program(version))
    except Missing:
        found = shutil.which("nvim") if version == NEW else None
        if found is None or not _has_inline_completion(found):
            raise
        return found


def _has_inline_completion(nvim: str) -> bool:
    ask = "lua io.write(tostring(vim.lsp.inline_completion ~= nil))"
    command = [nvim, "--clean", "--headless", "-c", ask, "-c", "qa!"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() == "true"


class NeovimError(Exception):
    """Neovim answered with an error."""


@dataclass
class Neovim:
    """One that runs."""

    process: "subprocess.Popen[bytes]"
    address: Path
    way: Way
    _connection: socket.socket | None = None
    _asked: int = 0

    def lua(self, code: str, *arguments: Any) -> Any:
        """Run Lua code; return what it returns."""
        return self.ask("nvim_exec_lua", code, list(arguments))

    def types(self, keys: str) -> None:
        """Send keys, special ones as in ``<Tab>``."""
        self.ask("nvim_input", keys)

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a function of Neovim; raises OSError if it does not answer in time."""
        if self._connection is None:
            self._connection = socket.socket(socket.AF_UNIX)
            self._connection.settimeout(ANSWER)
            self._connection.connect(str(self.address))
        self._asked += 1
        number = self._asked
        try:
            self._connection.sendall(msgspec.msgpack.encode([0, number, method, list(arguments)]))
            kind, answered, problem, result = self._receive(self._connection)
        except OSError:
            # What comes late must not be taken for the answer to the next question.
            self.hang_up()
            raise
        assert (kind, answered) == (1, number)
        if problem is not None:
            raise NeovimError(problem)
        return result

    def _receive(self, connection: socket.socket) -> Any:
        received = b""
        while True:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError("Neovim has ended")
            received += piece
            # Nothing else is ever sent, so a message is complete once it can be read.
            with contextlib.suppress(msgspec.DecodeError):
                return msgspec.msgpack.decode(received)

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def lines(self) -> list[str]:
        found: list[str] = self.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)")
        return found

    @property
    def ghost(self) -> str:
        """The suggestion on the screen, without its number; empty if there is none."""
        code = """
            local space = vim.api.nvim_create_namespace(...)
            local mark = vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })[1]
            local function text(chunks)
                local found = ''
                for _, chunk in ipairs(chunks or {}) do
                    local is_number = chunk[2] == 'ComplHintMore' or chunk[2] == 'FimbulCount'
                    found = found .. (is_number and '' or chunk[1])
                end
                return found
            end
            if not mark then return '' end
            local found = text(mark[4].virt_text)
            for _, line in ipairs(mark[4].virt_lines or {}) do
                found = found .. '\\n' .. text(line)
            end
            return found
        """
        return str(self.lua(code, NAMESPACES[self.way.ghost]))

    @property
    def status(self) -> str:
        return str(self.lua("return require('fimbul').status()"))

    def request(self, method: str, params: Mapping[str, Any]) -> Any:
        """What the server answers to a request of ours."""
        code = """
            local method, params = ...
            local client = vim.lsp.get_clients({ name = 'fimbul' })[1]
            local answer = client:request_sync(method, params, 20000, 0)
            return answer and answer.result or vim.NIL
        """
        return self.lua(code, method, dict(params))

    @property
    def asked(self) -> int:
        """How many suggestions the server was asked for in this session."""
        found = self.request("fimbul/statistics", {"of": "all"})
        return int(found["shown"]) + sum(int(count) for count in found["rejections"].values())

    @property
    def pending(self) -> int:
        """How many requests for suggestions are not answered yet."""
        code = """
            local count = 0
            for _, one in pairs(vim.lsp.get_clients({ name = 'fimbul' })[1].requests) do
                count = count + (one.method == 'textDocument/inlineCompletion' and 1 or 0)
            end
            return count
        """
        return int(self.lua(code))

    @property
    def reason(self) -> str:
        """Why the last request for the buffer led to nothing."""
        uri = self.lua("return vim.uri_from_bufnr(0)")
        found = self.request("fimbul/lastOutcome", {"uri": uri})
        return str(found["reason"]) if found else ""

    def server(self) -> psutil.Process | None:
        """The process of the language server."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "serve" in child.cmdline():
                    return child
        return None

    def until(self, wanted: Callable[[], bool], what: str = "") -> None:
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError, NeovimError):
                if wanted():
                    return
            assert self.process.poll() is None, "Neovim has ended"
            assert time.monotonic() < end, (what, self._looks())
            time.sleep(0.02)

    def _looks(self) -> Any:
        try:
            messages = self.lua("return vim.api.nvim_exec2('messages', { output = true }).output")
            return self.lines, self.ghost, self.status, self.ask("nvim_get_mode"), messages
        except (OSError, NeovimError) as error:
            return str(error)

    def sees(self, text: str) -> None:
        """Wait until a suggestion is on the screen."""
        self.until(lambda: self.ghost == text, f"sees {text!r}")

    def has(self, *lines: str) -> None:
        """Wait until the buffer holds some lines."""
        self.until(lambda: self.lines == list(lines), f"has {lines!r}")

    def is_ready(self) -> bool:
        """Whether the server of the buffer runs and its model is loaded."""
        code = """
            local client = vim.lsp.get_clients({ name = 'fimbul', bufnr = 0 })[1]
            local status = vim.g.fimbul_status or {}
            return client ~= nil and client.initialized == true and status.state == 'ready'
        """
        return bool(self.lua(code))


def serve_command(script: Path | None, options: Sequence[str] = ()) -> list[str]:
    """Return how the server is started, with a scripted engine or the real one."""
    command = [sys.executable, "-m", "lsp_server.cli.main", "serve"]
    if script is not None:
        command += ["--engine", "scripted", "--script", str(script)]
    return [*command, *options]


@contextlib.contextmanager
def started(
    way: Way, folder: Path, file: Path, init: str, environment: Mapping[str, str] | None = None
) -> Iterator[Neovim]:
    """Run one with a configuration until the block ends; raises `Missing`."""
    init_file = folder / "init.lua"
    # Room for messages, so that none waits for a key.
    init_file.write_text(f"vim.o.swapfile = false\nvim.o.cmdheight = 5\n{init}\n", "utf-8")
    address = folder / "nvim.sock"
    nvim = program_for(way.version)
    errors = folder / "nvim-errors.txt"
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            [nvim, "--headless", "--clean", "-u", init_file, "--listen", address, file],
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    editor = Neovim(process, address, way)
    try:
        editor.until(address.exists, "listens")
        editor.until(lambda: editor.lua("return vim.v.vim_did_enter") == 1, "has started")
        yield editor
        editor.types("<Esc>:qa!<CR>")
        process.wait(PATIENCE)
    except BaseException:
        print(errors.read_text("utf-8", errors="replace"))
        raise
    finally:
        editor.hang_up()
        if process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def running(
    way: Way,
    folder: Path,
    script: Path | None,
    file: Path,
    options: Sequence[str] = (),
    before: str = "",
    after: str = "",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Neovim]:
    """Run one with our plugin, wait for the server's model, and end it with the block.

    `before` and `after` are Lua that stands before and after our part of its configuration.
    """
    command = ", ".join(map(json.dumps, serve_command(script, options)))
    init = (
        f"{before}\n"
        f"vim.opt.runtimepath:prepend({json.dumps(str(PLUGIN))})\n"
        f"vim.g.fimbul = {{ ghost = '{way.ghost}', cmd = {{ {command} }} }}\n"
        f"{after}"
    )
    with started(way, folder, file, init, environment) as editor:
        editor.until(editor.is_ready, "is ready")
        yield editor
        # Neovim would not wait until the server has written what it knows.
        editor.types("<Esc>")
        editor.lua("vim.lsp.enable('fimbul', false)")
        editor.until(lambda: editor.server() is None, "has ended its server")
