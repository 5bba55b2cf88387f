"""What an answer does to the document's syntax: errors that it adds, and where its block ends.

Documents are parsed as the server parses them. Pure functions of texts; knows nothing about
servers, models or statistics.
"""

from dataclasses import dataclass
from functools import lru_cache

from fimbul_models.evaluation.items import Item
from lsp_server.syntax.languages import language_for
from lsp_server.syntax.tree import SyntaxTree, parse
from lsp_server.text import split_lines


@dataclass(frozen=True, slots=True)
class Parse:
    """What an answer does to a document's syntax."""

    errors_before: int
    """Errors of the document with nothing at the cursor."""
    errors_after: int
    """Errors with the answer there."""
    errors_of_original: int
    """Errors with what really stood there."""
    ended: bool
    """The block whose body begins at the cursor ends where the answer ends."""

    @property
    def adds_errors(self) -> bool:
        """Whether the answer made the document worse than it was without it."""
        return self.errors_after > self.errors_before

    @property
    def parses(self) -> bool:
        """Whether the document is no worse than the one that was really written."""
        return self.errors_after <= self.errors_of_original


def text_with(item: Item, text: str, replaced: int = 0) -> str:
    """Return the document with `text` at the cursor, `replaced` code points behind it gone."""
    return item.prefix + text + item.suffix[replaced:]


def parse_with(item: Item, text: str, replaced: int = 0) -> Parse | None:
    """Say what `text` at the cursor does; None if it is empty, or the language is not parsed."""
    known = _errors_without(item) if text else None
    after = _tree(item, text_with(item, text, replaced)) if known else None
    if known is None or after is None:
        return None
    return Parse(
        errors_before=known[0],
        errors_after=after.errors,
        errors_of_original=known[1],
        ended=_ended(item, text, after),
    )


@lru_cache(maxsize=4096)
def _errors_without(item: Item) -> tuple[int, int] | None:
    """Return the errors with nothing at the cursor, and of the original: the same for all runs."""
    before, original = _tree(item, text_with(item, "")), _tree(item, text_with(item, item.answer))
    return None if before is None or original is None else (before.errors, original.errors)


def _ended(item: Item, text: str, tree: SyntaxTree) -> bool:
    if tree.language.indented and text.rstrip().endswith(":"):
        # To the parser a header without a body is whole.
        return False
    first = len(split_lines(item.prefix)) - 1
    end = first + len(split_lines(text.rstrip()))
    return any(body.first_line == first and body.end_line == end for body in tree.body_spans())


def _tree(item: Item, text: str) -> SyntaxTree | None:
    language = language_for(item.language, item.path)
    return parse(language, split_lines(text)) if language else None
