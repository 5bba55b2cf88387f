"""Notice that a file was changed in its place while its contents are mapped into memory.

A model that another one is copied over answers nonsense, and one that is cut short ends its process
at the page that is missing. One that is deleted or replaced by another file stays what it was.
Knows nothing about models.
"""

import os


class MappedFile:
    """One file that is in use."""

    def __init__(self, path: str) -> None:
        """Remember the file as it is now; one that cannot be opened never changes."""
        self.path = path
        self._descriptor: int | None = None
        # Held open, so that it is the file that is mapped and not whatever has its name later.
        # Windows lets nobody write to a file that is mapped.
        if os.name == "posix":
            try:
                self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            except OSError:
                self._descriptor = None
        self._before = self._now()

    def has_changed(self) -> bool:
        """Return whether its contents were written to since."""
        return self._now() != self._before

    def close(self) -> None:
        """Let go of the file; it does not change any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = self._before = None

    def _now(self) -> tuple[int, int] | None:
        if self._descriptor is None:
            return None
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns
