"""Which model serves, as the user's settings and the machine's policy say, and how that changes.

Knows nothing about how models are fetched, made or loaded.
"""

from collections.abc import MutableMapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from lsp_server.catalogue import allowed
from lsp_server.catalogue.files import replace_file
from lsp_server.catalogue.store import ModelStore
from lsp_server.cli.console import Console
from lsp_server.config.layers import POLICY_MAY, merge, read_file
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import ConfigError


def settings_of(paths: Paths) -> Settings:
    """Return the settings of this user under this machine's policy; what is wrong is left out."""
    user, _ = read_file(paths.user_file, None)
    policy, _ = read_file(paths.policy_file, POLICY_MAY)
    settings, _ = merge([*user, *policy])
    return settings


def is_allowed(settings: Settings, name: str, sha256: str | None = None) -> bool:
    """Say whether the policy of this machine allows a model, by its name or its digest."""
    return allowed.is_allowed(settings.policy.allowed_models, name, sha256)


def use_model(paths: Paths, name: str, console: Console) -> None:
    """Write `name` into the user's settings as the model that serves.

    Raises `ModelUnknown`, and `ConfigError` if the policy forbids it or the settings cannot be
    changed.
    """
    store, settings = ModelStore(paths), settings_of(paths)
    model = store.get(name)
    if not is_allowed(settings, model.name, model.sha256):
        raise ConfigError(
            f"{paths.policy_file} does not allow {name}; it allows"
            f" {', '.join(settings.policy.allowed_models)}."
        )
    _set_option(paths.user_file, "engine", "model", name)
    console.say(f"{name} serves from now on ({paths.user_file}).")
    if model.family == "none" and not model.fim_tokens:
        console.say(prefix_only(name))
    if store.installed(name) is None:
        console.say(f"Its file is not here yet; run `fimbul models pull {name}`.")


def prefix_only(name: str) -> str:
    """Return what a user of a model without FIM tokens has to know."""
    return (
        f"{name} has no FIM tokens: it is served prefix-only, so it does not see what follows the"
        " cursor."
    )


def _set_option(path: Path, section: str, option: str, value: str) -> None:
    """Set one option in the TOML file at `path`; everything else in it stays as it is written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        document = tomlkit.parse(path.read_text(encoding="utf-8") if path.exists() else "")
        table = document.setdefault(section, tomlkit.table())
        if not isinstance(table, MutableMapping):
            raise ConfigError(f"{path}: {section} is not a table; mend it first.")
        table[option] = value
        replace_file(path, tomlkit.dumps(document))
    except (OSError, UnicodeDecodeError, TOMLKitError) as exc:
        raise ConfigError(f"{path} cannot be changed: {exc}. Mend it first.") from exc
