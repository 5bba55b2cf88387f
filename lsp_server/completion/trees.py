"""The trees of the documents in use, kept up to date as the documents change.

All parsing is done in a thread: a change of a few lines mostly costs a fraction of a millisecond,
but a text with errors is parsed anew, which takes tens, and text that is being typed has errors.
A text that cannot be parsed within the limits is given up and said so. Knows nothing about what
trees are used for.
"""

import asyncio
from collections import OrderedDict

from lsp_server.completion.reached import Reached
from lsp_server.config.options import LimitOptions
from lsp_server.syntax.languages import Language, language_for
from lsp_server.syntax.outline import Outline
from lsp_server.syntax.tree import ParseLimits, SyntaxTree, Unparsed, parse, why_unparsed
from lsp_server.types import Document

KEPT = 32
"""Documents whose trees are kept, within `limits.trees_size`."""

OUTLINES = 512
"""Documents whose outlines are kept, which are small: other documents are asked for nothing else,
and hundreds may be open."""

CHANGED = 0.1
"""Share of its size by which a text has to change before it is tried again to parse it, where that
has taken too long. Else every key would cost that time."""

_THOUSAND = 1_000

_WITHOUT = "Suggestions there do without knowing its functions, blocks and strings"

_WHY = {
    Unparsed.LONG: (
        "limits.parse_size",
        "{name} is not parsed: it is longer than {limits.parse_size} thousand characters",
    ),
    Unparsed.SLOW: (
        "limits.parse_time",
        "{name} is not parsed: that took longer than {limits.parse_time} ms",
    ),
    # Of no option, since nothing that was written by hand comes near.
    Unparsed.DEEP: ("nesting", "{name} is not parsed: it opens 500 brackets in a row"),
}
"""The limit that was reached, and what is said of it."""


class Trees:
    """One tree a document."""

    def __init__(self) -> None:
        self._trees: OrderedDict[str, SyntaxTree] = OrderedDict()
        self._outlines: OrderedDict[str, tuple[Language, tuple[str, ...], Outline]] = OrderedDict()
        self._slow: dict[str, int] = {}
        """Code points of texts that took too long, when they did."""
        self._limits = LimitOptions()
        self.reached = Reached()
        """Which limits were reached."""

    def take(self, limits: LimitOptions) -> None:
        """Parse within `limits` from now on."""
        if limits != self._limits:
            self._limits = limits
            self._trees.clear()
            self._outlines.clear()
            self._slow.clear()

    async def tree(self, document: Document) -> SyntaxTree | None:
        """Return the tree of a document as it stands.

        None if its language has no grammar, or a limit does not allow one.
        """
        language = language_for(document.language, document.path)
        if language is None or self._is_still_slow(document):
            return None
        known = self._trees.get(document.uri)
        if known is not None and known.language != language:
            known = None
        if known is None:
            tree = await asyncio.to_thread(parse, language, document.lines, self._parse_limits)
        elif known.lines == document.lines:
            tree = known
        else:
            tree = await asyncio.to_thread(known.updated, document.lines)
        self._keep(document.uri, tree)
        if tree is None:
            await self._give_up(document, language)
        return tree

    async def outline(self, document: Document) -> Outline:
        """Return what a document defines and imports; empty if it has no tree."""
        language = language_for(document.language, document.path)
        known = self._outlines.get(document.uri)
        if known is not None and known[:2] == (language, document.lines):
            self._outlines.move_to_end(document.uri)
            return known[2]
        tree = await self.tree(document)
        outline = Outline() if tree is None else await asyncio.to_thread(tree.outline)
        if language is not None:
            self._outlines[document.uri] = language, document.lines, outline
            self._outlines.move_to_end(document.uri)
        while len(self._outlines) > OUTLINES:
            self._outlines.popitem(last=False)
        return outline

    def forget(self, uri: str) -> None:
        """Let go of a document's tree."""
        self._trees.pop(uri, None)
        self._outlines.pop(uri, None)
        self._slow.pop(uri, None)

    @property
    def size(self) -> int:
        """Bytes of the texts whose trees are kept."""
        return sum(tree.size for tree in self._trees.values())

    @property
    def _parse_limits(self) -> ParseLimits:
        limits = self._limits
        return ParseLimits(limits.parse_size * _THOUSAND, limits.parse_time / _THOUSAND)

    def _keep(self, uri: str, tree: SyntaxTree | None) -> None:
        if tree is None:
            self._trees.pop(uri, None)
            return
        self._trees[uri] = tree
        self._trees.move_to_end(uri)
        most = self._limits.trees_size * _THOUSAND * _THOUSAND
        while len(self._trees) > KEPT or (len(self._trees) > 1 and self.size > most):
            self._trees.popitem(last=False)

    def _is_still_slow(self, document: Document) -> bool:
        before = self._slow.get(document.uri)
        if before is None:
            return False
        return abs(_length(document) - before) < max(1.0, CHANGED * before)

    async def _give_up(self, document: Document, language: Language) -> None:
        why = await asyncio.to_thread(why_unparsed, language, document.lines, self._parse_limits)
        if why is None:
            return
        if why is Unparsed.SLOW:
            self._slow[document.uri] = _length(document)
        option, said = _WHY[why]
        name = document.path.rpartition("/")[2] or "A document"
        told = said.format(name=name, limits=self._limits)
        self.reached.note(option, f"{told} ({option}). {_WITHOUT}; of others this is not said.")


def _length(document: Document) -> int:
    return sum(map(len, document.lines))
