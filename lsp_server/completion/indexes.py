"""The indexes of the workspace folders: one process that writes them, one reader a folder.

Joins the index with the rule which files may be read. A folder answers only once it has been
looked through, so that half an index never decides what the model sees. Knows nothing about LSP.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.context.index.client import IndexClient, RootState, index_command
from lsp_server.context.index.files import LeftOut
from lsp_server.context.index.messages import Failed, IndexEvent, Ready
from lsp_server.context.index.reader import IndexReader
from lsp_server.context.index.settings import IndexSettings
from lsp_server.context.index.store import index_file
from lsp_server.patience import begin
from lsp_server.privacy.off import groups
from lsp_server.privacy.reading import may_read
from lsp_server.privacy.secrets import redact

_MODULE = "lsp_server.completion.indexing"

_LIMITS = (
    LeftOut.TOO_MANY_FILES,
    LeftOut.TOO_MUCH_TEXT,
    LeftOut.TOO_MANY_ENTRIES,
    LeftOut.TOO_MUCH_MEMORY,
    LeftOut.HARD,
)
"""Reasons that the user should hear of, since the rest of the folder is missing."""


class Indexes:
    """What is known about the files of all workspace folders."""

    def __init__(self, paths: Paths, listen: Callable[[str], None]) -> None:
        """Take where indexes lie, and who hears of changes: with a message if one is needed."""
        self._cache = paths.cache
        self._listen = listen
        self._client: IndexClient | None = None
        self._settings = IndexSettings()
        self._readers: dict[str, IndexReader] = {}
        self._places: dict[str, Path] = {}
        """Where the index of each folder lies, once that is known."""
        self._said: set[str] = set()
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()

    async def watch(self, folders: Iterable[str], settings: Settings | None = None) -> None:
        """Keep indexes of exactly `folders`, which are absolute paths, as `settings` say.

        Under other limits than before the process is started anew. Without settings all stays.
        """
        wanted = self._settings
        if settings is not None:
            wanted = IndexSettings.of(settings, groups(settings.privacy.off_paths))
        async with self._turn:
            await self._watch(list(folders), wanted)

    async def _watch(self, wanted: Sequence[str], settings: IndexSettings) -> None:
        if settings != self._settings:
            self._settings = settings
            await self.close()
        for folder in wanted:
            if folder not in self._places:
                # In a thread, since it asks the folder's disk, which may stall.
                begin(partial(self._locate, folder))
        if self._client is not None:
            self._client.set_roots(wanted)
        elif wanted:
            command = index_command(_MODULE, self._cache, self._settings)
            client = self._client = IndexClient(command, self._on_event)
            await client.start(wanted)
        for folder in self._readers.keys() - set(wanted):
            self._readers.pop(folder).close()

    def changed(self, paths: Sequence[str]) -> None:
        """Tell that files were saved, made, renamed or deleted."""
        if self._client is not None:
            self._client.changed(paths)

    async def wait_until_ready(self, seconds: float) -> bool:
        """Wait until every folder was looked through; False if that failed or took too long."""

        async def settle() -> None:
            while any(state.phase in ("waiting", "scanning") for state in self._states().values()):
                self._changed.clear()
                await self._changed.wait()

        try:
            await asyncio.wait_for(settle(), seconds)
        except TimeoutError:
            return False
        return all(state.phase == "ready" for state in self._states().values())

    def repository(self, folder: str) -> IndexReader | None:
        """Return what is known about `folder`; None before it was looked through."""
        state = self._states().get(folder)
        if state is None or state.phase != "ready":
            return None
        reader = self._readers.get(folder)
        if reader is None and (place := self._places.get(folder)) is not None:
            reader = IndexReader(place, Path(folder), may_read, redact, self._settings.limits)
            self._readers[folder] = reader
        return reader

    def describe(self, folder: str) -> str:
        """Say in a few words how far the index of a folder is."""
        state = self._states().get(folder)
        if state is None:
            return "none (context.index is off)"
        if state.phase == "ready":
            left = sum(state.left_out.values())
            reasons = ", ".join(f"{count} {name}" for name, count in sorted(state.left_out.items()))
            return f"{state.files} files" + (f", {left} left out ({reasons})" if left else "")
        return state.message or f"{state.phase}, {state.done} of {state.total} files"

    def status(self) -> dict[str, Any]:
        """Return how far all indexes are together, for an editor."""
        states = self._states().values()
        left_out: Counter[str] = Counter()
        for state in states:
            left_out.update(state.left_out)
        return {
            "state": _together([state.phase for state in states]),
            "files": sum(state.files for state in states),
            "done": sum(state.done for state in states),
            "total": sum(state.total for state in states),
            "leftOut": dict(sorted(left_out.items())),
            "message": next((state.message for state in states if state.message), ""),
        }

    async def close(self) -> None:
        """End the process and let go of the files."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def _locate(self, folder: str) -> None:
        self._places[folder] = index_file(self._cache, Path(folder))

    def _states(self) -> dict[str, RootState]:
        return dict(self._client.states) if self._client is not None else {}

    def _on_event(self, event: IndexEvent) -> None:
        self._changed.set()
        if isinstance(event, Failed):
            self._say(event.message)
        elif isinstance(event, Ready):
            self._say(_limits(event))

    def _say(self, message: str) -> None:
        fresh = message not in self._said
        self._said.add(message)
        self._listen(message if fresh else "")


def _limits(event: Ready) -> str:
    """Return what to tell about a folder that is too large to be looked through whole."""
    reasons = [reason for reason in _LIMITS if event.left_out.get(reason.value)]
    if not reasons:
        return ""
    why = " ".join(reason.explanation for reason in reasons)
    return (
        f"Not all of {event.root} is in its index: {why} A .fimbulignore file there can leave out "
        "what suggestions need not know."
    )


def _together(phases: Sequence[str]) -> str:
    if not phases:
        return "off"
    if any(phase in ("waiting", "scanning") for phase in phases):
        return "scanning"
    return "failed" if "failed" in phases else "ready"
