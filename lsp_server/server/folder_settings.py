"""Read what a workspace folder says about settings, without waiting for a disk that stalls.

What a folder says can only restrict. Where its file cannot be read in time, what it said before
goes on to hold; where nothing is known of it, as much as it could say holds until it is known: only
the current file is looked at. Knows nothing about what the options mean.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from lsp_server.config.layers import WORKSPACE_MAY, Layer, read_file
from lsp_server.config.paths import workspace_file

PATIENCE = 1.0
"""Seconds that a folder's file is waited for; the server does nothing else meanwhile."""

Found = tuple[list[Layer], list[str]]
"""The layers of a file, and messages about it."""


class FolderSettings:
    """What the files of workspace folders say."""

    def __init__(self, on_late: Callable[[], None], patience: float = PATIENCE) -> None:
        """`on_late` is called in another thread once a file was read that had not been in time."""
        self._on_late = on_late
        self.patience = patience
        """Seconds that a file is waited for."""
        self._known: dict[Path, Found] = {}
        self._late: set[Path] = set()

    def read(self, folder: Path) -> Found:
        """Return what the file of `folder` says, as far as that is known in time."""
        file = workspace_file(folder)
        if file in self._late:
            return self._without(file)
        done = threading.Event()

        def work() -> None:
            self._known[file] = read_file(file, WORKSPACE_MAY)
            done.set()
            if file in self._late:
                self._late.discard(file)
                self._on_late()

        threading.Thread(target=work, name="folder settings", daemon=True).start()
        if done.wait(self.patience):
            return self._known[file]
        self._late.add(file)
        if done.is_set():
            # It came in the very moment in which it was given up.
            self._late.discard(file)
            return self._known[file]
        return self._without(file)

    def _without(self, file: Path) -> Found:
        if file in self._known:
            return self._known[file]
        strict = Layer(str(file), {"privacy": {"mode": "strict"}}, WORKSPACE_MAY)
        return [strict], [
            f"{file} cannot be read, since its disk does not answer. Until it does, only the "
            "current file is looked at (privacy.mode = strict)."
        ]
