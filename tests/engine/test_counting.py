"""Counting through a real worker process, whose engine is scripted."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from lsp_server.inference.client import worker_command
from lsp_server.inference.counting import TokenCounter
from lsp_server.inference.engine import Engine, LocalEngine, ModelFile
from lsp_server.inference.protocol import LoadOptions


async def test_halves_of_surrogate_pairs_count_as_what_the_model_sees(tmp_path: Path) -> None:
    engine = LocalEngine(worker_command("scripted"), tmp_path / "selftest.json")
    try:
        await engine.open(ModelFile("scripted", Path("scripted"), "scripted"), LoadOptions())
        counter = TokenCounter(engine)
        texts = ["a = \ud800", "b", "a = \ufffd"]
        for _ in range(2):
            counts = await counter.counts(texts)
            assert [counts[text] for text in texts] == [5, 1, 5]
    finally:
        await engine.close()


class Counting:
    """Counts by length, and how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        self.asked += len(texts)
        return [len(text) for text in texts]


async def test_long_lines_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsp_server.inference.counting.MOST_CHARACTERS", 1000)
    engine = Counting()
    counter = TokenCounter(cast("Engine", engine))
    for length in range(100, 200):
        assert await counter.counts(["a" * length, "b"]) == {"a" * length: length, "b": 1}
        assert counter.size <= 1000
    # What is in use stays.
    assert engine.asked == 101
    counter.forget()
    assert counter.size == 0
