"""The commands that hold out, judge and adapt.

Turns arguments into calls and outcomes into text; knows nothing about how either works. What they
need of the extra ``corpus`` is imported only when they run.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.items import Item, read_humaneval
from fimbul_models.evaluation.repository import RepositoryRules
from lsp_server.config.options import DEFAULT_MODEL, Settings
from lsp_server.config.paths import Paths

REFUSED = 3
"""Exit status of a call that has found an adapter wanting."""


def add_hold_out(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    parser.add_argument("--repository", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--since",
        default="",
        metavar="COMMIT",
        help="commit or date up to which is trained (all but the last tenth of the commits)",
    )
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument(
        "--items",
        type=int,
        default=60,
        metavar="N",
        help="lines to judge by, of later commits and of held-out files each (%(default)s)",
    )
    _add_held_files(parser)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="new folder outside of it"
    )
    parser.set_defaults(run_command=_hold_out)


def _add_held_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--held-files",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="of the files that are held out; more in a small repository (%(default)s)",
    )


def add_gate(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    parser.add_argument("--adapter", type=Path, required=True, metavar="FILE", help="GGUF")
    parser.add_argument(
        "--held", type=Path, required=True, metavar="DIR", help="as `hold-out` has made it"
    )
    _add_judging(parser)
    parser.add_argument(
        "--former", type=Path, metavar="FILE", help="adapter in use until now (the one chosen)"
    )
    parser.add_argument("--name", default="", help="of the adapter (that of the repository)")
    parser.add_argument(
        "--percent", type=int, default=100, help="weight of the adapter (%(default)s)"
    )
    parser.add_argument(
        "--adopt", action="store_true", help="use it in the repository if it passes"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="card, answers")
    parser.set_defaults(run_command=_gate)


def add_adapt(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    parser.add_argument("--repository", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--recipe", type=Path, required=True, metavar="FILE", help="of training, as for `train`"
    )
    _add_judging(parser)
    parser.add_argument("--since", default="", metavar="COMMIT", help="as for `hold-out`")
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--items", type=int, default=60, metavar="N", help="as for `hold-out`")
    _add_held_files(parser)
    parser.add_argument(
        "--feedback",
        type=Path,
        nargs="?",
        const=Paths.of_user().feedback_file,
        metavar="FILE",
        help="also learn from what you corrected, if texts were kept (%(const)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="cards and what is known (below the user's state)",
    )
    parser.set_defaults(run_command=_adapt)


def add_likelihoods(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    parser.add_argument(
        "--records",
        type=Path,
        nargs="+",
        required=True,
        help="records of a corpus: Parquet files, or folders of them such as WORK/sifted",
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME", help="(%(default)s)")
    parser.add_argument("--adapter", type=Path, metavar="FILE", help="GGUF, over that model")
    parser.add_argument(
        "--places", type=int, default=200, metavar="N", help="lines at most (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON lines")
    parser.set_defaults(run_command=_likelihoods)


def _add_judging(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME", help="(%(default)s)")
    parser.add_argument(
        "--humaneval", type=Path, metavar="FILE", help="public infilling data, needed to pass"
    )
    parser.add_argument("--public", type=int, default=60, metavar="N", help="of it (%(default)s)")
    parser.add_argument(
        "--limits", type=Path, metavar="FILE", help="TOML that makes limits stricter"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="measure as little as can be judged: minutes instead of half an hour",
    )


@contextmanager
def _with_extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise RecipeError(
            f"{error.name} is missing: pip install 'fimbul-models[corpus]'."
        ) from error


def rules_of(options: argparse.Namespace) -> RepositoryRules:
    """Return what is held out; raise RecipeError if it makes no sense."""
    others = -(-options.items // 3)
    if options.items < 1:
        raise RecipeError("--items has to be 1 or more.")
    try:
        return RepositoryRules(
            since=options.since,
            seed=options.seed,
            held_files=options.held_files,
            later_items=options.items,
            file_items=options.items,
            body_items=others,
            typing_items=others,
        )
    except ValueError as error:
        raise RecipeError(f"This cannot be held out: {error}.") from error


def _hold_out(options: argparse.Namespace) -> int:
    from fimbul_models.adoption.holding import hold_out

    rules = rules_of(options)
    prepared = hold_out(options.repository, rules, options.output)
    held = prepared.held
    print(
        f"{len(held.training.files)} files up to {held.since[:12]} are in {prepared.training}, with"
        f" {len(prepared.planted.canaries)} canaries; {len(held.files)} files and what came later"
        f" are held out ({len(prepared.items)} items). Train on that folder, then run"
        f" `fimbul-models gate --held {options.output}`."
    )
    return 0


def _gate(options: argparse.Namespace) -> int:
    with _with_extra():
        from fimbul_models.adoption.holding import read_prepared
        from fimbul_models.adoption.judging import (
            Former,
            Order,
            adopt,
            carry_out,
            former_of,
            name_for,
        )
        from fimbul_models.adoption.limits import read_limits
        from fimbul_models.adoption.measuring import QUICK, Sizes
    limits = read_limits(options.limits)
    prepared = read_prepared(options.held)
    paths = Paths.of_user()
    order = Order(
        adapter=options.adapter,
        model=options.model,
        prepared=prepared,
        limits=limits,
        output=options.output,
        name=options.name or name_for(prepared.held.project.name),
        public=_public(options, prepared.rules.seed),
        former=Former(options.former)
        if options.former
        else former_of(prepared.repository, options.model, paths),
        percent=options.percent,
        sizes=QUICK if options.quick else Sizes(),
        tell=_tell,
    )
    verdict = carry_out(order)
    if verdict.reasons:
        print(f"Not adopted; {len(verdict.reasons)} gates were not passed:")
        for reason in verdict.reasons:
            print(f"- {reason}")
        print(f"The card is {options.output / 'card.md'}.")
        return REFUSED
    print(f"All {len(verdict.gates)} gates were passed; the card is {options.output / 'card.md'}.")
    if options.adopt:
        title = adopt(verdict, options.adapter, prepared.repository, paths)
        print(f"{title} is used in {prepared.repository} from now on.")
    return 0


def _public(options: argparse.Namespace, seed: int) -> list[Item]:
    if options.humaneval is None:
        return []
    return read_humaneval(options.humaneval, options.public, seed)


def _adapt(options: argparse.Namespace) -> int:
    with _with_extra():
        from fimbul_models.adoption.calling import Call, call
        from fimbul_models.adoption.limits import read_limits
        from fimbul_models.adoption.measuring import QUICK, Sizes
    night = call(
        Call(
            repository=options.repository,
            model=options.model,
            recipe=options.recipe,
            holding=rules_of(options),
            limits=read_limits(options.limits),
            public=_public(options, options.seed),
            feedback=options.feedback,
            sizes=QUICK if options.quick else Sizes(),
            folder=options.output,
            tell=_tell,
        )
    )
    if night is None:
        print("Nothing is new; the adapter in use stays.")
    elif night.adopted:
        print(f"{night.adopted} is used in {options.repository} from now on.")
    else:
        print("Not adopted; what was in use stays:")
        for reason in night.reasons:
            print(f"- {reason}")
        return REFUSED
    return 0


def _likelihoods(options: argparse.Namespace) -> int:
    with _with_extra():
        from fimbul_models.adoption.language_model import opened
        from fimbul_models.adoption.likelihoods import look_at, write_likelihoods
        from fimbul_models.corpus.labels import read_records
    records = read_records(options.records)
    engine = replace(Settings().engine, model=options.model)
    with opened(Settings(engine=engine), options.adapter) as model:
        found = look_at(model, records, number=options.places, seed=options.seed)
        count = write_likelihoods(options.output, tqdm(found, unit="line", file=sys.stderr))
    print(f"The likelihoods of {count} lines are in {options.output}.")
    return 0


def _tell(message: str) -> None:
    print(message, file=sys.stderr)
