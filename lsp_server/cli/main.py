"""The `fimbul` command: finds the subcommand, runs it, and turns errors into one line."""

import argparse
import importlib
import importlib.metadata
import io
import sys
from collections.abc import Sequence

from lsp_server.errors import FimbulError

COMMANDS = (
    "setup",
    "editors",
    "serve",
    "complete",
    "explain",
    "models",
    "adapters",
    "stats",
    "references",
    "erase",
    "doctor",
)
"""The modules of the commands, which are called as these are."""

_INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""


def version() -> str:
    """Return the version of this installation."""
    return importlib.metadata.version("fimbul")


def make_parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser of the whole command line, or of some commands only."""
    parser = argparse.ArgumentParser(
        prog="fimbul",
        description="Private inline code completion: a small model on your own processor, and no"
        " code leaves the machine.",
    )
    parser.add_argument("--version", action="version", version=f"fimbul {version()}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in commands:
        importlib.import_module(f"lsp_server.cli.{command}").add_parser(subparsers)
    return parser


def _needed(arguments: Sequence[str]) -> Sequence[str]:
    """Return the commands that have to be imported for some arguments."""
    # Each command imports what the others do without: importing all of them takes a second, in
    # which the server could have loaded its model.
    return arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    # Consoles that cannot show a sign of ours get another one in its place instead of an error.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    words = sys.argv[1:] if arguments is None else arguments
    parsed = make_parser(_needed(words)).parse_args(words)
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
