"""Which engine a command runs: the installed llama.cpp, or the scripted one for trials.

The scripted engine needs no model, so it comes with one that is always there.
"""

import argparse
import hashlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.config.paths import Paths
from lsp_server.inference.client import worker_command

if TYPE_CHECKING:
    from lsp_server.completion.serving import ChooseModel, ChosenModel
    from lsp_server.config.options import Settings


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose an engine."""
    parser.add_argument(
        "--engine",
        choices=("llama", "scripted"),
        default="llama",
        help="scripted answers from a script instead of a model, for tests (default: llama)",
    )
    parser.add_argument("--script", type=Path, metavar="FILE", help="script of that engine (TOML)")
    parser.add_argument(
        "--worker",
        type=shlex.split,
        metavar="COMMAND",
        help="start this as the engine's process, for tests and evaluations",
    )


def command_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the worker's command."""
    if arguments.worker:
        return tuple(arguments.worker)
    if arguments.engine == "scripted":
        script = str(arguments.script.resolve()) if arguments.script else None
        return worker_command("scripted", script)
    return worker_command()


def engine_of(arguments: argparse.Namespace, paths: Paths) -> "tuple[tuple[str, ...], ChooseModel]":
    """Return the worker's command and what chooses its model."""
    # Not needed to start a worker, which should begin before this is imported.
    from lsp_server.completion.serving import chooser, with_server

    scripted = arguments.engine == "scripted"
    choose = with_server(_scripted_model, paths) if scripted else chooser(paths)
    return command_of(arguments), choose


def _scripted_model(_settings: "Settings") -> "ChosenModel":
    from lsp_server.completion.serving import ChosenModel
    from lsp_server.inference.engine import ModelFile
    from lsp_server.prompt.formats import FORMATS

    # A digest like that of a file, so that adapters can be made for it.
    digest = hashlib.sha256(b"scripted").hexdigest()
    file = ModelFile("scripted", Path("scripted"), digest)
    return ChosenModel(file, lambda _description: FORMATS["qwen2.5-coder"])
