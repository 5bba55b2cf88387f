"""What every process does first: raise the guard.

The processes that the server starts do it whatever the mode: none of them has anything to ask of a
network. Where a server is named, the language server's own process speaks to it.
"""

import sys

from lsp_server.guard.network import NetworkGuard
from lsp_server.guard.remnants import forbid_core_dumps, write_for_the_owner

REFUSAL = "fimbul's guard refused "
"""What a line on the error stream begins with that tells of an attempt."""


def confine() -> None:
    """Let this process open no connection, leave no core dump, and write for its owner only.

    Call it before threads start.
    """
    forbid_core_dumps()
    write_for_the_owner()
    NetworkGuard(_say).raise_up()


def confine_server(*, names_server: bool) -> NetworkGuard:
    """Return the guard of the language server's process, up unless a server is to be asked.

    Only the user and the policy can name one; what an editor or a workspace says later can only
    raise the guard then. Call it before threads start.
    """
    forbid_core_dumps()
    write_for_the_owner()
    guard = NetworkGuard()
    if not names_server:
        guard.raise_up()
    return guard


def _say(what: str) -> None:
    sys.stderr.write(f"{REFUSAL}{what}\n")
    sys.stderr.flush()
