"""Items for bodies are cut where an editor puts the cursor, the same ones every time."""

import dataclasses
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from fimbul_models.corpus.projects import Project, ProjectFile
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.bodies import BodyRecipe, cut_items, find_bodies, read_recipe
from fimbul_models.evaluation.making import read_recipe as read_any_recipe
from fimbul_models.evaluation.metrics import score
from fimbul_models.evaluation.tokens import LANGUAGES
from lsp_server.syntax.languages import language_of_path

RECIPE = Path(__file__).parents[2] / "models" / "recipes" / "bodies.toml"

PYTHON = '''\
def load(path):
    """Read what is there."""
    with path.open() as file:
        return file.read()


# Ends everything.
@final
def close(items):
    for item in items:
        item.close()
    return None


def bare(values):
    total = sum(values)
    return total / len(values)


def nothing():
    if True:
        pass
'''
GO = """\
package a

// Sum adds.
func Sum(values []int) int {
\ttotal := 0
\tfor _, value := range values {
\t\ttotal += value
\t}
\treturn total
}

func long() {
\tif x {
\t\t// What a comment announces.
\t\tcall(1)
\t}
}
"""


def project(**files: str) -> Project:
    made = []
    for path, text in files.items():
        name = path.replace("_", ".")
        language = language_of_path(name)
        assert language is not None
        made.append(ProjectFile(name, text, language.name, is_own=True))
    return Project("shop", tuple(made))


def recipe(**more: object) -> BodyRecipe:
    fields = {
        "name": "bodies", "seed": 1, "block_items": 2, "function_items": 3, "items_per_file": 9,
        "shares": {"python": 0.5, "go": 0.5}, "packages": (),
    }  # fmt: skip
    return msgspec.convert({**fields, **more}, BodyRecipe)


def test_bodies_are_asked_for_that_somebody_could_write() -> None:
    found = {place.text: place.kind for place in find_bodies(project(a_py=PYTHON, b_go=GO))}
    assert found == {
        "with path.open() as file:\n        return file.read()": "function/described",
        "return file.read()": "block/other",
        "for item in items:\n        item.close()\n    return None": "function/described",
        "item.close()": "block/loop",
        "total = sum(values)\n    return total / len(values)": "function/bare",
        "if True:\n        pass": "function/bare",
        "total := 0\n\tfor _, value := range values {\n\t\ttotal += value\n\t}\n\treturn total": (
            "function/described"
        ),
        "total += value": "block/loop",
        "if x {\n\t\t// What a comment announces.\n\t\tcall(1)\n\t}": "function/bare",
    }


def test_an_item_is_the_whole_document_with_the_cursor_behind_the_indentation() -> None:
    for item in cut_items([project(a_py=PYTHON, b_go=GO)], recipe()):
        text = GO if item.path == "b.go" else PYTHON
        assert item.prefix + item.answer + item.suffix == text
        assert item.suffix.startswith("\n")
        assert item.prefix.endswith(("    ", "\t"))
        judged = score(item, item.answer)
        assert judged.body is not None
        assert judged.parse is not None
        assert (judged.exact, judged.body.exact, judged.parse.parses, judged.parse.ended) == (
            True, True, True, True,
        )  # fmt: skip


def test_what_a_language_lacks_the_others_make_up_for() -> None:
    items = cut_items([project(a_py=PYTHON, b_go=GO)], recipe(function_items=5, block_items=9))
    assert Counter((item.kind.partition("/")[0], item.language) for item in items) == {
        ("block", "python"): 2, ("block", "go"): 1,
        ("function", "python"): 3, ("function", "go"): 2,
    }  # fmt: skip


def test_the_same_recipe_gives_the_same_items_and_another_seed_others() -> None:
    projects = [project(a_py=PYTHON, b_go=GO)]
    assert cut_items(projects, recipe()) == cut_items(projects, recipe())
    others = [cut_items(projects, recipe(seed=seed)) for seed in range(2, 8)]
    assert any(other != cut_items(projects, recipe()) for other in others)


def test_a_file_gives_only_so_many() -> None:
    items = cut_items([project(a_py=PYTHON)], recipe(function_items=9, items_per_file=2))
    assert Counter(item.kind.partition("/")[0] for item in items) == {"block": 2, "function": 2}


def test_files_of_others_and_with_errors_give_none() -> None:
    (own,) = project(a_py=PYTHON).files
    foreign = dataclasses.replace(own, is_own=False)
    broken = dataclasses.replace(own, path="c.py", text=PYTHON + "x = (\n")
    assert list(find_bodies(Project("shop", (foreign, broken)))) == []


def test_the_recipe_of_the_project_covers_its_languages() -> None:
    shipped = read_any_recipe(RECIPE)
    assert isinstance(shipped, BodyRecipe)
    assert len(shipped.shares) >= 5
    assert set(shipped.shares) <= LANGUAGES
    assert sum(shipped.shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [("block_items = 1", "missing"), ("not toml", "cannot be used")],
)
def test_a_recipe_that_does_not_fit_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=says):
        read_recipe(path)


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.read_text().replace("python = 0.3", "pascal = 0.3"))
    with pytest.raises(RecipeError, match="unknown language 'pascal'"):
        read_recipe(path)
