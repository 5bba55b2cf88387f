"""The language server: what it keeps while it runs.

What it does when the editor speaks is in `lsp_server.server.handlers`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter

from lsp_server.completion.adapting import Adapters
from lsp_server.completion.effort import LOOK_EVERY, Effort
from lsp_server.completion.fate_log import FateLog
from lsp_server.completion.fates import Tally
from lsp_server.completion.indexes import Indexes
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.regions import LineEdit
from lsp_server.completion.serving import ChooseModel, ChosenModel, load_options, served_by
from lsp_server.completion.workspace import Workspace
from lsp_server.config.options import Ahead, Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import FimbulError
from lsp_server.guard.network import NetworkGuard
from lsp_server.inference.engine import EngineEvent, EngineState, LocalEngine, ModelFile
from lsp_server.inference.fallback import FallbackEngine
from lsp_server.inference.spare import SpareWorker
from lsp_server.patience import Patience, begin
from lsp_server.server import adapting
from lsp_server.server.configuration import SECTION, gather, section_of
from lsp_server.server.documents import Documents, OpenDocument, locate
from lsp_server.server.explaining import LastReason
from lsp_server.server.feedback import Feedback
from lsp_server.server.folder_settings import FolderSettings
from lsp_server.server.logs import LogFile, place_of
from lsp_server.server.model_watch import EVERY as MODEL_EVERY
from lsp_server.server.model_watch import ModelWatch
from lsp_server.server.privacy import Privacy
from lsp_server.server.protocol import FimbulProtocol
from lsp_server.server.references import References
from lsp_server.server.uris import to_fs_path
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    SelectedCompletion,
    Timings,
    TriggerKind,
)

_LOG = logging.getLogger(__name__)

STATUS = "fimbul/status"
"""Notification to the editor: state, model and message."""
LONGER = "fimbul/longer"
"""Notification to the editor: what there is at last where a part of it was shown."""
ACCEPTED = "fimbul.accepted"
"""Command that the editor runs when a suggestion was accepted."""

_PATIENCE = 2.0
"""Seconds that an editor's answer to a question of ours is waited for before going on without."""

_DISK_PATIENCE = 3.0
"""Seconds that the disk of a workspace folder is waited for before going on without it."""

_WITHOUT_MODEL = (EngineState.CLOSED, EngineState.FAILED)

_MESSAGE_TYPES = {
    EngineState.FAILED: lsp.MessageType.Error,
    EngineState.LOADING: lsp.MessageType.Warning,
}


class FimbulServer(LanguageServer):
    """One running server."""

    protocol: FimbulProtocol

    def __init__(
        self,
        version: str,
        paths: Paths,
        choose: ChooseModel,
        command: tuple[str, ...],
        guard: NetworkGuard,
        spare: SpareWorker | None = None,
    ) -> None:
        super().__init__(
            "fimbul",
            version,
            text_document_sync_kind=lsp.TextDocumentSyncKind.Incremental,
            notebook_document_sync=lsp.NotebookDocumentSyncOptions(
                notebook_selector=[
                    lsp.NotebookDocumentFilterWithNotebook(
                        notebook=lsp.NotebookDocumentFilterScheme(scheme="file")
                    )
                ]
            ),
            protocol_cls=FimbulProtocol,
            converter_factory=default_converter,
        )
        self._paths = paths
        self._choose = choose
        self._initial: Mapping[str, Any] = {}
        self._changed: Mapping[str, Any] = {}
        self._complaints: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: dict[str, asyncio.Task[Outcome]] = {}
        self._cursors: dict[str, Position] = {}
        self._loading: asyncio.Task[None] | None = None
        self._model_name = ""
        self._next_item = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._status = ("loading", "")
        self._index_phase = "off"
        self._effort = Effort.FULL
        self.settings = Settings()
        local = LocalEngine(command, paths.selftest_file, self._on_engine, spare)
        local.check = self._check_model
        self._model_watch = ModelWatch(paths)
        self.folder_settings = FolderSettings(lambda: self._in_loop(self.apply_settings))
        self._chosen: ChosenModel | None = None
        self.engine = FallbackEngine(command, local, self._on_engine, self._serve)
        self.indexes = Indexes(paths, self._on_index)
        self.files = Workspace(self.indexes, Patience(_DISK_PATIENCE))
        self.files.trees.reached.listen = lambda message: self.tell(
            lsp.MessageType.Warning, message
        )
        self.references = References(
            paths,
            self.files.secrecy.document,
            lambda message: self.tell(lsp.MessageType.Warning, message),
            self._on_references,
        )
        self.pipeline = Pipeline(
            self.engine,
            self.settings,
            self.files,
            looks_ahead=True,
            longer=self._on_longer,
            resemblance=self.references.resemblance,
        )
        self.pipeline.model_is_coming = True
        self.adapters = Adapters(
            paths, lambda message: self.tell_once(lsp.MessageType.Warning, message)
        )
        """Which adapter holds in which folder."""
        self.privacy = Privacy(guard, self.tell, lambda: self.report_status(*self._status))
        self._fate_log = FateLog(paths.requests, version)
        self._log_file = LogFile(paths.logs)
        self._last_reason = LastReason(lambda: self.report_status(*self._status))
        self.pipeline.fates.listen = self._last_reason.take
        self.pipeline.fates.tally = self.tally
        self.feedback = Feedback(
            paths.feedback_file, lambda message: self.tell(lsp.MessageType.Warning, message)
        )
        self.feedback.took_text = self.references.acceptances.accepted
        self.accepted = 0
        """Suggestions that the editor reported as accepted."""
        self.on_initialize: Callable[[int | None], object] = lambda _process_id: None
        """Called with the editor's process, once that is known."""

    @property
    def documents(self) -> Documents:
        """All open documents."""
        return self.protocol.documents

    @property
    def paths(self) -> Paths:
        """Where files of the server and of its user are."""
        return self._paths

    @property
    def model_file(self) -> ModelFile | None:
        """The file of the model that was chosen; None while there is none on this machine."""
        return None if self._chosen is None else self._chosen.local

    @property
    def initial_options(self) -> Mapping[str, Any]:
        """The options that the editor passed while it initialized."""
        return self._initial

    # Settings

    def take_initial_options(self, options: Any) -> None:
        """Take the options that the editor passed while it initialized."""
        self._initial = section_of(options) or {}

    def take_options(self, options: Any) -> None:
        """Take the options that the editor sent later."""
        self._changed = section_of(options) or {}

    def apply_settings(self) -> None:
        """Merge all layers again, say once what is wrong with them, and load what they name."""
        self._loop = asyncio.get_running_loop()
        folders = list(self.workspace.folders)
        editor = (self._initial, self._changed)
        settings, messages = gather(self._paths, editor, folders, self.folder_settings.read)
        settings, wrong = self.privacy.take(settings)
        messages += wrong
        if fresh := [message for message in messages if message not in self._complaints]:
            self._complaints.update(fresh)
            self.tell(lsp.MessageType.Warning, "\n".join(fresh))
        before, self.settings = self.settings, settings
        self.pipeline.settings = settings
        self._log_file.configure(settings.log)
        self.pipeline.fates.keep_in(self._fate_log if settings.log.requests else None)
        self._follow()
        self._background(self.references.take_settings(settings, self._folders()))
        self.watch_folders()
        changed = (before.engine, before.policy) != (settings.engine, settings.policy)
        if changed or self._loading is None:
            self.load_model()

    async def pull_options(self) -> None:
        """Ask the editor for our section, if it can be asked."""
        workspace = self.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        params = lsp.ConfigurationParams([lsp.ConfigurationItem(section=SECTION)])
        asked = asyncio.ensure_future(self.workspace_configuration_async(params))
        done, _ = await asyncio.wait({asked}, timeout=_PATIENCE)
        if done:
            self._take_answer(asked)
        else:
            asked.add_done_callback(self._take_late_answer)

    def watch_machine(self) -> None:
        """Look from time to time at how much may be done ahead, and at a model that is missing."""
        self._background(self._watch_effort())
        self._background(self._watch_model())
        self._background(self.references.watch())
        self._background(adapting.watch(self))

    def watch_folders(self) -> None:
        """Keep an index of each workspace folder, or of none where that is switched off."""
        wanted = self._folders() if self.settings.context.index else []
        self._background(self.indexes.watch(wanted, self.settings))

    def _follow(self) -> None:
        """Follow suggestions as far as feedback or references need it."""
        follow = self.references.resemblance.is_active
        self._background(self.feedback.take_settings(self.settings.feedback, follow=follow))

    def _on_references(self) -> None:
        """Say in the status which indexes are used now."""
        self._follow()
        self.report_status(*self._status)

    def _folders(self) -> list[str]:
        """Return the workspace folders that are on a disk."""
        folders = [to_fs_path(uri) for uri in self.workspace.folders]
        return [folder for folder in folders if folder]

    async def watch_files(self) -> None:
        """Ask the editor to tell of files that other programs change, if it can."""
        workspace = self.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace else None
        if watching is None or not watching.dynamic_registration:
            return
        options = lsp.DidChangeWatchedFilesRegistrationOptions(
            [lsp.FileSystemWatcher(glob_pattern="**/*")]
        )
        registration = lsp.Registration(
            "fimbul-files", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options
        )
        asked = asyncio.ensure_future(
            self.client_register_capability_async(lsp.RegistrationParams([registration]))
        )
        await asyncio.wait({asked}, timeout=_PATIENCE)
        # An editor that refuses costs nothing but freshness: saves and rescans still come.
        asked.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        self.keep(asyncio.create_task(work))

    def _finished(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("background work failed: %s at %s", type(error).__name__, place_of(error))

    def _take_answer(self, asked: "asyncio.Future[Sequence[Any]]") -> None:
        if asked.cancelled() or (error := asked.exception()) is not None:
            kind = "cancelled" if asked.cancelled() else type(error).__name__
            _LOG.warning("the editor did not tell its settings: %s", kind)
            return
        answers = asked.result()
        if answers and answers[0] is not None:
            self.take_options(answers[0])

    def _take_late_answer(self, asked: "asyncio.Future[Sequence[Any]]") -> None:
        self._take_answer(asked)
        if not asked.cancelled():
            self.apply_settings()

    # The model

    def load_model(self) -> None:
        """Load the model that the settings name, in the background."""
        if self._loading is not None:
            self._loading.cancel()
        self.pipeline.model_is_coming = True
        self._loading = asyncio.create_task(self._load(self._loading), name="load model")

    async def _load(self, earlier: asyncio.Task[None] | None) -> None:
        if earlier is not None:
            await asyncio.gather(earlier, return_exceptions=True)
        self.pipeline.serve(None)
        try:
            await self._find_and_open()
        except Exception as error:  # noqa: BLE001  # Nobody awaits this task but the user.
            kind = type(error).__name__
            _LOG.error("the model was not loaded: %s at %s", kind, place_of(error))
            message = f"The model could not be loaded ({kind}); run `fimbul doctor`."
            self.tell(lsp.MessageType.Error, message)
            self.report_status("failed", message)
        finally:
            self.pipeline.model_is_coming = asyncio.current_task() is not self._loading

    async def _find_and_open(self) -> None:
        name = self._model_name = self.settings.engine.model
        self.report_status("loading", f"Loading {name}.")
        progress = await self._begin_progress(f"Loading {name}")
        try:
            # Its digest may have to be read from half a gigabyte, so this runs in a thread.
            chosen = await asyncio.to_thread(self._choose, self.settings)
            options = await asyncio.to_thread(load_options, self.settings)
        except FimbulError as error:
            await self.engine.close()
            await self.engine.local.drop_spare()
            self._end_progress(progress)
            self.tell_once(lsp.MessageType.Warning, f"No suggestions: {error}")
            self.report_status("no-model", str(error))
            return
        self._chosen = chosen
        await adapting.refresh_in_time(self)
        try:
            await self.engine.open(chosen.local, options, chosen.server)
        except FimbulError:
            # The engine has told why through an event.
            return
        finally:
            self._end_progress(progress)
        self._serve()

    def _serve(self) -> None:
        """Answer with the model that the engine has now: this machine's, or a server's."""
        assert self._chosen is not None  # noqa: S101  # The engine was opened with it.
        model = served_by(self.engine, self._chosen)
        self._model_name = model.name
        self.pipeline.serve(model)
        if not model.fim.fills:
            self.tell(
                lsp.MessageType.Info,
                f"{model.name} was not trained to fill in the middle: it sees only what stands "
                "before the cursor.",
            )
        self.pipeline.model_is_coming = False
        self.report_status("ready")
        for uri in self.documents:
            self.opened(uri)

    def _check_model(self, model: ModelFile) -> bool:
        """Return whether a model is still what it was; if not, find one anew. Runs in a thread."""
        try:
            if self._choose(self.settings).local == model:
                return True
        except FimbulError:
            # Looking for it anew tells why.
            pass
        self._in_loop(self.load_model)
        return False

    async def _watch_model(self) -> None:
        """Load the model when its file was put in place or mended."""
        while True:
            # At once, so that what comes within the first seconds is a change, too.
            look = partial(self._model_watch.has_changed, self.settings.engine.model)
            has_changed = await begin(look)
            is_idle = self._loading is None or self._loading.done()
            if has_changed and is_idle and self.engine.state in _WITHOUT_MODEL:
                self.load_model()
            await asyncio.sleep(MODEL_EVERY)

    def _in_loop(self, call: Callable[[], None]) -> None:
        """Do something in the event loop, from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    async def _begin_progress(self, title: str) -> str | None:
        window = self.client_capabilities.window
        if window is None or not window.work_done_progress:
            return None
        self._next_item += 1
        token = f"fimbul-{self._next_item}"
        asked = asyncio.ensure_future(self.work_done_progress.create_async(token))
        done, _ = await asyncio.wait({asked}, timeout=_PATIENCE)
        if not done or asked.exception() is not None:
            return None
        self.work_done_progress.begin(token, lsp.WorkDoneProgressBegin(title=title))
        return token

    def _end_progress(self, token: str | None) -> None:
        if token is not None:
            self.work_done_progress.end(token, lsp.WorkDoneProgressEnd())
            # pygls would keep it for ever.
            self.work_done_progress.tokens.pop(token, None)

    def _on_engine(self, event: EngineEvent) -> None:
        if event.message:
            self.tell(_MESSAGE_TYPES.get(event.state, lsp.MessageType.Info), event.message)
        if event.state is EngineState.READY and self.pipeline.model is None:
            # Not before the pipeline serves the model; `_load` says so then.
            return
        self.report_status(event.state.value, event.message)

    # What the editor is told

    def tell(self, kind: lsp.MessageType, message: str) -> None:
        """Show the user a message."""
        self.window_show_message(lsp.ShowMessageParams(kind, f"fimbul: {message}"))

    def tell_once(self, kind: lsp.MessageType, message: str) -> None:
        """Show the user a message that was not shown before."""
        if message not in self._complaints:
            self._complaints.add(message)
            self.tell(kind, message)

    def report_status_again(self) -> None:
        """Send the editor the same state with what else has changed."""
        self.report_status(*self._status)

    def report_status(self, state: str, message: str = "") -> None:
        """Send the editor the state it may show."""
        self._status = (state, message)
        self.protocol.notify(
            STATUS,
            {
                "state": state,
                "message": message,
                "model": self._model_name,
                "engine": self.engine_status(),
                **self.adapter_status(),
                "privacy": self.privacy.as_json(),
                "index": self.indexes.status(),
                "references": self.references.as_json(),
                "effort": self._effort.value,
                "effortMessage": self._effort.explanation,
                "last": self._last_reason.as_json(),
            },
        )

    async def _watch_effort(self) -> None:
        """Say in the status when less is done than could be, and when that is over."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            auto = self.settings.engine.ahead is Ahead.AUTO
            effort = self.pipeline.efforts.now() if auto else Effort.FULL
            if effort is not self._effort:
                self._effort = effort
                self.report_status(*self._status)

    def tally(self) -> Tally:
        """Return what is counted of this session besides its requests."""
        reached = self.files.trees.reached
        return Tally(dict(self.files.secrecy.replaced), reached.as_json())

    def adapter_status(self) -> dict[str, Any]:
        """Say which adapters are over the model."""
        unfit = self.engine.local.unfit
        return adapting.status(self.adapters, unfit, is_remote=self.engine.remote is not None)

    def engine_status(self) -> dict[str, str]:
        """Say where the model runs: on this machine, on a server, or here for want of that."""
        remote = self.engine.remote
        if remote is not None:
            return {"runs": "remote", "server": remote.url}
        away = self.engine.waiting_for
        return {"runs": "fallback", "server": away} if away else {"runs": "local", "server": ""}

    def _on_index(self, message: str) -> None:
        """Say how the index is, as part of the status, and to the user what went wrong."""
        if message:
            self.tell(lsp.MessageType.Warning, message)
        phase = self.indexes.status()["state"]
        if phase != self._index_phase:
            self._index_phase = phase
            self.report_status(*self._status)

    # Completion

    def snapshot(self, uri: str) -> Document | None:
        """Return an open document as it stands; None if it is not open or too long."""
        document = self.documents.get(uri)
        if document is None or document.is_too_long or self._is_too_large(document):
            return None
        return document.snapshot(*locate(uri, list(self.workspace.folders)))

    def _is_too_large(self, document: OpenDocument) -> bool:
        return document.size > self.settings.limits.document_size * 1_000_000

    def why_not(self, uri: str) -> Rejection:
        """Return why there is no snapshot of a document."""
        reasons = RejectionReason
        is_open = self.documents.get(uri) is not None
        return Rejection(reasons.DOCUMENT_TOO_LONG if is_open else reasons.UNKNOWN_DOCUMENT)

    def edits(self, uri: str) -> list[LineEdit]:
        """Return which lines of a document were touched since this was asked for the last time."""
        document = self.documents.get(uri)
        return [] if document is None else document.take_edits()

    def request_from(self, params: lsp.InlineCompletionParams) -> CompletionRequest | None:
        """Return the question in `params`; None if the document cannot be looked into."""
        uri = params.text_document.uri
        opened, document = self.documents.get(uri), self.snapshot(uri)
        if opened is None or document is None:
            return None
        encoding = self.documents.encoding
        info = params.context.selected_completion_info
        selected = None
        if info is not None:
            start, end = info.range.start, info.range.end
            selected = SelectedCompletion(
                opened.position(start, encoding), opened.position(end, encoding), info.text
            )
        automatic = params.context.trigger_kind is lsp.InlineCompletionTriggerKind.Automatic
        position = self._cursors[uri] = opened.position(params.position, encoding)
        return CompletionRequest(
            document=document,
            position=position,
            trigger_kind=TriggerKind.AUTOMATIC if automatic else TriggerKind.INVOKED,
            selected=selected,
        )

    async def answer(self, request: CompletionRequest, within: float | None = None) -> Outcome:
        """Run the pipeline; a newer request for the same document takes the place of this one.

        What comes later than `within` milliseconds is no suggestion any more, but is kept.

        Raises CancelledError if the editor cancels.
        """
        uri, begun = request.document.uri, time.perf_counter()
        self.supersede(uri)
        task = asyncio.create_task(self.pipeline.complete(request, within), name="completion")
        self._running[uri] = task
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            superseded = current is None or not current.cancelling()
            reason = RejectionReason.SUPERSEDED if superseded else RejectionReason.CANCELLED
            waited = Timings(total=(time.perf_counter() - begun) * 1000.0)
            outcome = Rejection(reason, timings=waited)
            self.pipeline.note(uri, outcome, request)
            if superseded:
                return outcome
            raise
        finally:
            if self._running.get(uri) is task:
                del self._running[uri]

    def keep(self, work: "asyncio.Task[Any]") -> None:
        """Let go on, until it ends or the server does, what nobody waits for."""
        self._tasks.add(work)
        work.add_done_callback(self._finished)

    def supersede(self, uri: str) -> None:
        """Stop what runs for a document."""
        if running := self._running.get(uri):
            running.cancel()

    def item_from(self, document: Document, completion: Completion) -> lsp.InlineCompletionItem:
        """Return a suggestion as the editor expects it: always with a range and a command."""
        self._next_item += 1
        argument = self.references.argument(self._next_item, completion)
        return lsp.InlineCompletionItem(
            insert_text=completion.text,
            range=self.documents.range_of(document, completion.start, completion.end),
            command=lsp.Command(
                argument.get("references", "Accepted"), ACCEPTED, arguments=[argument]
            ),
        )

    def answered(self, request: CompletionRequest, *outcomes: Outcome) -> None:
        """Follow what becomes of the items that were made last, one for each suggestion."""
        first = self._next_item - len(outcomes) + 1
        self.feedback.answered(request, outcomes, first, self._model_name)

    def opened(self, uri: str) -> None:
        """Let the engine learn from a document."""
        if (document := self.snapshot(uri)) is not None:
            self.pipeline.opened(document)

    def visited(self, uri: str, position: lsp.Position) -> None:
        """Take in where the cursor is in a document."""
        opened, document = self.documents.get(uri), self.snapshot(uri)
        if opened is None or document is None or uri in self._running:
            return
        place = self._cursors[uri] = opened.position(position, self.documents.encoding)
        self.feedback.visited(uri, place)
        self.pipeline.visited(document, place)

    def saved(self, uri: str) -> None:
        """Use the pause that a save mostly is."""
        document, cursor = self.snapshot(uri), self._cursors.get(uri)
        if document is not None:
            self.pipeline.opened(document)
        if document is not None and cursor is not None and uri not in self._running:
            self.pipeline.visited(document, document.clamp(cursor))

    def closed(self, uri: str) -> None:
        """Let go of everything about a document."""
        self.supersede(uri)
        self._cursors.pop(uri, None)
        self.feedback.closed(uri)
        self.references.acceptances.closed(uri)
        self.files.closed(uri)
        self.pipeline.closed(uri)

    def _on_longer(self, request: CompletionRequest, completion: Completion | None) -> None:
        """Tell the editor what there is for a request that was answered with a part."""
        uri = request.document.uri
        opened = self.documents.get(uri)
        if opened is None or opened.version != request.document.version:
            # The next request gets it, if it is still of use there.
            return
        items = [] if completion is None else [self.item_from(request.document, completion)]
        self.answered(request, *([completion] if completion else []))
        position = self.documents.range_of(request.document, request.position, request.position)
        self.protocol.notify(
            LONGER,
            {
                "textDocument": {"uri": uri, "version": request.document.version},
                "position": position.start,
                "items": items,
            },
        )

    async def stop(self) -> None:
        """Write what is left and let go of the engine."""
        # First of all, since whoever ends the process may not wait for the rest.
        await self.feedback.close()
        await self.references.close()
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        self._last_reason.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # Settings that came late may have opened it again.
        await self.feedback.close()
        await self.pipeline.close()
        await self.indexes.close()
        await self.engine.close()
        await self.engine.local.drop_spare()
