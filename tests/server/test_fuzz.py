"""Thousands of random messages and edits: a part of `python -m benchmarks.fuzz`.

The same messages at every run. A failure names the file that plays them again.
"""

from pathlib import Path

from benchmarks.fuzz import ENCODINGS, fuzz

MESSAGES = 5000
SEED = 1


async def test_random_messages_leave_the_server_alive_and_its_documents_right(
    tmp_path: Path,
) -> None:
    report = await fuzz(MESSAGES, SEED, tmp_path)
    assert report.found is None, report.found
    assert report.messages == MESSAGES
    # What was looked at: no check of nothing.
    assert report.tally.compared > 100 * len(ENCODINGS)
    assert report.tally.shown > 100
    assert report.tally.refused.total() > 50
