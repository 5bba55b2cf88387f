"""LoRA adapters over a model, and what the user is told about those that do not fit."""

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from lsp_server.completion.serving import load_options
from lsp_server.config.options import EngineOptions, Settings
from lsp_server.errors import AdapterUnfit, EngineRefused, ModelError
from lsp_server.inference.protocol import LoadOptions
from lsp_server.types import Adapter, Prompt
from tests.engine.test_llama import complete, engine, prompt
from tests.engine.tiny import CONTEXT, write_tiny_adapter, write_tiny_model

pytestmark = pytest.mark.engine

PLAIN = LoadOptions(2, CONTEXT)
CODE = "def area(self):\n    return self."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_adapter(tmp_path_factory.mktemp("adapters") / "mine.gguf")


async def logprobs(model: Path, adapter: Path | str, scale: float = 1.0) -> tuple[float, ...]:
    options = structs.replace(PLAIN, adapter=str(adapter), adapter_scale=scale)
    async with engine(model, options) as worker:
        return (await complete(worker, prompt(CODE))).logprobs


async def test_an_adapter_changes_what_the_model_says_as_much_as_it_is_scaled(
    model: Path, adapter: Path
) -> None:
    plain = await logprobs(model, "")
    whole, half, none = [await logprobs(model, adapter, scale) for scale in (1.0, 0.5, 0.0)]
    assert whole != plain
    assert half not in (plain, whole)
    assert none == pytest.approx(plain, abs=1e-4)


async def test_what_was_evaluated_under_another_adapter_is_not_used(
    model: Path, adapter: Path
) -> None:
    async with engine(model, PLAIN) as worker:
        before = await complete(worker, prompt(CODE))
        await worker.load(str(model), structs.replace(PLAIN, adapter=str(adapter)))
        after = await complete(worker, prompt(CODE))
    assert after.reused_tokens == 0
    assert after.logprobs != before.logprobs


async def test_an_adapter_of_another_model_is_refused_by_name(model: Path, tmp_path: Path) -> None:
    wrong = write_tiny_adapter(tmp_path / "wrong.gguf", width=64)
    async with engine(model, PLAIN) as worker:
        with pytest.raises(EngineRefused, match=r"wrong\.gguf \(engine\.adapter\)"):
            await worker.load(str(model), structs.replace(PLAIN, adapter=str(wrong)))


def under(path: Path | str, scale: float = 1.0, code: str = CODE) -> Prompt:
    return replace(prompt(code), adapter=Adapter(str(path), scale, "mine@1"))


async def test_adapters_change_from_prompt_to_prompt_and_nothing_is_mixed_up(
    model: Path, adapter: Path, tmp_path: Path
) -> None:
    other = write_tiny_adapter(tmp_path / "other.gguf", seed=1)
    wanted: list[tuple[Path | str, float]] = [("", 1.0), (adapter, 1.0), (other, 1.0)]
    wanted += [(adapter, 0.5), ("", 1.0), (adapter, 1.0), (other, 1.0)]
    alone = {one: await logprobs(model, *one) for one in set(wanted)}
    async with engine(model, PLAIN) as worker:
        for one in wanted:
            made = await complete(worker, under(*one))
            # Batches round logits differently where part of a prompt was there.
            assert made.logprobs == pytest.approx(alone[one], abs=0.05), one
        counters = await worker.counters()
    assert counters.swaps == len(wanted) - 1
    assert len(set(alone.values())) == 4, "adapters and scales do make a difference"


async def test_coming_back_to_an_adapter_goes_back_to_its_saved_work(
    model: Path, adapter: Path
) -> None:
    async with engine(model, PLAIN) as worker:
        first = await complete(worker, under(adapter))
        between = await complete(worker, under(""))
        assert (first.reused_tokens, between.reused_tokens) == (0, 0)
        again = await complete(worker, under(adapter))
        assert again.reused_tokens >= again.prompt_tokens - 1
        assert again.logprobs == pytest.approx(first.logprobs, abs=0.05)


async def test_what_was_evaluated_ahead_under_an_adapter_serves_that_one_only(
    model: Path, adapter: Path
) -> None:
    async with engine(model, PLAIN) as worker:
        await worker.prefill(under(adapter))
        assert (await complete(worker, under(""))).reused_tokens == 0
        assert (await complete(worker, under(adapter))).reused_tokens > 0


async def test_many_adapters_are_used_in_turn_and_the_model_loaded_once(
    model: Path, tmp_path: Path
) -> None:
    files = [write_tiny_adapter(tmp_path / f"{seed}.gguf", seed=seed) for seed in range(7)]
    async with engine(model, PLAIN) as worker:
        first = [(await complete(worker, under(file))).logprobs for file in files]
        for file, expected in zip(files, first, strict=True):
            made = await complete(worker, under(file))
            assert made.logprobs == pytest.approx(expected, abs=0.05)


async def test_one_that_does_not_fit_is_refused_and_the_model_goes_on(
    model: Path, adapter: Path, tmp_path: Path
) -> None:
    wrong = write_tiny_adapter(tmp_path / "wrong.gguf", width=64)
    async with engine(model, PLAIN) as worker:
        before = await complete(worker, under(adapter))
        for path in (wrong, tmp_path / "gone.gguf"):
            with pytest.raises(AdapterUnfit, match=path.name):
                await complete(worker, under(path))
        plain = await complete(worker, under(""))
        again = await complete(worker, under(adapter))
    assert plain.logprobs != before.logprobs
    assert again.logprobs == pytest.approx(before.logprobs, abs=0.05)


def settings(adapter: str, percent: int = 100) -> Settings:
    options = replace(EngineOptions(), adapter=adapter, adapter_percent=percent)
    return Settings(engine=options)


def test_the_settings_say_which_adapter_and_how_much_of_it(adapter: Path) -> None:
    found = load_options(settings(str(adapter), 50))
    assert (found.adapter, found.adapter_scale) == (str(adapter), 0.5)
    assert load_options(Settings()).adapter == ""


def test_an_adapter_that_cannot_be_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    text = tmp_path / "text.gguf"
    text.write_text("not an adapter\n")
    for path, message in (
        ("adapters/mine.gguf", "not an absolute path"),
        (str(tmp_path / "gone.gguf"), "cannot be read: No such file"),
        (str(text), "is no GGUF file"),
    ):
        with pytest.raises(ModelError, match=message):
            load_options(settings(path))
