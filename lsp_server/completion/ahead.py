"""The place where a user will be who accepts a suggestion, or finished the line, and goes on.

Pure. Knows nothing about engines; `lsp_server.completion.pipeline` computes a suggestion for that
place before anybody asks.
"""

from dataclasses import replace

from lsp_server.completion.surfaces import BODIES
from lsp_server.text import split_lines, strip_ending
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Outcome,
    Position,
    RejectionReason,
    Surface,
    TriggerKind,
)

_OPENS_BLOCK = {"python": ":"}
_BRACKETS = ("{", "(", "[")
_ENDS_BLOCK = {"python": ("return", "raise", "break", "continue", "pass")}
_CLOSED_BY = (")", "]", "}", "end", "fi", "done")
_DEFAULT_STEP = "    "


def next_line(request: CompletionRequest, outcome: Outcome) -> CompletionRequest | None:
    """Return the request at the next line once a suggestion is accepted and Enter pressed.

    Where the model had nothing to add, the line is taken to be whole as it is. The next one
    begins with the indentation that editors give it: that of the line above, a step more behind
    what opens a block. Behind the body of a block it is that of the block. None if there is text
    right of the cursor, where Enter is not what comes next, behind the body of a function, where
    what closes the body is there already, since what comes then is anybody's guess, and if nothing
    was suggested for another reason.
    """
    if isinstance(outcome, Completion):
        text, start, end = outcome.text, outcome.start, outcome.end
    elif outcome.reason is RejectionReason.EMPTY:
        text, start, end = "", request.position, request.position
    else:
        return None
    document, row = request.document, end.line
    line = document.line(row)
    if start.line != row or end.column < len(line):
        return None
    accepted = split_lines(line[: start.column] + text)
    last = accepted[-1]
    if not last.strip():
        return None
    if isinstance(outcome, Completion) and outcome.surface in BODIES:
        found = _indentation_behind(request, outcome, last)
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
