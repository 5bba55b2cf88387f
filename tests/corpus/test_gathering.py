import gzip
import hashlib
import io
import os
import pickle
import random
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fimbul_models.corpus.gathering import GatherRules, opt_outs_in, read_unit
from fimbul_models.corpus.packages import Origin
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, Record, Role
from fimbul_models.corpus.units import Kind, Unit
from fimbul_models.errors import SourceError
from tests.corpus.repositories_made import write


def unit_of(place: Path, kind: Kind = Kind.FOLDER, **more: Any) -> Unit:
    values = {"source": "s", "repository": "folder:s", "sensitivity": "internal"} | more
    return Unit(kind=kind, place=str(place), **values)


def became(unit: Unit, rules: GatherRules | None = None) -> dict[str, str]:
    """Return what each path became: `code`, `legal`, or the reason why it was dropped."""
    found = list(read_unit(unit, rules or GatherRules()))
    paths = [came.key.partition("\n")[2] for came in found]
    assert paths == sorted(paths)
    return {path: said(came) for path, came in zip(paths, found, strict=True)}


def said(came: Record | Drop) -> str:
    if isinstance(came, Drop):
        return f"{came.reason.value}: {came.detail}" if came.detail else came.reason.value
    return came.role.value


def records(came: Iterable[Record | Drop]) -> dict[str, Record]:
    return {record.path: record for record in came if isinstance(record, Record)}


def test_a_folder_becomes_records_and_reasons(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "src/app.py": "x = 1\n",
            "src/latin.c": "/* caf\xe9 */\n".encode("latin-1"),
            "src/zero.py": b"a\0b",
            "big.sql": "x" * 101,
            "LICENSE": "MIT\n",
            "src/license.py": "y = 2\n",
            "node_modules/left/index.js": "z\n",
            "sub/.git/HEAD": "ref: x\n",
            "sub/other.py": "q = 1\n",
            ".git/config": "secret\n",
            "crates/a/.cargo-checksum.json": "{}",
            "crates/a/lib.rs": "fn main() {}\n",
            ".gitmodules": '[submodule "m"]\n\tpath = m/inner\n',
            "m/inner/a.py": "1\n",
            "m/own.py": "1\n",
        },
    )
    (tmp_path / "link.py").symlink_to("src/app.py")
    os.mkfifo(tmp_path / "pipe.py")
    assert became(unit_of(tmp_path), GatherRules(file_limit=100)) == {
        ".gitmodules": "code",
        "LICENSE": "legal",
        "big.sql": "too-large: 101 bytes",
        "crates/a/.cargo-checksum.json": "vendored: crate: crates/a",
        "crates/a/lib.rs": "vendored: crate: crates/a",
        "m/inner/a.py": "vendored: submodule: m/inner",
        "m/own.py": "code",
        "node_modules/left/index.js": "vendored: node_modules",
        "src/app.py": "code",
        "src/latin.c": "not-text",
        "src/license.py": "code",
        "src/zero.py": "not-text",
        "sub/other.py": "vendored: repository: sub",
    }


def test_a_record_says_where_it_came_from(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": b"\xef\xbb\xbfx = 1\r\n"})
    unit = unit_of(tmp_path, organisation="us", declared="MIT", revision="7")
    (record,) = read_unit(unit, GatherRules())
    assert record == Record(
        source="s",
        repository="folder:s",
        revision="7",
        path="a.py",
        text="x = 1\r\n",
        digest=hashlib.sha256(b"\xef\xbb\xbfx = 1\r\n").hexdigest(),
        organisation="us",
        sensitivity="internal",
        declared="MIT",
    )


def test_what_is_vendored_is_taken_if_the_recipe_says_so(tmp_path: Path) -> None:
    write(tmp_path, {"vendor/a.go": "package a\n"})
    assert became(unit_of(tmp_path)) == {"vendor/a.go": "vendored: vendor"}
    assert became(unit_of(tmp_path), GatherRules(vendored=True)) == {"vendor/a.go": "code"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("deps/lua/lua.c", "vendored: deps"),
        ("src/deps/lua.c", "code"),
        ("external/x.c", "vendored: external"),
        ("lib/externals/x.js", "code"),
        ("third-party/x.c", "vendored: third-party"),
        ("a/Third_Party/x.c", "vendored: a/Third_Party"),
        ("subprojects/core/x.java", "code"),
        ("subprojects/fcft/x.c", "code"),
        ("lib/esm/x.js", "code"),
        ("esm/x.js", "generated: built: esm"),
        ("a/build/x.js", "generated: built: a/build"),
        ("env/lib/x.py", "vendored: virtual environment: env"),
        ("vendored.py", "code"),
    ],
)
def test_what_is_foreign_is_told_by_folders(tmp_path: Path, path: str, expected: str) -> None:
    write(tmp_path, {path: "x\n", "env/pyvenv.cfg": "home\n"})
    assert became(unit_of(tmp_path, origin=Origin.NPM))[path] == expected


def test_subprojects_of_meson_are_foreign(tmp_path: Path) -> None:
    write(tmp_path, {"subprojects/fcft.wrap": "x\n", "subprojects/fcft/x.c": "x\n"})
    assert {*became(unit_of(tmp_path)).values()} == {"vendored: Meson: subprojects"}


def test_a_repository_says_itself_what_is_its_own(tmp_path: Path) -> None:
    attributes = (
        "# ours\nvendor/ours/** -linguist-vendored\n"
        "*.gen.go linguist-generated=true\nlib/copied.js linguist-vendored\n"
    )
    write(
        tmp_path,
        {
            ".gitattributes": attributes,
            "vendor/ours/a.go": "package a\n",
            "vendor/theirs/a.go": "package a\n",
            "x/y.gen.go": "package y\n",
            "lib/copied.js": "1\n",
        },
    )
    assert became(unit_of(tmp_path)) == {
        ".gitattributes": "code",
        "lib/copied.js": "vendored: .gitattributes",
        "vendor/ours/a.go": "code",
        "vendor/theirs/a.go": "vendored: vendor",
        "x/y.gen.go": "generated: .gitattributes",
    }


@pytest.mark.parametrize(
    ("rules", "more", "expected"),
    [
        (GatherRules(opted_out=("folder:*",)), {}, "opted-out: folder:s"),
        (GatherRules(), {"opted_out": ("folder:s",)}, "opted-out: folder:s"),
        (GatherRules(organisations=("us",)), {}, "organisation: not named"),
        (GatherRules(organisations=("us",)), {"organisation": "them"}, "organisation: them"),
        (
            GatherRules(refused_organisations=("th*",)),
            {"organisation": "them"},
            "organisation: them",
        ),
        (GatherRules(), {"sensitivity": "secret"}, "sensitivity: secret"),
        (GatherRules(), {"sensitivity": "unheard-of"}, "sensitivity: unheard-of"),
        (GatherRules(most_sensitive="public"), {}, "sensitivity: internal"),
        (
            GatherRules(levels=("low", "internal"), most_sensitive="low"),
            {},
            "sensitivity: internal",
        ),
        (GatherRules(opt_out_marks=(".no",)), {}, {"a.py": "code", "b/c.py": "opted-out: b/c.py"}),
        (
            GatherRules(opted_out=("folder:s/b/*",)),
            {},
            {"a.py": "code", "b/c.py": "opted-out: b/c.py"},
        ),
        (GatherRules(opted_out=("folder:t/b/*", "git:*")), {}, {"a.py": "code", "b/c.py": "code"}),
    ],
)
def test_who_does_not_take_part(
    tmp_path: Path, rules: GatherRules, more: Mapping[str, Any], expected: str | dict[str, str]
) -> None:
    write(tmp_path, {"a.py": "1\n", "b/c.py": "2\n", "b/.no": ""})
    found = became(unit_of(tmp_path, **more), rules)
    mark = found.pop("b/.no")
    if isinstance(expected, str):
        assert {*found.values(), mark} == {expected}
    else:
        assert found == expected


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="'pubic', which is none of the `levels`"):
        msgspec.convert({"most_sensitive": "pubic"}, GatherRules)


WATCHED = """
import sys
from fimbul_models.corpus.gathering import GatherRules, read_unit
from fimbul_models.corpus.units import Kind, Unit
opened = []
sys.addaudithook(lambda event, what: opened.append(str(what[0])) if event == "open" else None)
place, sensitivity = sys.argv[1:]
unit = Unit(
    kind=Kind.FOLDER, source="s", repository="r", place=place, sensitivity=sensitivity
)
came = list(read_unit(unit, GatherRules()))
print(len(came), sum(place in name for name in opened))
"""


@pytest.mark.parametrize(("sensitivity", "opened"), [("secret", 0), ("internal", 3)])
def test_nothing_is_read_of_what_is_refused(tmp_path: Path, sensitivity: str, opened: int) -> None:
    write(tmp_path, {"a.py": "1\n", ".gitattributes": "x\n"})
    command = [sys.executable, "-c", WATCHED, str(tmp_path), sensitivity]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # `.gitattributes` is opened twice: for what it says, and as a file.
    assert told.split() == ["2", str(opened)]


def test_a_list_of_who_opted_out_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("# Names.\ngit:host/owner/*\n\nnpm:x  # asked for it\n")
    assert opt_outs_in(path) == ("git:host/owner/*", "npm:x")
    with pytest.raises(SourceError, match="cannot be read"):
        opt_outs_in(tmp_path / "gone")


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1_700_000_000
            archive.addfile(member, io.BytesIO(content))
    return path


def test_a_source_tarball_is_read_without_its_top_folder(tmp_path: Path) -> None:
    files = {
        "p-1/src/b.c": b"int b;\n",
        "p-1/COPYING": b"GPL\n",
        "p-1/logo.png": b"\x89PNG",
        "p-1/dist/out.js": b"1\n",
        "p-1/huge.txt": b"x" * 101,
    }
    unit = unit_of(write_tar(tmp_path / "a.tgz", files), Kind.ARCHIVE, origin=Origin.DEBIAN)
    rules = GatherRules(file_limit=100)
    assert became(unit, rules) == {
        "COPYING": "legal",
        "dist/out.js": "generated: built: dist",
        "huge.txt": "too-large: 101 bytes",
        "logo.png": "not-text: by its name",
        "src/b.c": "code",
    }
    assert records(read_unit(unit, rules))["src/b.c"].date == "2023-11-14T22:13:20Z"


def test_of_a_refused_archive_names_are_counted(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tgz", {"p/a.py": b"1\n", "p/b.png": b"2\n"})
    found = became(unit_of(path, Kind.ARCHIVE, sensitivity="secret"))
    assert found == dict.fromkeys(("a.py", "b.png"), "sensitivity: secret")


def test_licences_of_a_wheel_stand_above_its_code(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (
            "pack/core.py",
            "a-1.dist-info/METADATA",
            "a-1.dist-info/RECORD",
            "a-1.dist-info/licenses/LICENSE",
            "a-1.dist-info/licenses/pack/inner/COPYING",
        ):
            archive.writestr(name, "x\n")
    assert became(unit_of(path, Kind.ARCHIVE, origin=Origin.WHEEL)) == {
        "LICENSE": "legal",
        "METADATA": "legal",
        "a-1.dist-info/RECORD": "generated: built: a-1.dist-info",
        "pack/core.py": "code",
        "pack/inner/COPYING": "legal",
    }


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_an_archive_that_cannot_be_read_is_one_drop(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.tgz"
    path.write_bytes(content)
    (drop,) = read_unit(unit_of(path, Kind.ARCHIVE), GatherRules())
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.key) == (Reason.UNREADABLE, "folder:s\n")
    assert "bad.tgz" in drop.detail
    assert str(tmp_path) not in drop.detail


@pytest.mark.parametrize("seed", range(60))
def test_no_damage_to_an_archive_ends_the_run(tmp_path: Path, seed: int) -> None:
    files = {f"p/{number}.py": b"x = 1\n" * 50 for number in range(5)}
    path = write_tar(tmp_path / "a.tgz", files) if seed % 2 else tmp_path / "a.zip"
    if not seed % 2:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    plain = seed % 4 == 1
    packed = path.read_bytes()
    damaged = bytearray(gzip.decompress(packed) if plain else packed)
    draw = random.Random(f"damage:{seed}")
    for _ in range(20):
        damaged[draw.randrange(len(damaged))] = draw.randrange(256)
    path.write_bytes(damaged)
    found = list(read_unit(unit_of(path, Kind.ARCHIVE), GatherRules()))
    assert found
    assert all(isinstance(came, Drop | Record) for came in found)


def test_an_archive_that_would_lead_out_is_one_drop(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tgz", {"p/a.py": b"1\n", "../../evil.py": b"1\n"})
    (drop,) = read_unit(unit_of(path, Kind.ARCHIVE), GatherRules())
    assert isinstance(drop, Drop)
    assert "leads out of it" in drop.detail


def test_names_that_cannot_be_shown_are_escaped_and_dropped(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "1\n"})
    for name in (b"bad\xff.py", b"new\nline.py", b"back\\slash.py"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("1\n")
    drops = became(unit_of(tmp_path))
    assert drops.pop("a.py") == "code"
    assert drops == dict.fromkeys(
        ("back\\slash.py", "bad\\xff.py", "new\\nline.py"), "unreadable: its name is not usable"
    )


def test_a_unit_that_could_not_be_had_says_why() -> None:
    unit = unit_of(Path(), Kind.NOTHING, problem="npm fetched no x")
    (drop,) = read_unit(unit, GatherRules())
    assert drop == Drop("folder:s\n", "gather", Reason.UNREADABLE, "npm fetched no x")


def test_units_travel_to_other_processes(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "1\n"})
    unit = unit_of(tmp_path, skip=("*.min.js",), origin=Origin.NPM)
    again = pickle.loads(pickle.dumps(unit))  # noqa: S301 - made one line above.
    assert again == unit
    assert list(read_unit(again, GatherRules())) == list(read_unit(unit, GatherRules()))
    assert Role.CODE.value in became(again).values()
