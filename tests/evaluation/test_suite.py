"""Several kinds of items judged in one call, items of a repository of one's own among them."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from fimbul_models.evaluation.driver import Answer
from fimbul_models.evaluation.items import Item, write_items
from fimbul_models.evaluation.page import SILENT, by_surface, page
from fimbul_models.evaluation.report import judge, make_report
from fimbul_models.main import main
from tests.adoption.judged import make_repository
from tests.corpus.repositories_made import git

Command = Callable[..., tuple[str, ...]]
MakeItem = Callable[..., Item]


def test_public_items_and_ones_own_are_judged_together(
    tmp_path: Path,
    server_command: Command,
    make_item: MakeItem,
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository = make_repository(tmp_path / "own")
    write_items(tmp_path / "one.jsonl", [make_item("one", kind="public")])
    write_items(tmp_path / "two.jsonl", [make_item("two", kind="other")])
    output = tmp_path / "out"
    files = [f"--items={tmp_path / name}" for name in ("one.jsonl", "two.jsonl")]
    server = ["--server", shlex.join(server_command("ready", str(tmp_path / "log")))]
    runs = ["--run", "a", "--run", "b:engine.adapter_percent=50"]
    own = ["--repository", str(repository), "--per-kind", "2"]
    assert main(["evaluate", *files, *own, *server, *runs, "--output", str(output)]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    groups = said["runs"]["b"]
    assert groups["public"]["n"] == groups["other"]["n"] == 1
    assert groups["later"]["n"] > 0
    assert groups["files"]["n"] > 0
    # The server has the repository's files as a workspace of their own, elsewhere.
    (folders,) = {
        line["folders"]["own"]
        for line in map(json.loads, (tmp_path / "log.events").read_text().splitlines())
        if line["event"] == "initialize"
    }
    assert not folders.startswith(repository.as_uri())
    assert git(repository, "status", "--porcelain") == ""
    text = (output / "page.html").read_text()
    assert "Evaluation of a and b" in text
    assert "later" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text


def test_nothing_to_complete_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate"]) == 1
    assert "give --items, --humaneval, --repository" in capsys.readouterr().err
    assert main(["evaluate", "--since", "HEAD~1"]) == 1
    assert "--repository" in capsys.readouterr().err


def test_the_page_shows_runs_side_by_side_and_by_surface(make_item: MakeItem) -> None:
    items = [make_item(f"t{number}", answer="b = 1", kind=f"k/{number % 2}") for number in range(8)]
    silent = {item.task_id: Answer("", "unsure") for item in items[:2]}
    shown = {item.task_id: Answer("b = 1", surface="line") for item in items[2:]}
    wrong = {item.task_id: Answer("c = <2>", surface="body") for item in items}
    runs = {"first": judge(items, wrong), "second": judge(items, silent | shown)}
    found = by_surface(runs["second"])
    assert {name: (one.n, one.mean) for name, one in found.items()} == {
        "line": (6, 1.0),
        SILENT: (2, 0.0),
    }
    text = page(runs, make_report(runs))
    assert "Against first" in text
    assert "+75.0" in text
    assert "<td>body</td>" in text
    assert "<td>python</td><td>8</td><td>75.0 [" in text
    # Answers are code, and stay out of it.
    assert "c = " not in text
