"""What a model's answers have in common with an index of published code, by licence class.

Takes items of an evaluation and the answers that ``fimbul-models evaluate --output`` kept, and
looks at each answer as the server does: with what stands around it, where a third of a run has to
lie in the answer. An item's own project is no source, as if it were the open workspace. What people
wrote at the same places is looked at, too.

    python -m benchmarks.references_answers --items FILE --answers FILE --shelf DIR
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.references import AFTER, BEFORE
from fimbul_models.evaluation.answers import read_answers
from fimbul_models.evaluation.items import Item, read_items
from lsp_server.references.matches import Match, Source
from lsp_server.references.shelf import Shelf

SHARE = 1 / 3
"""Least part of a run that lies in the answer, as in the server."""


def within(match: Match, begin: int, end: int) -> float:
    """Return which part of a match lies between two places."""
    return max(0, min(match.end, end) - max(match.start, begin)) / (match.end - match.start)


def name_of(project: str) -> str:
    """Return the name of a package without its origin and version."""
    return project.partition(":")[2].partition(" ")[0]


def looked(shelf: Shelf, item: Item, answer: str, share: float) -> tuple[list[Match], list[str]]:
    """Return what is told of an answer, and the rules by which nothing is told of others."""
    before, after = item.prefix[-BEFORE:], item.suffix[:AFTER]
    begin, end = len(before), len(before) + len(answer)

    def own(source: Source) -> bool:
        return bool(item.project) and name_of(source.project) == item.project

    found = shelf.look(before + answer + after, item.language, own=own)
    told = [match for match in found.matches if within(match, begin, end) >= share]
    rules = [one.rule for one in found.suppressed if within(one.match, begin, end) >= share]
    return told, rules


def compared(shelf: Shelf, pairs: Sequence[tuple[Item, str]], *, show: bool) -> dict[str, Any]:
    """Return how many answers are alike, by kind and licence class."""
    kinds: Counter[str] = Counter()
    classes: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    alike = touching = 0
    for item, answer in pairs:
        kinds[item.kind.partition("/")[0]] += 1
        told, suppressed = looked(shelf, item, answer, SHARE)
        touching += bool(looked(shelf, item, answer, 1e-9)[0])
        alike += bool(told)
        rules.update(set(suppressed))
        classes.update({source.licence_class for match in told for source in match.sources})
        for match in told if show else ():
            source = match.sources[0]
            print(f"  {item.task_id} {match.tokens} tokens like {source.project} {source.path}")
    return {
        "answers": len(pairs),
        "kinds": dict(kinds),
        "alike": alike,
        "touching a run": touching,
        "classes": dict(classes),
        "suppressed": dict(rules),
    }


def main() -> None:
    """Look at all answers, and at what stood there; print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=Path, required=True, metavar="FILE")
    parser.add_argument("--answers", type=Path, required=True, metavar="FILE")
    parser.add_argument("--shelf", type=Path, required=True, metavar="DIR")
    options = parser.parse_args()
    shelf = Shelf(options.shelf)
    items = read_items(options.items)
    answers = read_answers(options.answers, items)
    given = [(item, answers[item.task_id].text) for item in items if item.task_id in answers]
    shown = [(item, text) for item, text in given if text]
    values = {
        "asked": len(given),
        "model": compared(shelf, shown, show=True),
        "people": compared(shelf, [(item, item.answer) for item, _ in shown], show=False),
    }
    for name in ("model", "people"):
        print(f"{name}: {values[name]}")
    print(json.dumps(values))


if __name__ == "__main__":
    main()
