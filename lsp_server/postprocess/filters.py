"""The filters, as one ordered tuple of pure functions.

Each takes the text so far and where it would stand, and returns the text to go on with or the
reason why nothing is shown; no filter says "dropped" by an empty string. Knows nothing about
engines or editors.
"""

from lsp_server.postprocess.closing import cut_at_unopened
from lsp_server.postprocess.echo import cut_at_placeholder, drop_echo
from lsp_server.postprocess.ending import end_at_whole
from lsp_server.postprocess.indenting import cut_below_block, fit_first_line, indent_like_document
from lsp_server.postprocess.marks import (
    cut_at_control_characters,
    cut_at_control_mark,
    drop_empty,
    drop_secrets,
    drop_too_little,
    end_like_document,
)
from lsp_server.postprocess.parsing import drop_errors
from lsp_server.postprocess.place import Filter, Place
from lsp_server.postprocess.repeating import (
    cut_next_line_at_end,
    cut_repeated_lines,
    cut_where_document_goes_on,
    drop_circles,
    drop_repeated_lines_above,
    drop_repeated_next_line,
)
from lsp_server.postprocess.rest import cut_overlap_with_rest
from lsp_server.types import RejectionReason

FILTERS: tuple[Filter, ...] = (
    cut_at_control_characters,
    cut_at_control_mark,
    end_like_document,
    drop_empty,
    drop_circles,
    end_at_whole,
    cut_overlap_with_rest,
    drop_repeated_next_line,
    cut_next_line_at_end,
    drop_repeated_lines_above,
    cut_where_document_goes_on,
    cut_repeated_lines,
    drop_echo,
    cut_at_placeholder,
    indent_like_document,
    fit_first_line,
    cut_below_block,
    cut_at_unopened,
    drop_errors,
    drop_empty,
    drop_too_little,
    drop_secrets,
)

KEPT_FILTERS: tuple[Filter, ...] = (cut_overlap_with_rest, drop_empty)
"""What is left to do for the rest of a suggestion that has passed before, where the editor has
closed a bracket meanwhile."""


def postprocess(
    text: str, place: Place, filters: tuple[Filter, ...] = FILTERS
) -> str | RejectionReason:
    """Pass `text` through `filters` in order; the first reason ends it."""
    for apply in filters:
        result = apply(text, place)
        if isinstance(result, RejectionReason):
            return result
        text = result
    return text
