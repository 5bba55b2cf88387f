"""References in the server: which indexes are used, what editors are told, what is listed.

Joins the settings, the indexes on disk, `completion.resemblance` and `completion.acceptances`.
What looks into indexes is imported only where there is one, since that takes a while.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsp_server.completion.acceptances import Acceptances, file_name
from lsp_server.completion.resemblance import Resemblance
from lsp_server.config.options import PrivacyMode, Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import FimbulError
from lsp_server.patience import Patience, Stalled
from lsp_server.references.log import Logged, ReferenceLog, read_log
from lsp_server.references.stamp import stamp
from lsp_server.references.telling import as_json, in_full, logged_as_json, logged_in_full, short
from lsp_server.server.configuration import plain
from lsp_server.types import Completion, Document, Reference

if TYPE_CHECKING:
    from lsp_server.references.library import Library

_LOG = logging.getLogger(__name__)

REFERENCES = "fimbul/references"
"""Request: the published code that a suggestion resembles, or what was accepted in a document."""
COMMAND = "fimbul.references"
"""The same as a command, for editors whose plugins send no requests of ours."""

EVERY = 5.0
"""Seconds between two looks whether indexes were put there or taken away."""

_PATIENCE = 10.0
"""Seconds that the disk of the indexes is waited for."""

_CLOSE_AFTER = 30.0
"""Seconds after which an index that is used no more is closed; a look-up may still run in it."""

_ITEMS = 64
"""Items that the editor may still ask about."""

_LISTED = 200
"""Entries of the log that an editor gets, the latest."""


class References:
    """What suggestions of one server resemble."""

    def __init__(
        self,
        paths: Paths,
        shown: Callable[[Document], Document],
        tell: Callable[[str], None],
        report: Callable[[], None],
    ) -> None:
        """Use nothing yet.

        `shown` returns a document as the stages see it, `tell` shows the user a message, `report`
        sends the status anew.
        """
        self._paths = paths
        self._tell = tell
        self._report = report
        self._told: set[str] = set()
        self._log = ReferenceLog(paths.reference_log)
        self._patience = Patience(_PATIENCE)
        self._library: Library | None = None
        self._used: tuple[object, ...] | None = None
        """What the library was opened of; None before anything was looked for."""
        self._turn = asyncio.Lock()
        self._items: OrderedDict[int, tuple[Reference, ...]] = OrderedDict()
        self._settings = Settings()
        self._folders: tuple[Path, ...] = ()
        self.is_off = False
        """Whether nothing is compared, whatever the settings say."""
        self._reported = self.as_json()
        self.resemblance = Resemblance(tell=self._say)
        """What the pipeline asks."""
        self.acceptances = Acceptances(self.resemblance, shown, tell=self._say)
        """What is listed."""

    # Which indexes are used

    async def take_settings(self, settings: Settings, folders: Sequence[str]) -> None:
        """Use the indexes that the settings allow, in these workspace folders."""
        self._settings, self._folders = settings, tuple(map(Path, folders))
        self.resemblance.options = settings.references
        self.acceptances.keep_in(self._log if settings.references.log else None)
        if self._used is None:
            self.resemblance.expect()
        await self.look_again()

    async def watch(self) -> None:
        """Take in indexes that are put there, and let go of those that are taken away."""
        while True:
            await asyncio.sleep(EVERY)
            await self.look_again()

    async def look_again(self) -> None:
        """Open the indexes anew if other ones are there, or others are allowed."""
        async with self._turn:
            settings, folders = self._settings, self._folders
            try:
                await self._open(settings, folders)
            except Stalled:
                self._say("The disk of the reference indexes does not answer; suggestions go on.")
            except (FimbulError, OSError) as error:
                self._say(f"The reference indexes cannot be used: {error}")
            finally:
                if self._library is None:
                    self.resemblance.use(None)

    async def _open(self, settings: Settings, folders: tuple[Path, ...]) -> None:
        folder = self._paths.reference_indexes
        wanted: tuple[object, ...] = ()
        if settings.references.enable and not self.is_off:
            there = await self._patience.wait_for("indexes", partial(stamp, folder))
            # Only the current file is looked at in strict mode, and manifests are other ones.
            is_strict = settings.privacy.mode is PrivacyMode.STRICT
            looked_at = () if is_strict else folders
            wanted = (there, settings.policy.allowed_indexes, looked_at) if there else ()
        if wanted == self._used:
            self._tell_problems()
            return
        library = None
        if wanted:
            allowed = settings.policy.allowed_indexes
            library = await self._patience.wait_for(
                "indexes", lambda: _opened(folder, allowed, looked_at)
            )
        before, self._library, self._used = self._library, library, wanted
        self.resemblance.use(library if library is not None and library.names else None)
        if before is not None:
            asyncio.get_running_loop().call_later(_CLOSE_AFTER, before.close)
        self._tell_problems()

    def _tell_problems(self) -> None:
        """Say what is wrong with indexes, each once; some are found damaged while they are used."""
        for problem in self._library.problems if self._library is not None else ():
            self._say(problem)
        if (now := self.as_json()) != self._reported:
            self._reported = now
            self._report()

    def _say(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            _LOG.warning("%s", message)
            self._tell(message)

    async def close(self) -> None:
        """List what is left to be listed."""
        await self.acceptances.close()

    # What editors are told

    def as_json(self) -> dict[str, Any]:
        """Return which indexes are used, and what is wrong with others."""
        library = self._library
        return {
            "enabled": self._settings.references.enable and not self.is_off,
            "indexes": sorted(library.names) if library else [],
            "problems": list(library.problems) if library else [],
        }

    def argument(self, number: int, completion: Completion) -> dict[str, Any]:
        """Return the argument of the command of an item, which the editor calls `number`."""
        if not completion.references:
            return {"id": number}
        self._items[number] = completion.references
        while len(self._items) > _ITEMS:
            self._items.popitem(last=False)
        return {"id": number, "references": short(completion.references)}

    async def answer(self, params: Any, document: Document | None) -> dict[str, Any]:
        """Return the answer to `REFERENCES`.

        Of a suggestion if `params` have its ``id``, else of what is listed: in the `document`, or
        in all files if that is None.
        """
        values = plain(params)
        number = values.get("id") if isinstance(values, Mapping) else None
        if number is not None:
            found = self._items.get(number, ()) if isinstance(number, int) else ()
            return {"text": in_full(found), "references": [as_json(one) for one in found]}
        listed = await self._listed(None if document is None else file_name(document))
        text = "\n".join(map(logged_in_full, listed))
        return {"text": text, "references": [logged_as_json(one) for one in listed]}

    async def _listed(self, file: str | None) -> list[Logged]:
        try:
            read = partial(read_log, self._paths.reference_log)
            known, _ = await self._patience.wait_for("log", read)
        except Stalled:
            self._say("The disk of the reference log does not answer.")
            return []
        except FimbulError as error:
            self._say(str(error))
            return []
        there = [one for one in known if one.gone_at is None]
        return [one for one in there if file is None or one.entry.file == file][-_LISTED:]


def _opened(
    folder: Path, allowed: tuple[str, ...], workspaces: tuple[Path, ...]
) -> "Library | None":
    from lsp_server.references.library import open_library

    return open_library(folder, allowed, workspaces)
