"""Messages on the wire, taken apart: heads, and as many bytes as they say.

What is wrong with one message costs that message and never those behind it, as far as its end can
be found: a head behind leftovers of a body is still a head, and a body that is too long is read
past. Knows nothing about what the bytes mean.
"""

import re
from typing import BinaryIO

LARGEST = 256 * 1024 * 1024
"""Bytes of the largest message that is taken. A file of 50 MB comes as some 60 MB of JSON, and
takes ten times that while it is read."""

_LONGEST_HEAD = 64 * 1024
"""Bytes of one line of a head; what is longer is none."""

_PIECE = 1024 * 1024

_LENGTH = re.compile(rb"content-length:[ \t]*(\d{1,18})[ \t]*\r?\n\Z", re.IGNORECASE)


class TooLarge(Exception):
    """A message was longer than what is taken; it was read past."""

    def __init__(self, size: int) -> None:
        super().__init__(f"a message of {size:,} bytes was left out; {LARGEST:,} are the most")


class Frames:
    """The messages of one stream."""

    def __init__(self, stream: BinaryIO, largest: int = LARGEST) -> None:
        self._stream = stream
        self._largest = largest

    def read(self) -> bytes | None:
        """Return the body of the next message, blocking; None at the end, also inside of one.

        Raises TooLarge, behind which the next message can be read.
        """
        length = self._head()
        if length is None:
            return None
        if length > self._largest:
            self._skip(length)
            return None
        body = self._stream.read(length)
        return body if len(body) == length else None

    def _head(self) -> int | None:
        """Return the length that the next head says; None at the end."""
        length: int | None = None
        while line := self._stream.readline(_LONGEST_HEAD):
            # Behind a length that was too short, a head follows what is left of the body.
            if (found := _LENGTH.search(line)) is not None:
                length = int(found[1])
            elif not line.strip() and length is not None:
                return length
        return None

    def _skip(self, length: int) -> None:
        left = length
        while left > 0:
            piece = self._stream.read(min(left, _PIECE))
            if not piece:
                return
            left -= len(piece)
        raise TooLarge(length)
