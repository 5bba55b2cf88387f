"""The tokens of one model as bytes, and how text becomes tokens.

Knows nothing about contexts and generation.
"""

import bisect
import ctypes
import functools
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from lsp_server.errors import EngineRefused

_KEPT_SEGMENTS = 256
"""Texts whose tokens are remembered; a prompt has about six, and most stay as they were."""

_LINE_BREAKS = frozenset(b"\r\n")

_FIM_ROLES = {
    "prefix": "llama_vocab_fim_pre",
    "suffix": "llama_vocab_fim_suf",
    "middle": "llama_vocab_fim_mid",
    "pad": "llama_vocab_fim_pad",
    "repository": "llama_vocab_fim_rep",
    "separator": "llama_vocab_fim_sep",
}


class Vocabulary:
    """The tokens of one model, as bytes, and how to find them."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.size: int = llama_cpp.llama_vocab_n_tokens(handle)
        self._remembered: dict[str, tuple[int, ...]] = {}
        self.control = np.zeros(self.size, dtype=bool)
        self.pieces: list[bytes] = []
        self._read_pieces()
        plain = [token for token in range(self.size) if self._is_plain(token)]
        plain.sort(key=self.pieces.__getitem__)
        self._sorted_ids = np.array(plain, dtype=np.int64)
        self._sorted_pieces = [self.pieces[token] for token in plain]

    def _read_pieces(self) -> None:
        buffer = ctypes.create_string_buffer(512)
        for token in range(self.size):
            length = llama_cpp.llama_token_to_piece(self._handle, token, buffer, 512, 0, True)
            self.pieces.append(buffer.raw[:length] if length > 0 else b"")
            self.control[token] = llama_cpp.llama_vocab_is_control(
                self._handle, token
            ) or llama_cpp.llama_vocab_is_eog(self._handle, token)

    @functools.cached_property
    def ends_word(self) -> npt.NDArray[np.bool_]:
        """Whether a word in front of each token ends there, by token."""
        return np.array([not (piece and is_word(piece[0])) for piece in self.pieces], dtype=bool)

    def _is_plain(self, token: int) -> bool:
        return bool(self.pieces[token]) and not self.control[token]

    def tokenize(self, text: str) -> tuple[int, ...]:
        """Return the tokens of `text`, in which no special token is recognised."""
        known = self._remembered.get(text)
        if known is None:
            known = self._tokenize(text.encode(), special=False)
            while len(self._remembered) >= _KEPT_SEGMENTS:
                self._remembered.pop(next(iter(self._remembered)), None)
            self._remembered[text] = known
        return known

    def count(self, text: str) -> int:
        """Return the number of tokens of `text` without remembering them."""
        return len(self.split(text))

    def split(self, text: str) -> tuple[int, ...]:
        """Return the tokens of `text` without remembering them."""
        return self._tokenize(text.encode(), special=False)

    def special(self, text: str) -> int:
        """Return the single special token that is spelled `text`."""
        tokens = self._tokenize(text.encode(), special=True)
        if len(tokens) != 1 or not text:
            raise EngineRefused(
                f"The model has no token {text!r}. Its FIM format does not fit: see "
                "`fimbul models list`, or add the file again with its own FIM tokens."
            )
        return tokens[0]

    def _tokenize(self, text: bytes, *, special: bool) -> tuple[int, ...]:
        room = len(text) + 8
        tokens = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(
            self._handle, text, len(text), tokens, room, False, special
        )
        if count < 0:
            raise EngineRefused("The text could not be split into tokens.")
        return tuple(tokens[:count])

    def starts(self) -> tuple[int, ...]:
        """Return the tokens that every sequence of this model begins with."""
        if not llama_cpp.llama_vocab_get_add_bos(self._handle):
            return ()
        token = llama_cpp.llama_vocab_bos(self._handle)
        return (token,) if token >= 0 else ()

    def fitting(self, wanted: bytes) -> npt.NDArray[np.int64]:
        """Return the tokens that begin with `wanted` or that `wanted` begins with.

        Tokens that hold a line break are left out: healing happens inside a line, and a token
        such as ``(`` with a break behind it would end the suggestion before it began.
        """
        low = bisect.bisect_left(self._sorted_pieces, wanted)
        high = bisect.bisect_left(self._sorted_pieces, wanted + b"\xff" * 8)
        found = [
            int(self._sorted_ids[index])
            for index in range(low, high)
            if not _LINE_BREAKS.intersection(self._sorted_pieces[index])
        ]
        for length in range(1, len(wanted)):
            begin = wanted[:length]
            index = bisect.bisect_left(self._sorted_pieces, begin)
            while index < len(self._sorted_pieces) and self._sorted_pieces[index] == begin:
                found.append(int(self._sorted_ids[index]))
                index += 1
        return np.array(found, dtype=np.int64)

    def fits(self, token: int, wanted: bytes) -> bool:
        """Return whether `token` is one of those that `fitting` returns."""
        piece = self.pieces[token]
        if self.control[token] or not piece or _LINE_BREAKS.intersection(piece):
            return False
        return piece.startswith(wanted) or wanted.startswith(piece)

    def fim_tokens(self) -> dict[str, str]:
        """Return the texts of the FIM tokens that the file declares, by role."""
        found = {}
        for role, function in _FIM_ROLES.items():
            token = getattr(llama_cpp, function)(self._handle)
            if 0 <= token < self.size:
                found[role] = self.pieces[token].decode("utf-8", "replace")
        return found

    def special_texts(self) -> list[str]:
        """Return the texts of all control tokens."""
        return [
            self.pieces[token].decode("utf-8", "replace") for token in np.flatnonzero(self.control)
        ]


def is_word(byte: int) -> bool:
    """Return whether a byte of UTF-8 belongs to a word; those beyond ASCII do."""
    return byte >= 0x80 or chr(byte).isalnum() or byte in b"_$"
