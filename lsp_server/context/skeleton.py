"""Say in a few lines what stands in a long file outside of the window.

A window that begins in the middle of a class shows code whose names come from lines it does not
have. Its skeleton stands in front of it: the file's imports, the headers of the classes and
functions that the window begins in, and the signatures of their other members and of the file's
other definitions, bodies elided, in the order of the file; what stands below the window comes
before the header that would otherwise be taken for its own. Pure; knows nothing about trees and
tokenizers: outlines and the costs of lines come in.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lsp_server.context.window import MAX_LINE, Window
from lsp_server.syntax.outline import Definition, DefinitionKind, Outline
from lsp_server.text import strip_ending

SKELETON_SHARE = 4
"""A skeleton takes at most this part of the prefix's budget. It is evaluated again whenever the
window jumps, and code near the cursor says more about the next line than signatures do; imports
and an enclosing header take far less in most files."""

MOST_PIECES = 256
"""Pieces that are weighed, the most useful ones. A budget of 192 tokens holds fewer than 50."""

HEADER_LINES = 12
"""Longest header of a class or function, in lines; of a longer one the first are shown."""

_WITHOUT_BODY = frozenset(
    {DefinitionKind.FIELD, DefinitionKind.VARIABLE, DefinitionKind.TYPE, DefinitionKind.SECTION}
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Lines that are shown together or not at all."""

    text: str
    rank: int
    """What it is for: smaller is more useful."""
    distance: int
    """Lines between it and the window."""


@dataclass(frozen=True, slots=True)
class _Level:
    """The definitions of the file, or those in a class or function that the window begins in."""

    members: tuple[Definition, ...]
    enclosing: Definition | None
    """The one of the members in which the window begins."""


def skeleton_texts(window: Window, outline: Outline, comment: tuple[str, str]) -> list[str]:
    """Return the texts whose token counts `skeleton_of` asks for with the same arguments."""
    return list(dict.fromkeys(piece.text for piece in _pieces(window, outline, comment)))


def skeleton_of(
    window: Window,
    outline: Outline,
    comment: tuple[str, str],
    budget: int,
    count_tokens: Callable[[str], int],
) -> tuple[str, int]:
    """Return what stands for the file above and below `window`, and its cost in tokens.

    `outline` is that of the window's document, `comment` begins and ends a comment in it, and the
    cost is at most `budget`.
    """
    pieces = _pieces(window, outline, comment)
    taken: set[int] = set()
    spent = 0
    for number in _by_use(pieces):
        cost = count_tokens(pieces[number].text)
        if spent + cost <= budget:
            taken.add(number)
            spent += cost
    if all(pieces[number].rank == _GAP for number in taken):
        return "", 0
    return "".join(pieces[number].text for number in sorted(taken)), spent


_HEADER, _GAP, _IMPORT, _MEMBER, _OTHER = range(5)


def _by_use(pieces: Sequence[_Piece]) -> list[int]:
    def use(number: int) -> tuple[int, int, int]:
        return pieces[number].rank, pieces[number].distance, number

    return sorted(range(len(pieces)), key=use)


def _pieces(window: Window, outline: Outline, comment: tuple[str, str]) -> list[_Piece]:
    """Return the pieces of the skeleton in the order of the prompt."""
    pieces = [*_imports(window, outline)]
    levels = _levels(window, outline)
    for depth, level in enumerate(levels):
        # The members of the innermost class are the nearest relatives of what is typed.
        inner = depth > 0 and depth == max(1, len(levels) - 1)
        pieces += _members(window, level, _MEMBER if inner else _OTHER)
        if level.enclosing is not None:
            header = _lines(
                window, level.enclosing.first_line, _header_end(window, level.enclosing)
            )
            pieces.append(_Piece(header, _HEADER, -depth))
            if depth == len(levels) - 1 and _header_end(window, level.enclosing) < window.first:
                pieces.append(_Piece(_gap(window, header, comment), _GAP, 0))
    useful = sorted(_by_use(pieces)[:MOST_PIECES])
    return [pieces[number] for number in useful]


def _imports(window: Window, outline: Outline) -> Iterator[_Piece]:
    done = 0
    for found in outline.imports:
        lines = window.document.lines[max(done, found.first_line) : found.end_line]
        if found.end_line <= window.first and lines and not any(map(_too_long, lines)):
            # The last imports are as good as the first ones: a budget for half takes the first.
            yield _Piece(_closed("".join(lines)), _IMPORT, 0)
        done = max(done, found.end_line)


def _levels(window: Window, outline: Outline) -> list[_Level]:
    """Return what is around the window's first line, from the file inwards."""
    levels: list[_Level] = []
    inside = tuple(
        one for one in outline.definitions if 0 <= one.first_line < len(window.document.lines)
    )
    while inside:
        members = tuple(_outermost(inside))
        around = [one for one in members if one.first_line < window.first < one.end_line]
        enclosing = around[-1] if around else None
        levels.append(_Level(members, enclosing))
        inside = () if enclosing is None else tuple(_within(enclosing, inside))
    return levels


def _outermost(definitions: Sequence[Definition]) -> Iterator[Definition]:
    end = 0
    for one in sorted(definitions, key=lambda one: (one.first_line, -one.end_line)):
        if one.first_line >= end:
            yield one
            end = max(one.end_line, one.first_line + 1)


def _within(outer: Definition, definitions: Sequence[Definition]) -> Iterator[Definition]:
    return (
        one
        for one in definitions
        if outer.first_line < one.first_line and one.end_line <= outer.end_line
    )


def _members(window: Window, level: _Level, rank: int) -> Iterator[_Piece]:
    """Yield the signatures of a level, those above the window and those below it."""
    for one in level.members:
        if one is level.enclosing:
            continue
        distance = max(window.first - one.end_line, one.first_line - window.end)
        text = _signature(window, one)
        if distance >= 0 and not _too_long(text):
            yield _Piece(text, rank, distance)


def _signature(window: Window, definition: Definition) -> str:
    header = _lines(window, definition.first_line, _header_end(window, definition))
    indentation = header[: len(header) - len(header.lstrip(" \t"))]
    signature = " ".join(definition.signature.split())
    if definition.kind in _WITHOUT_BODY:
        return f"{indentation}{signature}\n"
    if header.rstrip().endswith(":"):
        return f"{indentation}{signature.removesuffix(':')}: ...\n"
    if header.rstrip().endswith("{"):
        return f"{indentation}{signature.removesuffix('{').rstrip()} {{ ... }}\n"
    return f"{indentation}{signature}\n"


def _header_end(window: Window, definition: Definition) -> int:
    """Return the line after the header of `definition`, a brace that opens its body included.

    A header that the window cuts through ends where the window begins.
    """
    lines = window.document.lines
    end = max(definition.body_line, definition.first_line + 1)
    opens = end < len(lines) and strip_ending(lines[end]).rstrip().endswith("{")
    if opens and end == definition.body_line:
        end += 1
    if definition.first_line < window.first:
        end = min(end, window.first)
    return min(end, definition.first_line + HEADER_LINES, len(lines))


def _lines(window: Window, first: int, end: int) -> str:
    lines = window.document.lines[first:end]
    return _closed("".join(line for line in lines if not _too_long(line)))


def _gap(window: Window, header: str, comment: tuple[str, str]) -> str:
    """Return the line that stands for what is missing between a header and the window."""
    line = window.document.lines[window.first]
    indented = line if line.strip() else header
    indentation = indented[: len(indented) - len(indented.lstrip(" \t"))][:MAX_LINE]
    begin, end = comment
    if header.rstrip().endswith(":"):
        begin, end = "", ""
    return f"{indentation}{begin}...{end}".rstrip() + "\n"


def _too_long(text: str) -> bool:
    return len(text) > MAX_LINE


def _closed(text: str) -> str:
    """Return `text` with a line ending."""
    return text if not text or text.endswith(("\n", "\r")) else f"{text}\n"
