"""`fimbul-models references`: folders and records become an index, and only what is new is done."""

import json
import os
from pathlib import Path

import pytest

from fimbul_models.corpus.recipe import read_corpus_recipe
from fimbul_models.main import main
from lsp_server.config.paths import Paths
from lsp_server.references.shelf import Shelf, verify
from tests.references.made import made_python


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    for number, name in enumerate(("free", "bound")):
        (folder / name / "src").mkdir(parents=True)
        (folder / name / "src" / "a.py").write_text(made_python(number, 4))
        (folder / name / "README.md").write_text("Words. " * 200)
    header = "# SPDX-License-Identifier: GPL-3.0-or-later\n"
    (folder / "bound" / "src" / "b.py").write_text(header + made_python(9, 4))
    (folder / "free" / "package.json").write_text(
        json.dumps({"repository": {"url": "git+https://example.org/free.git"}, "license": "MIT"})
    )
    return folder


def build(*arguments: str) -> None:
    assert main(["references", "build", "--name", "mine", "--engine", "serial", *arguments]) == 0


def test_licences_of_every_class_are_kept(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build("--folders", str(sources))
    folder = Paths.of_user().reference_indexes
    shelf = Shelf(folder)
    sources_of = {
        number: shelf.look(made_python(number, 4), "python").matches[0].sources[0]
        for number in (0, 1, 9)
    }
    assert sources_of[0].licence == "MIT"
    assert sources_of[0].project == "folder:sources/free"
    assert sources_of[0].path == "src/a.py"
    assert sources_of[0].link == "https://example.org/free"
    assert (sources_of[1].licence_class, sources_of[1].licence) == ("none", "")
    assert sources_of[9].licence_class == "copyleft"
    assert sources_of[9].line == 3
    out = capsys.readouterr().out
    assert "2 projects, 3 files (3 different)" in out
    assert main(["references", "info", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["languages"] == {"python": 3}
    assert told["project_names"] == ["folder:sources/bound", "folder:sources/free"]


def test_only_what_is_new_is_done_again(sources: Path, tmp_path: Path) -> None:
    work, output = tmp_path / "work", tmp_path / "mine.fimref"
    arguments = ("--folders", str(sources), "--work", str(work), "--output", str(output))
    build(*arguments)
    before = {path: path.stat().st_mtime_ns for path in (work / "indexed").glob("*.fimref")}
    os.utime(sources / "bound" / "src" / "b.py", (1, 1))
    build(*arguments)
    after = {path: path.stat().st_mtime_ns for path in (work / "indexed").glob("*.fimref")}
    assert len(before) == 2
    assert sum(before[path] != after[path] for path in before) == 1
    records = tmp_path / "again.fimref"
    build(
        "--records", str(work / "gathered"), "--work", str(tmp_path / "w"), "--output", str(records)
    )
    first, second = verify(output), verify(records)
    assert (first.files, first.tokens, first.projects) == (second.files, second.tokens, 2)


def test_the_engine_changes_nothing(sources: Path, tmp_path: Path) -> None:
    digests = []
    for engine in ("serial", "processes"):
        output = tmp_path / f"{engine}.fimref"
        arguments = ["--folders", str(sources), "--work", str(tmp_path / engine)]
        arguments += ["--output", str(output), "--engine", engine, "--processes", "2"]
        assert main(["references", "build", "--name", "mine", *arguments]) == 0
        digests.append(verify(output).digest)
    assert digests[0] == digests[1]


def test_merge_remove_and_verify(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    free, bound, both = (tmp_path / f"{name}.fimref" for name in ("free", "bound", "both"))
    for path in (free, bound):
        work = str(tmp_path / path.stem)
        build("--folder", str(sources / path.stem), "--output", str(path), "--work", work)
    assert (
        main(
            ["references", "merge", str(free), str(bound), "--name", "both", "--output", str(both)]
        )
        == 0
    )
    assert verify(both).files == 3
    assert main(["references", "remove", str(both), "folder:bound*"]) == 0
    assert "removed folder:bound" in capsys.readouterr().out
    assert verify(both).files == 1
    assert main(["references", "remove", str(both), "folder:bound*"]) == 1
    assert "No project" in capsys.readouterr().err
    assert main(["references", "verify", str(both), str(free)]) == 0
    both.write_bytes(both.read_bytes()[:-1])
    assert main(["references", "verify", str(both), str(free)]) == 1
    assert "cut off or half built" in capsys.readouterr().err


def test_nothing_to_index_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["references", "build", "--name", "x"]) == 1
    assert "name a recipe, folders or records" in capsys.readouterr().err
    assert main(["references", "build", "--name", "x", "--records", str(tmp_path)]) == 1
    assert "There are no records" in capsys.readouterr().err


def test_the_first_public_index_is_made_of_the_packages_of_the_open_corpus() -> None:
    recipes = Path(__file__).parents[2] / "models" / "recipes"
    public = read_corpus_recipe(recipes / "public-index.toml")
    corpus = read_corpus_recipe(recipes / "open-corpus.toml")
    assert public.packages == corpus.packages
    assert public.packages
    assert "packages_from" not in public.settings()
