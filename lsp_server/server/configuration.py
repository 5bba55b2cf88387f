"""Gather the layers of options that a running server knows."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lsp_server.config.layers import POLICY_MAY, WORKSPACE_MAY, Layer, merge, read_file
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths, workspace_file
from lsp_server.server.exclusions import editor_layers
from lsp_server.server.uris import to_fs_path

SECTION = "fimbul"
"""Name of our part of an editor's settings."""

ReadFolder = Callable[[Path], tuple[list[Layer], list[str]]]
"""Returns the layers that a workspace folder has, and messages about them."""


def _read_folder(folder: Path) -> tuple[list[Layer], list[str]]:
    return read_file(workspace_file(folder), WORKSPACE_MAY)


def gather(
    paths: Paths,
    editor: Sequence[Mapping[str, Any]],
    folders: Sequence[str],
    read_folder: ReadFolder = _read_folder,
) -> tuple[Settings, list[str]]:
    """Merge every layer into settings and messages about what is wrong with them.

    `editor` holds the options that came from the editor, later ones stronger; `folders` are the
    workspace's, as URIs, whose files `read_folder` reads.
    """
    layers, messages = read_file(paths.user_file, None)
    layers += editor_layers(editor)
    for folder in folders:
        if root := to_fs_path(folder):
            found, wrong = read_folder(Path(root))
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
