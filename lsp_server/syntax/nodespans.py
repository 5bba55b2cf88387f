"""Stretches of a text that the grammar knows: the nodes at a place, what fits a stretch best.

What a model is taught to fill in is cut along them. Knows nodes and points, nothing about what is
done with the stretches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tree_sitter

from lsp_server.syntax.source import Point, Source
from lsp_server.types import Position


@dataclass(frozen=True, slots=True)
class NodeSpan:
    """A stretch of a document, from the begin of one node to the end of one."""

    start: Position
    end: Position
    kind: str
    """The grammar's name of the node; of several neighbours, that of the node that holds them."""


def nodes_at(source: Source, root: tree_sitter.Node, point: Point) -> Iterator[NodeSpan]:
    """Yield the named nodes that hold `point`, innermost first, without the whole document.

    Nodes with something in them that does not follow the grammar are left out.
    """
    node = root.named_descendant_for_point_range(point, point)
    while node is not None and node.parent is not None:
        if not node.has_error:
            yield _span(source, node, node, node.type)
        node = node.parent


def aligned(source: Source, root: tree_sitter.Node, start: Point, end: Point) -> NodeSpan | None:
    """Return the neighbouring children of one node that lie over a stretch best.

    The node is the smallest one that holds the stretch; the children are those for which shared
    over joint length is largest (AST-FIM's aligned spans, arXiv 2506.00204). None where the
    stretch lies in a node without children or among what does not follow the grammar.
    """
    node = root.descendant_for_point_range(start, end)
    if node is None or not node.children:
        return None
    low, high = _byte(source, start), _byte(source, end)
    touched = [one for one in node.children if one.start_byte < high and low < one.end_byte]
    best = max(
        ((first, last) for first in touched[:2] for last in touched[-2:] if _in_order(first, last)),
        key=lambda pair: _likeness(pair[0].start_byte, pair[1].end_byte, low, high),
        default=None,
    )
    if best is None or _has_error(node.children, best[0].start_byte, best[1].end_byte):
        return None
    return _span(source, best[0], best[1], node.type)


def _in_order(first: tree_sitter.Node, last: tree_sitter.Node) -> bool:
    return bool(first.start_byte <= last.start_byte)


def _likeness(start: int, end: int, low: int, high: int) -> float:
    """Return what two stretches share, as a part of what they cover together."""
    return (min(end, high) - max(start, low)) / max(1, max(end, high) - min(start, low))


def _has_error(children: Sequence[tree_sitter.Node], start: int, end: int) -> bool:
    return any(
        child.has_error for child in children if start <= child.start_byte and child.end_byte <= end
    )


def _byte(source: Source, point: Point) -> int:
    return source.offset(point[0]) + point[1]


def _span(source: Source, first: tree_sitter.Node, last: tree_sitter.Node, kind: str) -> NodeSpan:
    start, end = first.start_point, last.end_point
    return NodeSpan(
        Position(start[0], source.column((start[0], start[1]))),
        Position(end[0], source.column((end[0], end[1]))),
        kind,
    )
