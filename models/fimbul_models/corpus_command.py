"""The command `fimbul-models corpus`.

Turns arguments into a call. What it needs of the extra ``corpus`` is imported only when it runs.
"""

import argparse
import os
from pathlib import Path

from fimbul_models.errors import RecipeError
from lsp_server.config.paths import Paths

ENGINES = ("processes", "serial", "ray")


def add_corpus(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    cache = Paths.of_user().cache
    parser.add_argument("--recipe", type=Path, required=True, metavar="FILE", help="TOML")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="examples, card and report"
    )
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="what is made on the way; a call that was killed goes on from it (OUTPUT/work)",
    )
    parser.add_argument(
        "--packages",
        type=Path,
        default=cache / "wheels",
        metavar="DIR",
        help="where fetched packages are kept (%(default)s)",
    )
    parser.add_argument(
        "--repositories",
        type=Path,
        default=cache / "repositories",
        metavar="DIR",
        help="where cloned repositories are kept (%(default)s)",
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="where it runs; ray also on many machines that share both folders (%(default)s)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="at once, on this machine (%(default)s)",
    )
    parser.add_argument("--ray", default="", metavar="ADDRESS", help="of a running cluster")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="only the first N repositories, to try a recipe"
    )
    parser.set_defaults(run_command=_corpus)


def _corpus(options: argparse.Namespace) -> int:
    if options.processes < 1 or (options.limit is not None and options.limit < 1):
        raise RecipeError("--processes and --limit have to be 1 or more.")
    try:
        from fimbul_models.corpus.calling import make
    except ImportError as error:
        raise RecipeError(
            f"{error.name} is missing: pip install 'fimbul-models[corpus]'."
        ) from error
    make(options)
    return 0
