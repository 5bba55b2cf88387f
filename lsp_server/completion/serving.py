"""Which model answers, from the settings and the catalogue, and in which format it is asked."""

from collections.abc import Callable
from dataclasses import dataclass

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
    """Return how a model is loaded under some settings."""
    return LoadOptions(
        threads=settings.engine.threads or default_threads(),
        context_length=settings.engine.context_length,
    )
