"""Arguments by which commands are told which items, runs and projects; and what they mean.

Knows nothing about what is done with them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.items import (
    Item,
    read_humaneval,
    read_items,
    sample_kinds,
    shuffled,
)
from fimbul_models.evaluation.runs import (
    Run,
    parse_run,
)
from fimbul_models.evaluation.workspaces import (
    Workspaces,
    projects_of,
    workspaces_from,
    workspaces_in,
)
from lsp_server.config.paths import Paths


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Let it be chosen which items, and under which runs."""
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N after a shuffle")
    parser.add_argument("--per-kind", type=int, metavar="N", help="at most N of each kind of place")
    parser.add_argument("--seed", type=int, default=0, help="of the shuffle (%(default)s)")
    parser.add_argument(
        "--run",
        action="append",
        metavar="NAME:key=value,…",
        help="a set of server options; may be given several times (default:, if missing)",
    )


def add_places(parser: argparse.ArgumentParser) -> None:
    """Let it be said where the items' projects are."""
    parser.add_argument(
        "--recipe", type=Path, metavar="FILE", help="recipe of the items, for their projects"
    )
    parser.add_argument(
        "--packages",
        type=Path,
        default=Paths.of_user().cache / "wheels",
        metavar="DIR",
        help="where fetched packages are kept (%(default)s)",
    )
    parser.add_argument(
        "--workspaces",
        type=Path,
        metavar="DIR",
        help="where the projects' files are kept (in the user's cache), or, without a recipe, are",
    )


def named_runs(options: argparse.Namespace) -> list[Run]:
    """Return the runs that are asked for."""
    runs = [parse_run(text) for text in options.run or ["default:"]]
    if len({run.name for run in runs}) != len(runs):
        raise RecipeError("Two runs have the same name; each needs its own.")
    return runs


def workspaces_for(options: argparse.Namespace, items: Sequence[Item]) -> Workspaces:
    """Return the folders of the projects that `items` are from."""
    projects = projects_of(items)
    if not projects:
        return Workspaces()
    if options.recipe is not None:
        folder = options.workspaces or Paths.of_user().cache / "workspaces"
        return workspaces_from(options.recipe, projects, options.packages, folder)
    if options.workspaces is not None:
        return workspaces_in(options.workspaces, projects)
    raise RecipeError(
        "The items are from projects whose files the server needs; name the recipe that they "
        "were cut by (--recipe FILE), or where the files are (--workspaces DIR)."
    )


def chosen(options: argparse.Namespace) -> list[Item]:
    """Return the items that are asked for; raise RecipeError if there are none."""
    items = read_chosen(options)
    if not items:
        raise RecipeError("There are no items to complete.")
    return items


def read_chosen(options: argparse.Namespace) -> list[Item]:
    """Return the items of all files that are given."""
    items: list[Item] = []
    if options.humaneval is not None:
        items += read_humaneval(options.humaneval, options.limit, options.seed)
    files = options.items or ()
    for file in [files] if isinstance(files, Path) else files:
        items += limited(read_items(file), options)
    return items


def limited(items: list[Item], options: argparse.Namespace) -> list[Item]:
    """Return as many of `items` as are asked for."""
    if options.per_kind is not None:
        items = sample_kinds(items, options.per_kind, options.seed)
    if options.limit is not None:
        items = shuffled(items, options.seed)[: options.limit]
    return items
