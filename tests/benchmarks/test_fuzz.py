"""The fuzz notices what it is there for, and what it keeps plays again."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from benchmarks import fuzz as fuzz_module
from benchmarks.fuzz import fuzz, play_again
from benchmarks.fuzz_material import Answer, Sent
from benchmarks.fuzz_messages import Fuzz
from benchmarks.fuzz_oracle import Held, Oracle, is_place, offset_of


def messages(seed: str, count: int) -> list[Sent]:
    oracle = Oracle("utf-16")
    found = []
    for sent in islice(Fuzz(seed, oracle), count):
        if sent.is_valid:
            oracle.take(sent.message)
        found.append(sent)
    return found


def test_the_same_seed_sends_the_same_messages() -> None:
    assert messages("1", 500) == messages("1", 500)
    assert messages("1", 500) != messages("2", 500)


def test_every_kind_of_message_comes() -> None:
    assert len({sent.kind for sent in messages("1", 5000)}) >= 25


@pytest.mark.parametrize(
    ("encoding", "character", "offset"),
    [
        ("utf-16", 1, 1),
        ("utf-16", 2, 2),
        ("utf-16", 3, 2),
        ("utf-8", 2, 1),
        ("utf-8", 3, 2),
        ("utf-32", 2, 2),
        ("utf-32", 99, 3),
    ],
)
def test_places_are_found_as_lsp_counts(encoding: str, character: int, offset: int) -> None:
    text = "é😀x\r\ny"
    place = {"line": 0, "character": character}
    assert offset_of(text, place, encoding) == offset
    assert offset_of(text, {"line": 1, "character": 0}, encoding) == 5
    assert offset_of(text, {"line": 7, "character": 0}, encoding) == 6


def test_the_middle_of_a_character_is_no_place() -> None:
    assert is_place("😀x", {"line": 0, "character": 2}, "utf-16")
    assert not is_place("😀x", {"line": 0, "character": 1}, "utf-16")
    assert not is_place("😀x", {"line": 0, "character": 4}, "utf-16")


async def test_a_document_that_differs_is_noticed_and_seen_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An oracle that forgets what is inserted at the top of a document.
    def forget(self: Oracle, text: str, change: dict[str, object]) -> str:
        return text

    monkeypatch.setattr(Oracle, "_after", forget)
    report = await fuzz(600, 1, tmp_path)
    assert report.found is not None
    assert "differs" in report.found.why
    again = await play_again(Path(report.found.replay))
    assert again.found is not None
    assert "differs" in again.found.why
    monkeypatch.undo()
    assert (await play_again(Path(report.found.replay))).found is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [(Answer.INVALID_REQUEST, "not error -32600"), (Answer.NONE, "though nobody asked")],
)
async def test_a_wrong_answer_is_noticed(
    answer: Answer, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(_seed: str, oracle: Oracle) -> Iterator[Sent]:
        oracle.documents["untitled:1"] = Held("", 1)
        message = {"jsonrpc": "2.0", "id": 1, "method": "fimbul/statistics", "params": {}}
        yield Sent("question", message, answer)

    monkeypatch.setattr(fuzz_module, "Fuzz", one)
    report = await fuzz(1, 1, tmp_path)
    assert report.found is not None
    assert why in report.found.why
