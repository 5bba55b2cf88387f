"""The command `fimbul-models`: make items, evaluate.

Turns arguments into calls and outcomes into text; knows nothing about how either works.
"""

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fimbul_models.errors import RecipeError
from fimbul_models.evaluation import report
from fimbul_models.evaluation.cutting import CursorKind, cut_items, read_recipe, read_sources
from fimbul_models.evaluation.driver import SERVER_COMMAND
from fimbul_models.evaluation.infilling import Evaluation, evaluate
from fimbul_models.evaluation.items import (
    Item,
    read_humaneval,
    read_items,
    sample_kinds,
    shuffled,
    write_items,
)
from fimbul_models.evaluation.runs import Run, baseline_of, parse_run
from lsp_server.config.paths import Paths
from lsp_server.errors import FimbulError

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 1 for an error that was explained."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run_command(options)
    except FimbulError as error:
        print(f"fimbul-models: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("fimbul-models: interrupted; with --output the next call goes on.", file=sys.stderr)
        return _INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fimbul-models", description="Make and judge models for fimbul.", allow_abbrev=False
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_items(commands.add_parser("items", help="cut items out of pinned packages"))
    _add_evaluate(commands.add_parser("evaluate", help="complete items and judge the answers"))
    return parser


def _add_items(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="JSON lines; .gz compresses"
    )
    parser.add_argument(
        "--wheels",
        type=Path,
        default=Paths.of_user().cache / "wheels",
        metavar="DIR",
        help="where fetched packages are kept (%(default)s)",
    )
    parser.set_defaults(run_command=_items)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--items", type=Path, metavar="FILE", help="as `items` writes them")
    source.add_argument("--humaneval", type=Path, metavar="FILE", help="HumanEval infilling data")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N after a shuffle")
    parser.add_argument("--per-kind", type=int, metavar="N", help="at most N of each kind of place")
    parser.add_argument("--seed", type=int, default=0, help="of the shuffle (%(default)s)")
    parser.add_argument(
        "--run",
        action="append",
        metavar="NAME:key=value,…",
        help="a set of server options; may be given several times (default:, if missing)",
    )
    parser.add_argument(
        "--baseline",
        action="store_true",
        help="also give the first run's prompts, unhealed, to the model alone",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="keep answers and results; needed to resume"
    )
    parser.add_argument(
        "--server", default=shlex.join(SERVER_COMMAND), help="command that starts the server"
    )
    parser.set_defaults(run_command=_evaluate)


def _items(options: argparse.Namespace) -> int:
    recipe = read_recipe(options.recipe)
    sources = []
    for package in recipe.packages:
        found = read_sources(package, options.wheels)
        print(f"{package.name} {package.version} ({package.licence}): {len(found)} files")
        sources += found
    items = cut_items(sources, recipe)
    write_items(options.output, items)
    counts = Counter(item.kind for item in items)
    for kind in CursorKind:
        print(f"{kind.value}: {counts[kind.value]} of {recipe.items_per_kind}")
    print(f"{len(items)} items in {options.output}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    runs = _runs(options.run or ["default:"], with_baseline=options.baseline)
    outcome = evaluate(
        Evaluation(_chosen(options), runs, tuple(shlex.split(options.server)), options.output)
    )
    print(report.as_table(outcome.summaries, outcome.differences))
    line = report.as_line(outcome.summaries, outcome.differences)
    print(msgspec.json.encode(line).decode())
    return 0


def _runs(texts: Sequence[str], *, with_baseline: bool) -> list[Run]:
    runs = [parse_run(text) for text in texts]
    if len({run.name for run in runs}) != len(runs):
        raise RecipeError("Two runs have the same name; each needs its own.")
    return [*runs, baseline_of(runs[0])] if with_baseline else runs


def _chosen(options: argparse.Namespace) -> list[Item]:
    if options.humaneval is not None:
        items = read_humaneval(options.humaneval, options.limit, options.seed)
    else:
        items = read_items(options.items)
        if options.per_kind is not None:
            items = sample_kinds(items, options.per_kind, options.seed)
        if options.limit is not None:
            items = shuffled(items, options.seed)[: options.limit]
    if not items:
        raise RecipeError("There are no items to complete.")
    return items
