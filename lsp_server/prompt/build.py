"""Lay a context out as the segments of a prompt, and take back what token healing needs.

Knows nothing about tokens' numbers, engines or documents: text in, text out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import regex

from lsp_server.config.options import Healing, Order, PromptOptions
from lsp_server.prompt.formats import FimFormat
from lsp_server.text import split_lines, without_surrogates
from lsp_server.types import Context, Prompt, Segment

# The split that byte-pair vocabularies since GPT-4 make before they merge bytes. No token
# crosses such a boundary, so what stands behind the last one is all that may merge with what
# is typed next. Taking back too much is harmless, since the answer must begin with it again.
_PRE_TOKEN = regex.compile(
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|\s*[\r\n]+|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+"
)

HEALED_LIMIT = 64
"""Longest text that is taken back, in code points; no ordinary token is longer."""

MIDDLE_LINES = 10
"""Fewest lines that begin the middle in the growing-middle order, the cursor's included. With
three, answers were a little worse than with the whole prefix there; with ten, as good
(`LOG.md`)."""

MIDDLE_JUMP = 16
"""Lines by which the beginning of the growing middle moves. Each move evaluates the suffix
again, so it does not follow every Enter."""


@dataclass(frozen=True, slots=True)
class _Parts:
    prefix: str
    suffix: str
    first_line: int


def build_prompt(context: Context, fim: FimFormat, options: PromptOptions) -> Prompt:
    """Return the prompt for `context` in the format of one model.

    Segments come most stable first, so that typing only appends at the end wherever the order
    allows it. The text taken back for healing is `Prompt.healed`.
    """
    prefix = without_surrogates(context.prefix)
    healing = fim.healing if options.healing is Healing.AUTO else options.healing is Healing.ON
    healed = healable_end(prefix) if healing else ""
    parts = _Parts(
        prefix=prefix[: len(prefix) - len(healed)],
        suffix=without_surrogates(context.suffix),
        first_line=context.first_line,
    )
    if not fim.fills:
        return Prompt((Segment(parts.prefix),), healed)
    order = fim.order if options.order is Order.AUTO else options.order
    segments = _LAYOUTS[order](fim, parts)
    return Prompt(tuple(item for item in segments if item.special or item.text), healed)


def healable_end(prefix: str) -> str:
    """Return the end of `prefix` whose tokens may change when more is typed.

    It is the last pre-token of the current line; empty at the start of a line, where no token
    that follows can merge with the line ending, and where it is too long to be a token.
    """
    line = split_lines(prefix[-4 * HEALED_LIMIT :])[-1]
    last = ""
    for match in _PRE_TOKEN.finditer(line):
        last = match.group()
    return last if len(last) <= HEALED_LIMIT else ""


def _special(text: str) -> Segment:
    return Segment(text, special=True)


def _prefix_suffix_middle(fim: FimFormat, parts: _Parts) -> tuple[Segment, ...]:
    return (
        _special(fim.prefix),
        Segment(parts.prefix),
        _special(fim.suffix),
        Segment(parts.suffix),
        _special(fim.middle),
    )


def _suffix_prefix_middle(fim: FimFormat, parts: _Parts) -> tuple[Segment, ...]:
    return (
        _special(fim.suffix),
        Segment(parts.suffix),
        _special(fim.prefix),
        Segment(parts.prefix),
        _special(fim.middle),
    )


def _suffix_first(fim: FimFormat, parts: _Parts) -> tuple[Segment, ...]:
    return (
        _special(fim.prefix),
        _special(fim.suffix),
        Segment(parts.suffix),
        _special(fim.middle),
        Segment(parts.prefix),
    )


def _growing_middle(fim: FimFormat, parts: _Parts) -> tuple[Segment, ...]:
    lines = split_lines(parts.prefix)
    cursor_line = parts.first_line + len(lines) - 1
    begin = (cursor_line - MIDDLE_LINES + 1) // MIDDLE_JUMP * MIDDLE_JUMP
    older = max(0, begin - parts.first_line)
    return (
        _special(fim.prefix),
        Segment("".join(lines[:older])),
        _special(fim.suffix),
        Segment(parts.suffix),
        _special(fim.middle),
        Segment("".join(lines[older:])),
    )


_LAYOUTS: Mapping[Order, Callable[[FimFormat, _Parts], tuple[Segment, ...]]] = {
    Order.PREFIX_SUFFIX_MIDDLE: _prefix_suffix_middle,
    Order.SUFFIX_PREFIX_MIDDLE: _suffix_prefix_middle,
    Order.SUFFIX_FIRST: _suffix_first,
    Order.GROWING_MIDDLE: _growing_middle,
}
