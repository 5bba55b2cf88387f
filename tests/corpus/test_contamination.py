"""What shares text with an evaluation set is found, however it was moved; the rest stays."""

import random
from pathlib import Path
from string import ascii_lowercase

import pytest

from fimbul_models.corpus.contamination import (
    Contamination,
    ContaminationRules,
    evaluations_of,
    read_evaluations,
    runs_of,
)
from fimbul_models.corpus.records import Drop
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.items import Item, write_items
from tests.corpus.judged import outcome, reason

_LICENCE = "# This file is part of the shop and may be used by everybody who asks for it nicely.\n"


def _function(chance: random.Random) -> str:
    """Return a function of seven lines that nobody has written before."""
    words = ("".join(chance.choices(ascii_lowercase, k=7)) for _ in range(7))
    name, one, two, three, four, verb, other = words
    return (
        f"def {name}({one}, {two}, limit={chance.randrange(1000)}):\n"
        f"    {three} = {verb}({one}, scale={chance.randrange(1000)})\n"
        f"    if {three} is None or len({two}) > limit:\n"
        f"        raise ValueError('{other} {four} {chance.randrange(1000)}')\n"
        f"    for {four} in {other}({two}, {three}):\n"
        f"        {three}.{verb}_{other}({four}, {chance.randrange(1000)})\n"
        f"    return {three}\n"
    )


def _alone(number: int) -> Item:
    """An item whose text stands alone, as those of HumanEval do."""
    whole = _function(random.Random(f"alone:{number}"))
    before, line, after = whole.partition("    return")
    return Item(f"alone/{number}", "python", f"{number}.py", before, after, line, "line")


def _inside(number: int) -> Item:
    """An item in a file of somebody's project."""
    chance = random.Random(f"inside:{number}")
    whole = [_function(chance) for _ in range(30)]
    lines = ("\n\n".join([_LICENCE, *whole])).splitlines(keepends=True)
    at = next(at for at in range(100, len(lines)) if lines[at].startswith("        raise"))
    return Item(
        f"inside/{number}", "python", "shop/a.py", "".join(lines[:at]), "".join(lines[at + 1 :]),
        lines[at], "line", project=f"project{number}",
    )  # fmt: skip


ITEMS = [*map(_alone, range(40)), *map(_inside, range(20))]
RULES = ContaminationRules()
STAGE = Contamination(evaluations_of(ITEMS, RULES, ""))


def _ordinary(number: int) -> str:
    chance = random.Random(f"ordinary:{number}")
    return "\n\n".join([_LICENCE, *(_function(chance) for _ in range(8))])


def _document(item: Item) -> str:
    return item.prefix + item.answer + item.suffix


@pytest.mark.parametrize("how", ["whole", "indented", "respaced", "commented"])
def test_every_planted_item_is_found(how: str) -> None:
    files = {}
    for number, item in enumerate(ITEMS):
        above = item.prefix.splitlines(keepends=True)[-3:]
        below = item.suffix.splitlines(keepends=True)[:3]
        planted = "".join([*above, item.answer, *below])
        if how == "indented":
            planted = "".join(f"        {line}" for line in planted.splitlines(keepends=True))
        if how == "respaced":
            planted = planted.replace(" = ", "=").replace(", ", ",  ").replace("\n", "\r\n")
        if how == "commented":
            planted = "".join(f"# {line}" for line in planted.splitlines(keepends=True))
        files[f"{number}.py"] = (
            _ordinary(number) + "\n\n" + planted + "\n\n" + _ordinary(number + 500)
        )
    found = outcome(STAGE, files)
    missed = [path for path, one in found.items() if not isinstance(one, Drop)]
    assert missed == []
    assert {one.reason for one in found.values() if isinstance(one, Drop)} == {"evaluation"}


def test_what_shares_nothing_but_a_licence_stays() -> None:
    assert _LICENCE in _document(ITEMS[-1])
    found = outcome(STAGE, {f"{number}.py": _ordinary(number) for number in range(60)})
    assert [path for path, one in found.items() if isinstance(one, Drop)] == []


def test_a_copy_of_an_evaluation_file_is_found_without_its_places() -> None:
    item = ITEMS[-1]
    # Cut out all that is around the answer, and a good third of the rest.
    kept = (
        item.prefix.splitlines(keepends=True)[40:-12] + item.suffix.splitlines(keepends=True)[12:]
    )
    drop = outcome(STAGE, {"other/name.py": "".join(kept)})["other/name.py"]
    assert isinstance(drop, Drop)
    assert drop.detail.endswith("% of a file")
    few = "".join(item.prefix.splitlines(keepends=True)[2:10])
    assert reason(STAGE, "a.py", _ordinary(3) + few) == ""


def test_a_text_with_fewer_words_than_a_run_is_one_run() -> None:
    assert len(runs_of("a b c", 10)) == 1
    assert runs_of("...", 10) == []
    assert len(runs_of("a b c d", 3)) == 2
    assert runs_of("Foo(bar)", 2) == runs_of("foo bar", 2)
    assert len(runs_of("one two a b", 3, least=2)) == 1


def test_digits_in_their_order_give_nothing_away() -> None:
    digits = "DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\n"
    item = Item("digits", "python", "a.py", digits, "\n", _function(random.Random(1)), "line")
    stage = Contamination(evaluations_of([item], RULES, ""))
    assert reason(stage, "a.py", digits + _ordinary(1)) == ""
    assert reason(stage, "a.py", digits + _function(random.Random(1))) == "evaluation"


def test_sets_are_read_by_the_recipe_and_known_by_their_digest(tmp_path: Path) -> None:
    write_items(tmp_path / "items.jsonl.gz", ITEMS)
    rules = ContaminationRules(items=("items.jsonl.gz",))
    found = read_evaluations(rules, tmp_path)
    assert found.runs == STAGE.evaluations.runs
    other = read_evaluations(ContaminationRules(items=("items.jsonl.gz",), words=12), tmp_path)
    assert found.digest != other.digest
    with pytest.raises(RecipeError, match="missing"):
        read_evaluations(ContaminationRules(items=("missing.jsonl",)), tmp_path)


def test_without_evaluation_sets_everything_stays(tmp_path: Path) -> None:
    stage = Contamination(read_evaluations(ContaminationRules(), tmp_path))
    assert reason(stage, "a.py", _document(ITEMS[0])) == ""
