"""`fimbul references`: indexes, files that exist, and what was accepted."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from lsp_server.cli import references
from lsp_server.cli.console import Console
from lsp_server.cli.doctor import examine
from lsp_server.cli.erase import KINDS, look
from lsp_server.cli.main import main
from lsp_server.config.paths import Paths
from lsp_server.references.log import Gone, ReferenceLog
from tests.references.published import BODY, HEADER, OTHER, build
from tests.references.test_log import entry
from tests.server.editor import write_script

Output = pytest.CaptureFixture[str]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "inner").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "a.py").write_text(f"import logging\n\n\n{HEADER}{BODY}", encoding="utf-8")
    (folder / "inner" / "b.py").write_text(f"def f(ledger):\n{OTHER}", encoding="utf-8")
    (folder / "data.bin").write_bytes(b"\0")
    monkeypatch.chdir(folder)
    return folder


def run(output: Output, *words: str) -> tuple[int, str, str]:
    status = main(["references", *words])
    said = output.readouterr()
    return status, said.out, said.err


# Indexes


def test_an_index_comes_and_goes(tmp_path: Path, paths: Paths, capsys: Output) -> None:
    status, out, _ = run(capsys, "list")
    assert status == 0
    assert "There are no reference indexes" in out
    made = build(tmp_path / "made")
    status, out, _ = run(capsys, "add", str(made))
    assert status == 0
    assert (paths.reference_indexes / "public.fimref").read_bytes() == made.read_bytes()
    status, out, _ = run(capsys, "list")
    assert out.startswith("public: 1 projects, 1 files")
    status, out, _ = run(capsys, "list", "--json")
    (one,) = json.loads(out)["indexes"]
    assert (one["name"], one["projects"], one["languages"]) == ("public", 1, {"python": 1})
    status, _, err = run(capsys, "add", str(made))
    assert status == 1
    assert "say --replace" in err
    assert run(capsys, "add", "--replace", str(made))[0] == 0
    status, out, _ = run(capsys, "verify")
    assert status == 0
    assert out.startswith("public: whole")
    assert run(capsys, "remove", "public")[0] == 0
    assert list(paths.reference_indexes.iterdir()) == []
    status, _, err = run(capsys, "remove", "public")
    assert status == 1
    assert "There is no index public" in err


def test_a_damaged_index_is_refused_and_named(tmp_path: Path, paths: Paths, capsys: Output) -> None:
    data = bytearray(build(tmp_path / "made").read_bytes())
    data[len(data) // 3] ^= 1
    damaged = tmp_path / "public.fimref"
    damaged.write_bytes(data)
    status, _, err = run(capsys, "add", str(damaged))
    assert status == 1
    assert "is damaged" in err
    assert not paths.reference_indexes.exists()
    # One that has got there all the same is found, and can be taken away by its file's name.
    paths.reference_indexes.mkdir(parents=True)
    (paths.reference_indexes / "x.fimref").write_bytes(data[:500])
    _, _, err = run(capsys, "list")
    assert "x.fimref is cut off or half built" in err
    assert run(capsys, "verify")[0] == 1
    assert run(capsys, "remove", "x")[0] == 0


def test_the_machine_says_which_indexes_may_be_used(
    tmp_path: Path, paths: Paths, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[policy]\nallowed_indexes = ["company"]\n')
    monkeypatch.setattr("lsp_server.config.paths._policy_file", lambda: policy)
    status, _, err = run(capsys, "add", str(build(tmp_path / "made")))
    assert status == 1
    assert "policy.allowed_indexes" in err
    build(paths.reference_indexes)
    build(paths.reference_indexes, "company", project="folder:shared")
    status, out, err = run(capsys, "list")
    assert out.startswith("company: ")
    assert "The index public is not used" in err


def test_whoever_waits_is_told(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "_SLOW", 0.01)
    deadline = time.monotonic() + 60
    told: list[str] = []

    def work() -> int:
        while not told and time.monotonic() < deadline:
            if said := capsys.readouterr().err:
                told.append(said)
            time.sleep(0.01)
        return 7

    assert references._patiently(Console.standard(), "Reading x", work) == 7
    assert told[0].startswith("Reading x: 0 s")


# Files that exist


def test_what_resembles_code_is_said(work: Path, paths: Paths, capsys: Output) -> None:
    build(paths.reference_indexes)
    status, out, err = run(capsys, "check", "a.py", "inner")
    assert status == references.FOUND
    assert err == ""
    first, last = out.splitlines()
    assert first.split("  ") == [
        "a.py:4-18",
        "annotate",
        "MIT",
        "159 tokens verbatim",
        "wheel:intervals 1.0, intervals/core.py:1",
    ]
    assert last == "1 found in 2 files; 0 others were left out."
    assert run(capsys, "check", "inner")[0] == 0
    assert run(capsys, "check", ".", "--fail", "block")[0] == 0
    assert run(capsys, "check", ".", "--fail", "never")[0] == 0
    (work / ".fimbul.toml").write_text('[references.policy]\npermissive = "block"\n')
    assert run(capsys, "check", ".", "--fail", "block")[0] == references.FOUND


def test_what_is_allowed_is_nothing_to_tell(work: Path, paths: Paths, capsys: Output) -> None:
    build(paths.reference_indexes)
    paths.user_file.parent.mkdir(parents=True)
    paths.user_file.write_text('[references]\nlicences = ["MIT"]\n')
    status, out, _ = run(capsys, "check", ".")
    assert status == 0
    assert out.splitlines() == ["0 found in 2 files; 2 others were left out."]


def test_what_means_nothing_is_shown_with_its_rule(
    work: Path, paths: Paths, capsys: Output
) -> None:
    build(paths.reference_indexes, project=f"folder:{work.name}")
    status, out, _ = run(capsys, "check", ".")
    assert status == 0
    assert "0 found" in out
    status, out, _ = run(capsys, "check", ".", "--suppressed")
    assert status == 0
    assert "not told (own-project)" in out


def results(sarif: str) -> list[Any]:
    (found,) = json.loads(sarif)["runs"]
    return list(found["results"])


def test_other_programs_read_it(work: Path, paths: Paths, capsys: Output) -> None:
    build(paths.reference_indexes, licence="GPL-3.0-only", licence_class="copyleft")
    status, out, _ = run(capsys, "check", ".", "--format", "json")
    assert status == references.FOUND
    found = json.loads(out)
    assert found["files"] == 2
    (one,) = found["findings"]
    assert (one["file"], one["first"], one["last"], one["verdict"]) == ("a.py", 4, 18, "block")
    assert one["sources"][0]["licence"] == "GPL-3.0-only"
    sarif = work / "out.sarif"
    status, out, _ = run(capsys, "check", ".", "--format", "sarif", "--output", str(sarif))
    assert (status, out) == (references.FOUND, "")
    document = json.loads(sarif.read_text())
    assert document["version"] == "2.1.0"
    (result,) = results(sarif.read_text())
    assert (result["ruleId"], result["level"]) == ("references/copyleft", "error")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a.py"
    assert place["region"] == {"startLine": 4, "endLine": 18}
    rules = document["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["references/copyleft"]


def test_nothing_is_fine_only_if_it_was_compared(work: Path, paths: Paths, capsys: Output) -> None:
    status, _, err = run(capsys, "check", ".")
    assert status == references.NOT_CHECKED
    assert "Nothing can be compared" in err
    made = build(paths.reference_indexes)
    (paths.reference_indexes / "x.fimref").write_bytes(made.read_bytes()[:500])
    status, _, err = run(capsys, "check", "inner")
    assert status == references.NOT_CHECKED
    assert "x.fimref is cut off" in err
    status, _, err = run(capsys, "check", "no-such-file.py")
    assert status == references.NOT_CHECKED
    assert "no-such-file.py cannot be read" in err
    other = work.parent / "other"
    build(other)
    assert run(capsys, "check", "inner", "--indexes", str(other))[0] == 0


# What was accepted


def test_the_list_and_its_exports(work: Path, paths: Paths, capsys: Output) -> None:
    assert run(capsys, "log")[1] == "Nothing is listed.\n"
    log = ReferenceLog(paths.reference_log)
    log.write([entry(1, file=str(work / "a.py")), entry(2), Gone(id="id2", at=5.0)])
    status, out, _ = run(capsys, "log")
    assert status == 0
    assert out.startswith(f"{work / 'a.py'}:2-3: 70 tokens the same as in wheel:intervals 1.0")
    assert len(out.splitlines()) == 1
    status, out, _ = run(capsys, "log", "--gone")
    assert "/w/a.py:2-3 (gone): 70 tokens" in out
    assert run(capsys, "log", "inner")[1] == "Nothing is listed.\n"
    status, out, _ = run(capsys, "log", "--json", ".")
    assert [one["id"] for one in json.loads(out)["entries"]] == ["id1"]
    status, out, _ = run(capsys, "export")
    assert out.splitlines()[0].startswith("at,file,")
    notice = work / "NOTICE.md"
    assert run(capsys, "export", "--format", "notice", "--output", str(notice))[0] == 0
    assert "## wheel:intervals 1.0" in notice.read_text()
    status, out, _ = run(capsys, "export", "--format", "spdx")
    assert [one["name"] for one in json.loads(out)["packages"]] == ["wheel:intervals"]
    status, _, err = run(capsys, "export", "--output", str(work / "none" / "x.csv"))
    assert status == 1
    assert "x.csv cannot be written" in err


def test_it_can_be_erased(paths: Paths) -> None:
    ReferenceLog(paths.reference_log).write([entry()])
    build(paths.reference_indexes)
    kinds = {kind.name: kind for kind in KINDS}
    assert look(kinds["references"], paths).files == 1
    assert look(kinds["reference-indexes"], paths).files == 1


def test_doctor_names_the_indexes(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsp_server.cli.doctor._model", no_model)

    def found() -> dict[str, Any]:
        return {finding.name: finding for finding in examine(paths)}

    assert found()["References"].found.startswith("no index")
    made = build(paths.reference_indexes)
    (paths.reference_indexes / "x.fimref").write_bytes(made.read_bytes()[:500])
    finding = found()["References"]
    assert finding.found == "public (1 projects)"
    assert "x.fimref is cut off" in finding.advice
    assert finding.advice.endswith("Suggestions go on without.")
    assert found()["Reference log"].found == str(paths.reference_log)
    paths.user_file.parent.mkdir(parents=True)
    paths.user_file.write_text("[references]\nenable = false\n")
    assert "not compared" in found()["References"].found


def no_model(_paths: Paths, _settings: object) -> tuple[None, Any]:
    from lsp_server.cli.doctor import Finding

    return None, Finding("Model", "none")


def test_a_suggestion_in_the_terminal_is_compared_too(
    work: Path, paths: Paths, capsys: Output
) -> None:
    build(paths.reference_indexes)
    script = write_script(work, {"after": "gap=0):\n    ", "answer": BODY.strip()})
    (work / "c.py").write_text(f"{HEADER}    \n", encoding="utf-8")
    words = ["complete", "c.py:2", "--engine", "scripted", "--script", str(script)]
    words += ["--set", "completion.show=all", "--set", "completion.body_tokens=2000"]
    words += ["--set", "context.index=false"]
    assert main([*words, "--json"]) == 0
    (reference,) = json.loads(capsys.readouterr().out)["references"]
    assert reference["project"] == "wheel:intervals 1.0"
    assert main(words) == 0
    assert "It resembles published code:\n159 tokens the same" in capsys.readouterr().out
    assert main([*words, "--set", "references.policy_permissive=block"]) == 2
    assert "MIT: wheel:intervals 1.0." in capsys.readouterr().out
    assert main([*words, "--set", "references.enable=false"]) == 0
    assert "resembles" not in capsys.readouterr().out
