"""What is known about models beyond the shipped table, kept in one TOML file.

Digests taken from a hub, files added by hand, and when a file was last verified. Readers take no
lock, because the file is only ever replaced as a whole; writers take one. Knows nothing about
the model files themselves. What a newer version has written besides is kept.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from filelock import FileLock

from lsp_server.catalogue.files import replace_file
from lsp_server.catalogue.table import Digest, Model, Name, Size
from lsp_server.errors import ConfigError

_HEADER = "What fimbul knows about models beyond its shipped table; written by `fimbul models`."


class Stamp(msgspec.Struct, frozen=True):
    """A file as it was when its digest was found right."""

    bytes: int
    mtime_ns: int
    """Modification time, in nanoseconds since the epoch."""
    inode: int = 0
    """Which file it was: another one put in its place has another number. 0 in old records."""


class Provenance(msgspec.Struct, frozen=True):
    """How a file was made from another one on this machine, and how the two compare."""

    origin: Name
    """The model it was made from."""
    origin_sha256: Digest
    """Digest of that model's file."""
    types: dict[str, str]
    """The types of weights that were changed, by group of tensors."""
    made: str
    """When, in UTC, as in ``2026-11-28T01:02:03Z``."""
    engine: str
    """Version of the engine that made it."""
    machine: str
    """Key of the machine whose times these are."""
    texts: str
    """Digest of the texts on which both were compared."""
    positions: int
    """How many positions of those."""
    agreement: float
    """Share of them at which both choose the same token."""
    divergence: float
    """Mean KL divergence from the origin there, in nats."""
    prefill_ratio: float
    """Time of a token of a prompt by the origin's."""
    decode_ratio: float
    """Time of a generated token by the origin's."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known about one model."""

    bytes: Size | None = None
    sha256: Digest | None = None
    """Digest of a file that the shipped table has none of."""
    path: str | None = None
    """Absolute path of a file outside fimbul's own folder."""
    verified: Stamp | None = None
    added: Model | None = None
    """Description of a model that is not in the shipped table."""
    tuned: Provenance | None = None
    """Where it comes from, if it was made here from another model."""


class _File(msgspec.Struct, frozen=True):
    models: dict[Name, Record] = {}


def read(path: Path) -> dict[str, Record]:
    """Return the records by name; raise `ConfigError` if the file is damaged."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_File).models
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(
            f"{path} cannot be read: {exc}. Mend it, or delete it: model files stay where they are,"
            " but models that were added by hand have to be added again."
        ) from exc


def change(path: Path, name: str, update: Callable[[Record], Record | None]) -> None:
    """Replace the record of `name` by what `update` makes of it; None deletes it.

    Raises `ConfigError` if the file is damaged or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f"{path.name}.lock")):
            record = update(read(path).get(name, Record()))
            replace_file(path, _text(_written(path), name, record))
    except OSError as exc:
        raise ConfigError(f"{path} cannot be written: {exc.strerror}.") from exc


def _written(path: Path) -> dict[str, Any]:
    """Return the file as it stands, with what a newer version has written and this one ignores."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _text(written: dict[str, Any], name: str, record: Record | None) -> str:
    """Return what is written, with `record` in the place of that of `name`; None deletes it."""
    models = dict(written.get("models", {}))
    before = models.pop(name, {})
    if record not in (None, Record()):
        ours = _without_none(msgspec.to_builtins(record))
        known = Record.__struct_fields__
        models[name] = {**{key: before[key] for key in before if key not in known}, **ours}
    document = tomlkit.document()
    document.add(tomlkit.comment(_HEADER))
    document.update({**written, "models": dict(sorted(models.items()))})
    return tomlkit.dumps(document)


def _without_none(value: Any) -> Any:
    """Leave out what is None, for which TOML has no word."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value
