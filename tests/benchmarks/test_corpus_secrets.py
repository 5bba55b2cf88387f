"""The measured goals hold on a smaller draw of the same planted values."""

import json

import pytest

from benchmarks.corpus_secrets import main


def test_nothing_planted_is_left_and_little_else_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--each", "2", "--seed", "7"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["secrets"]["without"] == figures["secrets"]["secrets"] >= 90
    assert figures["personal"]["personal"] == 80
