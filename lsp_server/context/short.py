"""A small context for a place where nothing has been evaluated yet.

A whole prompt takes seconds there; the lines next to the cursor take a fraction of one and say
most of it. What is taken does not depend on the text typed in the current line, and its begin moves
in jumps, so that typing and Enter only append here, too. Pure; the costs of lines come in as a
function.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from lsp_server.text import split_lines
from lsp_server.types import Context

ABOVE_SHARE, BELOW_SHARE = 0.6, 0.2
"""Parts of the budget for lines above and below; the rest is for the typed line and the marks."""

_JUMPS = (8, 4, 2)
"""Lines by which the begin moves, the widest that fits."""


def shortened(context: Context, budget: int, count_tokens: Callable[[str], int]) -> Context:
    """Return `context` without other files and with as many lines as fit in `budget` tokens.

    The cursor's own line stays whole. Lines come without a break from the cursor outwards.
    """
    *above, typed = split_lines(context.recent)
    older = split_lines(context.older)[:-1]
    lines = [*older, *above]
    begin = _first_line(lines, ABOVE_SHARE * budget, count_tokens)
    # On the middle surface the first of these is the rest of the cursor's line, which stays.
    first, *below = split_lines(context.suffix)
    kept = _affordable(below, BELOW_SHARE * budget - count_tokens(first), count_tokens)
    return replace(
        context,
        older="".join(older[begin:]),
        recent="".join((*above[max(0, begin - len(older)) :], typed)),
        suffix="".join((first, *kept)),
        snippets=(),
    )


def lines_to_count(context: Context) -> list[str]:
    """Return the texts whose token counts `shortened` may ask for."""
    parts = (context.older, context.recent, context.suffix)
    return list(dict.fromkeys(line for part in parts for line in split_lines(part)))


def _first_line(lines: Sequence[str], budget: float, count_tokens: Callable[[str], int]) -> int:
    """Return the line to begin with: one of a grid, so that Enter mostly moves nothing.

    The grid is as wide as leaves half of the budget in use.
    """
    taken = len(_affordable(reversed(lines), budget, count_tokens))
    first = len(lines) - taken
    if first == 0:
        return 0
    spent = sum(map(count_tokens, lines[first:]))
    for jump in _JUMPS:
        start = -(-first // jump) * jump
        if start <= len(lines) and 2 * sum(map(count_tokens, lines[start:])) >= spent:
            return start
    return first


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
