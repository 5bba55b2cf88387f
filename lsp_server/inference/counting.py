"""Count tokens through an engine, remembering the count of every line.

A line's count does not change, and typing changes one line; so a request rarely asks for more
than one.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from lsp_server.inference.engine import Engine
from lsp_server.text import without_surrogates

_REMEMBERED = 8192
"""Texts whose counts are kept: lines, of which some hundreds are asked for at a time, and snippets.
Each key makes a new one, so that many more would be hours of typing that nobody asks for again."""


class TokenCounter:
    """Counts for one model."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counts: OrderedDict[str, int] = OrderedDict()

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
        self._counts.update(found)
        while len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        return found

    def forget(self) -> None:
        """Forget all counts, as another model makes other tokens."""
        self._counts.clear()
