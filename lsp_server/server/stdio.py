"""Run a server on standard input and output."""

import asyncio
import contextlib
import json
import logging
import os
import sys

from lsprotocol.types import MessageType
from pygls.io_ import StdoutWriter

from lsp_server.server import parent
from lsp_server.server.app import FimbulServer
from lsp_server.server.ending import STOP_SECONDS, end_at_signals
from lsp_server.server.frames import Frames, TooLarge
from lsp_server.server.logs import place_of

_LOG = logging.getLogger(__name__)


def run_on_stdio(server: FimbulServer) -> None:
    """Do as `speak_on_stdio` does, in an event loop of its own."""
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        asyncio.run(speak_on_stdio(server))


async def speak_on_stdio(server: FimbulServer) -> None:
    """Speak LSP until the editor closes its end of the pipe, or says exit: SystemExit then.

    Descriptor 1 is moved aside first, so that nothing a library prints can get onto the wire. What
    was begun in this event loop before, such as a worker, stays of use; pygls itself only knows
    how to begin a loop of its own, and loses step for good at a head that lies. Where the editor is
    gone and somebody else holds the pipe open, the process ends here.
    """
    sys.stdout.flush()
    wire_in, wire_out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    server.protocol.set_writer(StdoutWriter(wire_out))
    gone = asyncio.Event()
    server.on_initialize = lambda process_id: parent.watch(process_id, gone.set)
    leaving = asyncio.create_task(_leave(server, gone), name="editor gone")
    end_at_signals(server.stop)
    try:
        await _listen(server, Frames(wire_in))
    except BrokenPipeError:
        _LOG.error("the editor closed its end of the pipe")
    finally:
        leaving.cancel()
        await _stop(server)


async def _listen(server: FimbulServer, frames: Frames) -> None:
    """Hand each message to the server until there are no more."""
    loop = asyncio.get_running_loop()
    complaints: set[str] = set()

    def complain(error: Exception) -> None:
        # Its text may quote a document, so only its kind and place are written.
        _LOG.error("a message was left out: %s at %s", type(error).__name__, place_of(error))
        what = str(error) if isinstance(error, TooLarge) else "a message could not be understood"
        if what not in complaints:
            complaints.add(what)
            server.tell(MessageType.Error, f"The editor and fimbul disagree: {what}.")

    while True:
        try:
            body = await loop.run_in_executor(server.thread_pool, frames.read)
            if body is None:
                return
            message = json.loads(body, object_hook=server.protocol.structure_message)
            server.protocol.handle_message(message)
        except BrokenPipeError:
            raise
        except (Exception, RecursionError) as error:  # noqa: BLE001  # No message ends the server.
            complain(error)


async def _leave(server: FimbulServer, gone: asyncio.Event) -> None:
    """End the process once the editor is gone, whoever holds the pipe."""
    await gone.wait()
    await _stop(server)
    # The thread that waits for the next message cannot be ended in any other way. The engine's
    # process and that of the index end when their pipes do.
    os._exit(1)


async def _stop(server: FimbulServer) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.stop(), STOP_SECONDS)
