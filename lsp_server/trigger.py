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


def is_inside_word(request: CompletionRequest) -> bool:
    """Return whether a word is being typed at the cursor, or at the end of a selected item.

    A model that cannot heal its prompt goes on badly there.
    """
    if (selected := request.selected) is not None:
        before = selected.text
    else:
        row, column = request.position.line, request.position.column
        before = request.document.line(row)[:column]
    return bool(before) and (before[-1].isalnum() or before[-1] == "_")


def _looks_binary(request: CompletionRequest) -> bool:
    line = request.position.line
    near = request.document.lines[max(0, line - _BINARY_REACH) : line + _BINARY_REACH + 1]
    return any("\0" in text for text in near)


def _selection_fits(request: CompletionRequest) -> bool:
    """Whether the selected menu item replaces text around the cursor and begins as it does.

    It reaches beyond the cursor where the editor lets an item replace a whole word, as VS Code
    does with ``editor.suggest.insertMode`` set to ``replace``.
    """
    selected = request.selected
    if selected is None:
        return True
    line, cursor = request.position.line, request.position
    if {selected.start.line, selected.end.line} != {line}:
        return False
    if not selected.start <= cursor <= selected.end:
        return False
    typed = request.document.line(line)[selected.start.column : cursor.column]
    return selected.text.lower().startswith(typed.lower())
