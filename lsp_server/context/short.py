"""A small context for a place where nothing has been evaluated yet.

A whole prompt takes seconds there; the lines next to the cursor take a fraction of one and say
most of it. What is taken does not depend on the text typed in the current line, so that typing only
appends here, too. Pure; the costs of lines come in as a function.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from lsp_server.text import split_lines
from lsp_server.types import Context

ABOVE_SHARE, BELOW_SHARE = 0.6, 0.2
"""Parts of the budget for lines above and below; the rest is for the typed line and the marks."""


def shortened(context: Context, budget: int, count_tokens: Callable[[str], int]) -> Context:
    """Return `context` without other files and with as many lines as fit in `budget` tokens.

    The cursor's own line stays whole. Lines come without a break from the cursor outwards.
    """
    *above, typed = split_lines(context.recent)
    recent = _affordable(reversed(above), ABOVE_SHARE * budget, count_tokens)[::-1]
    older: list[str] = []
    if len(recent) == len(above):
        spent = sum(map(count_tokens, recent))
        lines = split_lines(context.older)[:-1]
        older = _affordable(reversed(lines), ABOVE_SHARE * budget - spent, count_tokens)[::-1]
    # On the middle surface the first of these is the rest of the cursor's line, which stays.
    first, *below = split_lines(context.suffix)
    kept = _affordable(below, BELOW_SHARE * budget - count_tokens(first), count_tokens)
    return replace(
        context,
        older="".join(older),
        recent="".join((*recent, typed)),
        suffix="".join((first, *kept)),
        snippets=(),
    )


def lines_to_count(context: Context) -> list[str]:
    """Return the texts whose token counts `shortened` may ask for."""
    parts = (context.older, context.recent, context.suffix)
    return list(dict.fromkeys(line for part in parts for line in split_lines(part)))


def _affordable(
    lines: Iterable[str], budget: float, count_tokens: Callable[[str], int]
) -> list[str]:
    taken: list[str] = []
    for line in lines:
        budget -= count_tokens(line) if line else 0
        if budget < 0:
            break
        taken.append(line)
    return taken
