"""Suggestions as items of the editor's completion menu, for editors without inline completion.

A menu filters by the word in front of the cursor, and shows what several servers say. So an item
replaces that word by itself and what follows it, is sorted behind everything else, and never
keeps the menu waiting: what takes longer than the time budget is given at the next key.
"""

import asyncio
import contextlib
import logging
import re

from lsprotocol import types as lsp

from lsp_server.config.options import Menu, Trigger
from lsp_server.references.telling import in_full, short
from lsp_server.server.app import FimbulServer
from lsp_server.server.configuration import gather
from lsp_server.server.logs import place_of
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
)

_LOG = logging.getLogger(__name__)

_SILENT_CLIENTS = frozenset({"emacs"})
"""Names, in lower case, of clients that use inline completion and do not say so: lsp-mode 10."""

_GRACE = 0.05
"""Seconds that are waited beyond the time budget, at whose end parts come."""

_LABEL = 60
"""Longest label, in code points; menus cut what is longer, or grow over the code."""

_DASHED = frozenset(
    {"clojure", "commonlisp", "css", "elisp", "emacs-lisp", "html", "less", "lisp", "scheme"}
    | {"sass", "scss"}
)
"""Languages in which a word may hold a dash."""

_LAST = "~~~~fimbul"
"""Begins the key by which items are sorted; ``~`` is behind every ASCII character of a name."""

_LASTING = frozenset(
    {
        RejectionReason.DISABLED,
        RejectionReason.LANGUAGE_DISABLED,
        RejectionReason.MANUAL_ONLY,
        RejectionReason.UNKNOWN_DOCUMENT,
        RejectionReason.BINARY_DOCUMENT,
        RejectionReason.DOCUMENT_TOO_LONG,
        RejectionReason.SURFACE_OFF,
        RejectionReason.NO_MODEL,
    }
)
"""Reasons that the next key does not change, so that there is nothing to ask again for."""


def announce(server: FimbulServer, params: lsp.InitializeParams) -> None:
    """Announce completion if the options, as far as they are known now, want it for this editor.

    `completion.menu` decides: always, never, or where the editor shows no inline completion.
    """
    folders = list(server.workspace.folders)
    read = server.folder_settings.read
    settings, _ = gather(server.paths, (server.initial_options,), folders, read)
    if is_wanted(settings.completion.menu, params):
        # Without an options object pygls would announce trigger characters of its own. There are
        # none: editors ask at every letter, and what comes by itself behind others is seldom sure.
        # One option is said aloud, since Vim's ALE takes an empty object for no completion at all.
        options = lsp.CompletionOptions(resolve_provider=False)
        server.feature(lsp.TEXT_DOCUMENT_COMPLETION, options)(_completion)


def is_wanted(menu: Menu, params: lsp.InitializeParams) -> bool:
    """Return whether an editor that begins with `params` gets items for its menu."""
    if menu is not Menu.AUTO:
        return menu is Menu.ON
    document = params.capabilities.text_document
    name = params.client_info.name if params.client_info else ""
    says_so = document is not None and document.inline_completion is not None
    return not says_so and name.lower() not in _SILENT_CLIENTS


async def _completion(server: FimbulServer, params: lsp.CompletionParams) -> lsp.CompletionList:
    try:
        return await _answer(server, params)
    except Exception as error:  # noqa: BLE001  # The handler boundary: no answer is never right.
        # The text of the error may quote the document, so only its kind and place are written.
        _LOG.error("a completion failed: %s at %s", type(error).__name__, place_of(error))
        reason = Rejection(RejectionReason.ENGINE_FAILED, type(error).__name__)
        server.pipeline.note(params.text_document.uri, reason)
        return _nothing(reason)


async def _answer(server: FimbulServer, params: lsp.CompletionParams) -> lsp.CompletionList:
    options = server.settings.completion
    request = server.request_from(_as_inline(params, options.trigger))
    if request is None or options.menu is Menu.OFF:
        disabled = Rejection(RejectionReason.DISABLED)
        reason = disabled if request else server.why_not(params.text_document.uri)
        server.pipeline.note(params.text_document.uri, reason, request)
        return _nothing(reason)
    outcome = await _within(server, request, options.time_budget / 1000.0)
    if isinstance(outcome, Rejection):
        server.answered(request, outcome)
        return _nothing(outcome)
    found = (outcome, *outcome.others)
    items = [menu_item(server, request.document, one, place) for place, one in enumerate(found)]
    server.answered(request, *found)
    return lsp.CompletionList(is_incomplete=outcome.is_part, items=items)


async def _within(server: FimbulServer, request: CompletionRequest, budget: float) -> Outcome:
    """Return the outcome, or that it comes too late; it is computed all the same then.

    A budget of 0 waits for it. Raises CancelledError if the editor cancels.
    """
    if not budget:
        return await server.answer(request)
    limit = budget + _GRACE
    work = asyncio.create_task(server.answer(request, within=limit * 1000.0), name="menu")
    try:
        # A little longer, so that what came in time by the pipeline's clock is in time here.
        done, _ = await asyncio.wait({work}, timeout=limit + _GRACE)
    except asyncio.CancelledError:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        raise
    if done:
        return work.result()
    server.keep(work)
    return Rejection(RejectionReason.LATE)


def _as_inline(params: lsp.CompletionParams, trigger: Trigger) -> lsp.InlineCompletionParams:
    """Return the question as it is asked for inline completion.

    In LSP a menu counts as invoked also where a letter was typed, so that only says that somebody
    asked where suggestions come on request only: there the editor is set up to ask by a key.
    """
    kinds = lsp.InlineCompletionTriggerKind
    is_invoked = (
        params.context is None or params.context.trigger_kind is lsp.CompletionTriggerKind.Invoked
    )
    is_asked = is_invoked and trigger is Trigger.MANUAL
    return lsp.InlineCompletionParams(
        context=lsp.InlineCompletionContext(kinds.Invoked if is_asked else kinds.Automatic),
        text_document=params.text_document,
        position=params.position,
    )


def _nothing(reason: Rejection) -> lsp.CompletionList:
    return lsp.CompletionList(is_incomplete=reason.reason not in _LASTING, items=[])


def menu_item(
    server: FimbulServer, document: Document, completion: Completion, place: int = 0
) -> lsp.CompletionItem:
    """Return a suggestion as an item that stands `place` behind the first of ours."""
    inline = server.item_from(document, completion)
    word = word_before(document, completion.start)
    start = Position(completion.start.line, completion.start.column - len(word))
    text = word + completion.text
    lines = [line for line in text.splitlines() if line.strip()]
    first = lines[0].strip() if lines else ""
    more = len(lines) - 1
    capability = _item_capability(server)
    detail = f"fimbul, {more + 1} lines" if more > 0 else "fimbul"
    if completion.references:
        detail += f", resembles {short(completion.references)}"
    has_details = capability is not None and capability.label_details_support
    return lsp.CompletionItem(
        label=first if len(first) <= _LABEL else f"{first[: _LABEL - 1]}…",
        label_details=lsp.CompletionItemLabelDetails(description="fimbul") if has_details else None,
        kind=lsp.CompletionItemKind.Text,
        detail=detail,
        documentation=_documentation(
            text, document.language, capability, in_full(completion.references)
        ),
        preselect=False,
        sort_text=f"{_LAST}{place:02}",
        # What the editor holds against the word; a word that a line break follows is all of it.
        filter_text=text.split("\n", 1)[0].rstrip() or first,
        insert_text_format=lsp.InsertTextFormat.PlainText,
        # It is indented already as it is to stand there.
        insert_text_mode=lsp.InsertTextMode.AsIs,
        text_edit=lsp.TextEdit(server.documents.range_of(document, start, completion.end), text),
        command=inline.command,
    )


def word_before(document: Document, place: Position) -> str:
    """Return the word, or its beginning, that ends at `place`, as editors see words."""
    head = document.line(place.line)[: place.column]
    pattern = r"[\w-]*\Z" if document.language in _DASHED else r"\w*\Z"
    found = re.search(pattern, head)
    return found.group() if found else ""


def _item_capability(server: FimbulServer) -> lsp.ClientCompletionItemOptions | None:
    document = server.client_capabilities.text_document
    completion = document.completion if document else None
    return completion.completion_item if completion else None


def _documentation(
    text: str,
    language: str,
    capability: lsp.ClientCompletionItemOptions | None,
    references: str = "",
) -> lsp.MarkupContent:
    """Return the whole text for the window beside the menu, as code where that can be shown.

    Below it stands what it resembles, if it does.
    """
    formats = (capability.documentation_format if capability else None) or ()
    if lsp.MarkupKind.Markdown not in formats:
        below = f"\n\n{references}" if references else ""
        return lsp.MarkupContent(lsp.MarkupKind.PlainText, text + below)
    below = f"\n\n```text\n{references}\n```" if references else ""
    # Longer than any run of backquotes in the text, which would end the block.
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return lsp.MarkupContent(lsp.MarkupKind.Markdown, f"{fence}{language}\n{text}\n{fence}{below}")
