import shutil
from pathlib import Path

import pytest

from fimbul_models.corpus.archives import digest
from fimbul_models.corpus.pinning import repin
from fimbul_models.errors import RecipeError
from fimbul_models.main import main

RECIPE = """\
# What this is for.
name = "a"

[[packages]]
name = "tiny-pack"  # The first.
version = "1.2"
licence = "MIT"
sha256 = "old"

[[packages]]
name = "gone-pack"
version = "3"
licence = "MIT"
sha256 = "kept"
skip = ["x/*"]
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a recipe whose packages pip looks for in a folder with one wheel."""
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    make_wheel(index, "1.2")
    make_wheel(index, "1.10")
    return path


def make_wheel(folder: Path, version: str) -> None:
    info = folder / "tree" / f"tiny_pack-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tiny-pack\nVersion: {version}\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (info / "RECORD").write_text("")
    archive = shutil.make_archive(str(folder / "made"), "zip", info.parents[0])
    Path(archive).rename(folder / f"tiny_pack-{version}-py3-none-any.whl")
    shutil.rmtree(info.parents[0])


def test_versions_and_digests_are_renewed_and_the_rest_is_kept(
    recipe: Path, tmp_path: Path
) -> None:
    sha256 = digest(tmp_path / "index" / "tiny_pack-1.10-py3-none-any.whl")
    told = repin(recipe, tmp_path / "kept")
    assert recipe.read_text() == RECIPE.replace('"1.2"', '"1.10"').replace('"old"', f'"{sha256}"')
    assert told[0] == f"tiny-pack: 1.2 -> 1.10, sha256 {sha256}"
    assert told[1].startswith("gone-pack: left alone; pip fetched no wheel of gone-pack")
    assert repin(recipe, tmp_path / "kept")[0] == "tiny-pack 1.10: is the newest"


def test_only_what_is_named_is_renewed(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["items", "--recipe", str(recipe), "--packages", str(tmp_path / "kept")]
    assert main([*arguments, "--repin", "gone-pack"]) == 0
    assert recipe.read_text() == RECIPE
    assert capsys.readouterr().out.startswith("gone-pack: left alone")
    assert main([*arguments, "--repin", "tiny-pack"]) == 0
    assert '"1.10"' in recipe.read_text()


def test_a_name_that_is_not_there_is_explained(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"recipe\.toml has no package other"):
        repin(recipe, tmp_path / "kept", ["other"])


@pytest.mark.parametrize(
    "content", ["packages = 1", "name = 'a'", "= 1", "packages = [{name = 1}]"]
)
def test_what_is_no_recipe_is_explained(tmp_path: Path, content: str) -> None:
    (tmp_path / "recipe.toml").write_text(content)
    with pytest.raises(RecipeError, match=r"recipe\.toml cannot be used"):
        repin(tmp_path / "recipe.toml", tmp_path / "kept")
