"""What every process that the server starts does first: raise the guard, whatever the mode.

None of them has anything to ask of a network; where a server is named, the language server's own
process speaks to it.
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


def _say(what: str) -> None:
    sys.stderr.write(f"{REFUSAL}{what}\n")
    sys.stderr.flush()
