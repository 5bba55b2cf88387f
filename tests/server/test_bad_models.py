"""Bad model files: a clear answer each, and a server that lives on."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from lsp_server.catalogue.store import ModelStore
from lsp_server.cli.main import main
from lsp_server.completion.serving import chooser
from lsp_server.config.options import DEFAULT_MODEL, EngineOptions, PolicyOptions, Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import ModelError
from lsp_server.inference.inspection import describe_model
from tests.engine.tiny import write_tiny_model
from tests.server.editor import editor

pytestmark = pytest.mark.engine


def nothing(_file: Path) -> None:
    """Leave the model missing."""


def text(file: Path) -> None:
    file.write_text("this is no model\n" * 100)


def truncated(file: Path) -> None:
    write_tiny_model(file)
    file.write_bytes(file.read_bytes()[:50_000])


def another(file: Path) -> None:
    write_tiny_model(file)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (nothing, "fimbul models pull"),
        (text, "not a GGUF"),
        (truncated, "bytes instead of"),
        (another, "bytes instead of"),
    ],
)
async def test_the_default_model_is_not_what_it_should_be(
    make: Callable[[Path], None], said: str, paths: Paths
) -> None:
    file = paths.models / DEFAULT_MODEL / ModelStore(paths).get(DEFAULT_MODEL).file
    file.parent.mkdir(parents=True)
    make(file)
    async with editor("--engine", "llama", ready=False) as session:
        await session.until("no-model")
        (message,) = session.messages
        assert said in message
        assert await session.ask(session.open("x = █")) == []
        assert await session.reason() == "no-model"


async def added(paths: Paths, file: Path, family: str) -> str:
    """Add a model of the user's own, as `fimbul models add` does."""
    return await asyncio.to_thread(add, paths, file, family)


def add(paths: Paths, file: Path, family: str) -> str:
    description = describe_model(file)
    ModelStore(paths).add(
        file, name="mine", family=family, fim_tokens={}, description=description, copy=False
    )
    return "mine"


async def test_a_file_cut_after_it_was_added(paths: Paths, tmp_path: Path) -> None:
    file = write_tiny_model(tmp_path / "mine.gguf")
    name = await added(paths, file, "qwen2.5-coder")
    file.write_bytes(file.read_bytes()[:50_000])
    async with editor(
        "--engine", "llama", options={"engine": {"model": name}}, ready=False
    ) as session:
        await session.until("no-model")
        (message,) = session.messages
        assert "mine.gguf" in message


async def test_a_file_that_llama_cpp_refuses(paths: Paths, tmp_path: Path) -> None:
    # Cut in such a way that its digest and size are what the registry says.
    file = write_tiny_model(tmp_path / "mine.gguf")
    description = await asyncio.to_thread(describe_model, file)
    file.write_bytes(file.read_bytes()[:50_000])
    ModelStore(paths).add(
        file, name="mine", family="none", fim_tokens={}, description=description, copy=False
    )
    options = {"engine": {"model": "mine"}}
    async with editor("--engine", "llama", options=options, ready=False) as session:
        status = await session.until("failed")
        assert "mine.gguf" in status["message"]
        assert "corrupted or incomplete" in status["message"]
        assert await session.ask(session.open("x = █")) == []
        assert await session.reason() == "engine-failed"


async def test_a_model_without_fim_tokens_is_served_and_says_so(
    paths: Paths, tmp_path: Path
) -> None:
    name = await added(paths, write_tiny_model(tmp_path / "mine.gguf", fim=False), "none")
    options = {"engine": {"model": name, "context_length": 512}, "context": {"prefix_tokens": 64}}
    async with editor("--engine", "llama", options=options) as session:
        await session.ask(session.open("x = self█\n"))
        outcome = await session.request("fimbul/lastOutcome", uri="file:///workspace/a.py")
        assert outcome is not None
        (message,) = session.messages
        assert "not trained to fill in the middle" in message


def test_the_command_line_says_so_too(
    paths: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(paths, write_tiny_model(tmp_path / "mine.gguf", fim=False), "none")
    file = tmp_path / "a.py"
    file.write_text("x = self\n")
    options = ["--set", "engine.model=mine", "--set", "engine.context_length=512"]
    main(["complete", f"{file}:1", *options, "--set", "context.prefix_tokens=64"])
    shown = capsys.readouterr().out
    assert "not trained to fill in the middle" in shown


async def test_a_family_that_does_not_fit_is_named(paths: Paths, tmp_path: Path) -> None:
    name = await added(paths, write_tiny_model(tmp_path / "mine.gguf"), "starcoder2")
    options = {"engine": {"model": name, "context_length": 512}}
    async with editor("--engine", "llama", options=options) as session:
        assert await session.ask(session.open("x = █")) == []
        outcome = await session.request("fimbul/lastOutcome", uri="file:///workspace/a.py")
        assert outcome is not None
        assert outcome["reason"] == "engine-failed"
        assert "<fim_prefix>" in outcome["detail"]


async def test_another_model_is_loaded_when_the_settings_change(
    paths: Paths, tmp_path: Path
) -> None:
    name = await added(paths, write_tiny_model(tmp_path / "mine.gguf"), "qwen2.5-coder")
    async with editor("--engine", "llama", ready=False) as session:
        await session.until("no-model")
        session.client.workspace_did_change_configuration(
            lsp.DidChangeConfigurationParams(
                {"fimbul": {"engine": {"model": name, "context_length": 512}}}
            )
        )
        await session.until("loading", 2)
        status = await session.until("ready")
        assert status["model"] == name


async def test_the_policy_forbids_a_model(paths: Paths, tmp_path: Path) -> None:
    name = await added(paths, write_tiny_model(tmp_path / "mine.gguf"), "qwen2.5-coder")
    settings = Settings(
        engine=EngineOptions(model=name), policy=PolicyOptions(allowed_models=("other",))
    )
    with pytest.raises(ModelError, match="only: other"):
        chooser(paths)(settings)
    assert chooser(paths)(Settings(engine=EngineOptions(model=name))).file.name == name
