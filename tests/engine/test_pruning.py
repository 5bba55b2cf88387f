"""Leaving tokens out: what stays, and that the model says the same about it."""

import string
from pathlib import Path

import gguf
import numpy as np
import pytest

from lsp_server.errors import ModelUnusable
from lsp_server.inference.container import read_container
from lsp_server.inference.pruning import kept_tokens, prune
from lsp_server.inference.tensors import read_tensors
from lsp_server.inference.throwaway import ask
from lsp_server.inference.tuning import Compare, Compared, Settings
from tests.engine.tiny import FIM, write_tiny_model

FOREIGN = ["Ã¼", "Ã¼b", "ĠÃ¼b", *(f"Ã¤{letter}" for letter in string.ascii_letters)]


def test_the_directory_is_read_and_written_again(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf", more=FOREIGN)
    target = tmp_path / "cut.gguf"
    left_out = prune(model, target)
    before, after = read_container(model), read_container(target)
    assert [entry.key for entry in after.entries] == [entry.key for entry in before.entries]
    rows = {tensor.name: tensor.shape for tensor in read_tensors(target)}
    old = {tensor.name: tensor.shape for tensor in read_tensors(model)}
    assert rows.pop("output.weight")[1] == old.pop("output.weight")[1] - left_out
    assert rows.pop("token_embd.weight")[1] == old.pop("token_embd.weight")[1] - left_out
    assert rows == old
    assert all(tensor.offset % 32 == 0 for tensor in after.tensors)


def test_what_gguf_reads_is_what_was_meant(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf", more=FOREIGN)
    target = tmp_path / "cut.gguf"
    prune(model, target)
    old, new = (gguf.GGUFReader(path) for path in (model, target))
    kept = kept_tokens(read_container(model))
    tokens = old.fields["tokenizer.ggml.tokens"].contents()
    assert new.fields["tokenizer.ggml.tokens"].contents() == [tokens[number] for number in kept]
    end = new.fields["tokenizer.ggml.eos_token_id"].contents()
    assert new.fields["tokenizer.ggml.tokens"].contents()[end] == "<|endoftext|>"
    merges = new.fields["tokenizer.ggml.merges"].contents()
    assert "( s" in merges
    assert all(merge.replace(" ", "") in {tokens[number] for number in kept} for merge in merges)
    assert len(merges) < len(old.fields["tokenizer.ggml.merges"].contents())
    for one, other in zip(old.tensors, new.tensors, strict=True):
        expected = one.data[kept] if one.name.startswith(("output.w", "token")) else one.data
        assert np.array_equal(expected, other.data)


def test_ascii_bytes_and_special_tokens_stay(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf", more=FOREIGN)
    container = read_container(model)
    entry = container.entry("tokenizer.ggml.tokens")
    assert entry is not None
    tokens = [token.decode() for token in entry.strings()]
    kept = {tokens[number] for number in kept_tokens(container)}
    assert {*FIM, "<|endoftext|>", "(self", ".get"} <= kept
    # Every byte stays, so that every text can still be said.
    assert sum(len(token) == 1 for token in kept) == 256
    assert len(kept) % 32 == 0
    assert len(kept) < len(tokens)


def test_a_vocabulary_without_foreign_tokens_is_left_alone(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf")
    with pytest.raises(ModelUnusable, match="All of its tokens"):
        prune(model, tmp_path / "cut.gguf")


def test_a_vocabulary_of_another_kind_is_refused(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf")
    data = model.read_bytes().replace(b"gpt2", b"abcd", 1)
    other = tmp_path / "other.gguf"
    other.write_bytes(data)
    with pytest.raises(ModelUnusable, match="not made of bytes"):
        prune(other, tmp_path / "cut.gguf")


@pytest.mark.engine
def test_the_model_says_the_same_about_what_is_left(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf", more=FOREIGN)
    target = tmp_path / "cut.gguf"
    prune(model, target)
    text = "def area(self, width):\n    return self.get(width)\n" * 12
    settings = Settings(threads=1, extra_buffers=True, batch=32)
    compared = ask(Compare(str(model), str(target), [text], 200, 0.0, 1, settings), Compared)
    assert compared.positions == 200
    # What the random model would have said in foreign tokens it cannot say any more.
    assert compared.divergence < 1e-5
    assert 100 < compared.equal < 200
