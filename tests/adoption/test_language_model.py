"""The model itself, asked through llama.cpp; and files that are no adapters for it."""

from pathlib import Path

import gguf
import numpy as np
import pytest

from fimbul_models.adoption.fitting import BASE_DIGEST, misfit, rank_of
from fimbul_models.adoption.language_model import opened
from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.items import Item
from lsp_server.config.options import Settings
from tests.engine.tiny import WIDTH, write_tiny_adapter, write_tiny_model

PLACE = Item(
    task_id="t",
    language="python",
    path="a.py",
    prefix="def area(self):\n    return self.",
    suffix="\n\n\ndef other(self):\n    return 1\n",
    answer="width",
    kind="line",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    special = ("<|repo_name|>", "<|file_sep|>", "<|fim_pad|>")
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf", control=special)


@pytest.mark.engine
def test_likelihoods_are_those_of_what_stands_there(model: Path) -> None:
    with opened(Settings(), file=model) as tiny:
        one = tiny.logprobs(PLACE, "width")
        assert len(one) == 5
        assert all(value < 0 for value in one)
        # The first token's probability does not depend on what follows it.
        assert tiny.logprobs(PLACE, "wide")[:3] == pytest.approx(one[:3], abs=0.05)
        long = tiny.logprobs(PLACE, "width" * 40)
        assert len(long) == 200
        assert long[:5] == pytest.approx(one, abs=0.05)
        # All that may come next is as likely as it is together.
        total = sum(np.exp(tiny.logprobs(PLACE, chr(byte))[0]) for byte in range(1, 128))
        assert 0.0 < total <= 1.0 + 1e-6
        assert tiny.logprobs(PLACE, "") == ()


@pytest.mark.engine
def test_what_it_writes_is_the_likeliest_or_drawn_by_a_seed(model: Path) -> None:
    with opened(Settings(), file=model) as tiny:
        likeliest = tiny.likeliest(PLACE, 12)
        assert likeliest == tiny.likeliest(PLACE, 12)
        drawn = {tiny.sampled(PLACE, 12, seed) for seed in range(6)}
        assert len(drawn) > 1
        assert tiny.sampled(PLACE, 12, 3) == tiny.sampled(PLACE, 12, 3)
        first = likeliest[:1]
        if first:
            own = tiny.logprobs(PLACE, first)[0]
            assert own >= tiny.logprobs(PLACE, "Q")[0]
        assert tiny.milliseconds(PLACE, 4) > 0


@pytest.mark.engine
def test_an_adapter_changes_what_is_likely(model: Path, tmp_path: Path) -> None:
    adapter = write_tiny_adapter(tmp_path / "mine.gguf")
    with opened(Settings(), file=model) as tiny, opened(Settings(), adapter, model) as other:
        assert tiny.logprobs(PLACE, "width") != other.logprobs(PLACE, "width")
    wrong = write_tiny_adapter(tmp_path / "wrong.gguf", width=64)
    with (
        pytest.raises(EvaluationError, match=r"wrong\.gguf cannot be used as an adapter"),
        opened(Settings(), wrong, model),
    ):
        pass


def adapter_with(path: Path, *, architecture: str = "llama", base: str = "", **shapes: int) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    if base:
        writer.add_string(BASE_DIGEST, base)
    inner, outer = shapes.get("inner", 4), shapes.get("outer", 4)
    name = "blk.9.attn_v" if shapes.get("other") else "blk.0.attn_v"
    writer.add_tensor(f"{name}.weight.lora_a", np.zeros((inner, WIDTH), dtype=np.float32))
    if not shapes.get("half"):
        writer.add_tensor(f"{name}.weight.lora_b", np.zeros((WIDTH, outer), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_an_adapter_of_another_base_is_told_by_its_file(model: Path, tmp_path: Path) -> None:
    digest = "ab" * 32
    for number, (made, why) in enumerate(
        (
            ({}, ""),
            ({"base": digest}, ""),
            ({"base": "cd" * 32}, "was trained on the model cdcdcdcdcdcd"),
            ({"architecture": "qwen2"}, "for models of the kind qwen2, and this one is llama"),
            ({"other": 1}, "no tensor blk.9.attn_v.weight"),
            ({"inner": 8}, "two halves of blk.0.attn_v.weight do not fit"),
            ({"half": 1}, "not in pairs"),
        )
    ):
        path = adapter_with(tmp_path / f"{number}.gguf", **made)  # type: ignore[arg-type]
        found = misfit(path, model, digest)
        assert why in found
        assert bool(found) is bool(why)
    wide = write_tiny_adapter(tmp_path / "wide.gguf", width=64)
    assert "blk.0.attn_output.weight has another size" in misfit(wide, model, digest)
    assert "is no LoRA adapter" in misfit(model, model, digest)
    text = tmp_path / "text.gguf"
    text.write_text("nothing")
    assert "text.gguf" in misfit(text, model, digest)
    assert rank_of(tmp_path / "0.gguf") == 4
