"""How much of a file does not parse, and whether it ends in the middle of something.

By the server's own parsers. A parser that needs too long is stopped by counting its steps, never by
a clock, so that every machine comes to the same verdict.
"""

import re

from lsp_server.syntax.defects import NONE, Defects
from lsp_server.syntax.languages import LANGUAGES, Language
from lsp_server.syntax.places import PlaceKind
from lsp_server.syntax.tree import SyntaxTree, parse
from lsp_server.text import split_lines
from lsp_server.types import Position

MOST_STEPS = 100_000
"""Steps of a parser; ordinary text of the greatest size takes a tenth of that."""

_PREPROCESSED = {"c", "cpp", "csharp"}

_CONDITION = re.compile(
    r"[ \t]*#[ \t]*(?P<word>ifn?def|if|else|elif\w*|endif)\b(?P<never>[ \t]*0\b)?"
)


def breakage_of(language: str, text: str) -> Defects:
    """Return what is wrong with `text`; nothing where there is no grammar, or it gave up."""
    row = LANGUAGES.get(language)
    if row is None:
        return NONE
    lines = split_lines(text.rstrip())
    found = _breakage(row, lines)
    if found != NONE and language in _PREPROCESSED:
        # Branches that exclude each other open what only one of them needs to close.
        other = _breakage(row, _one_branch(lines))
        return Defects(min(found.share, other.share), found.breaks_off and other.breaks_off)
    return found


def _breakage(row: Language, lines: list[str]) -> Defects:
    tree = parse(row, lines, most_steps=MOST_STEPS)
    if tree is None:
        return NONE
    found = tree.defects
    if found.breaks_off or not _is_left_open(row, tree, lines):
        return found
    return Defects(found.share, breaks_off=True)


def _one_branch(lines: list[str]) -> list[str]:
    """Blank all lines for the preprocessor, and all branches but the first of each condition."""
    shown: list[str] = []
    hidden: list[bool] = []
    """For each condition around a line, whether its present branch is left out."""
    continued = False
    for line in lines:
        match = _CONDITION.match(line)
        word = match["word"] if match else ""
        if word.startswith("if"):
            hidden.append(match is not None and match["never"] is not None)
        elif word.startswith("el") and hidden:
            hidden[-1] = not (hidden[-1] and word == "else")
        elif word == "endif" and hidden:
            hidden.pop()
        directive = continued or line.lstrip().startswith("#")
        continued = directive and line.rstrip().endswith("\\")
        shown.append("\n" if directive or any(hidden) else line)
    return shown


def _is_left_open(language: Language, tree: SyntaxTree, lines: list[str]) -> bool:
    """Tell whether a header without its body, a string or a comment is what a text ends in."""
    end = Position(len(lines) - 1, len(lines[-1]))
    if language.indented and lines[-1].endswith(":"):
        return tree.place_at(end) is PlaceKind.CODE
    if not tree.has_error:
        return False
    kind = tree.place_at(end)
    if kind is PlaceKind.COMMENT:
        return not language.line_comment or language.line_comment not in lines[-1]
    return kind is PlaceKind.STRING
