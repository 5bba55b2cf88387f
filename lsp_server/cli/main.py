"""The `fimbul` command: finds the subcommand, runs it, and turns errors into one line."""

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence

from lsp_server.cli import complete, doctor, erase, explain, models, serve, setup, stats
from lsp_server.errors import FimbulError

_INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""


def version() -> str:
    """Return the version of this installation."""
    return importlib.metadata.version("fimbul")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="fimbul",
        description="Private inline code completion: a small model on your own processor, and no"
        " code leaves the machine.",
    )
    parser.add_argument("--version", action="version", version=f"fimbul {version()}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (setup, serve, complete, explain, models, stats, erase, doctor):
        command.add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parsed = make_parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
    except FimbulError as error:
        sys.stderr.write(f"fimbul: {error}\n")
        return 1
    except BrokenPipeError:
        # Whoever read our output has enough of it.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


if __name__ == "__main__":
    raise SystemExit(main())
