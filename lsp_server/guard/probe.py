"""Try out the guard: raise it in this process, then try to get past it.

    python -P -m lsp_server.guard.probe

Prints one line of JSON. No connection is opened, also where nothing forbids it: sockets are only
made, and closed. Knows nothing about settings.
"""

import ctypes
import json
import os
import sys

from lsp_server.guard.network import NetworkGuard
from lsp_server.guard.remnants import forbid_core_dumps

_FAMILIES = {"IPv4": 2, "IPv6": 10}
_KINDS = {"TCP": 1, "UDP": 2}
"""As Linux numbers them; there only native code is tried."""


def main() -> None:
    """Raise the guard and print what became of it and of each attempt."""
    no_core = forbid_core_dumps()
    means = NetworkGuard().raise_up()
    open_ways = _past_python() if sys.platform == "linux" else []
    if not _python_is_refused():
        open_ways.append("Python")
    found = {
        "active": list(means.active),
        "missing": means.missing,
        "open": open_ways,
        "no_core": no_core,
    }
    sys.stdout.write(json.dumps(found) + "\n")


def _past_python() -> list[str]:
    """Return which sockets native code gets here, without Python being asked."""
    libc, got = ctypes.CDLL(None, use_errno=True), []
    for kind, number in _KINDS.items():
        for name, family in _FAMILIES.items():
            descriptor = libc.socket(family, number, 0)
            if descriptor >= 0:
                os.close(descriptor)
                got.append(f"{kind} over {name}")
    return got


def _python_is_refused() -> bool:
    # The library's own module is not imported at the top, since nothing else here may use it.
    import _socket

    try:
        _socket.socket().close()
    except PermissionError:
        return True
    return False


if __name__ == "__main__":
    main()
