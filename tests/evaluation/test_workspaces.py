import hashlib
import zipfile
from pathlib import Path

import pytest

from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.workspaces import projects_of, workspaces_from, workspaces_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for project in ("one", "two"):
        (tmp_path / project / "pack").mkdir(parents=True)
        (tmp_path / project / "pack" / "a.py").write_text(f"name = {project!r}\n")
    return tmp_path


def test_items_name_their_projects() -> None:
    items = [
        Item(name, "python", "a.py", "", "", "x", "k", project=name) for name in ("b", "", "a", "b")
    ]
    assert projects_of(items) == ["a", "b"]


def test_only_the_projects_of_the_items_are_opened(folder: Path) -> None:
    found = workspaces_in(folder, ["two"])
    assert found.folders == {"two": folder.resolve() / "two"}
    with pytest.raises(RecipeError, match="three is missing"):
        workspaces_in(folder, ["one", "three"])


def test_another_content_has_another_digest(folder: Path) -> None:
    digests = [workspaces_in(folder, ["one", "two"]).digest]
    digests.append(workspaces_in(folder, ["one"]).digest)
    (folder / "one" / "pack" / "a.py").write_text("name = 1\n")
    digests.append(workspaces_in(folder, ["one"]).digest)
    (folder / "one" / "pack" / "a.py").rename(folder / "one" / "pack" / "b.py")
    digests.append(workspaces_in(folder, ["one"]).digest)
    assert len(set(digests)) == 4
    (folder / "one" / "pack" / "b.py").rename(folder / "one" / "pack" / "a.py")
    assert workspaces_in(folder, ["one"]).digest == digests[2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("packages = 1", "cannot be used"),
        ("no toml", "cannot be used"),
        ("packages = []", "has no package one"),
    ],
)
def test_a_recipe_that_does_not_fit_is_explained(tmp_path: Path, text: str, says: str) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(text)
    with pytest.raises(RecipeError, match=says):
        workspaces_from(recipe, ["one"], tmp_path, tmp_path)


def test_a_pinned_package_becomes_a_folder_of_its_name(tmp_path: Path) -> None:
    wheel = tmp_path / "packages" / "tiny_pack-1.2-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_pack/core.py", "answer = 42\n")
    pin = hashlib.sha256(wheel.read_bytes()).hexdigest()
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'more = "is for others"\n[[packages]]\nname = "tiny-pack"\nversion = "1.2"\n'
        f'licence = "MIT"\nsha256 = "{pin}"\n'
    )
    kept = tmp_path / "kept"
    found = workspaces_from(recipe, ["tiny-pack"], wheel.parent, kept)
    folder = found.folders["tiny-pack"]
    assert (folder.name, folder.is_relative_to(kept.resolve())) == ("tiny-pack", True)
    assert (folder / "tiny_pack" / "core.py").read_text() == "answer = 42\n"
    assert workspaces_from(recipe, ["tiny-pack"], wheel.parent, kept) == found
