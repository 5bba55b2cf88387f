"""What is known about the user's files, and the context that comes of it.

Keeps, per document: the tree, the window of the last request, and what was chosen from other
files. The choice is made anew only when the prompt has to be evaluated anew anyway (a first look,
a jump of the window), when the index has become ready, or when the user comes back to a document
after other files have changed; in between, what the cursor needs is a short comment above the
current line. Knows nothing about LSP and engines.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Protocol

from lsp_server.completion.secrecy import Secrecy
from lsp_server.completion.surfaces import surface_at
from lsp_server.completion.trees import Trees
from lsp_server.config.options import SOURCES as SOURCE_NAMES
from lsp_server.config.options import ContextOptions, Settings, Symbols
from lsp_server.context.candidate import Candidate, Question
from lsp_server.context.expressions import open_call, receiver_at
from lsp_server.context.filenames import FileNames
from lsp_server.context.fusion import Selection, Verdict, select, texts_to_count
from lsp_server.context.hints import hint_at, members_at, render
from lsp_server.context.hints import texts_to_count as hint_texts
from lsp_server.context.history import History, Past
from lsp_server.context.overlay import OpenFile, Overlay
from lsp_server.context.place import NEAR_ABOVE, Place
from lsp_server.context.repository import Repository
from lsp_server.context.skeleton import SKELETON_SHARE, skeleton_of, skeleton_texts
from lsp_server.context.sources.table import SOURCES
from lsp_server.context.window import Window, context_of, lines_to_count, place_window
from lsp_server.patience import Patience, Stalled
from lsp_server.privacy.off import OffFiles, is_off
from lsp_server.syntax.languages import comment_of, language_for
from lsp_server.types import BodyStop, CompletionRequest, Context, Document, Position, Surface

_LONGEST_OTHER = 20_000
"""Lines of an open document above which others see nothing of it, as of a large file on disk."""

_STATES = 64
"""Documents whose windows and choices are kept."""

CountTokens = Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]
"""Returns the token count of each text."""


class Repositories(Protocol):
    """Knows the files of workspace folders."""

    def repository(self, folder: str) -> Repository | None:
        """Return what is known about a folder; None before its index is ready, or without one."""

    def describe(self, folder: str) -> str:
        """Say in a few words how far the index of a folder is."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """The context of one request, and what it was made of."""

    context: Context
    window: Window
    selection: Selection = field(default_factory=Selection)
    """What was chosen from other files, at this request or an earlier one."""
    hint: str = ""
    """The comment above the current line; empty if there is none."""
    body: BodyStop | None = None
    """Where the body ends that is to be written; None if the place is none for a body."""
    members: tuple[str, ...] = ()
    """Names that may stand behind the dot at the cursor, where that was asked for and is known."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `fimbul explain` shows beside the prompt."""

    assembled: Assembled
    """With the candidates of sources that are switched off among those judged."""
    language: str
    """Of the place; empty if it has no grammar."""
    kind: str
    """``code``, ``comment`` or ``string``."""
    enclosing: tuple[str, ...]
    """Names of the classes and functions around the cursor, outermost first."""
    index: str
    """How far the index is."""
    limits: tuple[str, ...] = ()
    """What was left out because of limits, in sentences."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """A selection, and the circumstances that it was made in."""

    selection: Selection
    options: tuple[tuple[str, ...], int]
    generation: int
    """Of the repository; -1 if there was none."""
    visit: int
    """How often the user had come to another document."""


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """The other files as one document sees them at one moment."""

    repository: Repository
    files: FileNames
    open_paths: tuple[str, ...]


class Workspace:
    """The user's documents and folders."""

    def __init__(
        self, repositories: Repositories | None = None, patience: Patience | None = None
    ) -> None:
        """`patience` is how long files are waited for; by default for as long as it takes."""
        self._repositories = repositories
        self._patience = patience or Patience()
        self.trees = Trees()
        """The trees of open documents."""
        self.secrecy = Secrecy(self._patience)
        """What is secret in the documents."""
        self._history = History()
        self._open: OrderedDict[str, Document] = OrderedDict()
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self._choices: dict[str, _Choice] = {}
        self._files: dict[str, tuple[object, FileNames]] = {}
        self._nothing_known: dict[str, tuple[object, ...]] = {}
        self._options = ContextOptions()
        self._off_paths: tuple[str, ...] = ()
        self._off: dict[str, OffFiles] = {}
        self._visits = 0
        self._last = ""

    def opened(self, document: Document) -> None:
        """Take in a document that the editor has opened."""
        document = self.secrecy.document(document)
        self._open[document.uri] = document
        self._history.opened(document)

    def changed(self, document: Document) -> None:
        """Take in a document's text after a change."""
        document = self.secrecy.document(document)
        self._open[document.uri] = document
        self._open.move_to_end(document.uri)
        self._history.changed(document)

    def closed(self, uri: str) -> None:
        """Forget a document that the editor has closed; what was edited in it stays known."""
        self._open.pop(uri, None)
        self._windows.pop(uri, None)
        self._choices.pop(uri, None)
        self._nothing_known.pop(uri, None)
        self.trees.forget(uri)
        self.secrecy.forget(uri)
        self._history.closed(uri)

    def files_changed(self, paths: Sequence[str]) -> None:
        """Choose anew what is shown of other files if what is ignored may have changed."""
        if self.secrecy.files_changed(paths):
            self._choices.clear()

    def state(self, document: Document) -> object:
        """Return what is equal as long as other files would give a document the same context."""
        came = document.uri != self._last
        return self._generation(document.folder), self._visits + came

    async def assemble(
        self, request: CompletionRequest, settings: Settings, count: CountTokens
    ) -> Assembled:
        """Return what the model sees at a place; the same history gives the same context."""
        request = self.secrecy.request(request)
        document, options = request.document, settings.context
        self.trees.take(settings.limits)
        self._take(options)
        self._leave_out(settings.privacy.off_paths)
        self._visit(document, request.position)
        previous = self._windows.get(document.uri)
        window = await self._window(request, options, count)
        selection = await self._selection(request, window, previous, settings, count)
        window, hint = await self._hinted(request, window, options, count)
        self._remember(window)
        assembled = self._assembled(document, window, selection, hint)
        assembled = await self._on_surface(assembled, request)
        if settings.completion.symbols is Symbols.OFF:
            return assembled
        return replace(assembled, members=await self._members(request))

    async def foresee(
        self, request: CompletionRequest, settings: Settings, count: CountTokens
    ) -> Assembled | None:
        """Return what the model would see at a place of a text that may come to be.

        Nothing is remembered of it. None where the prompt would have to be chosen anew: that is
        too much for a guess.
        """
        request = self.secrecy.request(request)
        document, options = request.document, settings.context
        previous, chosen = self._windows.get(document.uri), self._choices.get(document.uri)
        if previous is None or chosen is None or options != self._options or options.hint_tokens:
            return None
        counts = await count(lines_to_count(request, options, previous))
        parsed = language_for(document.language, document.path) is not None
        room = options.prefix_tokens // SKELETON_SHARE if parsed else 0
        window = place_window(request, options, counts.__getitem__, previous, skeleton_tokens=room)
        if window.wants_skeleton or window.first != previous.first:
            return None
        assembled = self._assembled(document, window, chosen.selection, "")
        return await self._on_surface(assembled, request)

    async def explain(
        self, request: CompletionRequest, settings: Settings, count: CountTokens
    ) -> Explanation:
        """Return the context at a place that is looked at for the first time, and all about it."""
        request = self.secrecy.request(request)
        document, options = request.document, settings.context
        self.trees.take(settings.limits)
        self._leave_out(settings.privacy.off_paths)
        window = await self._window(request, options, count)
        place, kind = await self._place(document, request.position)
        window, hint = await self._hinted(request, window, options, count)
        found = await self._found(place, SOURCE_NAMES)
        counts = await count(texts_to_count(found))
        enabled = {name: rows for name, rows in found.items() if name in options.sources}
        shown = _shown(window)
        selection = select(enabled, options.snippet_tokens, shown, counts.__getitem__)
        everything = select(found, options.snippet_tokens, shown, counts.__getitem__)
        known = {row.candidate for row in selection.judged}
        off = [
            replace(row, verdict=Verdict.SWITCHED_OFF)
            for row in everything.judged
            if row.candidate not in known and not set(row.sources) & set(options.sources)
        ]
        selection = replace(selection, judged=(*selection.judged, *off))
        assembled = self._assembled(document, window, selection, hint)
        return Explanation(
            await self._on_surface(assembled, request),
            language=place.language,
            kind=kind,
            enclosing=tuple(definition.name for definition in place.enclosing),
            index=self._describe(document.folder),
            limits=tuple(self.trees.reached.messages.values()),
        )

    # The document itself

    def _take(self, options: ContextOptions) -> None:
        """Begin all windows anew under other options: what they keep was within the old budgets."""
        if options != self._options:
            self._options = options
            self._windows.clear()
            self._nothing_known.clear()

    def _leave_out(self, patterns: tuple[str, ...]) -> None:
        """Keep hands off other files than before; what was chosen may come from one of them."""
        if patterns != self._off_paths:
            self._off_paths = patterns
            self._windows.clear()
            self._choices.clear()

    def _visit(self, document: Document, position: Position) -> None:
        if document.uri != self._last:
            self._last = document.uri
            self._visits += 1
        if document.uri in self._open:
            self._open.move_to_end(document.uri)
        self._history.visited(document, position)

    async def _window(
        self, request: CompletionRequest, options: ContextOptions, count: CountTokens
    ) -> Window:
        document = request.document
        previous = self._windows.get(document.uri)
        counts = await count(lines_to_count(request, options, previous))
        parsed = language_for(document.language, document.path) is not None
        room = options.prefix_tokens // SKELETON_SHARE if parsed else 0
        window = place_window(request, options, counts.__getitem__, previous, skeleton_tokens=room)
        if not window.wants_skeleton:
            return window
        outline = await self.trees.outline(document)
        comment = comment_of(document.language, document.path)
        counts = await count(skeleton_texts(window, outline, comment))
        skeleton, tokens = skeleton_of(window, outline, comment, room, counts.__getitem__)
        return window.with_skeleton(skeleton, tokens)

    def _remember(self, window: Window) -> None:
        uri = window.document.uri
        self._windows[uri] = window
        self._windows.move_to_end(uri)
        while len(self._windows) > _STATES:
            gone, _ = self._windows.popitem(last=False)
            self._choices.pop(gone, None)

    async def _on_surface(self, assembled: Assembled, request: CompletionRequest) -> Assembled:
        """Say which kind of place it is, which the tree knows."""
        if assembled.context.surface is not Surface.LINE:
            return assembled
        surface, body = await surface_at(self.trees, request.document, request.position)
        return replace(assembled, context=replace(assembled.context, surface=surface), body=body)

    async def _place(self, document: Document, position: Position) -> tuple[Place, str]:
        tree = await self.trees.tree(document)
        if tree is None:
            return Place(document, position), "code"

        def look() -> tuple[Place, str]:
            language = tree.language_at(position).name
            enclosing = tree.enclosing(position)
            place = Place(document, position, language, tree.outline(), enclosing)
            return place, tree.place_at(position).value

        return await asyncio.to_thread(look)

    # Other files

    async def _selection(
        self,
        request: CompletionRequest,
        window: Window,
        previous: Window | None,
        settings: Settings,
        count: CountTokens,
    ) -> Selection:
        document, options = request.document, settings.context
        chosen = self._choices.get(document.uri)
        wanted = options.sources, options.snippet_tokens
        generation = self._generation(document.folder)
        jumped = previous is None or window.first != previous.first
        if chosen is not None and not self._outdated(chosen, wanted, generation, jumped=jumped):
            self._choices[document.uri] = replace(chosen, visit=self._visits)
            return chosen.selection
        selection = Selection()
        if options.snippet_tokens and options.sources:
            place, _ = await self._place(document, request.position)
            try:
                found = await self._found(place, options.sources)
            except Stalled:
                # It is asked for again at the next key, which costs nothing as long as it stalls.
                found, generation = {}, -1
            counts = await count(texts_to_count(found))
            before = [
                snippet
                for snippet in (chosen.selection.snippets if chosen is not None else ())
                # A source may have been switched off since.
                if snippet.source in options.sources
            ]
            selection = select(
                found, options.snippet_tokens, _shown(window), counts.__getitem__, before
            )
        self._choices[document.uri] = _Choice(selection, wanted, generation, self._visits)
        return selection

    def _outdated(
        self,
        chosen: _Choice,
        wanted: tuple[tuple[str, ...], int],
        generation: int,
        *,
        jumped: bool,
    ) -> bool:
        if jumped or chosen.options != wanted:
            return True
        came_back = chosen.visit != self._visits
        return generation != chosen.generation and (chosen.generation < 0 or came_back)

    async def _found(
        self, place: Place, sources: Sequence[str]
    ) -> Mapping[str, Sequence[Candidate]]:
        around = await self._surroundings(place.document)
        if around is None:
            return {}
        question = Question(
            place,
            around.repository,
            around.files,
            await self._past(place.document.folder),
            around.open_paths,
        )

        def ask() -> dict[str, Sequence[Candidate]]:
            return {name: SOURCES[name](question) for name in sources}

        found = await self._patience.wait_for(place.document.folder, ask)
        return {
            name: [one for one in candidates if not is_off(one.path, self._off_paths)]
            for name, candidates in found.items()
        }

    async def _past(self, folder: str) -> Past:
        """Return what was edited and visited, files apart that may not be used."""
        past = self._history.past(folder)
        paths = {edit.uri: edit.path for edit in past.edits}
        paths |= {visit.uri: visit.path for visit in past.visits}
        used = {
            uri
            for uri, path in paths.items()
            if await self.secrecy.withheld(Document(uri, "", 0, ("",), path, folder)) is None
        }
        return Past(
            tuple(edit for edit in past.edits if edit.uri in used),
            tuple(visit for visit in past.visits if visit.uri in used),
        )

    async def _surroundings(self, document: Document) -> _Surroundings | None:
        base = self._repository(document.folder)
        if base is None or not document.path:
            return None
        if await self.secrecy.withheld(document) is not None:
            # Where suggestions are wanted all the same, they are made of the document alone.
            return None
        others = [
            other
            # A copy, since documents are opened and closed while these are waited for.
            for other in reversed(tuple(self._open.values()))
            if other.folder == document.folder and other.path and other.uri != document.uri
            if len(other.lines) <= _LONGEST_OTHER
            and not is_off(other.path, self._off_paths)
            and await self.secrecy.withheld(other) is None
        ]
        files = {
            other.path: OpenFile(other.lines, await self.trees.outline(other)) for other in others
        }
        off = await self._off_among(document.folder, base)
        overlay = Overlay(base, files, document.path, off)
        state = (base.generation, tuple(sorted(files)), document.path, self._off_paths)
        known = self._files.get(document.folder)
        if known is None or known[0] != state:
            known = (
                state,
                await asyncio.to_thread(lambda: FileNames(overlay.paths(), overlay.name)),
            )
            self._files[document.folder] = known
        return _Surroundings(overlay, known[1], tuple(other.path for other in others))

    async def _off_among(self, folder: str, base: Repository) -> frozenset[str]:
        """Return which files of a folder are off."""
        known = self._off.get(folder)
        if known is None or known.patterns != self._off_paths:
            known = self._off[folder] = OffFiles(self._off_paths)
        return await asyncio.to_thread(known.among, base.paths)

    def _repository(self, folder: str) -> Repository | None:
        if self._repositories is None or not folder:
            return None
        return self._repositories.repository(folder)

    def _generation(self, folder: str) -> int:
        repository = self._repository(folder)
        return -1 if repository is None else repository.generation

    def _describe(self, folder: str) -> str:
        if self._repositories is None or not folder:
            return "none, since the file lies in no workspace folder"
        return self._repositories.describe(folder)

    # The late tier

    async def _hinted(
        self,
        request: CompletionRequest,
        window: Window,
        options: ContextOptions,
        count: CountTokens,
    ) -> tuple[Window, str]:
        """Put a comment above the current line, if something is known that it should say."""
        document, line = request.document, request.position.line
        there = next((hint.text for hint in window.hints if hint.line == line), "")
        asked = _asked(request)
        if there or not options.hint_tokens or not asked:
            return window, there
        # Another state of the other files may know more.
        asked = (self._generation(document.folder), *asked)
        if self._nothing_known.get(document.uri) == asked:
            return window, ""
        text = await self._hint(request, window, options.hint_tokens, count)
        if not text:
            # Each further key in the same word would ask the same in vain.
            self._nothing_known[document.uri] = asked
            return window, ""
        return window.with_hint(line, text), text

    async def _hint(
        self, request: CompletionRequest, window: Window, budget: int, count: CountTokens
    ) -> str:
        document = request.document
        around = await self._surroundings(document)
        if around is None:
            return ""
        place, kind = await self._place(document, request.position)
        if kind != "code":
            return ""
        shown = range(window.first, window.end)
        try:
            hint = await self._patience.wait_for(
                document.folder, lambda: hint_at(place, around.repository, around.files, shown)
            )
        except Stalled:
            return ""
        if hint is None:
            return ""
        comment = comment_of(document.language, document.path)
        counts = await count(hint_texts(hint, comment))
        return render(hint, comment, counts.__getitem__, budget)

    async def _members(self, request: CompletionRequest) -> tuple[str, ...]:
        """Return the names behind the dot at the cursor, as far as they are known."""
        around = await self._surroundings(request.document) if _asked(request) else None
        if around is None:
            return ()
        place, kind = await self._place(request.document, request.position)
        if kind != "code":
            return ()
        try:
            return await self._patience.wait_for(
                request.document.folder,
                lambda: members_at(place, around.repository, around.files),
            )
        except Stalled:
            return ()

    def _assembled(
        self, document: Document, window: Window, selection: Selection, hint: str
    ) -> Assembled:
        context = replace(
            context_of(window),
            repository=PurePosixPath(document.folder).name,
            snippets=selection.snippets,
            comment=comment_of(document.language, document.path),
        )
        return Assembled(context, window, selection, hint)


def _asked(request: CompletionRequest) -> tuple[object, ...]:
    """Return what a comment above the line would be about; empty if about nothing.

    Equal for every key of a word, so that the question is put once.
    """
    document, position = request.document, request.position
    typed = document.line(position.line)[: position.column]
    above = document.lines[max(0, position.line - NEAR_ABOVE) : position.line]
    language = language_for(document.language, document.path)
    name = language.name if language else ""
    receiver = receiver_at(typed, name, above)
    call = open_call(above, typed, name)
    if receiver is None and call is None:
        return ()
    known = receiver and replace(receiver, partial="")
    return position.line, known, call and call.callee


def _shown(window: Window) -> list[str]:
    lines = window.document.lines[window.first : window.position.line + 1]
    return [*lines, *window.suffix]
