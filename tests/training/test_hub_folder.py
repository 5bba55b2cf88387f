"""A base in a hub's folder: its tokenizer, and a whole model written like a GGUF of the same."""

from pathlib import Path

import pytest

from tests.training.extra import need

need("torch", "transformers", "peft", "accelerate", "safetensors", "tokenizers")

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from fimbul_models.errors import RecipeError
from fimbul_models.training.base import load_model
from fimbul_models.training.locating import Found
from fimbul_models.training.recipe import Method, Precision
from fimbul_models.training.running import ADAPTER, MODEL, Call, train
from fimbul_models.training.tokens import splitter_of
from tests.engine.tiny import byte_characters
from tests.training.toys import FIM, SPARE, examples, write_examples, write_model, write_recipe

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("default")]


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """The toy of Qwen2's kind as a hub has it, beside its GGUF."""
    base = write_model(tmp_path / "base.gguf", "qwen2")
    folder = tmp_path / "hub"
    read = load_model(Found(base, ""), Method.LORA, Precision.FLOAT)
    del read.config.quantization_config
    model = AutoModelForCausalLM.from_config(read.config)
    model.load_state_dict(read.state_dict())
    model.save_pretrained(folder)
    control = ["<|endoftext|>", *FIM, *SPARE]
    words = [*byte_characters(), "re", "ret"]
    numbers = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(numbers, [("r", "e"), ("re", "t")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in control])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=control[0]).save_pretrained(
        folder
    )
    return folder


def test_texts_become_the_tokens_that_the_engine_makes(hub: Path) -> None:
    with splitter_of(hub) as ours, splitter_of(hub.parent / "base.gguf") as engines:
        for text in ("return 1\n", "x = 'é'", f"a{FIM[0]}b{SPARE[1]}{SPARE[1]}", ""):
            assert list(ours.tokenize(text)) == list(engines.tokenize(text)), text
        for text in (*FIM, *SPARE):
            assert ours.special(text) == engines.special(text)
        assert (ours.starts, ours.end) == (engines.starts, engines.end)
        with pytest.raises(RecipeError, match="<none>"):
            ours.special("<none>")


def test_a_whole_model_is_written_like_a_gguf_of_the_same(hub: Path) -> None:
    folder = hub.parent
    write_examples(folder / "shards", examples(20), examples(4, "validation"))
    recipe = write_recipe(folder, base="hub", schedule="steps = 2")
    output = folder / "out"
    with pytest.raises(RecipeError, match="--like"):
        train(Call(recipe, output, output / "work", merge=True), lambda _: None)
    like = folder / "base.gguf"
    call = Call(recipe, output, output / "work", kind="f32", merge=True, like=like)
    summary = train(call, lambda _: None)
    assert (output / ADAPTER).is_file()
    assert (output / MODEL).is_file()
    assert summary["engine with adapter"]["most"] < 1e-2
    assert summary["engine with merged model"]["most"] < 1e-2
