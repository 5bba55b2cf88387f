"""Whether the indexes in a folder are still the same, asked without looking into them."""

from pathlib import Path

PATTERN = "*.fimref"
"""Files that are indexes, see `lsp_server.references.indexfile.ENDING`."""

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of each."""


def stamp(folder: Path) -> Stamp:
    """Return what changes as soon as an index is put into `folder` or taken away.

    Empty if there is none. Raises OSError if the folder cannot be read.
    """
    found = [(file.name, file.stat()) for file in sorted(folder.glob(PATTERN))]
    return tuple((name, status.st_size, status.st_mtime_ns) for name, status in found)
