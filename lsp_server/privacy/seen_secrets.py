"""Which secret values were met in this session, without the values.

Of each only a salted hash is kept, of its first characters and of the whole. The salt is made anew
with each process, is never written, and ends with it.
"""

import hashlib
import secrets

_FEWEST = 8
"""Characters of a value that is remembered: a shorter one may be a word that is met anywhere."""

_MOST = 4096
"""Values that are remembered."""

LONGEST = 4096
"""Characters of the longest value that is remembered; what is longer is data."""


class SeenSecrets:
    """The secrets of one session."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)
        self._begins: dict[int, set[int]] = {}
        """The lengths of the values that begin alike, by a quick hash, salted too."""
        self._values: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._values)

    def note(self, value: str) -> None:
        """Remember a value that was replaced; later ones than the first thousands are not."""
        if not _FEWEST <= len(value) <= LONGEST or len(self._values) >= _MOST:
            return
        self._values.add(self._hash(value))
        self._begins.setdefault(self._quick(value[:_FEWEST]), set()).add(len(value))

    def is_in(self, text: str) -> bool:
        """Tell whether one of the values is part of `text`."""
        if not self._values:
            return False
        return any(
            self._hash(text[start : start + length]) in self._values
            for start in range(len(text) - _FEWEST + 1)
            for length in self._begins.get(self._quick(text[start : start + _FEWEST]), ())
        )

    def _quick(self, text: str) -> int:
        return hash((self._salt, text))

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"), digest_size=12, key=self._salt
        ).digest()
