"""Variants of the default model, made and compared by the real engine."""

from pathlib import Path

import pytest

from lsp_server.cli.samples import default_sources, read_texts
from lsp_server.inference.inspection import describe_model
from lsp_server.inference.pruning import prune
from lsp_server.inference.throwaway import ask
from lsp_server.inference.tuning import Compare, Compared, Settings
from lsp_server.prompt.formats import family_of

pytestmark = [pytest.mark.engine, pytest.mark.model]


def test_leaving_tokens_out_changes_nothing_that_the_model_says(
    model_installed: Path, tmp_path: Path
) -> None:
    target = tmp_path / "ascii.gguf"
    try:
        assert prune(model_installed, target) > 50_000
        texts = read_texts(default_sources(), 200, ascii_only=True)
        settings = Settings(threads=2, extra_buffers=True, batch=64)
        request = Compare(str(model_installed), str(target), texts, 48, 0.0, 1, settings)
        compared = ask(request, Compared)
        assert (compared.positions, compared.equal) == (48, 48)
        assert compared.divergence < 1e-6
        assert family_of(describe_model(target)) == "qwen2.5-coder"
    finally:
        # Half a gigabyte would stay with pytest's last folders.
        target.unlink(missing_ok=True)
