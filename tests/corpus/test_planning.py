import json
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from fimbul_models.corpus.archives import digest
from fimbul_models.corpus.gathering import GatherRules, read_unit
from fimbul_models.corpus.packages import Origin, Package
from fimbul_models.corpus.planning import Planner
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, Record
from fimbul_models.corpus.units import (
    AnySource,
    ArchiveSource,
    FolderSource,
    GitSource,
    Kind,
    Missing,
    PackageSource,
    Places,
    RowFields,
    RowSource,
    Unit,
)
from fimbul_models.errors import RecipeError, SourceError
from tests.corpus.repositories_made import write


def planner(
    tmp_path: Path,
    *packages: Package,
    limit: int = 1000,
    tell: Callable[[str], None] = lambda _line: None,
) -> Planner:
    places = Places(
        recipe=tmp_path, packages=tmp_path / "packages", repositories=tmp_path / "clones"
    )
    return Planner(places, GatherRules(file_limit=limit), packages, tell=tell)


def came(units: list[Unit], limit: int = 1000) -> dict[str, str]:
    """Return the text or the reason of each file of `units`, by key."""
    return {
        item.key: item.text if isinstance(item, Record) else item.reason.value
        for unit in units
        for item in read_unit(unit, GatherRules(file_limit=limit))
    }


def test_sources_are_written_as_tables() -> None:
    tables = [
        {"kind": "folder", "name": "a", "path": "x", "each": True},
        {"kind": "jsonl", "name": "b", "path": "x", "fields": {"text": "content"}},
        {"kind": "archives", "name": "c", "paths": ["x"], "sensitivity": "public"},
        {"kind": "packages", "name": "d", "missing": "skip"},
    ]
    sources = msgspec.convert(tables, list[AnySource])
    assert sources == [
        FolderSource(name="a", path="x", each=True),
        RowSource(name="b", path="x", fields=RowFields(text="content")),
        ArchiveSource(name="c", paths=("x",), sensitivity="public"),
        PackageSource(name="d", missing=Missing.SKIP),
    ]
    with pytest.raises(msgspec.ValidationError, match="unknown field `pathh`"):
        msgspec.convert({"kind": "folder", "name": "a", "path": "", "pathh": ""}, AnySource)


def test_a_folder_is_one_repository_or_one_each(tmp_path: Path) -> None:
    write(tmp_path, {"all/b/x.py": "b\n", "all/a/x.py": "a\n", "all/.hidden/x.py": "h\n"})
    one = planner(tmp_path).list_all([FolderSource(name="f", path="all")])
    assert [unit.repository for unit in one] == ["folder:f"]
    each = planner(tmp_path).list_all([FolderSource(name="f", path="all", each=True)])
    assert came(each) == {"folder:f/a\nx.py": "a\n", "folder:f/b\nx.py": "b\n"}
    with pytest.raises(SourceError, match="cannot be listed"):
        planner(tmp_path).list_all([FolderSource(name="f", path="gone", each=True)])


def test_a_folder_that_is_gone_is_one_drop(tmp_path: Path) -> None:
    units = planner(tmp_path).list_all([FolderSource(name="f", path="gone")])
    assert came(units) == {"folder:f\n": "unreadable"}


def test_two_sources_never_hold_the_same_repository(tmp_path: Path) -> None:
    write(tmp_path, {"x/a.py": "1\n"})
    sources = [FolderSource(name="f", path="x"), FolderSource(name="f", path=".")]
    with pytest.raises(RecipeError, match="f and f both hold folder:f; leave it out of one"):
        planner(tmp_path).list_all(sources)


def test_archives_are_found_by_globs(tmp_path: Path) -> None:
    write(tmp_path, {"tree/top/x.py": "1\n"})
    for ending in ("gztar", "zip"):
        shutil.make_archive(str(tmp_path / f"made-{ending}"), ending, tmp_path / "tree")
    units = planner(tmp_path).list_all([ArchiveSource(name="s", paths=("made-*",))])
    assert came(units) == {
        "archive:s/made-gztar\nx.py": "1\n",
        "archive:s/made-zip\nx.py": "1\n",
    }
    with pytest.raises(SourceError, match=r"s: there is no archive \*\.rar"):
        planner(tmp_path).list_all([ArchiveSource(name="s", paths=("*.rar",))])


def kept_package(tmp_path: Path, name: str = "left", sha256: str = "") -> Package:
    """Return a package whose tarball lies where fetched ones are kept."""
    write(tmp_path, {"pack/package/index.js": "1\n", "pack/package/old/x.js": "2\n"})
    folder = tmp_path / "packages" / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "pack", ".")
    return Package(name, "1.0.0", "MIT", sha256 or digest(path), ("old/*",), Origin.NPM)


def test_packages_of_the_recipe_or_of_the_source_are_read(tmp_path: Path) -> None:
    package = kept_package(tmp_path)
    expected = {"npm:left\nindex.js": "1\n", "npm:left\nold/x.js": "vendored"}
    told: list[str] = []
    of_recipe = planner(tmp_path, package, tell=told.append)
    units = of_recipe.list_all([PackageSource(name="p")])
    assert came(units) == expected
    assert told == ["npm:left 1.0.0"]
    assert came(planner(tmp_path).list_all([PackageSource(name="p", packages=(package,))])) == (
        expected
    )
    (unit,) = units
    assert (unit.declared, unit.revision, unit.sensitivity) == ("MIT", "1.0.0", "public")


def test_a_package_that_is_missing_ends_it_or_is_counted(tmp_path: Path) -> None:
    package = kept_package(tmp_path, sha256="0" * 64)
    with pytest.raises(SourceError, match="has the sha256"):
        planner(tmp_path, package).list_all([PackageSource(name="p")])
    package = kept_package(tmp_path, sha256="0" * 64)
    units = planner(tmp_path, package).list_all([PackageSource(name="p", missing=Missing.SKIP)])
    assert [unit.kind for unit in units] == [Kind.NOTHING]
    assert came(units) == {"npm:left\n": "unreadable"}


def test_what_is_refused_is_not_even_fetched(tmp_path: Path) -> None:
    places = Places(recipe=tmp_path, packages=tmp_path, repositories=tmp_path / "clones")
    rules = GatherRules(opted_out=("npm:left", "git:host.example/*"))
    sources: list[AnySource] = [
        PackageSource(name="p", packages=(Package("left", "1.0.0", "", "", origin=Origin.NPM),)),
        GitSource(name="g", address="https://host.example/owner/name"),
    ]
    told: list[str] = []
    units = Planner(places, rules, tell=told.append).list_all(sources)
    drops = [came for unit in units for came in read_unit(unit, rules)]
    assert [drop.key for drop in drops] == ["git:host.example/owner/name\n", "npm:left\n"]
    assert {drop.reason for drop in drops if isinstance(drop, Drop)} == {Reason.OPTED_OUT}
    assert not told
    assert not list(tmp_path.iterdir())


def write_rows(tmp_path: Path, rows: list[Mapping[str, object] | str]) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")


def row(repository: str, path: str, text: str, **more: str) -> Mapping[str, object]:
    return {"repository": repository, "path": path, "text": text} | more


def test_rows_are_read_by_repository_and_path(tmp_path: Path) -> None:
    write_rows(
        tmp_path,
        [
            row("b", "z.py", "1\n", revision="7", date="2026-01-01", licence="MIT"),
            row("a", "y.py", "2\n", date="2026-01-01T01:00:00+01:00"),
            "",
            row("b", "a.py", "3\n", date="soon"),
            row("b", "c.py", "\ud800"),
        ],
    )
    units = planner(tmp_path).list_all([RowSource(name="r", path="rows.jsonl", licence="ISC")])
    assert [(unit.repository, unit.revision, len(unit.rows)) for unit in units] == [
        ("jsonl:r", "", 1),
        ("jsonl:r/a", "", 1),
        ("jsonl:r/b", "7", 2),
    ]
    found = [item for unit in units for item in read_unit(unit, GatherRules())]
    assert [
        (item.key.partition("/")[2], item.text, item.date, item.declared)
        for item in found
        if isinstance(item, Record)
    ] == [
        ("a\ny.py", "2\n", "2026-01-01T00:00:00Z", "ISC"),
        ("b\na.py", "3\n", "", "ISC"),
        ("b\nz.py", "1\n", "2026-01-01T00:00:00Z", "MIT"),
    ]
    # Half of a character is no text, so nobody can say whose row that is.
    assert [(item.key[:12], item.reason.value) for item in found if isinstance(item, Drop)] == [
        ("jsonl:r\nrow ", "unreadable")
    ]


def test_bad_rows_are_counted_and_end_nothing(tmp_path: Path) -> None:
    write_rows(
        tmp_path,
        [
            "{no json",
            row("", "a.py", "1\n"),
            row("", "a.py", "again\n"),
            row("", "../b.py", "2\n"),
            '{"path": "c.py"}',
            '["list"]',
            row("x\ny", "d.py", "4\n"),
            row("", "e.py", "x" * 2000),
            row("", "f.py", "x" * 101),
            row("", "g.py", "last\n"),
        ],
    )
    units = planner(tmp_path, limit=100).list_all([RowSource(name="r", path="rows.jsonl")])
    found = came(units, limit=100)
    assert {key: said for key, said in found.items() if "row at byte" not in key} == {
        "jsonl:r\n../b.py": "unreadable",
        "jsonl:r\na.py": "1\n",
        "jsonl:r\nd.py": "4\n",
        "jsonl:r\nf.py": "too-large",
        "jsonl:r\ng.py": "last\n",
    }
    assert sorted(said for key, said in found.items() if "row at byte" in key) == [
        "too-large",
        *["unreadable"] * 4,
    ]


def test_fields_of_rows_have_the_names_of_the_recipe(tmp_path: Path) -> None:
    write_rows(tmp_path, [{"repo": "a", "file": "x.py", "content": "1\n"}])
    fields = RowFields(repository="repo", path="file", text="content")
    units = planner(tmp_path).list_all([RowSource(name="r", path="rows.jsonl", fields=fields)])
    assert came(units) == {"jsonl:r/a\nx.py": "1\n"}
    with pytest.raises(SourceError, match=r"gone\.jsonl cannot be read"):
        planner(tmp_path).list_all([RowSource(name="r", path="gone.jsonl")])
