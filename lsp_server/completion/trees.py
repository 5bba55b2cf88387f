"""The trees of the documents in use, kept up to date as the documents change.

All parsing is done in a thread: a change of a few lines mostly costs a fraction of a millisecond,
but a text with errors is parsed anew, which takes tens, and text that is being typed has errors.
Knows nothing about what trees are used for.
"""

import asyncio
from collections import OrderedDict

from lsp_server.syntax.languages import language_for
from lsp_server.syntax.outline import Outline
from lsp_server.syntax.tree import SyntaxTree, parse
from lsp_server.types import Document

KEPT = 32
"""Documents whose trees are kept."""


class Trees:
    """One tree a document."""

    def __init__(self) -> None:
        self._trees: OrderedDict[str, SyntaxTree] = OrderedDict()

    async def tree(self, document: Document) -> SyntaxTree | None:
        """Return the tree of a document as it stands; None if its language has no grammar."""
        language = language_for(document.language, document.path)
        if language is None:
            return None
        known = self._trees.get(document.uri)
        if known is not None and known.language != language:
            known = None
        if known is None:
            tree = await asyncio.to_thread(parse, language, document.lines)
        elif known.lines == document.lines:
            tree = known
        else:
            tree = await asyncio.to_thread(known.updated, document.lines)
        self._keep(document.uri, tree)
        return tree

    async def outline(self, document: Document) -> Outline:
        """Return what a document defines and imports; empty if its language has no grammar."""
        tree = await self.tree(document)
        return Outline() if tree is None else await asyncio.to_thread(tree.outline)

    def forget(self, uri: str) -> None:
        """Let go of a document's tree."""
        self._trees.pop(uri, None)

    def _keep(self, uri: str, tree: SyntaxTree | None) -> None:
        if tree is None:
            self._trees.pop(uri, None)
            return
        self._trees[uri] = tree
        self._trees.move_to_end(uri)
        while len(self._trees) > KEPT:
            self._trees.popitem(last=False)
