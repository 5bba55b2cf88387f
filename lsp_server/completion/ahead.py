"""The place where a user will be who accepts a suggestion, or finished the line, and goes on.

Pure. Knows nothing about engines; `lsp_server.completion.pipeline` computes a suggestion for that
place before anybody asks.
"""

from dataclasses import replace

from lsp_server.text import split_lines, strip_ending
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Outcome,
    Position,
    RejectionReason,
    TriggerKind,
)

_OPENS_BLOCK = {"python": ":"}
_BRACKETS = ("{", "(", "[")
_ENDS_BLOCK = {"python": ("return", "raise", "break", "continue", "pass")}
_DEFAULT_STEP = "    "


def next_line(request: CompletionRequest, outcome: Outcome) -> CompletionRequest | None:
    """Return the request at the next line once a suggestion is accepted and Enter pressed.

    Where the model had nothing to add, the line is taken to be whole as it is. The next one
    begins with the indentation that editors give it: that of the line above, a step more behind
    what opens a block. None if there is text right of the cursor, where Enter is not what comes
    next, if more than the line was suggested, or if nothing was suggested for another reason.
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
    accepted = line[: start.column] + text
    if len(split_lines(accepted)) > 1 or not accepted.strip():
        return None
    ending = document.lines[row][len(line) :]
    indentation = _indentation_below(accepted, document.language, document.lines)
    lines = (
        *document.lines[:row],
        accepted + (ending or _ending(document.lines)),
        indentation + ending,
        *document.lines[row + 1 :],
    )
    cursor = Position(row + 1, len(indentation))
    return CompletionRequest(replace(document, lines=lines), cursor, TriggerKind.AUTOMATIC)


def _indentation_below(line: str, language: str, lines: tuple[str, ...]) -> str:
    code = line.strip()
    indentation = line[: len(line) - len(line.lstrip())]
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
        blank = line[: len(line) - len(line.lstrip())]
        if blank.startswith("\t"):
            return "\t"
        if 2 <= len(blank) < len(found):
            found = blank
    return found


def _ending(lines: tuple[str, ...]) -> str:
    first = lines[0]
    return first[len(strip_ending(first)) :] or "\n"
