from pathlib import Path

import pytest

from lsp_server.errors import ModelUnusable
from lsp_server.inference.tensors import TYPES, Tensor, number_of, read_tensors
from tests.engine.tiny import FEED_FORWARD, WIDTH, write_tiny_model


def test_the_directory_of_a_file(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "tiny.gguf")
    tensors = {tensor.name: tensor for tensor in read_tensors(path)}
    assert len(tensors) == 12
    down = tensors["blk.0.ffn_down.weight"]
    assert (down.shape, down.type) == ((FEED_FORWARD, WIDTH), "f32")
    assert down.size_as("f32") == FEED_FORWARD * WIDTH * 4
    assert down.size_as("q4_0") == FEED_FORWARD * WIDTH // 32 * 18
    assert tensors["output_norm.weight"].shape == (WIDTH,)


def test_rows_have_to_be_whole_blocks() -> None:
    tensor = Tensor("output.weight", (896, 1000), "q8_0")
    assert tensor.fits("q4_0")
    assert not tensor.fits("q4_k")
    assert TYPES["q4_0"].bits == 4.5
    assert (number_of("q8_0"), number_of("#39")) == (8, 39)


@pytest.mark.parametrize("kept", [0, 3, 10, 24, 30, 200, 2000])
def test_files_that_end_too_early_are_named(tmp_path: Path, kept: int) -> None:
    whole = write_tiny_model(tmp_path / "tiny.gguf").read_bytes()
    path = tmp_path / "short.gguf"
    path.write_bytes(whole[:kept])
    with pytest.raises(ModelUnusable, match=r"short\.gguf .*fetch it again"):
        read_tensors(path)


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.gguf"
    path.write_bytes(b"GGUF" + b"\xff" * 100)
    with pytest.raises(ModelUnusable, match="fetch it again"):
        read_tensors(path)
    with pytest.raises(ModelUnusable, match="cannot be read"):
        read_tensors(tmp_path / "nothing.gguf")
