"""Whether the machine's policy allows a file: by what it is called, or by what it is.

Only a digest says what a file is; a name is what its owner gave it. Pure.
"""

from collections.abc import Sequence

PREFIX = "sha256:"
"""Begins an entry that is a digest, in hexadecimal."""


def is_allowed(allowed: Sequence[str], name: str, sha256: str | None) -> bool:
    """Return whether `allowed`, where empty is everything, has the name or the digest."""
    if not allowed or name in allowed:
        return True
    return bool(sha256) and f"{PREFIX}{sha256}" in [entry.lower() for entry in allowed]


def asks_for_digests(allowed: Sequence[str]) -> bool:
    """Return whether any entry is a digest, so that it is worth working one out."""
    return any(entry.lower().startswith(PREFIX) for entry in allowed)
