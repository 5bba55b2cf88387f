"""What the engine said, made into what the editor is told.

Pure: a request and a generation in, a suggestion or the reason for none out. Knows nothing about
engines, caches or LSP.
"""

import re
import time
from dataclasses import replace

from lsp_server.context.window import surface_of
from lsp_server.postprocess.filters import Place, postprocess
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Generation,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    StopReason,
    Surface,
)

_PLACE_LINES = 5
"""Lines below the cursor that the filters see."""

_WHOLE_WORDS = re.compile(r".*\W", re.DOTALL)


def with_selection(request: CompletionRequest) -> CompletionRequest:
    """Return `request` as if the selected menu item had been inserted already."""
    selected = request.selected
    if selected is None:
        return request
    document, row = request.document, request.position.line
    line = document.lines[row]
    changed = line[: selected.start.column] + selected.text + line[selected.end.column :]
    lines = (*document.lines[:row], changed, *document.lines[row + 1 :])
    cursor = Position(row, selected.start.column + len(selected.text))
    return replace(request, document=replace(document, lines=lines), position=cursor)


def outcome_of(
    request: CompletionRequest,
    asked: CompletionRequest,
    surface: Surface,
    generation: Generation,
    context_ms: float,
) -> Outcome:
    """Return what a generation leads to; `asked` is `request` with its selected item inserted."""
    started = time.perf_counter()
    text = _refusal(generation) or postprocess(generation.text, place_of(asked, surface))
    filters_ms = (time.perf_counter() - started) * 1000.0
    timings = replace(generation.timings, context=context_ms, filters=filters_ms, total=0.0)
    if isinstance(text, RejectionReason):
        return Rejection(
            text, generation.stop.value, timings, prompt_tokens=generation.prompt_tokens
        )
    return Completion(*inserted(request, text), surface, generation, timings)


def part_of(
    request: CompletionRequest, asked: CompletionRequest, came: Generation
) -> Completion | None:
    """Return what can be shown of a suggestion that is still on its way; None if nothing can.

    That is whole words, since half a name is mostly none, and nothing that may turn out to repeat
    the line below.
    """
    words = _WHOLE_WORDS.match(came.text)
    if words is None or not any(map(str.isalnum, words[0])):
        return None
    row, column = asked.position.line, asked.position.column
    surface = surface_of(asked.document.line(row)[column:])
    place = place_of(asked, surface)
    following = next((line for line in map(str.strip, place.next_lines) if line), "")
    if following.startswith((place.typed + words[0]).strip()):
        return None
    text = postprocess(words[0], place)
    if isinstance(text, RejectionReason):
        return None
    return Completion(*inserted(request, text), surface, came, is_part=True)


def place_of(asked: CompletionRequest, surface: Surface) -> Place:
    """Return where a suggestion would stand, for the filters."""
    row, column = asked.position.line, asked.position.column
    line = asked.document.line(row)
    below = asked.document.lines[row + 1 : row + 1 + _PLACE_LINES]
    return Place(
        typed=line[:column],
        rest_of_line=line[column:],
        next_lines=tuple(line.rstrip("\r\n") for line in below),
        surface=surface,
    )


def inserted(request: CompletionRequest, text: str) -> tuple[str, Position, Position]:
    """Return what to insert, and the place that it takes: a selected menu item goes with it."""
    if (selected := request.selected) is None:
        return text, request.position, request.position
    return selected.text + text, selected.start, selected.end


def _refusal(generation: Generation) -> RejectionReason | None:
    if generation.stop is StopReason.CANCELLED:
        return RejectionReason.CANCELLED
    if generation.stop is StopReason.NOT_HEALED:
        return RejectionReason.NOT_HEALED
    return None
