"""`fimbul serve`: the language server, for an editor to start."""

import argparse
import importlib.metadata

from lsp_server.cli.engines import add_engine_options, engine_of
from lsp_server.config.paths import Paths


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `serve`."""
    explanation = "run the language server on standard input and output"
    parser = subparsers.add_parser("serve", help=explanation, description=explanation + ".")
    parser.add_argument(
        "--stdio", action="store_true", help="accepted because editors pass it; there is no other"
    )
    add_engine_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    # Imported here, because no other command needs LSP and it takes a quarter of a second.
    from lsp_server.server.handlers import create_server
    from lsp_server.server.logs import start_logging
    from lsp_server.server.privacy import confine_server
    from lsp_server.server.stdio import run_on_stdio
    from lsp_server.server.turns import take_short_turns

    paths = Paths.of_user()
    guard = confine_server(paths)
    start_logging()
    take_short_turns()
    command, choose = engine_of(arguments, paths)
    version = importlib.metadata.version("fimbul")
    run_on_stdio(create_server(version, paths, choose, command, guard))
    return 0
