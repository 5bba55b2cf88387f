"""A llama model of a few kilobytes with random weights, for llama.cpp without a download.

It answers nonsense, but it loads, evaluates, aborts and keeps a KV cache like any other.
"""

from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np

WIDTH, HEADS, FEED_FORWARD, CONTEXT = 32, 2, 64, 512
FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


def byte_characters() -> list[str]:
    """The printable stand-ins that byte-level vocabularies use for the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def write_tiny_model(
    path: Path,
    *,
    fim: bool = True,
    seed: int = 0,
    more: Sequence[str] = (),
    control: Sequence[str] = (),
) -> Path:
    """Write a model whose tokens are bytes, a few merges, `more` ones, and perhaps FIM tokens.

    `control` are further special ones.
    """
    characters = byte_characters()
    words = ["re", "ret", "retu", "self", ".g", ".ge", ".get", "(s", "(self", *more]
    merges = [f"{word[:-1]} {word[-1]}" for word in words if len(word) > 1]
    special_ones = ["<|endoftext|>", *(FIM if fim else ()), *control]
    tokens = [*characters, *words, *special_ones]
    normal, special = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    types = [normal] * (len(tokens) - len(special_ones)) + [special] * len(special_ones)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(len(characters) + len(words))
    writer.add_add_bos_token(False)
    random = np.random.default_rng(seed)
    shapes = {
        "token_embd": (len(tokens), WIDTH),
        "output": (len(tokens), WIDTH),
        "blk.0.attn_q": (WIDTH, WIDTH),
        "blk.0.attn_k": (WIDTH, WIDTH),
        "blk.0.attn_v": (WIDTH, WIDTH),
        "blk.0.attn_output": (WIDTH, WIDTH),
        "blk.0.ffn_gate": (FEED_FORWARD, WIDTH),
        "blk.0.ffn_up": (FEED_FORWARD, WIDTH),
        "blk.0.ffn_down": (WIDTH, FEED_FORWARD),
    }
    for name, shape in shapes.items():
        values = random.normal(0, 0.5, shape).astype(np.float32)
        writer.add_tensor(f"{name}.weight", values)
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_tiny_adapter(path: Path, *, seed: int = 0, width: int = WIDTH) -> Path:
    """Write a LoRA adapter that changes what the tiny model attends to."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    random = np.random.default_rng(seed)
    for name in ("blk.0.attn_v", "blk.0.attn_output"):
        for half, shape in (("a", (4, width)), ("b", (width, 4))):
            values = random.normal(0, 1.0, shape).astype(np.float32)
            writer.add_tensor(f"{name}.weight.lora_{half}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
