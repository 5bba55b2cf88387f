"""Files that URIs name, as far as a file can have such a name."""

import os

from pygls import uris


def to_fs_path(uri: str) -> str | None:
    """Return the path that `uri` names; None if it names no file, or one that cannot be.

    The system refuses names with a NUL or half of a surrogate pair wherever they come to it, by
    errors that no reader of files expects.
    """
    try:
        path = uris.to_fs_path(uri)
        if path is None or "\0" in path:
            return None
        os.fsencode(path)
    except ValueError:
        return None
    return path
