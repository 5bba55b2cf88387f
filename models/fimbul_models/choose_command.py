"""The command `fimbul-models choose`.

Turns arguments into a call. What it needs of the extra ``corpus`` is imported only when it runs.
"""

import argparse
from pathlib import Path

from fimbul_models.errors import RecipeError
from lsp_server.config.paths import Paths


def add_choose(parser: argparse.ArgumentParser) -> None:
    """Take what the command needs."""
    parser.add_argument(
        "--records",
        type=Path,
        nargs="+",
        required=True,
        help="records of a corpus: Parquet files, or folders of them such as WORK/sifted",
    )
    parser.add_argument(
        "--likelihoods",
        type=Path,
        metavar="FILE",
        help='JSON lines: {"key": …, "offset": …, "logprobs": […]} of what stands there',
    )
    parser.add_argument(
        "--feedback",
        type=Path,
        nargs="?",
        const=Paths.of_user().feedback_file,
        metavar="FILE",
        help="also what you corrected, if texts were kept (%(const)s)",
    )
    parser.add_argument("--count", type=int, default=200, help="at most so many (%(default)s)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON lines")
    parser.set_defaults(run_command=_choose)


def _choose(options: argparse.Namespace) -> int:
    try:
        from fimbul_models.corpus.active import ActiveRules
        from fimbul_models.corpus.choosing import Choice, carry_out
    except ImportError as error:
        raise RecipeError(
            f"{error.name} is missing: pip install 'fimbul-models[corpus]'."
        ) from error
    try:
        rules = ActiveRules(count=options.count)
    except ValueError as error:
        raise RecipeError(f"--count {options.count}: {error}.") from error
    carry_out(Choice(options.records, options.output, options.likelihoods, options.feedback, rules))
    return 0
