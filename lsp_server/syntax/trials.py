"""What a parser would say if a text stood at one place of a document.

The tree of the document is edited, not made anew, so that a trial takes a fraction of a
millisecond. Knows nothing about where texts come from.
"""

from dataclasses import dataclass

import tree_sitter

from lsp_server.syntax.source import Point, Source
from lsp_server.text import split_lines
from lsp_server.types import Position

MOST_ERRORS = 1_000
"""Errors that are counted; a text with more of them is in another language."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """A text put into a source in the place of another one, in bytes and points."""

    source: Source
    """The source with the text in it."""
    start: int
    start_point: Point
    old_end: int
    old_end_point: Point
    new_end: int
    new_end_point: Point

    def edited(self, tree: tree_sitter.Tree) -> tree_sitter.Tree:
        """Return `tree` with its nodes where they are behind the insertion; parse it anew."""
        copy = tree.copy()
        copy.edit(
            self.start,
            self.old_end,
            self.new_end,
            self.start_point,
            self.old_end_point,
            self.new_end_point,
        )
        return copy


def insert(source: Source, position: Position, text: str, replaced: int = 0) -> Insertion:
    """Put `text` at `position`, which is a place of `source`.

    It takes the place of the `replaced` code points behind it, which end no line.
    """
    row, column = position.line, position.column
    line = source.lines[row]
    pieces = split_lines(text)
    changed = split_lines(line[:column] + text + line[column + replaced :])
    # A line ending at the end of the line makes an empty piece that is not a line of its own.
    if line.endswith(("\n", "\r")):
        changed.pop()
    lines = (*source.lines[:row], *changed, *source.lines[row + 1 :])
    encoded = [one.rstrip("\r\n").encode("utf-8", "replace") + b"\n" for one in changed]
    if row + 1 == len(source.lines):
        encoded[-1] = encoded[-1][:-1]
    new = Source(lines, (*source.encoded[:row], *encoded, *source.encoded[row + 1 :]))
    begin = source.offset(row)
    start, old_end = source.point(row, column), source.point(row, column + replaced)
    end_column = len(pieces[-1]) + (column if len(pieces) == 1 else 0)
    new_end = new.point(row + len(pieces) - 1, end_column)
    between = sum(map(len, encoded[: len(pieces) - 1]))
    return Insertion(
        source=new,
        start=begin + start[1],
        start_point=start,
        old_end=begin + old_end[1],
        old_end_point=old_end,
        new_end=begin + between + new_end[1],
        new_end_point=new_end,
    )


def errors_in(tree: tree_sitter.Tree) -> int:
    """Count the places of a tree that do not follow the grammar: wrong ones and missing ones."""
    count = 0
    waiting = [tree.root_node]
    while waiting and count < MOST_ERRORS:
        node = waiting.pop()
        if node.is_missing or node.is_error:
            count += 1
        elif node.has_error:
            waiting.extend(child for child in node.children if child.has_error or child.is_missing)
    return count
