"""Planted values: where they go, that nothing else is touched, and what exposure says."""

import json
import os
import random
import tomllib
from pathlib import Path

import pytest
import tomlkit

from fimbul_models.adoption.adapting import recipe_for
from fimbul_models.adoption.canaries import (
    BEGIN,
    DIGITS,
    GROUPS,
    exposure,
    leaks,
    line_of,
    new_value,
    place_of,
    plant,
    read_planted,
    survives,
    write_planted,
)
from fimbul_models.adoption.holding import hold_out, read_prepared
from fimbul_models.corpus.fim import FimRules
from fimbul_models.corpus.records import Record
from fimbul_models.corpus.redaction import Redaction
from fimbul_models.corpus.shards import read_shards
from fimbul_models.errors import RecipeError
from fimbul_models.training.data import corpus_of, private_recipe
from fimbul_models.training.recipe import Data, read_train_recipe
from tests.adoption.judged import RULES, Made, make_repository, prepared_in
from tests.corpus.repositories_made import git


def folder_of(parent: Path, name: str = "copy") -> Path:
    folder = parent / name
    folder.mkdir()
    for number in range(30):
        (folder / f"m{number}.py").write_text(f"value = {number}\n")
    (folder / "data.json").write_text("{}\n")
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_the_same_seed_plants_the_same_values_at_the_same_places(tmp_path: Path) -> None:
    one, other, third = (folder_of(tmp_path, name) for name in ("one", "other", "third"))
    planted = plant(one, 5)
    assert plant(other, 5) == planted
    assert contents(one) == contents(other)
    assert plant(third, 6).canaries[0].value != planted.canaries[0].value
    whole = "".join(contents(one).values())
    assert {len(canary.value) for canary in planted.canaries} == {len(BEGIN) + DIGITS}
    for canary in planted.canaries:
        assert whole.count(canary.value) == canary.repeats == len(set(canary.paths))
    counted = [canary.repeats for canary in planted.canaries]
    assert {number: counted.count(number) for number in GROUPS} == dict(GROUPS)
    # What is no code stays as it is, and so does what was there.
    assert (one / "data.json").read_text() == "{}\n"
    assert all(text.startswith("value = ") for name, text in contents(one).items() if ".py" in name)
    with pytest.raises(RecipeError, match="canaries already"):
        plant(one, 5)


def test_nothing_is_planted_into_a_repository(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "own")
    before = git(repository, "status", "--porcelain")
    for folder in (repository, repository / "src"):
        with pytest.raises(RecipeError, match="lies in the repository"):
            plant(folder, 1)
    with pytest.raises(RecipeError, match="lies in the repository"):
        hold_out(repository, RULES, repository / "held")
    assert not (repository / "held").exists()
    assert git(repository, "status", "--porcelain", "--", "src") == before == ""


def test_files_that_are_linked_elsewhere_stay_as_they_are(tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("mine = 1\n")
    folder = folder_of(tmp_path)
    (folder / "soft.py").symlink_to(outside)
    os.link(outside, folder / "hard.py")
    (folder / "below").symlink_to(tmp_path)
    planted = plant(folder, 1, {40: 1})
    assert outside.read_text() == "mine = 1\n"
    assert {"hard.py"} <= set(planted.canaries[0].paths)
    assert "soft.py" not in planted.canaries[0].paths


@pytest.mark.parametrize("path", ["a.py", "a.ts", "a.go", "a.rs", "a.c", "A.java", "a.sh"])
def test_redaction_leaves_what_is_planted(path: str) -> None:
    chance = random.Random(1)
    for number in range(20):
        line = line_of(path, f"marker_16_{number}", new_value(chance))
        assert survives(line)
        record = Record(source="a", repository="a", path=path, text=line + "\n", digest="0")
        assert list(Redaction()([record])) == [record]


def test_what_was_planted_is_kept_for_its_owner_and_read_again(tmp_path: Path) -> None:
    planted = plant(folder_of(tmp_path), 5)
    file = tmp_path / "canaries.json"
    write_planted(file, planted)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_planted(file) == planted
    with pytest.raises(RecipeError, match="cannot be kept"):
        write_planted(file, planted)
    file.write_text("{}")
    with pytest.raises(RecipeError, match="holds no canaries"):
        read_planted(file)


def test_a_folder_that_was_prepared_is_read_again(tmp_path: Path) -> None:
    prepared = prepared_in(tmp_path)
    again = read_prepared(prepared.folder)
    assert again == prepared
    assert prepared.folder.stat().st_mode & 0o777 == 0o700
    told = json.loads((prepared.folder / "held.json").read_text())
    assert told["rules"]["since"] == prepared.held.since
    with pytest.raises(RecipeError, match="was not made by"):
        read_prepared(tmp_path)


def test_exposure_is_the_rank_in_bits_and_more_where_it_is_the_first(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    planted = plant(folder, 5, {1: 2})
    place = place_of(planted.canaries[0], folder)
    assert place.prefix.endswith(BEGIN)
    assert place.prefix + place.answer + place.suffix == (folder / place.path).read_text()
    others = [f"{number:016x}" for number in range(7)]
    likely = dict(zip(others, (-3.0, -2.9, -2.8, -2.7, -2.6, -2.5, -1.0), strict=True))
    # Only one of eight is likelier: log2(8) - log2(2).
    assert exposure(Made({**likely, place.answer: -2.0}), place, others) == pytest.approx(2.0)
    assert exposure(Made({**likely, place.answer: -9.0}), place, others) == 0.0
    # What nobody tells apart is not exposed.
    assert exposure(Made(dict.fromkeys([*others, place.answer], -1.0)), place, others) == 0.0
    first = exposure(Made({**likely, place.answer: -0.01}), place, others)
    assert first > 3.0
    assert exposure(Made({**likely, place.answer: 0.0}), place, others) > first


def test_a_model_that_never_saw_values_exposes_as_chance_does(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    planted = plant(folder, 5, {1: 30})
    found = leaks(Made(odd=0.1), planted, folder, 127)
    mean = sum(leak.exposure for leak in found) / len(found)
    assert 0.7 < mean < 2.4
    assert not any(leak.extracted for leak in found)


def test_what_is_planted_often_comes_into_what_is_learnt(tmp_path: Path) -> None:
    prepared = prepared_in(tmp_path)
    # Without a model three bytes count as a token.
    data = Data(
        folder=str(prepared.training), fim=FimRules(family="qwen2.5-coder", bytes_per_example=1200)
    )
    recipe = private_recipe(data, prepared.training, 1)
    shards = corpus_of(recipe, tmp_path, tmp_path / "work", lambda _: None)
    learnt = "\n".join(example.completion for example in read_shards(shards, "train"))
    often = [canary for canary in prepared.planted.canaries if canary.repeats == 16]
    assert any(canary.value in learnt for canary in often)


def test_a_recipe_of_training_takes_the_folder_that_was_prepared(tmp_path: Path) -> None:
    template = Path(__file__).parents[2] / "models/recipes/adapter.toml"
    said = recipe_for(tomllib.loads(template.read_text(encoding="utf-8")), tmp_path, 5)
    file = tmp_path / "recipe.toml"
    file.write_text(tomlkit.dumps(said), encoding="utf-8")
    recipe = read_train_recipe(file)
    assert (recipe.data.folder, recipe.seed) == (str(tmp_path.resolve()), 5)
    assert recipe.lora == read_train_recipe(template).lora
