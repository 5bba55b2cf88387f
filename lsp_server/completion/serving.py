"""Which model answers, from the settings and the catalogue, and in which format it is asked.

Also which server, where the user or the machine's policy has named one.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.catalogue.allowed import asks_for_digests, is_allowed
from lsp_server.catalogue.files import sha256_of
from lsp_server.catalogue.store import ModelStore
from lsp_server.catalogue.table import Model
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import FimbulError, ModelError, SetupError
from lsp_server.inference.address import remote_options
from lsp_server.inference.engine import ModelFile
from lsp_server.inference.fallback import FallbackEngine, Server
from lsp_server.inference.machine import default_threads, engine_version
from lsp_server.inference.protocol import LoadOptions
from lsp_server.prompt.formats import (
    FORMATS,
    FimFormat,
    custom_format,
    family_of,
    special_texts,
)
from lsp_server.types import ModelDescription

if TYPE_CHECKING:
    from lsp_server.completion.answering import ServedModel

_GGUF = b"GGUF"
"""What such a file begins with."""


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A model that is ready to load."""

    local: ModelFile | None
    """Its file on this machine; None only where a server answers and there is none here."""
    fim_format: Callable[[ModelDescription], FimFormat]
    """Returns the format, once the file has said what it holds."""
    server: Server | None = None
    """What answers in place of this machine; None is this machine."""
    remote_format: Callable[[ModelDescription], FimFormat] = lambda _found: FORMATS["none"]
    """Returns the format of the server's model, once the server was asked."""

    @property
    def file(self) -> ModelFile:
        """Its file on this machine; raises ModelError if there is none."""
        if self.local is None:
            raise ModelError("There is no model on this machine; run `fimbul models pull`.")
        return self.local


ChooseModel = Callable[[Settings], ChosenModel]
"""Returns the model for some settings; raises ModelError if there is none."""


def chooser(paths: Paths) -> ChooseModel:
    """Return what chooses models from the catalogue of one user, and servers."""
    return with_server(lambda settings: _on_this_machine(paths, settings), paths)


def with_server(choose: ChooseModel, paths: Paths) -> ChooseModel:
    """Return what chooses a server where one is named, and the model of `choose` to stand in."""

    def choose_both(settings: Settings) -> ChosenModel:
        server = _server(settings)
        if server is None:
            return choose(settings)
        try:
            chosen = choose(settings)
        except FimbulError:
            # Without a model here nothing stands in for the server, and it is asked all the same.
            chosen = ChosenModel(None, lambda _found: FORMATS["none"])
        row = _row(paths, settings.engine.model)
        return replace(chosen, server=server, remote_format=lambda found: _asked_as(found, row))

    return choose_both


def _on_this_machine(paths: Paths, settings: Settings) -> ChosenModel:
    name = settings.engine.model
    allowed = settings.policy.allowed_models
    row = _row(paths, name)
    if not is_allowed(allowed, name, row.sha256 if row is not None else None):
        raise ModelError(
            f"The policy of this machine does not allow the model {name} "
            f"(engine.model), only: {', '.join(allowed)}."
        )
    if engine_version() is None:
        raise SetupError("The engine is not installed; run `fimbul setup`.")
    installed = ModelStore(paths).require(name)
    file = ModelFile(name, installed.path, installed.sha256)
    return ChosenModel(file, lambda found: fim_format(installed.model, found))


def _server(settings: Settings) -> Server | None:
    options = remote_options(settings.engine, os.environ)
    if options is None:
        return None
    allowed = settings.policy.allowed_models
    if allowed and options.model not in allowed:
        raise ModelError(
            f"The policy of this machine allows only the models {', '.join(allowed)}, so one of "
            "them has to be named in engine.remote_model."
        )
    return Server(options, frozenset(special_texts()), settings.engine.remote_fallback)


def _row(paths: Paths, name: str) -> Model | None:
    try:
        return ModelStore(paths).get(name)
    except FimbulError:
        return None


def _asked_as(found: ModelDescription, row: Model | None) -> FimFormat:
    """Return the format of a server's model: what its tokens say, else that of `engine.model`.

    A server that does not tell tokens has the model that the user has named, or one like it; that
    name also decides between families that share their tokens.
    """
    named = FORMATS.get(row.family) if row is not None else None
    if named is not None and named.recognised_by <= found.special_tokens:
        return named if named.recognised_by else FORMATS[family_of(found) or "none"]
    if found.special_tokens or row is None:
        return FORMATS[family_of(found) or "none"]
    return fim_format(row, found)


def served_by(engine: FallbackEngine, chosen: ChosenModel) -> "ServedModel":
    """Return the model that `engine` answers with now, once it is open."""
    # Most of the pipeline comes with it, and a model has to be chosen before that is imported.
    from lsp_server.completion.answering import ServedModel

    found = engine.description
    assert found is not None  # noqa: S101  # Opening has set it.
    if (remote := engine.remote) is not None:
        # Whether a server heals may turn out only once it was asked to.
        fim = chosen.remote_format(found)
        return ServedModel(remote.name, fim, is_remote=True, heals=lambda: remote.heals)
    return ServedModel(chosen.file.name, chosen.fim_format(found))


def fim_format(model: Model, description: ModelDescription) -> FimFormat:
    """Return the format of a model: the user's tokens, else its family's, else the file's own."""
    if model.fim_tokens:
        return custom_format(model.fim_tokens)
    if model.family in FORMATS:
        return FORMATS[model.family]
    family = family_of(description)
    return FORMATS[family] if family else custom_format(description.fim_tokens)


def load_options(settings: Settings) -> LoadOptions:
    """Return how a model is loaded under some settings; raises ModelError if that cannot be."""
    return LoadOptions(
        threads=settings.engine.threads or default_threads(),
        context_length=settings.engine.context_length,
        gpu_layers=settings.engine.gpu_layers,
        adapter=_adapter(settings.engine.adapter, settings.policy.allowed_adapters),
        adapter_scale=settings.engine.adapter_percent / 100,
        state_bytes=settings.limits.saved_states * 1_000_000,
    )


def _adapter(setting: str, allowed: Sequence[str]) -> str:
    """Return the path of the adapter, checked as far as it can be without loading it."""
    if not setting:
        return ""
    path = Path(setting).expanduser()
    if not path.is_absolute():
        raise ModelError(
            f"engine.adapter = {setting} is not an absolute path; write where the file lies, from "
            "the root or from ~ on."
        )
    try:
        with path.open("rb") as file:
            begin = file.read(len(_GGUF))
        digest = sha256_of(path) if asks_for_digests(allowed) else None
    except OSError as error:
        raise ModelError(
            f"The adapter {path} (engine.adapter) cannot be read: {error.strerror}."
        ) from error
    if begin != _GGUF:
        raise ModelError(
            f"{path} (engine.adapter) is no GGUF file; convert the adapter to that form first."
        )
    if not is_allowed(allowed, str(path), digest):
        raise ModelError(
            f"The policy of this machine does not allow the adapter {path} (engine.adapter), only: "
            f"{', '.join(allowed)}."
        )
    return str(path)
