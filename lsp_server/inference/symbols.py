"""Tokens that spell names which are known to fit at the cursor (monitor-guided decoding).

After Agrawal et al., 2023 (arXiv 2306.10763): as long as the identifier at the cursor is open, the
next token has to go on with one of the names, or is at least made likelier where it does. Knows
nothing about where names come from.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lsp_server.inference.vocabulary import Vocabulary, is_word

BIAS = 2.0
"""What is added to the logits of tokens that spell a known name, where they are only favoured."""

_IDENTIFIER = re.compile(r"[\w$]*\Z")


class Names:
    """The names that may stand at the cursor, as what an answer begins with."""

    def __init__(
        self, vocabulary: Vocabulary, names: Sequence[str], typed: str, healed: str
    ) -> None:
        """Take the names, the text left of the cursor in its line, and its end that is healed.

        Names that do not continue what is typed are left out.
        """
        self._vocabulary = vocabulary
        match = _IDENTIFIER.search(typed)
        partial = match[0] if match else ""
        lead = healed[: max(0, len(healed) - len(partial))]
        known = partial[: max(0, len(partial) - len(healed))]
        self._texts = [
            (lead + name[len(known) :]).encode() for name in names if name.startswith(partial)
        ]

    def __bool__(self) -> bool:
        return bool(self._texts)

    def tokens(self, answer: bytes) -> npt.NDArray[np.int64] | None:
        """Return the tokens that go on with a name behind `answer`, which has the healed text.

        None where nothing is known: once a name has ended, or where the answer says another.
        """
        going_on = [text[len(answer) :] for text in self._texts if text.startswith(answer)]
        found = {token for rest in going_on if rest for token in self._spelling(rest)}
        if b"" in going_on:
            # One name is whole: what ends it is as good as what goes on with a longer one.
            found.update(map(int, np.flatnonzero(self._vocabulary.ends_word)))
        return np.array(sorted(found), dtype=np.int64) if found else None

    def _spelling(self, rest: bytes) -> list[int]:
        pieces = self._vocabulary.pieces
        return [
            token
            for token in map(int, self._vocabulary.fitting(rest))
            if len(pieces[token]) <= len(rest) or not is_word(pieces[token][len(rest)])
        ]
