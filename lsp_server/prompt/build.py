"""Lay a context out as the segments of a prompt, and take back what token healing needs.

Knows nothing about tokens' numbers, engines or documents: text in, text out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import regex

from lsp_server.config.options import ContextForm, Healing, Order, PromptOptions
from lsp_server.prompt.formats import FimFormat
from lsp_server.text import split_lines, strip_ending, without_surrogates
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

UNNAMED = "untitled"
"""Stands for the path of a document that has none, since the form asks for one."""


@dataclass(frozen=True, slots=True)
class _Parts:
    older: str
    recent: str
    suffix: str

    @property
    def prefix(self) -> str:
        return self.older + self.recent


def build_prompt(context: Context, fim: FimFormat, options: PromptOptions) -> Prompt:
    """Return the prompt for `context` in the format of one model.

    Segments come most stable first, so that typing only appends at the end wherever the order
    allows it. The text taken back for healing is `Prompt.healed`.
    """
    form = _form(context, fim, options)
    recent = without_surrogates(context.recent)
    healed = healable_end(recent) if is_healed(fim, options) else ""
    parts = _Parts(
        older=without_surrogates(context.older),
        recent=recent[: len(recent) - len(healed)],
        suffix=without_surrogates(context.suffix),
    )
    if form in (ContextForm.COMMENT_TOP, ContextForm.COMMENT_ABOVE):
        parts = _with_comments(parts, _comments(context), form)
    if not fim.fills:
        return Prompt((Segment(parts.prefix),), healed)
    order = fim.order if options.order is Order.AUTO else options.order
    segments = _LAYOUTS[order](fim, parts)
    if form is ContextForm.REPOSITORY:
        segments = _in_repository(segments, context, fim)
    return Prompt(tuple(item for item in segments if item.special or item.text), healed)


def is_healed(fim: FimFormat, options: PromptOptions) -> bool:
    """Return whether the end of a prompt is taken back in the format of one model."""
    return fim.healing if options.healing is Healing.AUTO else options.healing is Healing.ON


def _form(context: Context, fim: FimFormat, options: PromptOptions) -> ContextForm:
    """Return the form that is left to choose: one that the model has the tokens for."""
    if not context.snippets:
        return ContextForm.NONE
    form = options.context_form
    if form is ContextForm.AUTO:
        form = ContextForm.REPOSITORY
    if form is ContextForm.REPOSITORY and not (fim.fills and fim.separator):
        form = ContextForm.COMMENT_TOP
    return form


def _in_repository(
    segments: tuple[Segment, ...], context: Context, fim: FimFormat
) -> tuple[Segment, ...]:
    """Put the snippets in front of `segments` as files of the same repository."""
    front: list[Segment] = []
    if fim.repository and context.repository:
        name = _on_one_line(context.repository)
        front += (_special(fim.repository), Segment(name + fim.repository_end))
    path: str | None = None
    for snippet in context.snippets:
        text = without_surrogates(snippet.text)
        # Snippets of one file stand together below its name.
        if snippet.path != path:
            front.append(_special(fim.separator))
            text = f"{_on_one_line(snippet.path)}\n{text}"
        path = snippet.path
        front.append(Segment(text))
    front.append(_special(fim.separator))
    own = Segment(f"{_on_one_line(context.path) or UNNAMED}\n")
    if not fim.path_inside:
        return (*front, own, *segments)
    begin = segments.index(_special(fim.prefix)) + 1
    return (*front, *segments[:begin], own, *segments[begin:])


def _with_comments(parts: _Parts, comments: str, form: ContextForm) -> _Parts:
    if form is ContextForm.COMMENT_TOP:
        return replace(parts, older=comments + parts.older)
    typed = split_lines(parts.recent)[-1]
    above = parts.recent[: len(parts.recent) - len(typed)]
    return replace(parts, recent=above + comments + typed)


def _comments(context: Context) -> str:
    """Return the snippets as lines of comments, each snippet below its path."""
    rows: list[str] = []
    path = None
    for snippet in context.snippets:
        if snippet.path != path:
            rows.append(f"path: {_on_one_line(snippet.path)}")
        path = snippet.path
        lines = split_lines(without_surrogates(snippet.text))
        rows += [strip_ending(line) for line in lines[: -1 if not lines[-1] else None]]
    return "".join(_comment(row, context.comment) for row in rows)


def _comment(row: str, marks: tuple[str, str]) -> str:
    begin, end = marks
    if end.strip():
        # A comment that a line closes early would make code of what follows.
        row = row.replace(end.strip(), "")
    return f"{begin}{row}{end}".rstrip() + "\n"


def _on_one_line(name: str) -> str:
    return " ".join(without_surrogates(name).splitlines())


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
    return (
        _special(fim.prefix),
        Segment(parts.older),
        _special(fim.suffix),
        Segment(parts.suffix),
        _special(fim.middle),
        Segment(parts.recent),
    )


_LAYOUTS: Mapping[Order, Callable[[FimFormat, _Parts], tuple[Segment, ...]]] = {
    Order.PREFIX_SUFFIX_MIDDLE: _prefix_suffix_middle,
    Order.SUFFIX_PREFIX_MIDDLE: _suffix_prefix_middle,
    Order.SUFFIX_FIRST: _suffix_first,
    Order.GROWING_MIDDLE: _growing_middle,
}
