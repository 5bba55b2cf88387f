"""Files for llama.cpp: which tensors are where, and in which order their rows are."""

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
import pytest

from fimbul_models.errors import RecipeError
from fimbul_models.training.adapter_file import About, Shape, turned, write_adapter
from fimbul_models.training.model_file import stored_names, write_model
from lsp_server.inference.container import read_container
from tests.training.toys import HEADS, KEY_HEADS, LAYERS, WIDTH
from tests.training.toys import write_model as write_toy

SHAPES = {
    kind: Shape(architecture=kind, layers=LAYERS, heads=HEADS, key_heads=KEY_HEADS)
    for kind in ("llama", "qwen2")
}
Array = npt.NDArray[np.float32]


def tensors(path: Path) -> dict[str, Array]:
    return {
        one.name: gguf.quants.dequantize(one.data, one.tensor_type)
        for one in gguf.GGUFReader(path).tensors
    }


def unturned(rows: Array, heads: int) -> Array:
    """Undo `turned`, written another way: by the number of each row."""
    if not heads:
        return rows
    size = rows.shape[0] // heads
    order = [
        head * size + half * (size // 2) + pair
        for head in range(heads)
        for pair in range(size // 2)
        for half in (0, 1)
    ]
    back = np.empty_like(rows)
    back[order] = rows
    return back


def test_halves_of_a_head_take_turns() -> None:
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert turned(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert unturned(turned(rows, 2), 2).tolist() == rows.tolist()


def lora(seed: int = 0) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    weights = {}
    for module, out in (("q_proj", WIDTH), ("k_proj", 16), ("v_proj", 16)):
        name = f"model.layers.1.self_attn.{module}"
        weights[f"{name}.lora_A.default.weight"] = random.normal(0, 1, (4, WIDTH))
        weights[f"{name}.lora_B.default.weight"] = random.normal(0, 1, (out, 4))
    return {name: value.astype(np.float32) for name, value in weights.items()}


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_an_adapter_has_the_names_and_rows_of_its_base(tmp_path: Path, kind: str) -> None:
    weights, path = lora(), tmp_path / "adapter.gguf"
    about = About(alpha=8.0, name="toy", half=False, facts={"fimbul.base.sha256": "ab", "n": 3})
    assert write_adapter(path, weights, SHAPES[kind], about) == path.stat().st_size
    found = tensors(path)
    assert set(found) == {
        f"blk.1.attn_{letter}.weight.lora_{half}" for letter in "qkv" for half in "ab"
    }
    outward = weights["model.layers.1.self_attn.k_proj.lora_B.default.weight"]
    wanted = turned(outward, KEY_HEADS) if kind == "llama" else outward
    assert np.array_equal(found["blk.1.attn_k.weight.lora_b"], wanted)
    said = {entry.key: entry for entry in read_container(path).entries}
    assert said["general.type"].text() == "adapter"
    assert said["fimbul.base.sha256"].text() == "ab"
    assert said["general.architecture"].text() == kind


def test_what_llama_could_not_load_is_refused(tmp_path: Path) -> None:
    weights, path = lora(), tmp_path / "adapter.gguf"
    with pytest.raises(RecipeError, match="no part"):
        write_adapter(path, {"lm_head.weight": weights.popitem()[1]}, SHAPES["llama"], About(1.0))
    with pytest.raises(RecipeError, match="missing"):
        write_adapter(path, weights, SHAPES["llama"], About(1.0))
    assert not path.exists()


NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "model.layers.2.self_attn.q_proj.weight": "blk.2.attn_q.weight",
    "model.layers.0.mlp.down_proj.weight": "blk.0.ffn_down.weight",
    "model.layers.0.input_layernorm.weight": "blk.0.attn_norm.weight",
}


def test_tensors_have_one_name_here_and_another_there() -> None:
    made = stored_names(dict.fromkeys(NAMES, ()), SHAPES["llama"])
    assert made == {stored: name for name, stored in NAMES.items()}


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_a_model_written_like_its_base_is_its_base(tmp_path: Path, kind: str) -> None:
    base = write_toy(tmp_path / "base.gguf", kind)
    before, shape = tensors(base), SHAPES[kind]
    names = {name: f"here.{name}" for name in before}
    path = tmp_path / "again.gguf"

    def weight_of(name: str) -> Array:
        stored = name.removeprefix("here.")
        return unturned(before[stored], shape.heads_of(stored))

    write_model(path, base, names, weight_of, shape, kind="f32", facts={"general.name": "again"})
    after = tensors(path)
    assert after.keys() == before.keys()
    for name, values in before.items():
        assert np.array_equal(after[name], values), name
    said = {entry.key: entry for entry in read_container(path).entries}
    assert said["general.name"].text() == "again"
    was = {entry.key: entry.raw for entry in read_container(base).entries}
    assert said["tokenizer.ggml.tokens"].raw == was["tokenizer.ggml.tokens"]


@pytest.mark.parametrize(("kind", "most"), [("f16", 1e-3), ("q8_0", 1e-2)])
def test_matrices_may_be_written_smaller_and_what_is_not_named_stays(
    tmp_path: Path, kind: str, most: float
) -> None:
    base = write_toy(tmp_path / "base.gguf", "qwen2")
    before = tensors(base)
    names = {name: name for name in before if not name.startswith("blk.2.")}
    path = tmp_path / "small.gguf"
    write_model(path, base, names, before.__getitem__, SHAPES["qwen2"], kind=kind)
    after = tensors(path)
    for name, values in before.items():
        assert np.abs(after[name].reshape(values.shape) - values).max() <= most, name
    assert np.array_equal(after["blk.2.ffn_up.weight"], before["blk.2.ffn_up.weight"])
    assert path.stat().st_size < base.stat().st_size


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    base = write_toy(tmp_path / "base.gguf", "llama")
    other = np.zeros((3, 3), dtype=np.float32)
    path = tmp_path / "out.gguf"
    for names in ({"output.weight": "lm_head.weight"}, {"blk.9.attn_q.weight": "q"}):
        with pytest.raises(RecipeError, match="same model"):
            write_model(path, base, names, lambda _: other, SHAPES["llama"])
    assert not path.exists()
