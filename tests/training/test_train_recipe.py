"""Recipes: what is read, what is refused, and what is said about it."""

from pathlib import Path

import pytest

from fimbul_models.errors import RecipeError
from fimbul_models.training.needs import require
from fimbul_models.training.recipe import Method, read_train_recipe
from tests.training.toys import write_recipe

ROOT = Path(__file__).parents[2]


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    recipe = read_train_recipe(write_recipe(tmp_path))
    assert recipe.method is Method.LORA
    assert recipe.objective.end_weight > 1
    assert recipe.private.epsilon == 0


@pytest.mark.parametrize("name", ["adapter", "sentinels"])
def test_shipped_recipes_can_be_read(name: str) -> None:
    recipe = read_train_recipe(ROOT / "models" / "recipes" / f"{name}.toml")
    assert recipe.name == name


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"objective": "end_weight = -1.0"}, "0 or more"),
        ({"objective": 'sentinels = { "a" = "x", "b" = "x" }', "method": "full"}, "same token"),
        ({"objective": 'sentinels = { "a" = "x" }'}, "method = 'full'"),
        ({"schedule": "rate_ = 1"}, "rate_"),
        ({"more": "[private]\nepsilon = 8.0", "method": "full"}, "adapters"),
        ({"more": "[privat]\nepsilon = 8.0"}, "privat"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, more: dict[str, str], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        read_train_recipe(write_recipe(tmp_path, **more))


def test_a_base_and_data_are_one_of_several(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    text = recipe.read_text()
    recipe.write_text(text.replace('path = "base.gguf"', 'path = "a"\nmodel = "b"'))
    with pytest.raises(RecipeError, match="either"):
        read_train_recipe(recipe)
    recipe.write_text(text.replace('shards = "shards"', ""))
    with pytest.raises(RecipeError, match="one of"):
        read_train_recipe(recipe)


def test_another_recipe_is_known_by_another_digest(tmp_path: Path) -> None:
    first = read_train_recipe(write_recipe(tmp_path)).digest()
    assert read_train_recipe(write_recipe(tmp_path)).digest() == first
    assert read_train_recipe(write_recipe(tmp_path, schedule="clip = 2.0")).digest() != first


def test_what_is_missing_is_said_with_what_to_install() -> None:
    with pytest.raises(RecipeError, match=r"no_such_library is missing: pip install .*training"):
        require("msgspec", "no_such_library")
