"""`fimbul explain --last`, and what `fimbul doctor` says of it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsp_server.cli.doctor import Finding, as_markdown, examine
from lsp_server.cli.last import newest
from lsp_server.cli.main import main
from lsp_server.completion.fate_log import FateLog
from lsp_server.completion.fates import RequestFate, Tally
from lsp_server.config.paths import Paths
from lsp_server.config.private import session_name
from lsp_server.types import RejectionReason

NOW = time.time()
FATES = [
    RequestFate(at=NOW + 1.0, file="a.py", language="python", line=1, column=5, origin="model"),
    RequestFate(
        at=NOW + 2.0, file="a.py", language="python", line=2, column=1, reason="cancelled", count=3
    ),
    RequestFate(at=NOW + 3.0, file="a.py", language="python", line=2, column=4, reason="empty"),
]


@pytest.fixture
def running(paths: Paths) -> FateLog:
    """A server that is this process."""
    log = FateLog(paths.requests, "1")
    log.write(FATES)
    return log


def ended(paths: Paths, *fates: dict[str, Any]) -> None:
    paths.requests.mkdir(parents=True, exist_ok=True)
    head = {"started": 1000.0, "pid": 999_999_999, "version": "0", "schema": 1}
    lines = [json.dumps(one) for one in (head, *fates)]
    (paths.requests / f"{session_name(1000.0, 1)}.jsonl").write_text("\n".join(lines) + "\n")


def test_the_newest_server_is_told(
    paths: Paths, running: FateLog, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(paths, {"at": 1, "reason": "unsure"})
    assert main(["explain", "--last"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.endswith(", running")
    assert "  a.py:1:5, python" in lines[0]
    assert lines[-2].strip() == f"nothing was shown. {RejectionReason.EMPTY.explanation}"
    assert lines[-1] == "5 requests, 1 answered with a suggestion; not: cancelled 3, empty 1"
    assert "unsure" not in "".join(lines)


def test_what_was_replaced_and_which_limits_were_reached_is_told(
    paths: Paths, running: FateLog, capsys: pytest.CaptureFixture[str]
) -> None:
    running.write([], Tally({"jwt": 2, "aws": 1}, {"parse_size": 3}))
    assert main(["explain", "--last"]) == 0
    secrets, limits = capsys.readouterr().out.splitlines()[-2:]
    assert secrets == "secret values replaced in its documents: 3 (1 aws, 2 jwt)"
    assert limits == "limits reached: 3 (3 parse_size)"
    assert newest(paths.requests).endswith(f"; {secrets}; {limits}")
    assert main(["explain", "--last", "--json"]) == 0
    (server,) = json.loads(capsys.readouterr().out)["servers"]
    assert (server["replaced"], server["limits"]) == ({"jwt": 2, "aws": 1}, {"parse_size": 3})


def test_so_many_as_are_asked_for(running: FateLog, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--last", "1"]) == 0
    shown = capsys.readouterr().out
    assert "a.py:2:4" in shown
    assert "a.py:1:5" not in shown


def test_all_servers(paths: Paths, running: FateLog, capsys: pytest.CaptureFixture[str]) -> None:
    ended(paths, {"at": 1, "reason": "unsure"})
    assert main(["explain", "--last", "--all"]) == 0
    shown = capsys.readouterr().out
    assert shown.index(", ended") < shown.index(", running")
    assert RejectionReason.UNSURE.explanation in shown


def test_as_json(paths: Paths, running: FateLog, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--last", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["folder"], found["requests"]) == (str(paths.requests), True)
    (server,) = found["servers"]
    assert server["running"] is True
    assert server["file"] == str(running.file)
    assert server["counts"] == {"shown": 1, "cancelled": 3, "empty": 1}
    assert [one["reason"] for one in server["requests"]] == ["cancelled", "empty"]
    assert server["requests"][1]["explanation"] == RejectionReason.EMPTY.explanation


def test_without_any_server_it_says_where_to_look(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--last"]) == 2
    shown = capsys.readouterr().out
    assert f"No server has left word in {paths.requests}." in shown
    assert "fimbul serve" in shown
    assert "fimbul.explain" in shown
    assert main(["explain", "--last", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["servers"] == []


def test_a_server_that_was_not_asked_says_so(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(paths)
    assert main(["explain", "--last"]) == 2
    assert "never asked for anything" in capsys.readouterr().out
    FateLog(paths.requests, "1").write([])
    assert main(["explain", "--last"]) == 2
    assert "has not been asked for anything yet" in capsys.readouterr().out


def test_it_says_when_nothing_is_written(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    paths.config.mkdir(parents=True)
    paths.user_file.write_text("[log]\nrequests = false\n")
    assert main(["explain", "--last"]) == 2
    assert "log.requests = false" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--last", "0"), "a number from 1 on"),
        (("a.py:1:1", "--last"), "leave out FILE:LINE:COLUMN"),
        ((), "Name a place"),
    ],
)
def test_wrong_arguments(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 1
    assert said in capsys.readouterr().err


# doctor


def findings(paths: Paths) -> Iterator[Finding]:
    wanted = ("Requests", "Request files", "Log files")
    return (finding for finding in examine(paths) if finding.name in wanted)


def test_doctor_counts_the_reasons(paths: Paths, running: FateLog) -> None:
    requests, files, logs = findings(paths)
    assert requests.found.endswith("not: cancelled 3, empty 1")
    assert files == Finding("Request files", str(paths.requests))
    assert logs == Finding("Log files", f"{paths.logs} (not there)")
    assert "a.py" not in as_markdown([requests, files, logs])


def test_doctor_finds_what_cannot_be_written(paths: Paths) -> None:
    paths.state.parent.mkdir(parents=True, exist_ok=True)
    paths.state.write_text("")
    requests, files, logs = findings(paths)
    assert requests.found == "no server has left word"
    assert "log.requests = false" in files.advice
    assert "log.file = false" in logs.advice


def test_doctor_says_what_is_off(paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.user_file.write_text("[log]\nrequests = false\nfile = false\n")
    requests, files, logs = findings(paths)
    assert requests.found == "not kept"
    assert files.found == "none (log.requests is off)"
    assert logs.found == "none (log.file is off)"


def test_an_empty_session_is_named(paths: Paths, tmp_path: Path) -> None:
    FateLog(paths.requests, "1").write([])
    requests, _, _ = findings(paths)
    assert requests.found.endswith("running: nothing was asked yet")
