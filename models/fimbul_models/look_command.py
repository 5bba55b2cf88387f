"""The commands that look at answers, filters and context, and calibrate what is shown.

Turns arguments into calls and outcomes into text; knows nothing about how either works.
"""

import argparse
import asyncio
import sys
from pathlib import Path

import msgspec
from tqdm import tqdm

from fimbul_models.evaluation import ablation, calibrating, coverage, filtering
from fimbul_models.evaluation.caching import caching_worker_command
from fimbul_models.evaluation.calibration import observe, read_places
from fimbul_models.evaluation.runs import (
    model_digest,
)
from fimbul_models.item_arguments import add_choice, add_places, chosen, named_runs, workspaces_for
from lsp_server.catalogue.files import sha256_of
from lsp_server.config.options import DEFAULT_MODEL
from lsp_server.config.paths import Paths


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--items", type=Path, metavar="FILE", help="as `items` writes them")
    source.add_argument("--humaneval", type=Path, metavar="FILE", help="HumanEval infilling data")
    add_choice(parser)
    parser.add_argument(
        "--prompts", type=Path, metavar="FILE", help="keep the engine's answers by prompt"
    )
    parser.set_defaults(run_command=_filters)


def add_coverage(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    parser.add_argument(
        "--items", type=Path, required=True, metavar="FILE", help="as `items` writes them"
    )
    add_choice(parser)
    parser.add_argument(
        "--ablate",
        action="store_true",
        help="also leave out each source of the last run, and look with each alone",
    )
    add_places(parser)
    parser.set_defaults(run_command=_coverage, humaneval=None)


def add_calibrate(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    parser.add_argument("--items", type=Path, required=True, metavar="FILE", help="JSON lines")
    parser.add_argument(
        "--answers", type=Path, required=True, metavar="FILE", help="what was kept of a run"
    )
    parser.add_argument(
        "--hold-out",
        nargs="+",
        required=True,
        metavar="PROJECT",
        help="projects to judge by, which nothing is fitted on",
    )
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, metavar="NAME", help="whose answers (%(default)s)"
    )
    parser.add_argument(
        "--family",
        action="append",
        metavar="PREFIX",
        help="beginning of the names of models that it holds for (the model's own name)",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the weights")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="precision over coverage, SVG")
    parser.set_defaults(run_command=_calibrate)


def _coverage(options: argparse.Namespace) -> int:
    items = chosen(options)
    runs = named_runs(options)
    if options.ablate:
        runs += ablation.ablation_runs(runs[-1])
    workspaces = workspaces_for(options, items)

    async def look() -> list[coverage.Coverage]:
        async with coverage.Looker(workspaces) as looker:
            return coverage.sum_up(await coverage.cover(looker, runs, items))

    rows = asyncio.run(look())
    print(coverage.as_table(rows))
    print(msgspec.json.encode(coverage.as_values(rows)).decode())
    return 0


def _filters(options: argparse.Namespace) -> int:
    items = chosen(options)
    for run in named_runs(options):
        kept = options.prompts
        command = caching_worker_command(kept) if kept is not None else None
        filtered = filtering.Filtered(run.settings(), command=command)
        found = asyncio.run(
            filtering.filter_items(filtered, tqdm(items, desc=run.name, file=sys.stderr))
        )
        for line in filtering.as_lines(found):
            print(line)
        print(msgspec.json.encode({"run": run.name, **filtering.as_values(found)}).decode())
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    data = observe(read_places(options.items, options.answers))
    model = calibrating.Model(
        options.model,
        model_digest(Paths.of_user(), options.model),
        options.family or [options.model],
    )
    answers = sha256_of(options.answers)
    found = calibrating.calibrate(data, options.hold_out, model, f"sha256 {answers}")
    calibrating.write(options.output, found.calibration)
    if options.plot is not None:
        calibrating.plot(found, options.plot)
    print(calibrating.as_table(found))
    print(msgspec.json.encode(calibrating.as_values(found)).decode())
    return 0
