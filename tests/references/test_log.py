"""The list of what was accepted, and what others read of it."""

import csv
import hashlib
import io
import json
import stat
from pathlib import Path

import msgspec
import pytest

from lsp_server.errors import ReferencesError
from lsp_server.references.exports import COLUMNS, as_csv, as_notice, as_spdx
from lsp_server.references.log import Entry, Gone, Logged, ReferenceLog, read_log


def entry(number: int = 1, **more: object) -> Entry:
    made = Entry(
        id=f"id{number}",
        at=1_700_000_000.0,
        file="/w/a.py",
        first=2,
        last=3,
        language="python",
        model="m",
        share=0.5,
        project="wheel:intervals 1.0",
        path="intervals/core.py",
        line=8,
        licence="MIT",
        licence_class="permissive",
        link="",
        index="public",
        tokens=70,
    )
    return msgspec.structs.replace(made, **more)


@pytest.fixture
def log(tmp_path: Path) -> ReferenceLog:
    return ReferenceLog(tmp_path / "references" / "log.jsonl")


def test_the_last_word_about_an_entry_counts(log: ReferenceLog) -> None:
    log.write([entry(1), entry(2)])
    log.write([Gone(id="id1", at=5.0), entry(2, first=9, last=10), Gone(id="unknown", at=6.0)])
    assert read_log(log.file) == ([Logged(entry(1), 5.0), Logged(entry(2, first=9, last=10))], 0)
    assert log.of_file("/w/a.py") == [entry(2, first=9, last=10)]
    assert log.of_file("/w/b.py") == []


def test_it_is_for_its_owner_only(log: ReferenceLog) -> None:
    log.write([entry()])
    assert stat.S_IMODE(log.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.file.parent.stat().st_mode) == 0o700


def test_what_was_erased_does_not_come_back(log: ReferenceLog) -> None:
    log.write([Gone(id="id1", at=5.0)])
    assert not log.file.parent.exists()
    assert read_log(log.file) == ([], 0)


def test_lines_that_cannot_be_read_cost_themselves(log: ReferenceLog) -> None:
    log.write([entry(1)])
    with log.file.open("ab") as stream:
        stream.write(b'{"type":"moved","id":"id1"}\n\xff\n{"type":"acce')
    known, unread = read_log(log.file)
    assert ([one.entry.id for one in known], unread) == (["id1"], 3)


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(ReferencesError, match=r"log\.jsonl cannot be read"):
        read_log(tmp_path / "log.jsonl")


def test_csv() -> None:
    logged = [Logged(entry(1, file="=1+1.py")), Logged(entry(2, path="a,b\n.py"), 1_700_000_060.0)]
    head, one, other = csv.reader(io.StringIO(as_csv(logged)))
    assert head == list(COLUMNS)
    row = dict(zip(head, one, strict=True))
    # No table calculation takes it for a formula.
    assert row["file"] == "'=1+1.py"
    assert (row["at"], row["gone_at"]) == ("2023-11-14T22:13:20+00:00", "")
    assert (row["licence"], row["tokens"], row["from_model"]) == ("MIT", "70", "0.5")
    assert dict(zip(head, other, strict=True))["path"] == "a,b\n.py"
    assert other[-1] == "2023-11-14T22:14:20+00:00"


def test_notice() -> None:
    logged = [
        Logged(entry(1, link="https://example.org/i")),
        Logged(entry(2, file="/w/__init__.py", licence="", project="git:x/y")),
    ]
    lines = as_notice(logged).splitlines()
    assert lines[0] == "# Notice"
    assert "## git:x/y" in lines
    assert "Licence: no known licence" in lines
    assert "<https://example.org/i>" in lines
    assert (
        r"- /w/\_\_init\_\_.py, lines 2 to 3: 70 tokens (verbatim) as in intervals/core.py, line 8"
        in lines
    )
    assert "Nothing is listed." in as_notice([])


def test_spdx(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"one\r\ntwo\nthree\nfour\n")
    logged = [
        Logged(entry(1, file=str(file))),
        Logged(entry(2, file=str(file), licence="ask (me) first", project="git:x/y")),
        Logged(entry(3, file=str(tmp_path / "gone.py"))),
    ]
    found = json.loads(as_spdx(logged, created=1_700_000_000.0, version="1.2"))
    assert found["spdxVersion"] == "SPDX-2.3"
    assert found["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    other, package = found["packages"]
    assert (package["name"], package["versionInfo"]) == ("wheel:intervals", "1.0")
    assert package["licenseDeclared"] == "MIT"
    assert "gone.py" in package["comment"]
    assert other["licenseDeclared"] == "NOASSERTION"
    assert "ask (me) first" in other["comment"]
    (described,) = found["files"]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert digest in [one["checksumValue"] for one in described["checksums"]]
    assert set(described) == {
        "SPDXID",
        "fileName",
        "checksums",
        "licenseConcluded",
        "copyrightText",
    }
    first, second = found["snippets"]
    assert first["licenseInfoInSnippets"] == ["NOASSERTION"]
    assert second["licenseInfoInSnippets"] == ["MIT"]
    bytes_of, lines_of = second["ranges"]
    data = file.read_bytes()
    begin, end = bytes_of["startPointer"]["offset"], bytes_of["endPointer"]["offset"]
    assert data[begin - 1 : end] == b"two\nthree\n"
    assert (lines_of["startPointer"]["lineNumber"], lines_of["endPointer"]["lineNumber"]) == (2, 3)
    known = {one["SPDXID"] for kind in ("packages", "files", "snippets") for one in found[kind]}
    for relation in found["relationships"]:
        assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= known | {
            "SPDXRef-DOCUMENT"
        }
