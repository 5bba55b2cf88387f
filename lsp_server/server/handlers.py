"""What the server does when the editor speaks: one plain function a message.

Each takes the server first. A document is taken as a snapshot before the first await, because
the editor goes on changing it while the model thinks.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from lsprotocol import types as lsp

from lsp_server.completion.serving import ChooseModel
from lsp_server.config.paths import Paths
from lsp_server.guard.network import NetworkGuard
from lsp_server.inference.spare import SpareWorker
from lsp_server.references.telling import as_json, short
from lsp_server.server import adapting
from lsp_server.server.app import ACCEPTED, FimbulServer
from lsp_server.server.configuration import plain
from lsp_server.server.digests import DIGEST, digest_of
from lsp_server.server.explaining import explain
from lsp_server.server.feedback import REJECTED, SHOWN, TOOK
from lsp_server.server.logs import place_of
from lsp_server.server.menu import announce
from lsp_server.server.references import COMMAND, REFERENCES
from lsp_server.server.uris import to_fs_path
from lsp_server.types import Document, Outcome, Rejection, RejectionReason

_LOG = logging.getLogger(__name__)

LAST_OUTCOME = "fimbul/lastOutcome"
"""Request: what the last completion request for a document led to."""
EXPLAIN = "fimbul.explain"
"""Command: what became of the latest requests, of one document if its URI is given."""
CURSOR = "fimbul/cursor"
"""Notification from the editor: where the cursor came to rest, such as in a file just opened."""
STATISTICS = "fimbul/statistics"
"""Request: what was shown, accepted and left out in this session."""


def create_server(
    version: str,
    paths: Paths,
    choose: ChooseModel,
    command: tuple[str, ...],
    guard: NetworkGuard | None = None,
    spare: SpareWorker | None = None,
) -> FimbulServer:
    """Return a server with all handlers, whose engine is the worker `command`.

    `guard` is this process's, which may be up already; `spare` is such a worker that runs already.
    """
    server = FimbulServer(version, paths, choose, command, guard or NetworkGuard(), spare)
    for method, handler in _FEATURES.items():
        server.feature(method)(handler)
    # Without an options object pygls would announce nothing.
    options = lsp.InlineCompletionOptions()
    server.feature(lsp.TEXT_DOCUMENT_INLINE_COMPLETION, options)(_inline_completion)
    server.command(ACCEPTED)(_accepted)
    server.command(EXPLAIN)(_explain)
    server.command(COMMAND)(_references)
    server.command(adapting.CHOOSE_ADAPTER)(_adapters)
    return server


def _initialize(server: FimbulServer, params: lsp.InitializeParams) -> None:
    server.on_initialize(params.process_id)
    server.take_initial_options(params.initialization_options)
    announce(server, params)


async def _initialized(server: FimbulServer, _params: lsp.InitializedParams) -> None:
    await server.pull_options()
    server.apply_settings()
    server.watch_machine()
    await server.watch_files()


async def _did_change_configuration(
    server: FimbulServer, params: lsp.DidChangeConfigurationParams
) -> None:
    if plain(params.settings):
        server.take_options(params.settings)
    else:
        await server.pull_options()
    server.apply_settings()


def _did_change_folders(server: FimbulServer, _params: lsp.DidChangeWorkspaceFoldersParams) -> None:
    server.apply_settings()


def _did_open(server: FimbulServer, params: lsp.DidOpenTextDocumentParams) -> None:
    document = server.snapshot(params.text_document.uri)
    if document is not None:
        # Versions begin anew where a document is opened a second time.
        server.feedback.closed(document.uri)
        server.files.opened(document)
        server.pipeline.opened(document)
        server.references.acceptances.opened(document)


def _did_change(server: FimbulServer, params: lsp.DidChangeTextDocumentParams) -> None:
    document = server.snapshot(params.text_document.uri)
    if document is None:
        # It may have grown too large; what is known of it is too old from now on.
        server.closed(params.text_document.uri)
        return
    server.files.changed(document)
    server.pipeline.changed(document)
    _follow(server, document)


def _did_change_notebook(server: FimbulServer, params: lsp.DidChangeNotebookDocumentParams) -> None:
    for content in (params.change.cells and params.change.cells.text_content) or ():
        document = server.snapshot(content.document.uri)
        if document is not None:
            _follow(server, document)


def _follow(server: FimbulServer, document: Document) -> None:
    edits = server.edits(document.uri)
    # Lines have to be where they are now when something turns out to have been accepted.
    server.references.acceptances.changed(document, edits)
    server.feedback.changed(document, edits)


def _cursor(server: FimbulServer, params: Any) -> None:
    values = plain(params)
    try:
        uri = str(values["textDocument"]["uri"])
        position = lsp.Position(
            int(values["position"]["line"]), int(values["position"]["character"])
        )
    except (KeyError, TypeError, ValueError):
        _LOG.warning("%s without textDocument.uri and position was ignored", CURSOR)
        return
    server.visited(uri, position)


def _did_save(server: FimbulServer, params: lsp.DidSaveTextDocumentParams) -> None:
    server.saved(params.text_document.uri)
    path = to_fs_path(params.text_document.uri)
    if path is not None:
        server.indexes.changed([path])
        server.files.files_changed([path])


def _did_change_files(server: FimbulServer, params: lsp.DidChangeWatchedFilesParams) -> None:
    paths = [path for change in params.changes if (path := to_fs_path(change.uri))]
    server.indexes.changed(paths)
    server.files.files_changed(paths)


def _did_close(server: FimbulServer, params: lsp.DidCloseTextDocumentParams) -> None:
    server.closed(params.text_document.uri)


async def _inline_completion(
    server: FimbulServer, params: lsp.InlineCompletionParams
) -> lsp.InlineCompletionList:
    try:
        request = server.request_from(params)
        if request is None:
            uri = params.text_document.uri
            server.pipeline.note(uri, server.why_not(uri))
            return lsp.InlineCompletionList(items=[])
        outcome = await server.answer(request)
    except Exception as error:  # noqa: BLE001  # The handler boundary: no answer is never right.
        # The text of the error may quote the document, so only its kind and place are written.
        _LOG.error("a completion failed: %s at %s", type(error).__name__, place_of(error))
        reason = Rejection(RejectionReason.ENGINE_FAILED, type(error).__name__)
        server.pipeline.note(params.text_document.uri, reason)
        return lsp.InlineCompletionList(items=[])
    if isinstance(outcome, Rejection):
        _LOG.debug("nothing shown: %s %s", outcome.reason.value, outcome.detail)
        server.answered(request, outcome)
        return lsp.InlineCompletionList(items=[])
    items = [server.item_from(request.document, one) for one in (outcome, *outcome.others)]
    server.answered(request, outcome, *outcome.others)
    return lsp.InlineCompletionList(items=items)


def _accepted(server: FimbulServer, *arguments: Any) -> None:
    server.accepted += 1
    server.feedback.accepted(arguments)


def _shown(server: FimbulServer, params: Any) -> None:
    server.feedback.told(SHOWN, params, server.documents.encoding)


def _took(server: FimbulServer, params: Any) -> None:
    server.feedback.told(TOOK, params, server.documents.encoding)


def _rejected(server: FimbulServer, params: Any) -> None:
    server.feedback.told(REJECTED, params, server.documents.encoding)
    # Only what was shown last can be turned down, so the item's id is not looked at.
    server.pipeline.rejected()


def _explain(server: FimbulServer, *arguments: Any) -> dict[str, Any]:
    answer, message = explain(server.pipeline.fates, arguments)
    if message:
        server.tell(lsp.MessageType.Info, message)
    return answer


async def _adapters(server: FimbulServer, *arguments: Any) -> dict[str, Any] | None:
    return await adapting.run(server, arguments)


def _last_outcome(server: FimbulServer, params: Any) -> dict[str, Any] | None:
    values = plain(params)
    uri = values.get("uri") if isinstance(values, Mapping) else None
    outcome = server.pipeline.last_outcome(str(uri))
    return None if outcome is None else outcome_as_json(outcome)


async def _references(server: FimbulServer, *arguments: Any) -> dict[str, Any]:
    values = plain(arguments[0]) if arguments else None
    uri = values.get("uri") if isinstance(values, Mapping) else None
    document = None if uri is None else server.snapshot(str(uri))
    if uri is not None and document is None:
        return {"text": "", "references": []}
    return await server.references.answer(values, document)


def _digest(server: FimbulServer, params: Any) -> dict[str, Any] | None:
    values = plain(params)
    uri = values.get("uri") if isinstance(values, Mapping) else None
    document = server.snapshot(str(uri))
    return None if document is None else digest_of(document)


def outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome without any text of the document."""
    timings = outcome.timings
    common = {
        "timings": {
            "context": timings.context,
            "prefill": timings.prefill,
            "decode": timings.decode,
            "filters": timings.filters,
            "total": timings.total,
        },
        "contextTokens": outcome.used.tokens,
        "sources": list(outcome.used.sources),
        "hint": outcome.used.hint,
    }
    if isinstance(outcome, Rejection):
        explanation = outcome.reason.explanation
        return {
            "reason": outcome.reason.value,
            "explanation": explanation,
            "detail": outcome.detail,
            "promptTokens": outcome.prompt_tokens,
            **common,
        }
    generation = outcome.generation
    return {
        "reason": "",
        "surface": outcome.surface.value,
        "stop": generation.stop.value,
        "promptTokens": generation.prompt_tokens,
        "reusedTokens": generation.reused_tokens,
        "generatedTokens": 0 if outcome.is_kept else len(generation.logprobs),
        "kept": outcome.is_kept,
        "part": outcome.is_part,
        "shortPrompt": generation.is_short,
        "chance": outcome.chance,
        "wordChance": outcome.word_chance,
        "references": [as_json(one) for one in outcome.references],
        "note": short(outcome.references),
        "likelihood": {
            "logprobs": list(generation.logprobs),
            "ends": list(generation.ends),
            "endLogprob": generation.end_logprob,
            "typedLogprob": generation.typed_logprob,
        },
        **common,
    }


def _statistics(server: FimbulServer, _params: Any) -> dict[str, Any]:
    return {
        "shown": server.pipeline.shown,
        "kept": server.pipeline.kept,
        "parts": server.pipeline.parts,
        "surfaces": {surface.value: n for surface, n in server.pipeline.surfaces.items()},
        "accepted": server.accepted,
        "feedback": server.feedback.as_json(),
        "calibrated": server.pipeline.is_calibrated,
        "rejections": {reason.value: count for reason, count in server.pipeline.rejections.items()},
        "index": server.indexes.status(),
        "references": server.references.as_json(),
        "limits": server.files.trees.reached.as_json(),
        "secrets": server.tally().replaced,
        "effort": server.pipeline.efforts.now().value,
        "engine": server.engine_status(),
        **server.adapter_status(),
        "privacy": server.privacy.as_json(),
    }


async def _shutdown(server: FimbulServer, _params: None) -> None:
    await server.stop()


_FEATURES: Mapping[str, Callable[..., Any]] = {
    lsp.INITIALIZE: _initialize,
    lsp.INITIALIZED: _initialized,
    lsp.WORKSPACE_DID_CHANGE_CONFIGURATION: _did_change_configuration,
    lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: _did_change_folders,
    lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES: _did_change_files,
    lsp.TEXT_DOCUMENT_DID_OPEN: _did_open,
    lsp.TEXT_DOCUMENT_DID_CHANGE: _did_change,
    lsp.NOTEBOOK_DOCUMENT_DID_CHANGE: _did_change_notebook,
    lsp.TEXT_DOCUMENT_DID_SAVE: _did_save,
    lsp.TEXT_DOCUMENT_DID_CLOSE: _did_close,
    CURSOR: _cursor,
    SHOWN: _shown,
    TOOK: _took,
    REJECTED: _rejected,
    LAST_OUTCOME: _last_outcome,
    DIGEST: _digest,
    REFERENCES: _references,
    STATISTICS: _statistics,
    lsp.SHUTDOWN: _shutdown,
}
