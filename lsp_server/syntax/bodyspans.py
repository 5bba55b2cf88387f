"""Where the bodies of blocks and functions begin and end, in the languages that evaluations use.

A body is what stands between the line of its header and what closes it. Knows trees and lines,
nothing about cursors or suggestions.
"""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tree_sitter

BODY_QUERY = {
    "python": "(block) @body",
    "javascript": "(statement_block) @body",
    "typescript": "(statement_block) @body",
    "tsx": "(statement_block) @body",
    "go": "(block) @body",
    "rust": "(block) @body",
    "java": "[(block) (constructor_body)] @body",
    "c": "(compound_statement) @body",
    "cpp": "(compound_statement) @body",
}
"""What finds the bodies, by our name of the language."""


class BodyKind(enum.Enum):
    """What opens a body."""

    BRANCH = "branch"
    LOOP = "loop"
    OTHER = "other"
    """Such as a block that handles errors or holds a resource."""
    FUNCTION = "function"


_KINDS = {
    BodyKind.BRANCH: "if_statement if_expression elif_clause else_clause case_clause match_arm",
    BodyKind.LOOP: (
        "for_statement for_in_statement for_expression for_range_loop enhanced_for_statement"
        " while_statement while_expression loop_expression do_statement"
    ),
    BodyKind.OTHER: (
        "with_statement try_statement try_with_resources_statement except_clause"
        " except_group_clause catch_clause finally_clause synchronized_statement"
    ),
    BodyKind.FUNCTION: (
        "function_definition function_declaration function_item method_definition"
        " method_declaration constructor_declaration generator_function_declaration"
    ),
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names.split()}
"""Kind of a body by the type of the node that it is part of; others, such as classes and functions
without a name, have none."""


@dataclass(frozen=True, slots=True)
class BodySpan:
    """Whole lines of a document that are the body of something."""

    kind: BodyKind
    first_line: int
    """From 0; of the first line with something in it, behind a docstring if there is one."""
    end_line: int
    """The line after the last one with something in it."""
    header_line: int
    """Where what it is the body of begins."""
    has_docstring: bool = False


def body_spans_in(lines: Sequence[str], found: Sequence[tree_sitter.Node]) -> Iterator[BodySpan]:
    """Yield the bodies among the nodes that the query has found, if their lines are their own."""
    for node in found:
        owner = node.parent
        kind = _KIND_OF.get(owner.type) if owner else None
        if owner is None or kind is None:
            continue
        braced = _between_braces(lines, node)
        span = braced or _below_colon(owner, node)
        if span is None:
            continue
        docstring = _docstring(node) if kind is BodyKind.FUNCTION and not braced else None
        start = span[0] if docstring is None else docstring.end_point[0] + 1
        first, end = _trimmed(lines, start, span[1])
        if first < end:
            yield BodySpan(
                kind, first, end, owner.start_point[0], has_docstring=docstring is not None
            )


def _between_braces(lines: Sequence[str], node: tree_sitter.Node) -> tuple[int, int] | None:
    """Return the lines between braces that stand at the end of a line, and first in theirs."""
    opening, closing = node.start_point[0], node.end_point[0]
    opens = lines[opening].rstrip().endswith("{")
    # The parser puts in a brace that is missing, without a length, where it should be.
    whole = bool(node.children) and not node.children[-1].is_missing
    if opens and whole and lines[closing].lstrip().startswith("}"):
        return opening + 1, closing
    return None


def _below_colon(owner: tree_sitter.Node, node: tree_sitter.Node) -> tuple[int, int] | None:
    """Return the lines of an indented block below the colon that ends its header."""
    before = [one for one in owner.children if one.end_byte <= node.start_byte and one.type == ":"]
    if not before or before[-1].start_point[0] == node.start_point[0]:
        return None
    return before[-1].start_point[0] + 1, node.end_point[0] + (node.end_point[1] > 0)


def _docstring(node: tree_sitter.Node) -> tree_sitter.Node | None:
    first = node.named_children[0] if node.named_children else None
    if first is None or first.type != "expression_statement" or len(first.children) != 1:
        return None
    return first if first.children[0].type == "string" else None


def _trimmed(lines: Sequence[str], first: int, end: int) -> tuple[int, int]:
    """Return a stretch of lines without the blank ones at its ends."""
    end = min(end, len(lines))
    while first < end and not lines[first].strip():
        first += 1
    while first < end and not lines[end - 1].strip():
        end -= 1
    return first, end
