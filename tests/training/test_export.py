"""What llama.cpp computes with an exported file, against what was trained."""

from pathlib import Path
from typing import Any

import pytest

from tests.training.extra import need

need("torch", "transformers", "peft", "accelerate", "safetensors")

import torch

from fimbul_models.training.adapter_file import About
from fimbul_models.training.base import add_lora, learning, load_model
from fimbul_models.training.exporting import compare, export_adapter, export_model, torch_logits
from fimbul_models.training.locating import Found
from fimbul_models.training.probe import Subject
from fimbul_models.training.recipe import Lora, Method, Precision
from tests.training.toys import write_model

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default")]

TOKENS = [(37 * number + number * number) % 250 for number in range(40)]
KINDS = ("llama", "qwen2")


def learnt(base: Path) -> Any:
    """Return a model with an adapter that changes much in every layer."""
    model = load_model(Found(base, ""), Method.LORA, Precision.FLOAT)
    add_lora(model, Lora(rank=4, alpha=8.0, dropout=0.0), 1)
    torch.manual_seed(2)
    with torch.no_grad():
        for _, weight in learning(model):
            weight.normal_(0, 0.2)
    return model.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_the_base_is_read_as_the_engine_reads_it(tmp_path: Path, kind: str) -> None:
    base = write_model(tmp_path / "base.gguf", kind)
    model = load_model(Found(base, ""), Method.LORA, Precision.FLOAT)
    found = compare(model, Subject(base, context=64), TOKENS)
    assert found.most < 1e-3
    assert found.divergence < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_means_the_same_to_the_engine(tmp_path: Path, kind: str) -> None:
    base, file = write_model(tmp_path / "base.gguf", kind), tmp_path / "adapter.gguf"
    model = learnt(base)
    export_adapter(file, model, About(alpha=8.0, half=False))
    found = compare(model, Subject(base, file, context=64), TOKENS)
    assert found.most < 1e-3
    assert found.divergence < 1e-6
    assert found.same_choice == 1.0
    # It does say something: without it the engine is far away.
    assert compare(model, Subject(base, context=64), TOKENS).most > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_merged_model_means_the_same_to_the_engine(tmp_path: Path, kind: str) -> None:
    base, file = write_model(tmp_path / "base.gguf", kind), tmp_path / "model.gguf"
    model = learnt(base)
    export_model(file, model, base, "f32", {"general.name": "merged"})
    found = compare(model, Subject(file, context=64), TOKENS)
    assert found.most < 1e-3
    assert found.divergence < 1e-6
    before = torch_logits(model, TOKENS)
    export_model(file, model, base, "f16", {})
    assert compare(model, Subject(file, context=64), TOKENS).most < 0.1
    assert (torch_logits(model, TOKENS) == before).all()


def test_comparing_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base.gguf", "qwen2")
    model = load_model(Found(base, ""), Method.LORA, Precision.BRAIN)
    add_lora(model, Lora(rank=2), 1)
    model.train()
    torch_logits(model, TOKENS)
    assert model.training
    assert model.get_input_embeddings().weight.dtype is torch.bfloat16
    assert {weight.dtype for _, weight in learning(model)} == {torch.float32}
