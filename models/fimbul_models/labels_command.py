"""The command `fimbul-models label`.

Turns arguments into a call. What it needs of the extra ``corpus`` is imported only when it runs.
"""

import argparse
from pathlib import Path

from fimbul_models.errors import RecipeError


def add_label(parser: argparse.ArgumentParser) -> None:
    """Take what the command needs."""
    parser.add_argument("--task", type=Path, required=True, help="TOML file of the question")
    parser.add_argument(
        "--records",
        type=Path,
        nargs="+",
        required=True,
        help="records of a corpus: Parquet files, or folders of them such as WORK/sifted",
    )
    parser.add_argument(
        "--labels", type=Path, required=True, help="JSON lines; grows with every answer"
    )
    parser.add_argument("--review", action="store_true", help="ask about files in the terminal")
    parser.add_argument("--judge", action="store_true", help="cross-validate; prints a table")
    parser.add_argument("--fit", type=Path, help="write the linear model fitted on all labels")
    parser.add_argument("--seed", type=int, default=1, help="order of the first files (1)")
    parser.set_defaults(run_command=_label)


def _label(options: argparse.Namespace) -> int:
    try:
        from fimbul_models.corpus.labels import Work, carry_out
    except ImportError as error:
        raise RecipeError(
            f"{error.name} is missing: pip install 'fimbul-models[corpus]'."
        ) from error
    carry_out(
        Work(
            options.task,
            options.records,
            options.labels,
            review=options.review,
            judge=options.judge,
            fit=options.fit,
            seed=options.seed,
        )
    )
    return 0
