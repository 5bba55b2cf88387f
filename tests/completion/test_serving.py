"""Which server is chosen beside which model, and how the server's model is asked."""

import hashlib
from pathlib import Path

import pytest

from lsp_server.completion.serving import ChosenModel, load_options, with_server
from lsp_server.config.options import EngineOptions, PolicyOptions, Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import ConfigError, ModelError, ModelMissing
from lsp_server.inference.engine import ModelFile
from lsp_server.prompt.formats import FORMATS
from lsp_server.types import ModelDescription

URL = "https://completion.example"


def here(_settings: Settings) -> ChosenModel:
    return ChosenModel(ModelFile("here", Path("here"), "here"), lambda _found: FORMATS["none"])


def missing(_settings: Settings) -> ChosenModel:
    raise ModelMissing("It is not on this machine.")


def described(*tokens: str) -> ModelDescription:
    return ModelDescription("", "there", 0, 0, special_tokens=frozenset(tokens))


def test_without_a_server_the_choice_is_this_machines(paths: Paths) -> None:
    assert with_server(here, paths)(Settings()).server is None
    with pytest.raises(ModelMissing):
        with_server(missing, paths)(Settings())


def test_a_server_does_without_a_model_here(paths: Paths) -> None:
    settings = Settings(engine=EngineOptions(remote_url=URL))
    chosen = with_server(here, paths)(settings)
    assert chosen.server is not None
    assert chosen.server.options.url == URL
    assert chosen.server.fallback
    assert chosen.file.name == "here"
    alone = with_server(missing, paths)(settings)
    assert (alone.local, alone.server) == (None, chosen.server)
    with pytest.raises(ModelError, match="no model on this machine"):
        _ = alone.file


def test_an_address_that_cannot_be_used_is_an_error_and_no_silent_fallback(paths: Paths) -> None:
    with pytest.raises(ConfigError, match="remote_url"):
        with_server(here, paths)(Settings(engine=EngineOptions(remote_url="ftp://x")))


@pytest.mark.parametrize(("model", "fits"), [("", False), ("other", False), ("allowed", True)])
def test_a_policy_that_allows_models_asks_for_the_servers_too(
    model: str, fits: bool, paths: Paths
) -> None:
    settings = Settings(
        engine=EngineOptions(remote_url=URL, remote_model=model),
        policy=PolicyOptions(allowed_models=("allowed",)),
    )
    if fits:
        assert with_server(here, paths)(settings).server is not None
    else:
        with pytest.raises(ModelError, match="remote_model"):
            with_server(here, paths)(settings)


@pytest.mark.parametrize(
    ("family", "tokens"),
    [
        ("starcoder2", FORMATS["starcoder2"].recognised_by),
        ("deepseek-coder", FORMATS["deepseek-coder"].recognised_by),
        ("none", frozenset({"<|im_start|>"})),
        # It does not tell: the model that is named here, or one like it.
        ("qwen2.5-coder", frozenset()),
    ],
)
def test_the_servers_model_is_asked_as_its_tokens_say(
    family: str, tokens: frozenset[str], paths: Paths
) -> None:
    chosen = with_server(missing, paths)(Settings(engine=EngineOptions(remote_url=URL)))
    assert chosen.remote_format(described(*tokens)) is FORMATS[family]


def test_without_a_known_name_or_tokens_it_is_asked_without_a_suffix(paths: Paths) -> None:
    settings = Settings(engine=EngineOptions(model="unheard-of", remote_url=URL))
    chosen = with_server(missing, paths)(settings)
    assert not chosen.remote_format(described()).fills


@pytest.mark.parametrize("way", ["path", "digest", "other"])
def test_a_policy_says_which_adapters_may_be_used(way: str, tmp_path: Path) -> None:
    file = tmp_path / "style.gguf"
    file.write_bytes(b"GGUF and more")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    entry = {"path": str(file), "digest": f"sha256:{digest}", "other": "sha256:" + "0" * 64}[way]
    settings = Settings(
        engine=EngineOptions(adapter=str(file)), policy=PolicyOptions(allowed_adapters=(entry,))
    )
    if way == "other":
        with pytest.raises(ModelError, match="does not allow the adapter"):
            load_options(settings)
    else:
        assert load_options(settings).adapter == str(file)
