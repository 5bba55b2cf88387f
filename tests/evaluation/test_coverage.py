from pathlib import Path

import pytest

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.coverage import Looker, Seen, as_table, cover, sum_up
from fimbul_models.evaluation.items import Item, write_items
from fimbul_models.evaluation.runs import Run, parse_run
from fimbul_models.evaluation.workspaces import workspaces_in
from fimbul_models.main import main
from lsp_server.completion.serving import ChosenModel
from lsp_server.config.options import Settings
from lsp_server.inference.client import worker_command
from lsp_server.inference.engine import ModelFile
from lsp_server.prompt.formats import FORMATS

SHAPES = (
    "class Shape:\n    def area(self) -> float: ...\n\n    def grow(self, by: int) -> None: ...\n"
)
USER = "from pack.shapes import Shape\n\ndef total(shape: Shape) -> float:\n    return shape."


def scripted_model(_settings: Settings) -> ChosenModel:
    file = ModelFile("scripted", Path("scripted"), "scripted")
    return ChosenModel(file, lambda _description: FORMATS["qwen2.5-coder"])


def item(name: str, identifier: str = "area", prefix: str = USER, project: str = "one") -> Item:
    return Item(
        name, "python", "pack/user.py", prefix, "\n", "area()", "cross/after-dot",
        project=project, definition=SHAPES, definition_path="pack/shapes.py",
        identifier=identifier,
    )  # fmt: skip


@pytest.fixture
def looker(tmp_path: Path) -> Looker:
    pack = tmp_path / "one" / "pack"
    pack.mkdir(parents=True)
    (pack / "shapes.py").write_text(SHAPES)
    # The answer is in the file on disk, which must not give it away.
    (pack / "user.py").write_text(USER + "secret_name()\n")
    script = tmp_path / "script.toml"
    script.write_text('[[rules]]\nanswer = "x"\n')
    command = worker_command("scripted", str(script))
    return Looker(workspaces_in(tmp_path, ["one"]), command=command, choose=scripted_model)


def places(rows: list[Seen]) -> list[tuple[bool, bool, bool]]:
    return [(row.in_view, row.in_snippets, row.in_hint) for row in rows]


async def test_it_is_seen_where_a_name_stands(looker: Looker) -> None:
    runs = [
        parse_run("all:context.hint_tokens=40"),
        parse_run("none:context.sources=,context.hint_tokens=0"),
        parse_run("hint:context.sources=,context.hint_tokens=40"),
    ]
    items = [
        item("a"),
        item("b", "secret_name"),
        item("c", prefix=f"area = 1\n{USER}"),
        item("d", "rea"),
        item("e", identifier=""),
    ]
    async with looker:
        found = await cover(looker, runs, items)
    assert places(found["all"]) == [
        (False, True, True), (False, False, False), (True, True, True), (False, False, False),
    ]  # fmt: skip
    assert [row.tokens > 0 for row in found["all"]] == [True] * 4
    assert places(found["none"]) == [(False,) * 3, (False,) * 3, (True, False, False), (False,) * 3]
    assert places(found["hint"]) == [
        (False, False, True), (False,) * 3, (True, False, True), (False,) * 3,
    ]  # fmt: skip
    assert [row.tokens for row in found["hint"]] == [0] * 4


async def test_items_that_need_nothing_cannot_be_covered(looker: Looker) -> None:
    async with looker:
        with pytest.raises(EvaluationError, match="None of the items"):
            await cover(looker, [Run("a", {})], [item("a", identifier="")])


async def test_a_folder_that_cannot_be_read_is_named(looker: Looker, tmp_path: Path) -> None:
    for file in (tmp_path / "one" / "pack").iterdir():
        file.unlink()
    (tmp_path / "one" / "pack").rmdir()
    (tmp_path / "one").rmdir()
    with pytest.raises(EvaluationError, match="one cannot be indexed"):
        async with looker:
            pass


def test_shares_are_of_all_items_of_a_group() -> None:
    rows = [
        Seen(item("a"), in_view=True, in_snippets=False, in_hint=False, tokens=10),
        Seen(item("b"), in_view=False, in_snippets=True, in_hint=False, tokens=30),
        Seen(item("c"), in_view=True, in_snippets=True, in_hint=True, tokens=20),
        Seen(item("d"), in_view=False, in_snippets=False, in_hint=False, tokens=0),
    ]
    (row,) = sum_up({"run": rows})
    assert (row.run, row.group, row.n, row.mean_tokens) == ("run", "cross/after-dot", 4, 15)
    means = [row.in_view.mean, row.in_snippets.mean, row.in_hint.mean]
    assert means == [0.5, 0.5, 0.25]
    assert (row.brought.mean, row.anywhere.mean) == (0.5, 0.75)
    head, line = as_table([row]).splitlines()
    assert head.split()[:3] == ["run", "group", "n"]
    assert line.split()[:4] == ["run", "cross/after-dot", "4", "50.0"]


def test_the_command_asks_for_the_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "items.jsonl"
    write_items(file, [item("a")])
    assert main(["coverage", "--items", str(file)]) == 1
    assert "--recipe" in capsys.readouterr().err
