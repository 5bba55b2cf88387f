"""From folders to examples through every stage: what is kept, why the rest is not, and again."""

import json
from pathlib import Path

import msgspec
import pytest

from fimbul_models.corpus.accounts import Account
from fimbul_models.corpus.engines import Engine, Processes, Serial
from fimbul_models.corpus.pipeline import Order, make_corpus
from fimbul_models.corpus.planning import Planner
from fimbul_models.corpus.recipe import read_corpus_recipe
from fimbul_models.corpus.shards import read_shards
from fimbul_models.corpus.units import Places
from fimbul_models.errors import RecipeError
from fimbul_models.main import main
from tests.corpus.toys import contents

SPDX = "# SPDX-License-Identifier: {}\n"
BODY = '''"""Reads {name}."""

from pathlib import Path


def read_{name}(path: Path) -> list[str]:
    """Return the {name} of a file, without what is empty."""
    found = []
    for line in path.read_text().splitlines():
        word = line.strip().partition("#")[0]
        if word and not word.startswith("{name}"):
            found.append(word.lower())
    return sorted(found)


def count_{name}(folder: Path) -> int:
    """Return how many {name} there are below a folder."""
    return sum(len(read_{name}(path)) for path in folder.rglob("*.{name}"))
'''
KEY = 'TOKEN = "ghp_{}"\n'.format("a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Three repositories: permissive ones that share a file, and one under copyleft."""
    sources = tmp_path / "sources"
    for name, licence in (("apples", "MIT"), ("pears", "Apache-2.0"), ("plums", "GPL-3.0-only")):
        folder = sources / name
        (folder / "vendor" / "lib").mkdir(parents=True)
        head = SPDX.format(licence)
        (folder / f"{name}.py").write_text(head + BODY.format(name=name))
        (folder / "shared.py").write_text(head + BODY.format(name="shared"))
        (folder / "secret.py").write_text(head + KEY + BODY.format(name=f"secret_{name}"))
        (folder / "vendor" / "lib" / "lib.py").write_text(BODY.format(name="vendored"))
        (folder / "picture.png").write_bytes(b"\x89PNG\0\0")
    file = tmp_path / "recipe.toml"
    file.write_text(
        'name = "fruit"\nseed = 3\n[gather]\nmost_sensitive = "public"\n'
        '[[sources]]\nkind = "folder"\nname = "fruit"\npath = "sources"\neach = true\n'
        'sensitivity = "public"\n[split]\nvalidation = 0.0\ntest = 0.0\n'
    )
    return file


def make(recipe: Path, output: Path, engine: Engine) -> Account:
    read = read_corpus_recipe(recipe)
    here = recipe.parent
    places = Places(recipe=here, packages=here / "packages", repositories=here / "clones")
    units = Planner(places, read.gather).list_all(read.sources)
    order = Order(read, here, output / "work", output, engine, 1, lambda _: None, progress=False)
    return make_corpus(order, units)


def test_every_file_is_used_or_dropped_with_a_reason(recipe: Path, tmp_path: Path) -> None:
    account = make(recipe, tmp_path / "out", Serial())
    first, last = account.funnel[0], account.funnel[-1]
    assert account.repositories == 3
    assert first.files_in == 15
    reasons = {reason: dropped.files for reason, dropped in account.dropped.items()}
    assert reasons == {"not-text": 3, "vendored": 3, "copyleft": 3, "near-duplicate": 1}
    assert last.files_out == first.files_in - sum(reasons.values()) == 5
    for before, after in zip(account.funnel, account.funnel[1:], strict=False):
        assert after.files_in == before.files_out, after.stage
    assert sum(account.redacted.values()) == 2
    assert account.strictness["as the recipe says"] < 1
    assert account.before["language"].keys() == account.after["language"].keys() == {"python"}
    assert [(share.language, share.files) for share in account.languages] == [
        ("python", sum(share.files for share in account.before["language"].values()))
    ]
    assert account.after["licence"].keys() == {"MIT", "Apache-2.0"}
    examples = list(read_shards(tmp_path / "out", "train"))
    assert len(examples) == account.splits["train"]["examples"] > 4
    assert {example.licence for example in examples} <= {"MIT", "Apache-2.0"}
    shown = msgspec.json.encode(examples).decode()
    assert "ghp_" not in shown
    assert "read_plums" not in shown


def test_card_notice_and_report_are_there(recipe: Path, tmp_path: Path) -> None:
    account = make(recipe, tmp_path / "out", Serial())
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["digest"] == account.digest
    assert "fruit" in (tmp_path / "out" / "README.md").read_text()
    assert "MIT" in (tmp_path / "out" / "NOTICE").read_text()
    assert "near-duplicate" in (tmp_path / "out" / "report.html").read_text()
    again = json.loads((tmp_path / "out" / "report.json").read_text())
    assert again["dropped"]["copyleft"]["files"] == 3


def test_processes_make_the_same_corpus_and_a_second_call_makes_nothing_anew(
    recipe: Path, tmp_path: Path
) -> None:
    make(recipe, tmp_path / "one", Serial())
    make(recipe, tmp_path / "two", Processes(2))

    def lasting(folder: Path) -> dict[str, bytes]:
        # Costs are another matter each time.
        return {name: data for name, data in contents(folder).items() if "report." not in name}

    assert lasting(tmp_path / "one") == lasting(tmp_path / "two")
    assert not make(recipe, tmp_path / "one", Serial()).costs


def test_a_file_that_changes_is_read_again(recipe: Path, tmp_path: Path) -> None:
    before = make(recipe, tmp_path / "out", Serial())
    changed = recipe.parent / "sources" / "pears" / "pears.py"
    changed.write_text(changed.read_text() + "\n\nPEARS = read_pears(Path())\n")
    after = make(recipe, tmp_path / "out", Serial())
    assert before.digest != after.digest
    assert {name.partition(":")[0] for name in after.costs} == {
        "gathered",
        "sifted",
        "decided",
        "cut",
    }


def test_the_command_prints_the_funnel(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["corpus", "--recipe", str(recipe), "--output", str(tmp_path / "out")]
    assert main([*command, "--engine", "serial"]) == 0
    printed = capsys.readouterr().out
    assert "copyleft 3" in printed
    assert "report.html" in printed
    assert main([*command, "--processes", "0"]) == 1


def test_a_recipe_that_does_not_fit_is_told(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('name = "x"\nsources = []\nsee = 1\n')
    with pytest.raises(RecipeError, match="unknown field `see`"):
        read_corpus_recipe(file)
