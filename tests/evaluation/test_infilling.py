import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fimbul_models.evaluation.caching import caching_worker_command
from fimbul_models.evaluation.driver import SERVER_COMMAND
from fimbul_models.evaluation.items import Item, write_items
from fimbul_models.main import main

Command = Callable[..., tuple[str, ...]]
MakeItem = Callable[..., Item]

N = 5


@pytest.fixture
def items(tmp_path: Path, make_item: MakeItem) -> Path:
    """Write five items: two answered right, one half right, one wrong, one not at all."""
    suffixes = ("b = 1", "b = 1", "b = 2", "zzz")
    rows = [
        make_item(f"t{number}", suffix=f"\n# answer:{text}\n", kind="even" if number % 2 else "odd")
        for number, text in enumerate(suffixes, start=1)
    ]
    path = tmp_path / "items.jsonl"
    write_items(path, [*rows, make_item(f"t{N}", suffix="\n", kind="odd")])
    return path


def evaluate(items: Path, command: tuple[str, ...], *more: str) -> int:
    return main(["evaluate", "--items", str(items), "--server", shlex.join(command), *more])


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return line


def test_the_last_line_sums_up_each_kind(
    items: Path, server_command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(items, server_command()) == 0
    runs = last_line(capsys)["runs"]
    assert {kind: row["n"] for kind, row in runs["default"].items()} == {
        "odd": 3, "even": 2, "all": 5,
    }  # fmt: skip
    assert runs["default"]["all"]["exact"] == 0.4
    assert runs["default"]["odd"]["empty"] == 1
    assert runs["default"]["even"]["empty"] == 0


def test_the_table_names_the_reasons_of_silence(
    items: Path, server_command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(items, server_command())
    table = capsys.readouterr().out
    assert "1 empty" in table
    assert "40.0" in table


def test_runs_are_compared_with_the_first(
    items: Path, server_command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(items, server_command(), "--run", "a", "--run", "b:prompt.order=spm")
    line = last_line(capsys)
    assert list(line["runs"]) == ["a", "b"]
    assert line["exact_differences"]["b"]["all"] == [0, 0, 0]


def asked(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_a_run_that_was_killed_goes_on_where_it_was(
    items: Path, server_command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = ("--output", str(tmp_path / "kept"))
    log = tmp_path / "log"
    command = server_command("ready", str(log))
    (tmp_path / "crash").touch()
    assert evaluate(items, command, *kept) == 1
    (tmp_path / "crash").unlink()
    assert "gives up" in capsys.readouterr().err
    assert asked(log) == 3  # Two were answered, the third one killed the server.
    (file,) = (tmp_path / "kept").glob("default-*.jsonl")
    # As if the machine had stopped in the middle of a line.
    file.write_bytes(file.read_bytes() + b'{"task_id":"t3","it')
    assert evaluate(items, command, *kept) == 0
    assert asked(log) == 3 + N - 2
    assert last_line(capsys)["runs"]["default"]["all"]["exact"] == 0.4
    assert evaluate(items, command, *kept) == 0
    assert asked(log) == 3 + N - 2
    assert len(file.read_bytes().splitlines()) == 1 + N


def test_other_options_and_changed_items_are_asked_again(
    items: Path, server_command: Command, tmp_path: Path, make_item: MakeItem
) -> None:
    log = tmp_path / "log"
    command = server_command("ready", str(log))
    kept = ("--output", str(tmp_path / "kept"))
    evaluate(items, command, *kept, "--run", "a")
    evaluate(items, command, *kept, "--run", "a:context.suffix_tokens=8")
    assert asked(log) == 2 * N
    write_items(items, [make_item("t1", suffix="\n# answer:other\n")])
    evaluate(items, command, *kept, "--run", "a")
    assert asked(log) == 2 * N + 1


def test_results_hold_every_answer(items: Path, server_command: Command, tmp_path: Path) -> None:
    evaluate(items, server_command(), "--output", str(tmp_path / "kept"))
    results = json.loads((tmp_path / "kept" / "results.json").read_bytes())
    answers = {row["task_id"]: row for row in results["answers"]["default"]}
    assert answers["t1"]["exact"] is True
    assert (answers["t3"]["text"], answers["t3"]["expected"]) == ("b = 2", "b = 1")
    assert (answers["t5"]["text"], answers["t5"]["reason"]) == ("", "empty")
    assert answers["t3"]["similarity"] == pytest.approx(0.8)


def test_a_limit_takes_the_first_of_a_seeded_shuffle(
    items: Path, server_command: Command, tmp_path: Path
) -> None:
    chosen = []
    for folder, seed in (("one", "3"), ("two", "3"), ("three", "4")):
        kept = tmp_path / folder
        limits = ("--limit", "2", "--seed", seed, "--output", str(kept))
        evaluate(items, server_command(), *limits)
        results = json.loads((kept / "results.json").read_bytes())
        chosen.append([row["task_id"] for row in results["answers"]["default"]])
    assert len(chosen[0]) == 2
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--run", "a:prompt.order=sideways"), "one of auto"),
        (("--run", "a", "--run", "a"), "same name"),
        (("--server", "./no-such-server"), "does not start"),
        (("--limit", "0"), "no items"),
        (("--ablate",), "no item of a kind cross/"),
        (("--run", "a:context.sources=", "--ablate"), "no item of a kind cross/"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    items: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert main(["evaluate", "--items", str(items), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("fimbul-models: ")
    assert says in error


@pytest.fixture
def project(tmp_path: Path, make_item: MakeItem) -> tuple[Path, Path]:
    """Write three items of two projects, and the projects; the first two need another file."""
    for name in ("one", "two"):
        (tmp_path / "projects" / name / "pack").mkdir(parents=True)
        (tmp_path / "projects" / name / "pack" / "a.py").write_text("b = 1\n")
    kind = {"path": "pack/a.py", "kind": "cross/after-dot", "identifier": "b"}
    definition = {"definition": "answer:b = 1", "definition_path": "pack/b.py"}
    rows = [
        make_item("t1", suffix="\n# answer:x\n", project="one", **kind, **definition),
        make_item("t2", suffix="\n# answer-twin:b = 1\n# answer:x\n", project="two", **kind),
        make_item("t3", path="pack/a.py", project="two", kind="natural/line-start"),
    ]
    path = tmp_path / "items.jsonl"
    write_items(path, rows)
    return path, tmp_path / "projects"


def test_the_oracle_sees_the_definition(
    project: tuple[Path, Path], server_command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    items, folder = project
    runs = ("--run", "none:context.sources=", "--run", "all", "--oracle=comment")
    assert evaluate(items, server_command(), *runs, "--workspaces", str(folder)) == 0
    line = last_line(capsys)
    assert {name: row["cross/after-dot"]["exact"] for name, row in line["runs"].items()} == {
        "none": 0, "all": 0, "oracle-comment": 0.5,
    }  # fmt: skip
    assert line["oracle_gain_shares"] == {"all": {"cross/after-dot": [0, 0, 0], "all": [0, 0, 0]}}


def test_a_source_that_helps_shows_in_the_ablation(
    project: tuple[Path, Path],
    server_command: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    items, folder = project
    kept = tmp_path / "kept"
    options = (
        "--run",
        "none:context.sources=",
        "--run",
        "a:context.sources=twin+tabs,context.hint_tokens=0",
    )
    places = ("--workspaces", str(folder), "--output", str(kept))
    assert evaluate(items, server_command(), *options, "--ablate", "2", *places) == 0
    line = last_line(capsys)
    assert line["n"] == 2
    assert line["left_out"] == {"twin": -0.5, "tabs": 0}
    assert line["alone"] == {"twin": 0.5, "tabs": 0}
    values = json.loads((kept / "ablation.json").read_bytes())
    assert [row["taken"] for row in values["sources"]] == [1, 0]


def test_typed_answers_are_others_than_opened_ones(
    items: Path, server_command: Command, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    kept = ("--output", str(tmp_path / "kept"))
    command = server_command("ready", str(log))
    evaluate(items, command, *kept)
    evaluate(items, command, *kept, "--reach", "typing", "--typing-asks", "never")
    assert asked(log) == N + 2 * N  # Where typing begins, too.
    evaluate(items, command, *kept, "--reach", "typing", "--typing-asks", "never")
    assert asked(log) == 3 * N
    evaluate(items, command, *kept, "--reach", "typing", "--typed-lines", "0")
    assert asked(log) == 4 * N  # There is nothing left to type.


def test_items_of_projects_need_their_files(
    project: tuple[Path, Path], server_command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(project[0], server_command()) == 1
    assert "--recipe" in capsys.readouterr().err


def test_other_files_around_the_items_are_asked_about_again(
    project: tuple[Path, Path], server_command: Command, tmp_path: Path
) -> None:
    items, folder = project
    log = tmp_path / "log"
    command = server_command("ready", str(log))
    places = ("--workspaces", str(folder), "--output", str(tmp_path / "kept"))
    for count, content in ((3, "b = 1\n"), (3, "b = 1\n"), (6, "b = 2\n")):
        (folder / "two" / "pack" / "a.py").write_text(content)
        evaluate(items, command, *places)
        assert asked(log) == count


def test_prompts_that_are_known_need_no_engine(
    items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    script = tmp_path / "script.toml"
    script.write_text('[[rules]]\nanswer = "b = 1"\n')
    kept, prompts = tmp_path / "kept", tmp_path / "prompts.jsonl"
    worker = shlex.join(caching_worker_command(prompts, "scripted", script))
    command = (*SERVER_COMMAND, "--engine", "scripted", "--worker", worker)
    for run, known in (("a", 1), ("b", N)):  # Two items are the same.
        options = ("--run", run, "--prompts", str(prompts), "--output", str(kept))
        assert evaluate(items, command, *options) == 0
        (summary,) = [
            row
            for row in json.loads((kept / "results.json").read_bytes())["summaries"]
            if row["group"] == "all"
        ]
        assert (summary["kept"], summary["exact"]["mean"]) == (known, 1)


def test_kept_answers_of_another_version_are_judged_beside_new_ones(
    items: Path, server_command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(items, server_command(), "--output", str(tmp_path / "old"), "--run", "old")
    (file,) = (tmp_path / "old").glob("old-*.jsonl")
    capsys.readouterr()
    log = tmp_path / "log"
    command = server_command("ready", str(log))
    assert evaluate(items, command, "--answers", f"before={file}") == 0
    line = last_line(capsys)
    assert not log.exists()
    assert list(line["runs"]) == ["before"]
    assert line["runs"]["before"]["all"]["exact"] == 0.4
    # Of answers that end early the items are left out that they lack.
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:3]))
    both = ("--answers", f"before={file}", "--run", "after")
    assert evaluate(items, command, *both) == 0
    told = capsys.readouterr()
    assert "3 items are left out" in told.err
    found = json.loads(told.out.splitlines()[-1])
    assert [row["all" if "all" in row else "odd"]["n"] for row in found["runs"].values()] == [2, 2]
    assert list(found["exact_differences"]) == ["after"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--answers", "a"), "write NAME=FILE"),
        (("--answers", "a=x", "--run", "a"), "both named a"),
        (("--answers", "a=x"), "holds no answers"),
        (("--pass-rate",), "No item carries a test"),
    ],
)
def test_what_cannot_be_judged_is_said(
    items: Path,
    server_command: Command,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert evaluate(items, server_command(), *arguments) == 1
    assert says in capsys.readouterr().err


def test_the_pass_rate_stands_beside_the_exact_matches(
    server_command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {
            "task_id": f"SingleLineInfilling/HumanEval/{number}/L0",
            "entry_point": "f",
            "prompt": "def f(x):\n",
            "suffix": f"    return x\n# answer:{answer}\n",
            "canonical_solution": "    x += 1\n",
            "test": "def check(f):\n    assert f(1) == 2\n",
        }
        for number, answer in enumerate(("    x += 1", "    x = x + 1", "    x += 2", "    (x"))
    ]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = shlex.join(server_command())
    kept = ("--output", str(tmp_path / "kept"))
    arguments = ["evaluate", "--humaneval", str(data), "--server", command, "--pass-rate", *kept]
    assert main(arguments) == 0
    table, line = capsys.readouterr().out.rsplit("\n", 2)[0:2]
    found = json.loads(line)["runs"]["default"]["SingleLineInfilling"]
    assert (found["exact"], found["passed"], found["parses"]) == (0.25, 0.5, 0.75)
    assert "passes %" in table
    verdicts = (tmp_path / "kept" / "verdicts.jsonl").read_bytes()
    assert main(arguments) == 0
    assert (tmp_path / "kept" / "verdicts.jsonl").read_bytes() == verdicts
