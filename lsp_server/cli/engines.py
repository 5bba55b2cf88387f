"""Which engine a command runs: the installed llama.cpp, or the scripted one for trials.

The scripted engine needs no model, so it comes with one that is always there.
"""

import argparse
import shlex
from pathlib import Path

from lsp_server.completion.serving import ChooseModel, ChosenModel, chooser, with_server
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.client import worker_command
from lsp_server.inference.engine import ModelFile
from lsp_server.prompt.formats import FORMATS


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


def engine_of(arguments: argparse.Namespace, paths: Paths) -> tuple[tuple[str, ...], ChooseModel]:
    """Return the worker's command and what chooses its model."""
    worker = tuple(arguments.worker or ())
    if arguments.engine == "scripted":
        script = str(arguments.script.resolve()) if arguments.script else None
        return worker or worker_command("scripted", script), with_server(_scripted_model, paths)
    return worker or worker_command(), chooser(paths)


def _scripted_model(_settings: Settings) -> ChosenModel:
    file = ModelFile("scripted", Path("scripted"), "scripted")
    return ChosenModel(file, lambda _description: FORMATS["qwen2.5-coder"])
