"""Which model answers, from the settings and the catalogue, and in which format it is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lsp_server.catalogue.store import ModelStore
from lsp_server.catalogue.table import Model
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import ModelError
from lsp_server.inference.engine import ModelFile
from lsp_server.inference.machine import default_threads
from lsp_server.inference.protocol import LoadOptions
from lsp_server.prompt.formats import FORMATS, FimFormat, custom_format, family_of
from lsp_server.types import ModelDescription

_GGUF = b"GGUF"
"""What such a file begins with."""


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A model that is ready to load."""

    file: ModelFile
    fim_format: Callable[[ModelDescription], FimFormat]
    """Returns the format, once the file has said what it holds."""


ChooseModel = Callable[[Settings], ChosenModel]
"""Returns the model for some settings; raises ModelError if there is none."""


def chooser(paths: Paths) -> ChooseModel:
    """Return what chooses models from the catalogue of one user."""

    def choose(settings: Settings) -> ChosenModel:
        name = settings.engine.model
        allowed = settings.policy.allowed_models
        if allowed and name not in allowed:
            raise ModelError(
                f"The policy of this machine does not allow the model {name} "
                f"(engine.model), only: {', '.join(allowed)}."
            )
        installed = ModelStore(paths).require(name)
        file = ModelFile(name, installed.path, installed.sha256)
        return ChosenModel(file, lambda found: fim_format(installed.model, found))

    return choose


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
        adapter=_adapter(settings.engine.adapter),
        adapter_scale=settings.engine.adapter_percent / 100,
    )


def _adapter(setting: str) -> str:
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
    except OSError as error:
        raise ModelError(
            f"The adapter {path} (engine.adapter) cannot be read: {error.strerror}."
        ) from error
    if begin != _GGUF:
        raise ModelError(
            f"{path} (engine.adapter) is no GGUF file; convert the adapter to that form first."
        )
    return str(path)
