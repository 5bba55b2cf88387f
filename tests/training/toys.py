"""Models of a few kilobytes, examples and recipes to train them with."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import gguf
import numpy as np

from fimbul_models.corpus.fim import Example
from fimbul_models.corpus.shards import ShardRules, write_shards
from lsp_server.types import Segment
from tests.engine.tiny import byte_characters

WIDTH, LAYERS, HEADS, KEY_HEADS, FEED_FORWARD, CONTEXT = 32, 3, 4, 2, 48, 512
FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
SPARE = ("<spare_0>", "<spare_1>", "<spare_2>")


def write_model(path: Path, architecture: str, *, seed: int = 0) -> Path:
    """Write a random model of Llama's or Qwen2's kind, with fewer heads of keys than of queries.

    Its tokens are bytes. That of Qwen2's kind has biases and shares its embeddings with its output.
    """
    normal, special = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    control = ["<|endoftext|>", *FIM, *SPARE]
    tokens = [*byte_characters(), "re", "ret", *control]
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("Toy")
    writer.add_vocab_size(len(tokens))
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([normal] * (len(tokens) - len(control)) + [special] * len(control))
    writer.add_token_merges(["r e", "re t"])
    writer.add_eos_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
    random = np.random.default_rng(seed)
    keys = WIDTH // HEADS * KEY_HEADS
    tied = architecture == "qwen2"
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (len(tokens), WIDTH)}
    if not tied:
        shapes["output.weight"] = (len(tokens), WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        shapes |= {
            f"{block}attn_q.weight": (WIDTH, WIDTH),
            f"{block}attn_k.weight": (keys, WIDTH),
            f"{block}attn_v.weight": (keys, WIDTH),
            f"{block}attn_output.weight": (WIDTH, WIDTH),
            f"{block}ffn_gate.weight": (FEED_FORWARD, WIDTH),
            f"{block}ffn_up.weight": (FEED_FORWARD, WIDTH),
            f"{block}ffn_down.weight": (WIDTH, FEED_FORWARD),
        }
        if tied:
            shapes |= {f"{block}attn_q.bias": (WIDTH,), f"{block}attn_k.bias": (keys,)}
            shapes |= {f"{block}attn_v.bias": (keys,)}
    for name, shape in shapes.items():
        writer.add_tensor(name, random.normal(0, 0.3, shape).astype(np.float32))
    norms = ["output_norm"]
    norms += [f"blk.{n}.{kind}_norm" for n in range(LAYERS) for kind in ("attn", "ffn")]
    for name in norms:
        writer.add_tensor(f"{name}.weight", random.normal(1, 0.1, WIDTH).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def example(
    number: int,
    before: str,
    middle: str,
    after: str,
    *,
    split: str = "train",
    kind: str = "line",
    healed: int = 0,
) -> Example:
    """Return an example that fills in `middle`, or goes on with it if its kind is ``plain``."""
    prompt: tuple[Segment, ...] = (
        Segment(FIM[0], special=True),
        Segment(before),
        Segment(FIM[1], special=True),
        Segment(after),
        Segment(FIM[2], special=True),
    )
    return Example(
        repository="folder:toys",
        revision="",
        path=f"{split}_{number // 2}.py",
        number=number,
        digest=sha256(before.encode()).hexdigest(),
        date="",
        language="python",
        role="code",
        licence="MIT",
        licence_class="permissive",
        split=split,
        kind=kind,
        surface="line",
        order="psm",
        context="nothing",
        sources=(),
        prompt=() if kind == "plain" else prompt,
        completion=middle,
        healed=healed,
        ends=True,
        prompt_tokens=20,
        completion_tokens=10,
    )


def examples(many: int, split: str = "train") -> list[Example]:
    """Return examples of one simple habit: what is added is taken away again."""
    made = []
    for number in range(many):
        name = f"v{number % 7}"
        kind = "plain" if number % 5 == 4 else "line"
        made.append(
            example(
                number, f"{name} = 1\n", f"{name} += 1", f"\n{name} -= 1\n", split=split, kind=kind
            )
        )
    return made


def write_examples(folder: Path, train: Sequence[Example], judging: Sequence[Example] = ()) -> Path:
    """Write examples as a corpus does."""
    write_shards(folder, [*train, *judging], ShardRules())
    return folder


RECIPE = """
name = "toy"
seed = 5
method = "{method}"
precision = "fp32"
[base]
path = "{base}"
[data]
shards = "shards"
[lora]
rank = 4
alpha = 8.0
dropout = 0.1
[objective]
sequence = 96
{objective}
[schedule]
rate = 1e-2
passes = 2.0
accumulate = 2
evaluate = 4
checkpoint = 2
patience = 0
{schedule}
{more}
"""


def write_recipe(
    folder: Path,
    *,
    method: str = "lora",
    base: str = "base.gguf",
    objective: str = "",
    schedule: str = "",
    more: str = "",
) -> Path:
    """Write a recipe beside `base` and `shards`."""
    path = folder / "recipe.toml"
    path.write_text(
        RECIPE.format(method=method, base=base, objective=objective, schedule=schedule, more=more)
    )
    return path
