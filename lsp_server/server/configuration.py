"""Gather the layers of options that a running server knows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pygls.uris import to_fs_path

from lsp_server.config.layers import POLICY_MAY, WORKSPACE_MAY, merge, read_file
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths, workspace_file
from lsp_server.server.exclusions import editor_layers

SECTION = "fimbul"
"""Name of our part of an editor's settings."""


def gather(
    paths: Paths, editor: Sequence[Mapping[str, Any]], folders: Sequence[str]
) -> tuple[Settings, list[str]]:
    """Merge every layer into settings and messages about what is wrong with them.

    `editor` holds the options that came from the editor, later ones stronger; `folders` are the
    workspace's, as URIs.
    """
    layers, messages = read_file(paths.user_file, None)
    layers += editor_layers(editor)
    for folder in folders:
        if root := to_fs_path(folder):
            found, wrong = read_file(workspace_file(Path(root)), WORKSPACE_MAY)
            layers += found
            messages += wrong
    policy, wrong = read_file(paths.policy_file, POLICY_MAY)
    settings, more = merge([*layers, *policy])
    return settings, [*messages, *wrong, *more]


def section_of(settings: Any) -> Mapping[str, Any] | None:
    """Return our section of what an editor sent: bare, or under our name; None if it has none."""
    values = plain(settings)
    if not isinstance(values, Mapping):
        return None
    inner = values.get(SECTION, values)
    return inner if isinstance(inner, Mapping) else None


def plain(value: Any) -> Any:
    """Return JSON as dictionaries and lists, where pygls made objects of it."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value
