"""Whether something may be suggested at a place: what the options say, and which files are off.

Joins the trigger with the list of files that fimbul keeps its hands off. Pure.
"""

from lsp_server.config.options import Settings
from lsp_server.privacy.off import is_off
from lsp_server.trigger import check_trigger
from lsp_server.types import CompletionRequest, Rejection, RejectionReason


def check_place(request: CompletionRequest, settings: Settings) -> Rejection | None:
    """Return why nothing may be suggested for `request`, or None if something may."""
    rejection = check_trigger(request, settings.completion)
    if rejection is None and is_off(request.document.path, settings.privacy.off_paths):
        return Rejection(RejectionReason.PATH_OFF)
    return rejection
