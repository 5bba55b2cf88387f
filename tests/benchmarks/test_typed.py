"""Places of typed code as items with answers."""

from pathlib import Path

from benchmarks.keys import request_of
from benchmarks.sessions import Session
from benchmarks.typed import answer_of, item_of, packages, places
from fimbul_models.evaluation.traces import Block
from lsp_server.types import (
    Completion,
    Generation,
    Position,
    Rejection,
    RejectionReason,
    StopReason,
    Surface,
)

ABOVE = "def total(items):\n    count = 0"
TEXT = "    for item in items:\n        count += len(item)\n    return count"
SESSION = Session(
    "python", Path("/w/p"), *2 * (Block("a.py", ABOVE, TEXT, "\n\n\nprint(total([]))\n"),)
)


def test_items_are_what_an_editor_shows_and_what_is_typed_next() -> None:
    package = packages()[0]
    whole = f"{ABOVE}\n{TEXT}"
    found = 0
    for number, step, wanted in places(SESSION, share=1.0):
        if not wanted:
            continue
        found += 1
        item = item_of(package, number, step, request_of(SESSION, step, number))
        assert item.prefix + item.suffix == "".join(step.lines)
        closers = item.suffix.partition("\n")[0]
        line = item.prefix.rpartition("\n")[2] + item.answer + closers
        # Right after Enter the editor may have indented otherwise than is wanted.
        assert line.strip() in [wanted.strip() for wanted in whole.split("\n")]
        assert item.project == package.name
    assert found > 50


def test_the_same_places_are_chosen_every_time() -> None:
    chosen = [[number for number, _, wanted in places(SESSION, 0.1) if wanted] for _ in range(2)]
    assert chosen[0] == chosen[1]
    assert 0 < len(chosen[0]) < 40


def test_packages_of_all_recipes_are_there_once() -> None:
    names = [package.name for package in packages()]
    assert len(names) == len(set(names))
    assert {"diwire", "a2a-sdk", "tmux"} <= set(names)


def test_an_outcome_becomes_an_answer_with_its_likelihood() -> None:
    here = Position(0, 0)
    made = Generation("f()", StopReason.END, (-0.5,), 9, 4, ends=(3,), end_logprob=-0.1)
    answer = answer_of(Completion("f()", here, here, Surface.LINE, made))
    assert answer.text == "f()"
    assert answer.surface == "line"
    assert answer.likelihood is not None
    assert answer.likelihood.ends == (3,)
    assert answer_of(Rejection(RejectionReason.EMPTY)).reason == "empty"
