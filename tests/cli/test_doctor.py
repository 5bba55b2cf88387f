import socket
import sys
from pathlib import Path

import pytest

from lsp_server.cli.doctor import Finding, as_markdown, as_text, examine, limits
from lsp_server.cli.main import main
from lsp_server.cli.privacy import findings
from lsp_server.config.modes import in_force
from lsp_server.config.options import LimitOptions, Settings
from lsp_server.config.paths import Paths


def test_a_missing_model_is_found_with_advice(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "! Model:" in shown
    assert "fimbul models pull" in shown
    assert str(paths.models) in shown


def test_a_bad_setting_is_found(paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.user_file.write_text("[completion]\nmax_tokens = 'many'\n")
    (finding,) = (finding for finding in examine(paths) if finding.name == "Settings")
    assert str(paths.user_file) in finding.found
    assert "completion.max_tokens" in finding.advice


def test_a_report_hides_the_home_folder() -> None:
    findings = [Finding("Models", f"{Path.home()}/models", "a | b")]
    report = as_markdown(findings)
    assert str(Path.home()) not in report
    assert "~/models" in report
    assert "a \\| b" in report
    assert "→ a | b" in as_text(findings)


def test_no_server_is_the_rule(paths: Paths) -> None:
    (finding,) = (finding for finding in examine(paths) if finding.name == "Server")
    assert finding == Finding("Server", "none; everything runs on this machine")


def test_a_server_that_does_not_answer_is_found_and_left_out_of_a_report(paths: Paths) -> None:
    with socket.socket() as taken:
        # Bound but not listening, so that nothing answers there.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        paths.config.mkdir(parents=True)
        paths.user_file.write_text(f"[engine]\nremote_url = '{url}'\n")
        (finding,) = (finding for finding in examine(paths) if finding.name == "Server")
    assert finding.found == f"{url} does not answer"
    assert url in finding.advice
    assert url in as_text([finding])
    assert url not in as_markdown([finding])


def test_an_address_that_cannot_be_used_is_found(paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.user_file.write_text("[engine]\nremote_url = 'completion.example'\n")
    (finding,) = (finding for finding in examine(paths) if finding.name == "Server")
    assert "engine.remote_url" in finding.advice


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("", "offline: no connection can be opened"),
        ("[privacy]\nmode = 'strict'\n", "strict: "),
        ("[engine]\nremote_url = 'http://127.0.0.1:9'\n", "team: "),
    ],
)
def test_the_mode_is_said_and_the_guard_tried_out(paths: Paths, settings: str, said: str) -> None:
    paths.config.mkdir(parents=True)
    paths.user_file.write_text(settings)
    found = {finding.name: finding for finding in examine(paths)}
    assert found["Privacy"].found.startswith(said)
    guard = found["Guard"]
    assert "audit hook" in guard.found
    assert not guard.advice
    if "kernel filter" in guard.found:
        assert "TCP and UDP were tried and refused" in guard.found
    else:
        assert "only Python code is held back, since" in guard.found


def test_what_gets_past_the_guard_is_said(
    tmp_path: Path,
) -> None:
    probe = tmp_path / "probe.py"
    found = {"active": ["audit hook"], "missing": "", "open": ["UDP over IPv4"], "no_core": False}
    probe.write_text(f"import json\nprint(json.dumps({found!r}))\n")
    offline, _ = in_force(Settings())
    rows = list(findings(offline, (sys.executable, str(probe))))
    _, (name, _, advice), (_, cores, _) = rows
    assert name == "Guard"
    assert "UDP over IPv4 got past it" in advice
    assert "may write one" in cores
    probe.write_text("raise SystemExit(3)\n")
    _, (_, said, advice) = findings(offline, (sys.executable, str(probe)))
    assert said == "could not be tried out"
    assert advice


def test_limits_that_were_changed_are_named() -> None:
    assert limits(Settings()) == "as by default (limits.*)"
    changed = Settings(limits=LimitOptions(index_files=5, index_memory=200))
    assert limits(changed) == "limits.index_files = 5 files, limits.index_memory = 200 megabytes"
