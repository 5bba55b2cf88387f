"""Why nothing was suggested, said to the editor: in the status, and when a command asks.

Knows nothing about files; what became of requests comes in as fates.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lsp_server.completion.fates import PASSED_OVER, Fates, RequestFate
from lsp_server.completion.retelling import as_json, explanation_of, on_one_line, told_all
from lsp_server.server.configuration import plain

EVERY = 1.0
"""Seconds between two notifications about the last reason, at least."""

TOLD = 10
"""Requests that the command tells of."""

NOTHING = (
    "Nothing was asked of fimbul yet. If you have typed meanwhile, the editor does not ask: its "
    "inline completion may be off, or not on for this kind of file."
)
"""What the command says where there is nothing to tell."""


class LastReason:
    """Why nothing is shown, for an editor's status item: told when it changes, and not too often.

    Requests that were passed over because somebody typed on change nothing.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        """`tell` is called when the editor should be told again; needs a running event loop."""
        self._tell = tell
        self._reason = self._told = ""
        self._told_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def as_json(self) -> dict[str, str]:
        """Return the reason and its sentence; both are empty if something was shown."""
        reason = self._reason
        return {"reason": reason, "explanation": explanation_of(reason) if reason else ""}

    def take(self, fate: RequestFate) -> None:
        """Take in what became of a request."""
        if fate.reason in PASSED_OVER:
            return
        self._reason = fate.reason
        if self._timer is not None or self._reason == self._told:
            return
        loop = asyncio.get_running_loop()
        wait = 0.0 if self._told_at is None else self._told_at + EVERY - loop.time()
        if wait <= 0:
            self._say()
        else:
            self._timer = loop.call_later(wait, self._say)

    def close(self) -> None:
        """Tell nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _say(self) -> None:
        self._timer = None
        if self._reason != self._told:
            self._told, self._told_at = self._reason, asyncio.get_running_loop().time()
            self._tell()


def explain(fates: Fates, arguments: Sequence[Any]) -> tuple[dict[str, Any], str]:
    """Return the answer of the command, and the message to show; empty is none.

    The first argument may be a document's URI, or an object with ``uri``, ``count`` (of requests)
    and ``message`` (false shows none).
    """
    asked = plain(arguments[0]) if arguments else None
    options: Mapping[str, Any] = asked if isinstance(asked, Mapping) else {"uri": asked}
    uri, count = options.get("uri"), options.get("count", TOLD)
    known = fates.latest(
        count if isinstance(count, int) else TOLD, uri if isinstance(uri, str) else None
    )
    text = "\n".join(told_all(known)) or NOTHING
    # The last request is often one that a key has overtaken, which explains nothing.
    telling = [fate for fate in known if fate.reason not in PASSED_OVER] or known
    message = on_one_line(telling[-1]) if telling else NOTHING
    shown = options.get("message") is not False
    return {"text": text, "requests": [as_json(fate) for fate in known]}, message if shown else ""
