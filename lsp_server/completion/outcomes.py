"""What the engine said, made into what the editor is told.

Pure: a request and a generation in, a suggestion or the reason for none out. Knows nothing about
engines, caches or LSP.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from lsp_server.completion.checks import Check
from lsp_server.completion.surfaces import BODIES, before_closer
from lsp_server.postprocess.filters import postprocess
from lsp_server.postprocess.place import PLAIN, Ended, Place, indentation_of, no_errors
from lsp_server.privacy.secrets import reveals
from lsp_server.syntax.bodies import may_be_body
from lsp_server.syntax.languages import Language, comment_of, language_for
from lsp_server.syntax.places import PlaceKind
from lsp_server.text import split_lines
from lsp_server.types import (
    BodyStop,
    Completion,
    CompletionRequest,
    Document,
    Generation,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    StopReason,
    Surface,
    TriggerKind,
)

Reveals = Callable[[str, str], bool]
"""Tells whether the second text, written behind the first, holds a secret."""

_LINES_BELOW = 12
_LINES_ABOVE = 40
"""Lines around the cursor that the filters see."""

_LONGEST = 4000
"""Code points of a line on either side of the cursor that they see; several look at each one."""

_LIMITS = frozenset({StopReason.TOKENS, StopReason.TIME, StopReason.CONTEXT_FULL})
"""What ends an answer in the middle of a word."""

_ENDINGS = frozenset({StopReason.END, StopReason.LINES, StopReason.DEDENTED, StopReason.TOP_LEVEL})
"""What ends an answer behind a line that the model has ended."""

_WHOLE_WORDS = re.compile(r".*\W", re.DOTALL)


def with_selection(request: CompletionRequest) -> CompletionRequest:
    """Return `request` as if the selected menu item had been inserted already."""
    selected = request.selected
    if selected is None:
        return request
    document, row = request.document, request.position.line
    line = document.lines[row]
    left = line[: selected.start.column] + selected.text
    changed = split_lines(left + line[selected.end.column :])
    if row + 1 < len(document.lines):
        # It ends with its line's ending, behind which `split_lines` sees a new line.
        changed.pop()
    lines = (*document.lines[:row], *changed, *document.lines[row + 1 :])
    # An item that is a snippet may have several lines.
    above = split_lines(left)
    cursor = Position(row + len(above) - 1, len(above[-1]))
    return replace(request, document=replace(document, lines=lines), position=cursor)


def outcome_of(
    request: CompletionRequest,
    asked: CompletionRequest,
    surface: Surface,
    generation: Generation,
    context_ms: float,
    check: Check | None = None,
    body: BodyStop | None = None,
    reveals: Reveals = reveals,
) -> Outcome:
    """Return what a generation leads to; `asked` is `request` with its selected item inserted.

    `check` is what the document's tree says about the place; parsing takes part of a millisecond,
    so this is for a thread.
    """
    started = time.perf_counter()
    ended = Ended.LIMIT if generation.stop in _LIMITS else Ended.ITSELF
    place = place_of(asked, surface, check, ended, reveals)
    text = _refusal(generation) or postprocess(generation.text, place)
    if isinstance(text, str):
        text = before_closer(text, asked.document, asked.position, body)
    filters_ms = (time.perf_counter() - started) * 1000.0
    timings = replace(generation.timings, context=context_ms, filters=filters_ms, total=0.0)
    if isinstance(text, RejectionReason):
        return Rejection(
            text, generation.stop.value, timings, prompt_tokens=generation.prompt_tokens
        )
    return Completion(*inserted(request, text), surface, generation, timings)


def said_all(request: CompletionRequest, done: Completion) -> bool:
    """Tell whether the model would say nothing more in this line.

    `done` is a suggestion that was put in as a whole just left of the cursor. The model itself has
    ended it there, no limit or filter; and no body can begin here, which is another question.
    """
    document, position = request.document, request.position
    automatic = request.trigger_kind is TriggerKind.AUTOMATIC and request.selected is None
    if not automatic or document.line(position.line)[position.column :].strip():
        return False
    generation = done.generation
    if generation.stop not in _ENDINGS or not done.text.endswith(generation.text.rstrip()):
        return False
    language = language_for(document.language, document.path)
    return not may_be_body(document.lines, position, language)


def part_of(
    request: CompletionRequest,
    asked: CompletionRequest,
    came: Generation,
    surface: Surface,
    reveals: Reveals = reveals,
) -> Completion | None:
    """Return what can be shown of a suggestion that is still on its way; None if nothing can.

    That is whole words, since half a name is mostly none, and nothing that may turn out to repeat
    the line below; of a body it is whole lines once there is one.
    """
    words = _whole(came.text, surface)
    if not any(map(str.isalnum, words)):
        return None
    place = place_of(asked, surface, ended=Ended.NOT_YET, reveals=reveals)
    following = place.line_below().strip()
    if following.startswith((place.typed + words).strip()):
        return None
    text = postprocess(words, place)
    if isinstance(text, RejectionReason):
        return None
    return Completion(*inserted(request, text), surface, came, is_part=True)


def _whole(came: str, surface: Surface) -> str:
    """Return as much of what came as can stand there by itself."""
    lines, newline, _ = came.rpartition("\n")
    if surface in BODIES and newline and lines.strip():
        return lines
    words = _WHOLE_WORDS.match(came)
    return words[0] if words else ""


def place_of(
    asked: CompletionRequest,
    surface: Surface,
    check: Check | None = None,
    ended: Ended = Ended.ITSELF,
    reveals: Reveals = reveals,
) -> Place:
    """Return where a suggestion would stand, for the filters."""
    document, row, column = asked.document, asked.position.line, asked.position.column
    line = document.line(row)
    typed = line[max(0, column - _LONGEST) : column]
    above = _stripped(document.lines[max(0, row - _LINES_ABOVE) : row])
    below = _stripped(document.lines[row + 1 : row + 1 + _LINES_BELOW])
    return Place(
        typed=typed,
        rest_of_line=line[column : column + _LONGEST],
        next_lines=below,
        surface=surface,
        lines_above=above,
        indent=indent_of((*above, f"{typed}|", *below)),
        language=check.language if check else _language_of(document),
        kind=check.kind if check else PlaceKind.CODE,
        ended=ended,
        # Each answer gets trials of its own.
        errors=replace(check, known={}).errors if check else no_errors,
        reveals=lambda text: reveals(typed, text),
    )


def _stripped(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line[:_LONGEST].rstrip("\r\n") for line in lines)


def _language_of(document: Document) -> Language:
    language = language_for(document.language, document.path)
    if language is not None:
        return language
    begin, end = (mark.strip() for mark in comment_of(document.language, document.path))
    return replace(PLAIN, line_comment="" if end else begin)


def indent_of(lines: Sequence[str]) -> str:
    """Return one level of the indentation that `lines` show; empty if none, or tabs and spaces."""
    begins = [indentation_of(line) for line in lines if line.strip()]
    tabs = any("\t" in begin for begin in begins)
    if tabs or not any(begins):
        return "\t" if tabs and all(begin == "\t" * len(begin) for begin in begins) else ""
    steps = [len(after) - len(before) for before, after in pairwise(begins)]
    return " " * min((step for step in steps if step > 1), default=0)


def inserted(request: CompletionRequest, text: str) -> tuple[str, Position, Position]:
    r"""Return what to insert, and the place that it takes: a selected menu item goes with it.

    Its lines end in ``\n`` whatever those of the document end in: editors keep that apart from the
    text, and Neovim's client would put a carriage return into it.
    """
    if (selected := request.selected) is None:
        return text, request.position, request.position
    return selected.text + text, selected.start, selected.end


def _refusal(generation: Generation) -> RejectionReason | None:
    if generation.stop is StopReason.CANCELLED:
        return RejectionReason.CANCELLED
    if generation.stop is StopReason.NOT_HEALED:
        return RejectionReason.NOT_HEALED
    return None
