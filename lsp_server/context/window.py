"""Choose the lines around the cursor that fit a budget in tokens.

The begin of the window moves in jumps, because a window that slides by a line at every Enter
would make the engine evaluate everything behind it again. The suffix begins at the line below
the cursor, since editors change the rest of the current line (closing brackets) while its
neighbours stay; only code right of the cursor that the model must fit in front of is part of
it. Pure: the costs of lines come in as a function. Knows nothing about tokenizers or files.
"""

from collections.abc import Callable, Iterator

from lsp_server.config.options import ContextOptions
from lsp_server.text import strip_ending
from lsp_server.types import CompletionRequest, Context, Document, Position, Surface

MAX_LINE = 1000
"""Longest line, in code points, that is taken into a window. A longer one is data or minified
code; the window ends before it."""

TYPED_LIMIT = 2000
"""Most code points kept left of the cursor in its own line."""

TYPED_JUMP = 500
"""Code points by which the begin of an over-long current line moves."""

MIDDLE_LINES = 10
"""Fewest lines that begin the middle in the growing-middle order, the cursor's included. With
three, answers were a little worse than with the whole prefix there; with ten, as good
(`LOG.md`)."""

MIDDLE_JUMP = 16
"""Lines by which the beginning of the growing middle moves. Each move evaluates the suffix
again, so it does not follow every Enter."""

_JUMPS = (64, 32, 16, 8, 4, 2, 1)

CountTokens = Callable[[str], int]


def surface_of(rest_of_line: str) -> Surface:
    """Return the surface for what stands right of the cursor.

    Brackets and quotes that an editor closed by itself do not make it the middle of a line.
    """
    if any(character.isalnum() or character == "_" for character in rest_of_line):
        return Surface.MIDDLE
    return Surface.LINE


def lines_to_count(request: CompletionRequest, options: ContextOptions) -> list[str]:
    """Return the texts whose token counts `build_context` may ask for.

    A line costs at least one token, so a budget of n tokens reaches at most n lines.
    """
    document, position = request.document, request.position
    above = _reach(document, _upwards(position, options))
    below = _reach(document, _downwards(document, position, options))
    typed, rest = _split_current(document, position)
    return list(dict.fromkeys((*above, *below, typed, rest)))


def build_context(
    request: CompletionRequest, options: ContextOptions, count_tokens: CountTokens
) -> Context:
    """Return what the model may see of the document, within the budgets of `options`."""
    document, position = request.document, request.position
    typed, rest = _split_current(document, position)
    first = _first_line(document, position, options, count_tokens)
    surface = surface_of(rest)
    suffix = _suffix(document, position, options, count_tokens)
    if surface is Surface.MIDDLE:
        ending = document.lines[position.line][len(document.line(position.line)) :]
        suffix = rest + ending + suffix
    begin = (position.line - MIDDLE_LINES + 1) // MIDDLE_JUMP * MIDDLE_JUMP
    begin = max(first, begin)
    return Context(
        older="".join(document.lines[first:begin]),
        recent="".join(document.lines[begin : position.line]) + typed,
        suffix=suffix,
        rest_of_line=rest,
        path=document.path,
        surface=surface,
    )


def _split_current(document: Document, position: Position) -> tuple[str, str]:
    line = strip_ending(document.lines[position.line])
    typed, rest = line[: position.column], line[position.column :]
    if len(typed) > TYPED_LIMIT:
        typed = typed[-(-(len(typed) - TYPED_LIMIT) // TYPED_JUMP) * TYPED_JUMP :]
    return typed, rest[:MAX_LINE]


def _upwards(position: Position, options: ContextOptions) -> range:
    stop = max(-1, position.line - 1 - options.prefix_tokens)
    return range(position.line - 1, stop, -1)


def _downwards(document: Document, position: Position, options: ContextOptions) -> range:
    start = position.line + 1
    return range(start, min(len(document.lines), start + options.suffix_tokens))


def _reach(document: Document, numbers: range) -> Iterator[str]:
    for number in numbers:
        line = document.lines[number]
        if len(line) > MAX_LINE:
            return
        yield line


def _first_line(
    document: Document, position: Position, options: ContextOptions, count_tokens: CountTokens
) -> int:
    spent = count_tokens(_split_current(document, position)[0])
    costs: list[int] = []
    for line in _reach(document, _upwards(position, options)):
        spent += count_tokens(line)
        if spent > options.prefix_tokens:
            break
        costs.append(count_tokens(line))
    first = position.line - len(costs)
    if first == 0:
        return 0
    for jump in _JUMPS:
        start = -(-first // jump) * jump
        if start <= position.line and sum(costs[: position.line - start]) * 2 >= sum(costs):
            return start
    return first


def _suffix(
    document: Document, position: Position, options: ContextOptions, count_tokens: CountTokens
) -> str:
    taken: list[str] = []
    spent = 0
    for line in _reach(document, _downwards(document, position, options)):
        spent += count_tokens(line)
        if spent > options.suffix_tokens:
            break
        taken.append(line)
    return "".join(taken)
