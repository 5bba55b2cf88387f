"""Faults of the machine, of the wire and of documents, each injected once into a real session.

`benchmarks.faults` injects them; the scripted engine tells whether the document is what it should
be. How long it takes is said there and in `docs/reliability.md`, not here.
"""

from pathlib import Path

import pytest

from benchmarks.faults import inject
from benchmarks.faults_session import Outcome


async def survived(name: str, saw: str = "") -> Outcome:
    """Inject a fault; suggestions must be back, documents right, and the user told `saw`."""
    outcome = await inject(name, scripted=True)
    assert outcome.seconds is not None, f"no suggestion came back; {outcome}"
    assert outcome.right is not False, outcome
    assert saw in outcome.saw if saw else outcome.saw == "nothing", outcome
    return outcome


async def test_an_editor_that_is_gone_while_its_pipe_is_held_open_ends_all_processes() -> None:
    await survived("editor gone", "the editor is gone")


async def test_a_disk_that_is_full() -> None:
    await survived("disk full", "cannot be indexed")


async def test_files_of_our_own_that_are_damaged() -> None:
    await survived("files damaged")


async def test_files_of_another_version() -> None:
    await survived("files of another version")


async def test_a_clock_that_jumps() -> None:
    await survived("clock jumping")


async def test_links_that_lead_in_a_circle() -> None:
    assert "20 files" in (await survived("links in a loop")).note


async def test_a_folder_that_may_not_be_read() -> None:
    assert "'unreadable': 1" in (await survived("unreadable folder")).note


async def test_a_disk_that_stalls() -> None:
    assert "(disk-stalled)" in (await survived("stalling disk")).note


async def test_a_disk_that_stalls_at_the_start() -> None:
    outcome = await survived("stalling disk at the start", "its disk does not answer")
    assert "mode strict meanwhile" in outcome.note


async def test_malformed_messages() -> None:
    await survived("malformed messages", "could not be understood")


async def test_half_written_messages() -> None:
    await survived("half-written messages", "could not be understood")


async def test_ten_thousand_changes_at_once() -> None:
    await survived("10,000 changes at once")


async def test_two_hundred_requests_at_once() -> None:
    assert "200 of 200 answered" in (await survived("200 requests at once")).note


async def test_three_hundred_open_documents() -> None:
    assert "300 of 300 answered" in (await survived("300 open documents")).note


async def test_a_file_of_50_megabytes() -> None:
    outcome = await survived("file of 50 MB", "limits.parse_size")
    assert "with 50 MB none (document-too-long)" in outcome.note


async def test_mixed_line_ends() -> None:
    await survived("mixed line ends")


async def test_invalid_utf_16() -> None:
    await survived("invalid UTF-16")


async def test_deep_nesting() -> None:
    await survived("deep nesting", "500 brackets in a row")


async def test_an_engine_without_memory() -> None:
    await survived("worker out of memory")


@pytest.fixture(autouse=True)
def _real_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each fault has folders of its own; none may fall back to those of the test's user."""
    monkeypatch.setenv("HOME", str(tmp_path))
