"""pygls' protocol with our own document store in place of its workspace documents.

And with an answer to each request: pygls drops those that it cannot read, and the editor waits.
"""

import asyncio
import contextlib
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams, JsonRpcInvalidRequest
from pygls.protocol import LanguageServerProtocol, lsp_method

from lsp_server.server.documents import Documents


class FimbulProtocol(LanguageServerProtocol):
    """Keeps documents in step with the editor before any handler sees an event."""

    def __init__(self, *arguments: Any) -> None:
        self.documents = Documents()
        super().__init__(*arguments)

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Leave an object as it is, since anything inside of a message may look like one.

        The JSON reader calls this for each object; `handle_message` reads the whole.
        """
        return data

    def handle_message(self, message: Any) -> None:
        """Read a message and hand it on; a request that cannot be read is refused.

        Raises JsonRpcException for whatever else cannot be read.
        """
        if not isinstance(message, Mapping):
            raise JsonRpcInvalidRequest
        is_request = "method" in message and isinstance(message.get("id"), int | str)
        try:
            taken = self._read(dict(message), is_request=is_request)
        except JsonRpcException as error:
            if not is_request:
                raise
            self._send_response(message["id"], error=error.to_response_error())
        else:
            super().handle_message(taken)

    def _read(self, message: dict[str, Any], *, is_request: bool) -> Any:
        is_known = message.get("jsonrpc") == self.VERSION
        if not is_known or not isinstance(message.get("method", ""), str):
            raise JsonRpcInvalidRequest
        if is_request and self._shutdown:
            raise JsonRpcInvalidRequest("fimbul was told to shut down")
        if is_request:
            # What nobody answers is unknown, whatever its parameters look like.
            self._get_handler(message["method"])
        try:
            return super().structure_message(message)
        except JsonRpcException as error:
            # pygls takes some of what is wrong with parameters for a fault of its own.
            raise JsonRpcInvalidParams from error

    def _execute_handler(
        self,
        msg_id: str | int,
        handler: Callable[..., Any],
        callback: Callable[[Future[Any]], None],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Run a handler as pygls does, which would remember each notification for ever."""
        loop = asyncio.get_running_loop()

        def forget(future: Future[Any]) -> None:
            # Later, since a shutdown goes through all of them and ends what is not done.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._request_futures.pop, msg_id, None)
            callback(future)

        super()._execute_handler(msg_id, handler, forget, args, kwargs)

    @lsp_method(lsp.INITIALIZE)
    def lsp_initialize(
        self, params: lsp.InitializeParams
    ) -> Generator[Any, Any, lsp.InitializeResult]:
        """Negotiate as pygls does, and take over the position encoding; that happens once."""
        if self._workspace is not None:
            # Positions would mean something else from here on.
            raise JsonRpcInvalidRequest("fimbul was initialized already")
        result = yield from super().lsp_initialize(params)
        encoding = result.capabilities.position_encoding
        self.documents.encoding = encoding or lsp.PositionEncodingKind.Utf16
        return result

    @lsp_method(lsp.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: lsp.DidOpenTextDocumentParams) -> Any:
        """Take in a document."""
        self.documents.open(params.text_document)
        yield from self._hand_on(lsp.TEXT_DOCUMENT_DID_OPEN, params)

    @lsp_method(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: lsp.DidChangeTextDocumentParams) -> Any:
        """Apply changes."""
        self.documents.change(params.text_document, params.content_changes)
        yield from self._hand_on(lsp.TEXT_DOCUMENT_DID_CHANGE, params)

    @lsp_method(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: lsp.DidCloseTextDocumentParams) -> Any:
        """Forget a document."""
        self.documents.close(params.text_document.uri)
        yield from self._hand_on(lsp.TEXT_DOCUMENT_DID_CLOSE, params)

    @lsp_method(lsp.NOTEBOOK_DOCUMENT_DID_OPEN)
    def lsp_notebook_document__did_open(self, params: lsp.DidOpenNotebookDocumentParams) -> Any:
        """Take in every cell as a document."""
        for item in params.cell_text_documents:
            self.documents.open(item)
        yield from self._hand_on(lsp.NOTEBOOK_DOCUMENT_DID_OPEN, params)

    @lsp_method(lsp.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def lsp_notebook_document__did_change(self, params: lsp.DidChangeNotebookDocumentParams) -> Any:
        """Open, close and change cells."""
        cells = params.change.cells
        if cells is not None and cells.structure is not None:
            for item in cells.structure.did_open or ():
                self.documents.open(item)
            for identifier in cells.structure.did_close or ():
                self.documents.close(identifier.uri)
        if cells is not None:
            for content in cells.text_content or ():
                self.documents.change(content.document, content.changes)
        yield from self._hand_on(lsp.NOTEBOOK_DOCUMENT_DID_CHANGE, params)

    @lsp_method(lsp.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def lsp_notebook_document__did_close(self, params: lsp.DidCloseNotebookDocumentParams) -> Any:
        """Forget every cell."""
        for identifier in params.cell_text_documents:
            self.documents.close(identifier.uri)
        yield from self._hand_on(lsp.NOTEBOOK_DOCUMENT_DID_CLOSE, params)

    def _hand_on(self, method: str, params: Any) -> Generator[Any, Any, None]:
        handler = self.fm.features.get(method)
        if handler is not None:
            yield handler, (params,), None
