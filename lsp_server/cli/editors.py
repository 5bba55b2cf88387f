"""`fimbul editors`: which editors are on this machine, and what is to be done in each.

The plugin for Neovim comes with the installation; where it lies is told here. Nothing is changed
in anybody's configuration, and no editor is started but to ask Neovim for its version.
"""

import argparse
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lsp_server.cli.console import Console

OLDEST_NEOVIM = (0, 10)
"""The oldest Neovim that the plugin works in."""

_PLUGIN = "share/fimbul/neovim/plugin/fimbul.lua"
"""A file of the plugin, as it is called in the list of what was installed."""

_SECONDS = 20
"""Longest wait for an editor to tell its version."""


@dataclass(frozen=True, slots=True)
class Editor:
    """An editor that can use fimbul."""

    name: str
    commands: tuple[str, ...]
    """What it is started by; the first one found counts."""
    steps: Callable[["Place"], list[str]]
    """Returns what is to be done, line by line; those that begin with spaces are to be copied."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an editor and the server are."""

    editor: Path
    """The editor's program."""
    server: str
    """What starts the server: its name if it is found by that, else its path."""
    plugin: Path | None
    """Folder of the plugin for Neovim; None if it was not installed."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `editors`."""
    explanation = "say what is to be done in each editor on this machine"
    parser = subparsers.add_parser("editors", help=explanation, description=explanation + ".")
    parser.add_argument(
        "--neovim", action="store_true", help="print the folder of the plugin for Neovim only"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    console = Console.standard()
    if arguments.neovim:
        plugin = neovim_plugin()
        if plugin is None:
            console.warn("fimbul: this installation has no plugin for Neovim; install it again.")
            return 1
        console.say(str(plugin))
        return 0
    tell(console)
    return 0


def tell(console: Console) -> None:
    """Print what is to be done in each editor that is found here, and in others."""
    for title, lines in next_steps():
        console.say(f"{title}:")
        for line in lines:
            console.say(f"  {line}")


def next_steps(path: str | None = None) -> list[tuple[str, list[str]]]:
    """Return pairs of an editor and what is to be done in it, line by line.

    `path` is where programs are looked for instead of PATH.
    """
    server, plugin = server_command(path), neovim_plugin()
    found = []
    for editor in EDITORS:
        there = (shutil.which(command, path=path) for command in editor.commands)
        program = next((program for program in there if program), None)
        if program is not None:
            found.append((editor.name, editor.steps(Place(Path(program), server, plugin))))
    others = [f"let it start `{server} serve` as a language server (see editors/README.md)"]
    return [*found, ("Any other editor" if found else "In your editor", others)]


def server_command(path: str | None = None) -> str:
    """Return what starts this installation: `fimbul` if that is what PATH finds, else its path."""
    own = Path(sys.executable).with_name("fimbul.exe" if sys.platform == "win32" else "fimbul")
    found = shutil.which("fimbul", path=path)
    if found is not None and (not own.exists() or Path(found).resolve() == own.resolve()):
        return "fimbul"
    return str(own)


def neovim_plugin() -> Path | None:
    """Return the folder of the plugin for Neovim that came with this installation."""
    for file in importlib.metadata.files("fimbul") or ():
        if file.as_posix().endswith(_PLUGIN):
            return Path(str(file.locate())).resolve().parents[1]
    repository = Path(__file__).resolve().parents[2] / "editors" / "neovim"
    return repository if repository.is_dir() else None


def neovim_version(said: str) -> tuple[int, int] | None:
    """Return the version in what `nvim --version` says, such as (0, 12); None if there is none."""
    match = re.match(r"NVIM v(\d+)\.(\d+)", said)
    return (int(match[1]), int(match[2])) if match else None


def _neovim(place: Place) -> list[str]:
    version = neovim_version(_said([str(place.editor), "--version"]))
    if version is not None and version < OLDEST_NEOVIM:
        oldest, shown = (".".join(map(str, numbers)) for numbers in (OLDEST_NEOVIM, version))
        return [f"{place.editor} is version {shown}; the plugin needs {oldest} or newer"]
    if place.plugin is None:
        return ["this installation has no plugin; install fimbul again"]
    lines = ["put into your init.lua:"]
    if place.server != "fimbul":
        lines.append(f"    vim.g.fimbul = {{ cmd = {{ {_quoted(place.server)}, 'serve' }} }}")
    return [*lines, f"    vim.opt.runtimepath:prepend({_quoted(place.plugin)})"]


def _vscode(place: Place) -> list[str]:
    lines = [
        "the extension is built from the repository (editors/vscode/README.md says how), then:",
        f"    {place.editor.stem} --install-extension fimbul.vsix",
    ]
    if place.server != "fimbul":
        lines += ["and in your settings:", f'    "fimbul.server.command": {_quoted(place.server)}']
    return lines


def _by_page(place: Place) -> list[str]:
    return [f"see editors/README.md in the repository; it starts `{place.server} serve`"]


EDITORS = (
    Editor("Neovim", ("nvim",), _neovim),
    Editor("VS Code", ("code", "code-insiders", "codium", "code-server"), _vscode),
    Editor("Emacs", ("emacs",), _by_page),
    Editor("Helix", ("hx", "helix"), _by_page),
    Editor("Zed", ("zed", "zeditor"), _by_page),
    Editor("Sublime Text", ("subl",), _by_page),
    Editor("Kate", ("kate",), _by_page),
    Editor("JetBrains", ("idea", "pycharm", "clion", "goland", "webstorm", "rider"), _by_page),
)
"""What is looked for, in the order of what is told."""


def _quoted(text: Path | str) -> str:
    """Return a text in quotes, as Lua and JSON both read it."""
    return json.dumps(str(text), ensure_ascii=False)


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
