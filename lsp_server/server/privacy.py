"""What the privacy mode means for this process: the guard, and what the editor is told of it.

What a mode makes of other options is not decided here (`lsp_server.config.modes`).
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lsprotocol import types as lsp

from lsp_server.config.modes import without_server
from lsp_server.config.options import PrivacyMode, Settings
from lsp_server.guard.network import NetworkGuard

_LOG = logging.getLogger(__name__)

_RESTART = (
    "A server is named now (engine.remote_url), but this process cannot open a connection, which "
    "nothing can take back; restart fimbul (or the editor) to use it."
)


class Privacy:
    """The mode that is in force, and the guard."""

    def __init__(
        self,
        guard: NetworkGuard,
        tell: Callable[[lsp.MessageType, str], None],
        report: Callable[[], None],
    ) -> None:
        """Take the guard, who shows the user a message, and who sends the status anew."""
        self._guard = guard
        self._tell = tell
        self._report = report
        self._mode = PrivacyMode.OFFLINE
        self._told = False

    def take(self, settings: Settings) -> tuple[Settings, list[str]]:
        """Return the settings that can be in force in this process, and what to tell about it."""
        loop = asyncio.get_running_loop()
        self._guard.listen = lambda what: self._hand_over(loop, what)
        messages = []
        if not settings.engine.remote_url:
            self._guard.raise_up()
        elif self._guard.is_up:
            offline = replace(settings.privacy, mode=PrivacyMode.OFFLINE)
            settings, _ = without_server(replace(settings, privacy=offline))
            messages.append(_RESTART)
        self._mode = settings.privacy.mode
        return settings, messages

    def as_json(self) -> dict[str, Any]:
        """Return the mode, what keeps this process from opening connections, and what it did."""
        means = self._guard.means
        return {
            "mode": self._mode.value,
            "guard": list(means.active),
            "guardMissing": means.missing,
            "refused": self._guard.refused.total(),
        }

    def _hand_over(self, loop: asyncio.AbstractEventLoop, what: str) -> None:
        # An attempt may come from any thread, also while the loop is being closed.
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._refused, what)

    def _refused(self, what: str) -> None:
        _LOG.warning("the guard refused %s", what)
        if not self._told:
            self._told = True
            self._tell(
                lsp.MessageType.Warning,
                f"Code in the server tried to open a connection ({what}), which was refused. "
                "fimbul never does that; please report it.",
            )
        self._report()
