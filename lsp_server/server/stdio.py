"""Run a server on standard input and output."""

import asyncio
import contextlib
import logging
import os
import sys
import threading

from pygls.io_ import StdinAsyncReader, StdoutWriter, run_async

from lsp_server.server.app import FimbulServer
from lsp_server.server.ending import end_at_signals

_LOG = logging.getLogger(__name__)


def run_on_stdio(server: FimbulServer) -> None:
    """Do as `speak_on_stdio` does, in an event loop of its own."""
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        asyncio.run(speak_on_stdio(server))


async def speak_on_stdio(server: FimbulServer) -> None:
    """Speak LSP until the editor closes its end of the pipe, or says exit: SystemExit then.

    Descriptor 1 is moved aside first, so that nothing a library prints can get onto the wire. What
    was begun in this event loop before, such as a worker, stays of use; pygls itself only knows
    how to begin a loop of its own.
    """
    sys.stdout.flush()
    wire_in, wire_out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    server.protocol.set_writer(StdoutWriter(wire_out))
    end_at_signals(server.stop)
    try:
        await run_async(
            stop_event=threading.Event(),
            reader=StdinAsyncReader(wire_in, server.thread_pool),
            protocol=server.protocol,
            logger=logging.getLogger("pygls.server"),
            error_handler=server.report_server_error,
        )
    except BrokenPipeError:
        _LOG.error("the editor closed its end of the pipe")
