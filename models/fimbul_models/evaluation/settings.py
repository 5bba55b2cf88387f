"""Options that an editor may not set, such as an adapter: given to a server as its user's own file.

Knows nothing about how a server is started.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from fimbul_models.errors import EvaluationError
from lsp_server.config.options import Tighten, entries
from lsp_server.config.paths import APPLICATION, Paths

Options = Mapping[str, Mapping[str, Any]]

_MACHINE = frozenset(entry.key for entry in entries() if entry.option.tighten is Tighten.MACHINE)


def parted(options: Options) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return what of `options` an editor may set, and what only the user's own file may."""
    editors: dict[str, dict[str, Any]] = {}
    own: dict[str, dict[str, Any]] = {}
    for section, values in options.items():
        for name, value in values.items():
            side = own if f"{section}.{name}" in _MACHINE else editors
            side.setdefault(section, {})[name] = value
    return editors, own


@contextmanager
def own_settings(options: Options) -> Iterator[dict[str, str]]:
    """Yield the environment of a server whose user has set `options`, besides what he has set.

    Without options the environment is that of this process. The user's file itself stays as it is.
    Raises EvaluationError if it cannot be read, or on a system where no other can be named.
    """
    if not options:
        yield {}
        return
    if sys.platform == "win32":
        raise EvaluationError(
            f"Another {_named(options)} cannot be tried on Windows; set it in your own settings."
        )
    with tempfile.TemporaryDirectory(prefix="fimbul-settings-") as folder:
        file = Path(folder) / APPLICATION / Paths.of_user().user_file.name
        file.parent.mkdir()
        file.write_text(_merged(Paths.of_user().user_file, options), encoding="utf-8")
        yield {**os.environ, "XDG_CONFIG_HOME": folder}


def _merged(file: Path, options: Options) -> str:
    try:
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        document = tomlkit.parse(text)
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise EvaluationError(f"{file} cannot be read: {error}.") from error
    for section, values in options.items():
        table = document.setdefault(section, tomlkit.table())
        for name, value in values.items():
            table[name] = list(value) if isinstance(value, tuple) else value
    return tomlkit.dumps(document)


def _named(options: Options) -> str:
    return ", ".join(f"{section}.{name}" for section in options for name in options[section])
