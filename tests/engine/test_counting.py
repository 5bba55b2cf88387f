"""Counting through a real worker process, whose engine is scripted."""

from pathlib import Path

from lsp_server.inference.client import worker_command
from lsp_server.inference.counting import TokenCounter
from lsp_server.inference.engine import LocalEngine, ModelFile
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
