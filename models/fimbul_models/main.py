"""The command `fimbul-models`: make and judge models.

Knows which commands there are, and nothing about how any works.
"""

import argparse
import sys
from collections.abc import Sequence

from fimbul_models.adoption_command import add_adapt, add_gate, add_hold_out, add_likelihoods
from fimbul_models.choose_command import add_choose
from fimbul_models.corpus_command import add_corpus
from fimbul_models.evaluate_command import add_evaluate, add_items
from fimbul_models.labels_command import add_label
from fimbul_models.look_command import add_calibrate, add_coverage, add_filters
from fimbul_models.references_command import add_references
from fimbul_models.training_command import add_prove, add_train
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
    add_items(commands.add_parser("items", help="cut items out of pinned packages"))
    add_evaluate(commands.add_parser("evaluate", help="complete items and judge the answers"))
    add_coverage(
        commands.add_parser("coverage", help="see whether what items need is shown; asks no model")
    )
    add_filters(
        commands.add_parser("filters", help="see what the filters make of the model's answers")
    )
    add_calibrate(
        commands.add_parser("calibrate", help="learn from kept answers which ones to show")
    )
    add_corpus(
        commands.add_parser("corpus", help="make training data, with a reason for every file")
    )
    add_references(commands.add_parser("references", help="index published code, to know it again"))
    add_label(commands.add_parser("label", help="label files by hand, and learn from it"))
    add_choose(
        commands.add_parser("choose", help="choose what to label or train on: unsure or corrected")
    )
    add_train(commands.add_parser("train", help="teach a model your code, or to fill in"))
    add_prove(
        commands.add_parser("prove", help="show whether a model without it learnt to fill in")
    )
    add_hold_out(
        commands.add_parser(
            "hold-out", help="copy a repository to train on, and hold some of it out"
        )
    )
    add_gate(commands.add_parser("gate", help="judge an adapter, and adopt it if it passes"))
    add_likelihoods(
        commands.add_parser("likelihoods", help="say how likely a model holds lines, for `choose`")
    )
    add_adapt(
        commands.add_parser("adapt", help="train on what is new, judge, and adopt what passes")
    )
    return parser
