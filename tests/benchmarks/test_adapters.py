"""The made-up adapters of the benchmark fit their model and change nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.adapters import ALL, FEW, interval, write_adapter
from lsp_server.cli.adapters import check_lora
from lsp_server.inference.container import read_container
from lsp_server.inference.protocol import LoadOptions
from lsp_server.types import Adapter
from tests.engine.test_llama import complete, engine, prompt
from tests.engine.tiny import CONTEXT, write_tiny_model


@pytest.mark.engine
async def test_an_adapter_of_each_kind_is_used_and_changes_no_answer(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf")
    asked = prompt("def area(self):\n    return self.")
    async with engine(model, LoadOptions(2, CONTEXT)) as worker:
        before = await complete(worker, asked)
        for rank, matrices in ((2, ALL), (3, FEW)):
            file = write_adapter(tmp_path / f"{rank}.gguf", model, rank, matrices)
            check_lora(file)
            assert len(read_container(file).tensors) == 2 * len(matrices)
            made = await complete(worker, replace(asked, adapter=Adapter(str(file))))
            assert made.reused_tokens == 0
            assert made.logprobs == pytest.approx(before.logprobs, abs=0.05)


def test_an_interval_of_a_median() -> None:
    low, high = interval([1.0, 1.1, 1.2] * 20)
    assert 1.0 <= low <= 1.1 <= high <= 1.2
    assert interval([2.0] * 5) == (2.0, 2.0)
