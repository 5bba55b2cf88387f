"""Hand a text to the parser in pieces, and take the pieces back.

py-tree-sitter 0.26.1 keeps a reference to every piece that a read callback returns, for ever; a
server that parses at every key would grow by megabytes an hour. Parsing whole bytes does not
leak, but can neither be given up nor let other threads run. So with that version the references
to each piece are counted, and those too many are dropped; other versions are left alone.

A scanner that must not see other characters than ASCII's gets a letter for each byte of them, so
that all places stay where they are. Knows nothing about trees.
"""

import ctypes
import sys
from collections.abc import Callable
from importlib.metadata import version

Point = tuple[int, int]

_Read = Callable[[int, Point], bytes]

_LETTER = b"_"
"""Stands for each byte beyond ASCII. Shells take such characters for parts of words, too."""
_AS_LETTERS = bytes(range(0x80)) + _LETTER * 0x80

_SHORT = {text: text for text in (b"", *(bytes((byte,)) for byte in range(0x100)))}
"""The texts of at most one byte. Copies of those are counted in no reliable way, and the end of a
text is asked for at every parse, so what the parser keeps are always the same objects."""

_LEAKS = version("tree-sitter").startswith("0.26.")

_drop_reference = ctypes.pythonapi.Py_DecRef
_drop_reference.argtypes = [ctypes.py_object]
_drop_reference.restype = None


def _references(piece: bytes) -> int:
    return sys.getrefcount(piece)


class Pieces:
    """A read callback that remembers what it returned. Use it for one parse, then `release`."""

    def __init__(self, read: _Read, *, ascii_only: bool = False) -> None:
        self._read = read
        self._ascii_only = ascii_only
        self._returned: list[bytes] = []

    def __call__(self, offset: int, point: Point) -> bytes:
        """Return some of the text from `point` on, as an object that nobody else holds."""
        text = self._read(offset, point)
        if self._ascii_only:
            text = text.translate(_AS_LETTERS)
        if len(text) <= 1:
            return _SHORT[text]
        # A copy: what the source keeps has references of its own, which must not be counted.
        piece = bytes(memoryview(text))
        self._returned.append(piece)
        return piece

    def release(self) -> int:
        """Drop the references that the parser left behind; return how many. It must be gone."""
        if not _LEAKS:
            self._returned.clear()
            return 0
        # What an object shows that only one name holds, whatever this interpreter counts besides.
        untouched = [bytes(bytearray(b"untouched"))]
        piece = untouched.pop()
        expected = _references(piece)
        dropped = 0
        while self._returned:
            piece = self._returned.pop()
            surplus = _references(piece) - expected
            for _ in range(surplus):
                _drop_reference(piece)
            dropped += max(0, surplus)
        return dropped
