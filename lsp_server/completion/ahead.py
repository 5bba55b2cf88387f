"""The place where a user will be who accepts a suggestion and goes on.

Pure. Knows nothing about engines; `lsp_server.completion.pipeline` computes a suggestion for that
place before anybody asks.
"""

from dataclasses import replace

from lsp_server.completion.surfaces import BODIES
from lsp_server.text import split_lines, strip_ending
from lsp_server.types import Completion, CompletionRequest, Position, Surface, TriggerKind

_OPENS_BLOCK = {"python": ":"}
_BRACKETS = ("{", "(", "[")
_ENDS_BLOCK = {"python": ("return", "raise", "break", "continue", "pass")}
_CLOSED_BY = (")", "]", "}", "end", "fi", "done")
_DEFAULT_STEP = "    "


def next_line(request: CompletionRequest, completion: Completion) -> CompletionRequest | None:
    """Return the request at the next line once `completion` is accepted and Enter pressed.

    The line begins with the indentation that editors give it: that of the line above, a step more
    behind what opens a block. Behind the body of a block it is that of the block. None if there is
    text right of the cursor, where Enter is not what comes next, behind the body of a function, and
    where what closes the body is there already: what comes then is anybody's guess.
    """
    document, row = request.document, completion.end.line
    line = document.line(row)
    if completion.start.line != row or completion.end.column < len(line):
        return None
    accepted = split_lines(line[: completion.start.column] + completion.text)
    last = accepted[-1]
    if not last.strip():
        return None
    if completion.surface in BODIES:
        found = _indentation_behind(request, completion, last)
        if found is None:
            return None
        indentation = found
    elif len(accepted) > 1:
        return None
    else:
        indentation = _indentation_below(last, document.language, document.lines)
    ending = document.lines[row][len(line) :]
    lines = (
        *document.lines[:row],
        *accepted[:-1],
        last + (ending or _ending(document.lines)),
        indentation + ending,
        *document.lines[row + 1 :],
    )
    cursor = Position(row + len(accepted), len(indentation))
    return CompletionRequest(replace(document, lines=lines), cursor, TriggerKind.AUTOMATIC)


def _indentation_behind(
    request: CompletionRequest, completion: Completion, last: str
) -> str | None:
    """Return the indentation of the line behind a body; None if none is likely there."""
    if completion.surface is not Surface.BLOCK:
        return None
    if last.lstrip().startswith(_CLOSED_BY):
        return _blanks(last)
    if request.document.language not in _ENDS_BLOCK:
        return None
    typed = request.document.line(completion.start.line)[: completion.start.column]
    if typed.strip():
        return _blanks(typed)
    # The header is the nearest line above that stands further left than the body.
    depth = len(_blanks(typed + completion.text.lstrip("\n")))
    rows = range(completion.start.line - 1, -1, -1)
    above = (line for row in rows if (line := request.document.line(row)).strip())
    return next((blanks for line in above if len(blanks := _blanks(line)) < depth), None)


def _indentation_below(line: str, language: str, lines: tuple[str, ...]) -> str:
    code = line.strip()
    indentation = _blanks(line)
    if code.endswith((*_BRACKETS, _OPENS_BLOCK.get(language, "{"))):
        return indentation + _step(lines)
    first = code.split(maxsplit=1)[0]
    if first in _ENDS_BLOCK.get(language, ()):
        return indentation.removesuffix(_step(lines))
    return indentation


def _step(lines: tuple[str, ...]) -> str:
    """Return one step of indentation: the smallest that the file has."""
    found = _DEFAULT_STEP
    for line in lines:
        blank = _blanks(line)
        if blank.startswith("\t"):
            return "\t"
        if 2 <= len(blank) < len(found):
            found = blank
    return found


def _blanks(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _ending(lines: tuple[str, ...]) -> str:
    first = lines[0]
    return first[len(strip_ending(first)) :] or "\n"
