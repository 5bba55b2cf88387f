"""`fimbul stats`, as one runs it."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lsp_server.cli.main import main
from lsp_server.cli.stats import since_when
from lsp_server.config.paths import Paths
from lsp_server.feedback.records import Fate, Known, Sample
from lsp_server.feedback.store import Store, open_store
from tests.feedback.rows import NOW, suggestion

MODEL = "a model <with> & marks"


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    """A store that a server has open, with four suggestions."""
    opened, _ = open_store(paths.feedback_file)
    rows = [
        suggestion(id=1, at=NOW, fate=Fate.WHOLE, fate_known=Known.REPORTED, accepted=12),
        suggestion(id=2, at=NOW + 86400, language="go", latency=20.0),
        suggestion(id=3, at=NOW + 2 * 86400, surface="block", fate=Fate.UNSEEN),
        suggestion(id=4, at=NOW + 3 * 86400, model=MODEL, fate=Fate.TYPED, typed=12),
    ]
    opened.write([*rows, Sample(1, 15, "a b", "a b")], 10**7)
    yield opened
    opened.close()


def test_it_says_clearly_that_there_is_nothing_yet(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stats"]) == 0
    said = capsys.readouterr().out
    assert "Nothing is known yet" in said
    assert str(paths.feedback_file) in said
    assert not paths.feedback_file.parent.exists()
    paths.user_file.parent.mkdir(parents=True)
    paths.user_file.write_text("[feedback]\nenable = false\n")
    assert main(["stats"]) == 0
    assert "feedback.enable is off" in capsys.readouterr().out


def test_the_table_says_what_became_of_them_and_how_it_is_known(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stats"]) == 0
    said = re.sub(" +", " ", capsys.readouterr().out)
    assert "3 suggestions shown" in said
    assert "accepted 33.3 % 1 (1 reported, 0 inferred)" in said
    assert "wrong 33.3 % 1 (0 reported, 1 inferred)" in said
    assert "characters accepted 12 of 36 shown" in said
    assert "latency, ms 100 at the median, 100 p95" in said
    assert "after 15 s 100.0 % 100.0 % 1\n" in said
    assert "after 600 s - - 0\n" in said
    assert "never seen 1\n" in said
    assert "\n go 1 0.0 % 100.0 % 0 - 20 20\n" in said


def test_json_holds_the_same(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["all"]["shown"] == {"count": 3, "reported": 0}
    assert found["all"]["accepted"] == {"count": 1, "reported": 1}
    assert found["all"]["kept"][0] == {
        "after_seconds": 15,
        "looked_at": 1,
        "kept": 1.0,
        "words_left": 1.0,
    }
    assert set(found["by_language"]) == {"python", "go"}
    assert set(found["by_surface"]) == {"line", "block"}
    assert found["by_model"][MODEL]["characters"]["typed_as_suggested"] == 12


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--language", "python"], 2),
        (["--surface", "block"], 0),
        (["--model", MODEL], 1),
        (["--since", "2026-09-23"], 1),
        (["--since", "2026-09-23", "--language", "go"], 0),
        (["--since", "2999-01-01"], 0),
    ],
)
def test_only_some(
    options: list[str], count: int, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stats", "--json", *options]) == 0
    assert json.loads(capsys.readouterr().out)["all"]["shown"]["count"] == count


def test_a_filter_that_leaves_nothing_is_named(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stats", "--language", "cobol"]) == 0
    assert capsys.readouterr().out == "Nothing was shown that fits --language.\n"


def test_times_one_may_name() -> None:
    assert since_when("12h", 1_000_000) == 1_000_000 - 12 * 3600
    assert since_when("7d", 1_000_000) == 1_000_000 - 7 * 86400
    assert since_when("2w", 2_000_000) == 2_000_000 - 14 * 86400


@pytest.mark.parametrize("wrong", ["yesterday", "7", "2026-13-01"])
def test_a_time_that_is_none(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", "--since", wrong]) == 1
    assert f"--since {wrong}" in capsys.readouterr().err


class _Reader(HTMLParser):
    """Checks that tags are closed in their order, and notes what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        self.links += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "stats.html"
    assert main(["stats", "--html", str(file)]) == 0
    assert capsys.readouterr().out == f"Wrote {file}.\n"
    text = file.read_text(encoding="utf-8")
    reader = _Reader()
    reader.feed(text)
    assert not reader.open
    assert not reader.links
    assert "script" not in reader.tags
    assert reader.tags.count("svg") == 4
    assert "url(" not in text
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert "a model &lt;with&gt; &amp; marks" in text
    assert MODEL not in text


def test_a_page_about_nothing_says_so(tmp_path: Path) -> None:
    file = tmp_path / "stats.html"
    assert main(["stats", "--html", str(file)]) == 0
    assert "Nothing is known yet" in file.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "no" / "such" / "folder.html"
    assert main(["stats", "--html", str(file)]) == 1
    assert str(file) in capsys.readouterr().err


def test_a_damaged_file_is_an_error_that_says_what_to_do(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    paths.feedback_file.parent.mkdir(parents=True)
    paths.feedback_file.write_bytes(b"no database" * 1000)
    assert main(["stats"]) == 1
    assert "fimbul erase feedback" in capsys.readouterr().err
