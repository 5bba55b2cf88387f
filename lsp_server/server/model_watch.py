"""Notice that a model's file was put in place or mended, so that nobody has to start anew.

Looks only; what is done about it is decided elsewhere.
"""

import os
from pathlib import Path

from lsp_server.catalogue.store import ModelStore
from lsp_server.config.paths import Paths
from lsp_server.errors import FimbulError

EVERY = 2.0
"""Seconds between two looks."""


class ModelWatch:
    """The file of the model that is wanted."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._last: object = None
        self._handled: object = None

    def has_changed(self, name: str) -> bool:
        """Return whether the file of model `name` has become another, once, when it is at rest.

        Blocks as long as the disk does.
        """
        now = name, self._stamp(name)
        # A file that is being copied changes from look to look.
        is_at_rest, self._last = now == self._last, now
        if self._handled is not None and (not is_at_rest or now == self._handled):
            return False
        is_first, self._handled = self._handled is None, now
        return not is_first

    def _stamp(self, name: str) -> tuple[int, ...] | None:
        try:
            file: Path | None = ModelStore(self._paths).installed(name)
            found = os.stat(file) if file is not None else None  # noqa: PTH116  # May be None.
        except (OSError, FimbulError):
            return None
        return None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)
