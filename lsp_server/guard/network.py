"""The guard: after it is up, this process opens no connection, TCP, UDP or any other.

Two means. Python's audit hook, everywhere: it refuses whatever Python code does with a socket, and
says so. The kernel's filter, on Linux (`lsp_server.guard.seccomp`): it also holds for native code
and for children. Neither can be taken away again. Knows nothing about settings.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lsp_server.guard.seccomp import forbid_connections

AUDIT = "audit hook"
KERNEL = "kernel filter"
"""What the two means are called where people read it."""

_HARMLESS = frozenset(("socket.__new__", "socket.gethostname"))
"""Making one is judged by its family; the machine's own name is asked of no one."""

_PAIRS = frozenset((1,))
"""AF_UNIX: pairs between our own processes. Whether one connects is asked apart."""

_LOOPBACK_PAIRS = frozenset((2, 23))
"""AF_INET and AF_INET6 on Windows, where Python makes a pair by connecting it on this machine."""

_LOOPBACK = ("127.0.0.1", "::1")

Listener = Callable[[str], None]
"""Called with what was refused, such as ``socket.connect``; never with an address."""


@dataclass(frozen=True, slots=True)
class Means:
    """What keeps a process from opening connections."""

    active: tuple[str, ...] = ()
    """None before the guard is up."""
    missing: str = ""
    """Why the kernel does not help; empty if it does, or if nothing is up."""


class NetworkGuard:
    """The guard of this process."""

    def __init__(self, listen: Listener = lambda _what: None) -> None:
        """Forbid nothing yet. `listen` may be called in any thread."""
        self.listen = listen
        self.means = Means()
        self.refused: Counter[str] = Counter()
        """Attempts of Python code, by what was tried."""

    @property
    def is_up(self) -> bool:
        """Whether connections are forbidden."""
        return bool(self.means.active)

    def raise_up(self) -> Means:
        """Forbid connections, for good; best before threads start."""
        if self.is_up:
            return self.means
        missing = forbid_connections()
        sys.addaudithook(self._judge)
        active = (AUDIT,) if missing else (KERNEL, AUDIT)
        self.means = Means(active, missing)
        return self.means

    def _judge(self, event: str, arguments: tuple[Any, ...]) -> None:
        # Called for everything that Python audits, so the first line has to be cheap.
        if not event.startswith("socket.") or is_allowed(event, arguments, sys.platform):
            return
        self.refused[event] += 1
        self.listen(event)
        raise PermissionError(
            f"fimbul's guard refused {event}: no connection may be opened here (privacy.mode)."
        )


def is_allowed(event: str, arguments: tuple[Any, ...], system: str) -> bool:
    """Return whether an audit event about sockets may go on, on the platform `system`."""
    if event == "socket.__new__":
        families = _LOOPBACK_PAIRS if system == "win32" else _PAIRS
        return arguments[1] in families
    if event in ("socket.connect", "socket.bind") and system == "win32":
        address = arguments[1]
        return isinstance(address, tuple) and address[0] in _LOOPBACK
    return event in _HARMLESS
