"""Several indexes as one: it answers as they do, and stores what is the same once."""

from pathlib import Path

import pytest

from fimbul_models.references import merging
from fimbul_models.references.merging import merge_indexes
from lsp_server.references.indexfile import About, verify
from lsp_server.references.matches import Findings
from lsp_server.references.shelf import Shelf
from tests.references.made import made_python, record, write_index

ABOUT = About(name="all")


def parts(folder: Path, count: int) -> list[Path]:
    made = []
    for number in range(count):
        files = [
            record(f"{number}-{n}.py", made_python(100 * number + n, 4), f"npm:p{number}")
            for n in range(3)
        ]
        if number % 2:
            gpl = {"licence": "GPL-2.0-only", "licence_class": "copyleft", "language": "ruby"}
            shared = made_python(7, 4)
            files.append(record(f"{number}-copy.py", shared, f"npm:p{number}", **gpl))
        made.append(write_index(folder / "parts", f"p{number}", files))
    return made


def answers(folder: Path, count: int) -> list[Findings]:
    shelf = Shelf(folder)
    assert not shelf.problems
    texts = [made_python(100 * number + 1, 4) for number in range(count)]
    return [shelf.look(text, "python") for text in (*texts, made_python(7, 4))]


@pytest.mark.parametrize("at_once", [128, 2, 3])
def test_a_merged_index_answers_as_its_parts_do(
    tmp_path: Path, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "AT_ONCE", at_once)
    told = merge_indexes(parts(tmp_path, 5), tmp_path / "out" / "all.fimref", ABOUT)
    file = verify(tmp_path / "out" / "all.fimref")
    assert file.about == told
    assert told.files == {"python": 15, "ruby": 2}
    assert len(file.arrays["starts"]) - 1 == 16
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["all.fimref"]
    found = answers(tmp_path / "out", 5)
    for number, one in enumerate(found[:5]):
        (match,) = one.matches
        (source,) = match.sources
        assert (source.project, source.path) == (f"npm:p{number}", f"{number}-1.py")
        assert source.index == "all"
    (match,) = found[5].matches
    assert [source.project for source in match.sources] == ["npm:p1", "npm:p3"]
    assert {source.licence_class for source in match.sources} == {"copyleft"}


def test_what_is_merged_range_by_range_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = parts(tmp_path, 4)
    merge_indexes(made, tmp_path / "one.fimref", ABOUT)
    monkeypatch.setattr(merging, "_IN_A_RANGE", 16)
    merge_indexes(made, tmp_path / "many.fimref", ABOUT)
    assert (tmp_path / "one.fimref").read_bytes() == (tmp_path / "many.fimref").read_bytes()


def test_a_project_can_be_taken_out(tmp_path: Path) -> None:
    made = parts(tmp_path, 4)
    merge_indexes(made, tmp_path / "all.fimref", ABOUT)
    merge_indexes(
        [tmp_path / "all.fimref"], tmp_path / "all.fimref", ABOUT, without=lambda name: "p1" in name
    )
    merge_indexes([made[0], *made[2:]], tmp_path / "out" / "all.fimref", ABOUT)
    file, other = verify(tmp_path / "all.fimref"), verify(tmp_path / "out" / "all.fimref")
    assert [one.name for one in file.about.projects] == ["npm:p0", "npm:p2", "npm:p3"]
    assert file.about.files == other.about.files
    assert file.about.bytes == other.about.bytes
    # A text that two have stands where the first has it, so the order may differ.
    for name in ("tokens", "exact_rests", "keys", "paths", "renamed_rests"):
        assert sorted(file.arrays[name]) == sorted(other.arrays[name]), name
    made[1].unlink()
    found, expected = Shelf(tmp_path), Shelf(tmp_path / "out")
    for number in (100, 200, 7):
        text = made_python(number, 4)
        assert found.look(text, "python") == expected.look(text, "python")


def test_merging_an_index_with_itself_changes_nothing(tmp_path: Path) -> None:
    (made,) = parts(tmp_path, 1)
    one, two = tmp_path / "one" / "once.fimref", tmp_path / "two" / "twice.fimref"
    merge_indexes([made], one, ABOUT)
    merge_indexes([made, one], two, ABOUT)
    once, twice = verify(one), verify(two)
    assert once.arrays["tokens"].tolist() == twice.arrays["tokens"].tolist()
    assert answers(one.parent, 1) == answers(two.parent, 1)
