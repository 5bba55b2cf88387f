"""The stage that says whether a place may be completed at all.

Pure: a request and the options in, a rejection or nothing out.
"""

from lsp_server.config.options import CompletionOptions, Trigger
from lsp_server.types import CompletionRequest, Rejection, RejectionReason, TriggerKind

_BINARY_REACH = 5
"""Lines on either side of the cursor that are searched for binary content."""


def check_trigger(request: CompletionRequest, options: CompletionOptions) -> Rejection | None:
    """Return why nothing may be suggested for `request`, or None if something may."""
    if not options.enable:
        return Rejection(RejectionReason.DISABLED)
    if request.document.language in options.disabled_languages:
        return Rejection(RejectionReason.LANGUAGE_DISABLED, request.document.language)
    if options.trigger is Trigger.MANUAL and request.trigger_kind is TriggerKind.AUTOMATIC:
        return Rejection(RejectionReason.MANUAL_ONLY)
    if _looks_binary(request):
        return Rejection(RejectionReason.BINARY_DOCUMENT)
    if not _selection_fits(request):
        return Rejection(RejectionReason.SELECTION_DIFFERS)
    return None


def _looks_binary(request: CompletionRequest) -> bool:
    line = request.position.line
    near = request.document.lines[max(0, line - _BINARY_REACH) : line + _BINARY_REACH + 1]
    return any("\0" in text for text in near)


def _selection_fits(request: CompletionRequest) -> bool:
    """Whether the selected menu item replaces text that ends at the cursor, in its line."""
    selected = request.selected
    if selected is None:
        return True
    line = request.position.line
    if selected.start.line != line or selected.end != request.position:
        return False
    if selected.start > selected.end:
        return False
    typed = request.document.line(line)[selected.start.column : selected.end.column]
    return selected.text.lower().startswith(typed.lower())
