"""What each kind of place may get, and where its suggestions end.

One table of budgets, and the rules of the options `completion.surfaces` and `completion.automatic`.
Knows nothing about engines; trees come from `lsp_server.completion.trees`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lsp_server.completion.trees import Trees
from lsp_server.config.options import CompletionOptions
from lsp_server.syntax.bodies import TAB, Body, body_at, may_be_body
from lsp_server.syntax.languages import Language, language_for
from lsp_server.types import (
    BodyStop,
    Completion,
    CompletionRequest,
    Document,
    Position,
    RejectionReason,
    StopReason,
    StopRules,
    Surface,
    TriggerKind,
)

BODIES = frozenset({Surface.BLOCK, Surface.FUNCTION})
"""Surfaces whose suggestions may take several lines."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a suggestion of one kind may cost."""

    body_percent: int
    """Tokens, in percent of `completion.body_tokens`; 0 stands for `completion.max_tokens`."""
    lines: int
    """Lines with something in them."""
    automatic_ms: float
    """Longest time to generate what nobody has asked for, in milliseconds; 0 is any."""
    invoked_ms: float
    """The same for what was asked for."""


_LINE = Budget(body_percent=0, lines=1, automatic_ms=0.0, invoked_ms=0.0)

BUDGETS: Mapping[Surface, Budget] = MappingProxyType(
    {
        Surface.LINE: _LINE,
        Surface.MIDDLE: _LINE,
        # At some 50 ms a token: what comes by itself ends after about 50 and 80 tokens, before
        # most people have read that much; who has asked for it waits for all the tokens there are.
        Surface.BLOCK: Budget(body_percent=60, lines=12, automatic_ms=2500.0, invoked_ms=6000.0),
        Surface.FUNCTION: Budget(body_percent=100, lines=24, automatic_ms=4000, invoked_ms=10000.0),
    }
)
"""One row a surface. A line needs no time limit, its tokens are one; and its end is where it was
before there were other surfaces. `LOG.md` has the sizes of bodies that the rest was chosen by."""


def permitted(
    surface: Surface, kind: TriggerKind, options: CompletionOptions
) -> Surface | RejectionReason:
    """Return the surface that is answered at a place of `surface`, or why nothing is.

    A body that may not be suggested is answered by its first line, where lines may be.
    """
    wanted = [surface, *([Surface.LINE] if surface in BODIES else [])]
    switched_on = [one for one in wanted if one.value in options.surfaces]
    if not switched_on:
        return RejectionReason.SURFACE_OFF
    if kind is TriggerKind.INVOKED:
        return switched_on[0]
    coming = [one for one in switched_on if one.value in options.automatic]
    return coming[0] if coming else RejectionReason.SURFACE_MANUAL


def stop_rules(
    surface: Surface,
    kind: TriggerKind,
    options: CompletionOptions,
    body: BodyStop | None,
    *,
    timed: bool,
) -> StopRules:
    """Return where a suggestion ends; `timed` is whether the clock may end it, too.

    Where nobody types it may not: the same place has to give the same answer.
    """
    if surface not in BODIES:
        return StopRules(options.max_tokens)
    budget = BUDGETS[surface]
    limit = budget.automatic_ms if kind is TriggerKind.AUTOMATIC else budget.invoked_ms
    tokens = max(1, options.body_tokens * budget.body_percent // 100)
    return StopRules(tokens, budget.lines, milliseconds=limit if timed else 0.0, body=body)


def is_limited(request: CompletionRequest, earlier: Completion) -> bool:
    """Whether an earlier suggestion was held shorter than `request` asks for."""
    if request.trigger_kind is TriggerKind.AUTOMATIC:
        return False
    late = earlier.surface in BODIES and earlier.generation.stop is StopReason.TIME
    return earlier.is_lowered or late


async def surface_at(
    trees: Trees, document: Document, position: Position
) -> tuple[Surface, BodyStop | None]:
    """Return which kind a place at the end of a line is, and where its body ends if it has one."""
    language = language_for(document.language, document.path)
    if not may_be_body(document.lines, position, language):
        return Surface.LINE, None
    tree = await trees.tree(document)
    if tree is None:
        body = body_at(document.lines, position, language, lambda _lines: None)
    else:
        body = await asyncio.to_thread(tree.body_at, position)
        language = await asyncio.to_thread(tree.language_at, position)
    if body is None:
        return Surface.LINE, None
    surface = Surface.FUNCTION if body.is_function else Surface.BLOCK
    return surface, _stop(document, position, body, language)


def _stop(
    document: Document, position: Position, body: Body, language: Language | None
) -> BodyStop:
    # Where the body is closed already, what comes below is what closes it.
    rows = () if body.is_closed else range(position.line + 1, len(document.lines))
    below = (document.line(row) for row in rows)
    return BodyStop(
        indentation=body.indentation,
        typed=document.line(position.line)[: position.column],
        closer=body.closer,
        is_closed=body.is_closed,
        following=next((line for line in below if line.strip()), ""),
        top_level=body.top_level,
        line_comment=language.line_comment if language else "//",
        block_comment=(language and language.block_comment) or ("", ""),
        quotes=language.quotes if language else "\"'",
        long_quotes=language.long_quotes if language else (),
        tab=TAB,
    )


def before_closer(text: str, document: Document, position: Position, body: BodyStop | None) -> str:
    """Return a body's `text` so that what closes it, right of the cursor, gets its own line."""
    rest = document.line(position.line)[position.column :]
    if body is None or not rest.strip() or "\n" not in text:
        return text
    line = document.line(position.line)
    blanks = line[: len(line) - len(line.lstrip())] if body.typed.strip() else ""
    return f"{text}\n{blanks or ' ' * body.indentation}"
