"""The commands that make items and complete them.

Turns arguments into calls and outcomes into text; knows nothing about how either works.
"""

import argparse
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from fimbul_models.corpus.pinning import repin
from fimbul_models.corpus.projects import Project
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation import ablation, report, tables
from fimbul_models.evaluation.driver import SERVER_COMMAND
from fimbul_models.evaluation.infilling import Evaluation, ablate, evaluate
from fimbul_models.evaluation.items import (
    Item,
    write_items,
)
from fimbul_models.evaluation.making import counts_of, make_items, read_recipe
from fimbul_models.evaluation.reaching import Asking, Typing
from fimbul_models.evaluation.repository import (
    Held,
    RepositoryRules,
    cut_items,
    read_repository,
)
from fimbul_models.evaluation.runs import (
    Run,
    baseline_of,
    oracle_comment_of,
    oracle_of,
)
from fimbul_models.evaluation.workspaces import (
    together,
    workspaces_of,
)
from fimbul_models.item_arguments import (
    add_choice,
    add_places,
    limited,
    named_runs,
    read_chosen,
    workspaces_for,
)
from lsp_server.config.paths import Paths

_SERVER = shlex.join(SERVER_COMMAND)

_SNIPPET = "snippet"
_ORACLES = {_SNIPPET: oracle_of, "comment": oracle_comment_of}

ABLATED_ITEMS = 60
"""Items that sources are left out for; each source makes two more prompts of each of them."""


def add_items(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    parser.add_argument("--recipe", type=Path, required=True, metavar="FILE")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--output", type=Path, metavar="FILE", help="JSON lines; .gz compresses")
    task.add_argument(
        "--repin",
        nargs="*",
        metavar="NAME",
        help="instead, write the newest versions of all packages, or these, into the recipe",
    )
    parser.add_argument(
        "--packages",
        "--wheels",
        type=Path,
        default=Paths.of_user().cache / "wheels",
        metavar="DIR",
        help="where fetched packages are kept (%(default)s)",
    )
    parser.set_defaults(run_command=_items)


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    parser.add_argument(
        "--items",
        type=Path,
        action="append",
        metavar="FILE",
        help="as `items` writes them; several are judged together",
    )
    parser.add_argument("--humaneval", type=Path, metavar="FILE", help="HumanEval infilling data")
    _add_repository(parser)
    add_choice(parser)
    parser.add_argument(
        "--baseline",
        action="store_true",
        help="also give the first run's prompts, unhealed, to the model alone",
    )
    parser.add_argument(
        "--oracle",
        action="append",
        nargs="?",
        const=_SNIPPET,
        choices=list(_ORACLES),
        help="also show the first run the definition sought: as the only piece of another file "
        "(the default), or as a comment above the line; the first one given counts",
    )
    parser.add_argument(
        "--ablate",
        type=int,
        nargs="?",
        const=ABLATED_ITEMS,
        metavar="N",
        help="instead, leave out each source of the last run's context, over N cross-file items "
        "(%(const)s)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="keep answers and results; needed to resume"
    )
    parser.add_argument(
        "--prompts",
        type=Path,
        metavar="FILE",
        help="keep the engine's answers by prompt (with --output and our own server: in there)",
    )
    parser.add_argument(
        "--answers",
        action="append",
        metavar="NAME=FILE",
        help="also judge the answers that an earlier call kept in FILE, perhaps of another "
        "version of the server; alone, nothing is asked",
    )
    parser.add_argument(
        "--pass-rate",
        action="store_true",
        help="run the completed programs of --humaneval with their tests, in a sandbox",
    )
    parser.add_argument("--server", default=_SERVER, help="command that starts the server")
    add_places(parser)
    _add_reach(parser)
    parser.set_defaults(run_command=_evaluate)


def _add_repository(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repository",
        type=Path,
        metavar="DIR",
        help="also cut items from a git repository of your own: from its later commits, and from"
        " files that are held out",
    )
    parser.add_argument(
        "--since",
        default="",
        metavar="COMMIT",
        help="commit or date; what came after it is later (the last tenth of the commits)",
    )


def _add_reach(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reach",
        choices=("open", "typing"),
        default="open",
        help="open documents at the place, or type up to it (%(default)s)",
    )
    parser.add_argument(
        "--typed-lines",
        type=int,
        default=Typing().lines,
        metavar="N",
        help="lines above the cursor's that are typed, too (%(default)s)",
    )
    parser.add_argument(
        "--typing-asks",
        choices=[member.value for member in Asking],
        default=Typing().asking.value,
        help="when a suggestion is asked for on the way (%(default)s)",
    )


def _items(options: argparse.Namespace) -> int:
    if options.repin is not None:
        for line in repin(options.recipe, options.packages, options.repin):
            print(line)
        return 0
    items = make_items(read_recipe(options.recipe), options.packages, print)
    write_items(options.output, items)
    for line in counts_of(items):
        print(line)
    print(f"{len(items)} items in {options.output}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    own = _own(options)
    items = [*read_chosen(options), *(own.items if own else ())]
    if not items:
        raise RecipeError(
            "There are no items to complete: give --items, --humaneval, --repository."
        )
    if len({item.task_id for item in items}) != len(items):
        raise RecipeError("Two files of --items hold the same task_id; each item needs its own.")
    others = [item for item in items if own is None or item.project != own.project.name]
    workspaces = workspaces_for(options, others)
    if own is not None:
        folder = Paths.of_user().cache / "workspaces" / own.held.head[:12]
        workspaces = together(workspaces, workspaces_of(own.project, folder))
    evaluation = Evaluation(
        items=items,
        runs=_runs(options),
        command=tuple(shlex.split(options.server)),
        folder=options.output,
        workspaces=workspaces,
        typing=_typing(options),
        prompts=_prompts(options),
        earlier=_earlier(options),
        tests_programs=options.pass_rate,
    )
    if options.ablate is None:
        _report(evaluation)
    else:
        _report_ablation(evaluation, options)
    return 0


@dataclass(frozen=True)
class _Own:
    """A repository of the user's, and the items that were cut from it."""

    held: Held
    items: list[Item]

    @property
    def project(self) -> Project:
        return self.held.project


def _own(options: argparse.Namespace) -> _Own | None:
    if options.repository is None:
        if options.since:
            raise RecipeError("--since says from where on a --repository is held out; name one.")
        return None
    rules = RepositoryRules(since=options.since, seed=options.seed)
    held = read_repository(options.repository, rules)
    items = cut_items(held, rules)
    print(
        f"{len(items)} items of {held.project.name}: what came after {held.since[:12]}, and"
        f" {len(held.files)} files that are held out",
        file=sys.stderr,
    )
    return _Own(held, limited(items, options))


def _report(evaluation: Evaluation) -> None:
    found = evaluate(evaluation).report
    print(tables.as_table(found))
    print(msgspec.json.encode(report.as_line(found)).decode())


def _report_ablation(evaluation: Evaluation, options: argparse.Namespace) -> None:
    items = ablation.cross_items(evaluation.items, options.ablate, options.seed)
    found = ablate(replace(evaluation, items=items, runs=evaluation.runs[-1:]))
    print(ablation.as_table(found))
    print(msgspec.json.encode(ablation.as_line(found)).decode())


def _earlier(options: argparse.Namespace) -> dict[str, Path]:
    """Return the files of answers by the names of their runs."""
    found: dict[str, Path] = {}
    for text in options.answers or ():
        name, _, file = text.partition("=")
        if not file or name in found:
            raise RecipeError(f"--answers {text}: each needs a name of its own; write NAME=FILE.")
        found[name] = Path(file)
    if taken := found.keys() & {run.name for run in _runs(options)}:
        raise RecipeError(f"A run and kept answers are both named {min(taken)}; rename one.")
    return found


def _runs(options: argparse.Namespace) -> list[Run]:
    if options.answers and not options.run:
        return []
    runs = named_runs(options)
    if options.ablate is not None:
        return runs
    oracles = [_ORACLES[name](runs[0]) for name in dict.fromkeys(options.oracle or ())]
    return [*runs, *oracles, *([baseline_of(runs[0])] if options.baseline else [])]


def _typing(options: argparse.Namespace) -> Typing | None:
    if options.reach == "open":
        return None
    return Typing(options.typed_lines, Asking(options.typing_asks))


def _prompts(options: argparse.Namespace) -> Path | None:
    """Return where answers are kept by prompt; a server of one's own may know no workers."""
    prompts: Path | None = options.prompts
    if prompts is None and options.output is not None and options.server == _SERVER:
        return Path(options.output) / "prompts.jsonl"
    return prompts
