"""The command `fimbul-models train`.

Turns arguments into a call. What it needs of the extra ``training`` is imported only when it runs.
"""

import argparse
import sys
from pathlib import Path

import msgspec
from tqdm import tqdm

from fimbul_models.training.needs import require

KINDS = ("f16", "f32", "q8_0")


def add_train(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    parser.add_argument("--recipe", type=Path, required=True, metavar="FILE", help="TOML")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="adapter or model, log and page"
    )
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="corpus and checkpoints; a call that was killed goes on from it (OUTPUT/work)",
    )
    parser.add_argument(
        "--merge", action="store_true", help="also write the base with the adapter in it"
    )
    parser.add_argument(
        "--type", choices=KINDS, default=KINDS[0], help="of a whole model's matrices (%(default)s)"
    )
    parser.add_argument(
        "--like", type=Path, metavar="GGUF", help="of the base, where that is a hub's folder"
    )
    parser.add_argument(
        "--no-check", action="store_true", help="do not compare logits with the engine's"
    )
    parser.set_defaults(run_command=_train)


def add_prove(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the arguments of the command."""
    parser.add_argument("--recipe", type=Path, required=True, metavar="FILE", help="TOML")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="model, answers and outcome"
    )
    parser.add_argument("--work", type=Path, metavar="DIR", help="as for train (OUTPUT/work)")
    parser.add_argument(
        "--items", type=int, default=300, metavar="N", help="lines that judge (%(default)s)"
    )
    parser.add_argument(
        "--plain", type=int, default=40, metavar="N", help="texts that judge (%(default)s)"
    )
    parser.set_defaults(run_command=_prove)


def _prove(options: argparse.Namespace) -> int:
    require()
    from fimbul_models.training.proof import Asked
    from fimbul_models.training.proving import prove
    from fimbul_models.training.running import Call

    call = Call(options.recipe, options.output, options.work or options.output / "work")
    figures = prove(call, Asked(items=options.items, plain=options.plain), _tell)
    print((options.output / "proof.md").read_text(encoding="utf-8"))
    print(msgspec.json.encode(figures).decode())
    return 0


def _train(options: argparse.Namespace) -> int:
    require()
    from fimbul_models.training.running import Call, as_lines, train

    call = Call(
        recipe=options.recipe,
        output=options.output,
        work=options.work or options.output / "work",
        kind=options.type,
        merge=options.merge,
        like=options.like,
        check=not options.no_check,
    )
    summary = train(call, _tell)
    if summary:
        for line in as_lines(summary):
            print(line)
        print(msgspec.json.encode(summary).decode())
    return 0


def _tell(line: str) -> None:
    tqdm.write(line, file=sys.stderr)
