"""Whether something may be suggested at a place, and what the engine may be shown of a document.

Joins the trigger with the list of files that fimbul keeps its hands off. Pure.
"""

from lsp_server.config.options import PrivacyMode, Settings
from lsp_server.privacy.off import is_off
from lsp_server.trigger import check_trigger
from lsp_server.types import CompletionRequest, Document, Rejection, RejectionReason


def check_place(request: CompletionRequest, settings: Settings) -> Rejection | None:
    """Return why nothing may be suggested for `request`, or None if something may."""
    rejection = check_trigger(request, settings.completion)
    if rejection is None and is_off(request.document.path, settings.privacy.off_paths):
        return Rejection(RejectionReason.PATH_OFF)
    return rejection


def may_learn(document: Document, settings: Settings) -> bool:
    """Return whether the engine may guess tokens from a document that nothing is asked about."""
    is_strict = settings.privacy.mode is PrivacyMode.STRICT
    return not is_strict and not is_off(document.path, settings.privacy.off_paths)
