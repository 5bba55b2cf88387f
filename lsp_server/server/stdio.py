"""Run a server on standard input and output."""

import os
import sys

from lsp_server.server.app import FimbulServer


def run_on_stdio(server: FimbulServer) -> None:
    """Speak LSP until the editor says exit or its end of the pipe closes.

    Descriptor 1 is moved aside first, so that nothing a library prints can get onto the wire.
    """
    sys.stdout.flush()
    wire_in, wire_out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    server.start_io(wire_in, wire_out)
