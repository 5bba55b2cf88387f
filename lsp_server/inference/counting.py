"""Count tokens through an engine, remembering the count of every line.

A line's count does not change, and typing changes one line; so a request rarely asks for more
than one.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Protocol

from lsp_server.text import without_surrogates

_REMEMBERED = 8192
"""Texts whose counts are kept: lines, of which some hundreds are asked for at a time, and snippets.
Each key makes a new one, so that many more would be hours of typing that nobody asks for again."""

MOST_CHARACTERS = 16_000_000
"""Code points of their texts together; each key in a very long line makes another one."""


class CountsTokens(Protocol):
    """What a counter asks: an engine, or a worker by itself."""

    async def count_tokens(self, texts: list[str]) -> list[int]:
        """Return the token count of each text."""


class TokenCounter:
    """Counts for one model."""

    def __init__(self, engine: CountsTokens) -> None:
        self._engine = engine
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Code points of all texts whose counts are kept."""
        return self._size

    async def counts(self, texts: Sequence[str]) -> Mapping[str, int]:
        """Return the token count of each text."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._counts]
        asked = [without_surrogates(text) for text in missing]
        fresh = await self._engine.count_tokens(asked) if asked else []
        found = dict(zip(missing, fresh, strict=True))
        for text in texts:
            if text in self._counts:
                self._counts.move_to_end(text)
                found[text] = self._counts[text]
        # What was counted meanwhile, by somebody else, is no addition.
        self._size += sum(len(text) for text in missing if text not in self._counts)
        self._counts.update(found)
        while len(self._counts) > _REMEMBERED or self._size > MOST_CHARACTERS:
            text, _ = self._counts.popitem(last=False)
            self._size -= len(text)
        return found

    def forget(self) -> None:
        """Forget all counts, as another model makes other tokens."""
        self._counts.clear()
        self._size = 0
