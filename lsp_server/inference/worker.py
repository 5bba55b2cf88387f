"""The worker process: reads requests from a pipe, runs one backend, writes answers.

The main thread evaluates; a reader thread takes requests in, so that tokens are counted and
requests cancelled while the main thread is inside llama.cpp. What somebody waits for goes before
work ahead, and ends it. The process ends when its input does, so it never outlives the server.
Knows nothing about documents.
"""

import argparse
import heapq
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

from msgspec.structs import replace

from lsp_server.errors import AdapterUnfit, FimbulError
from lsp_server.guard.child import confine
from lsp_server.inference.backend import Backend, Cancelled
from lsp_server.inference.protocol import (
    Answer,
    AnyRequest,
    Cancel,
    Complete,
    Counted,
    CountTokens,
    Failed,
    Finished,
    Learn,
    Load,
    Piece,
    Ping,
    Pong,
    Prefill,
    Statistics,
    decode_request,
    encode,
    read_frame,
)
from lsp_server.types import GeneratedText, StopReason

_LEARNED_CHARACTERS = 4000
"""Characters that are learned in one go, which takes about two milliseconds; whatever comes
meanwhile has to wait for it."""


GRACE = 5.0
"""Seconds in which what runs may end once the input has; a library that hangs is left then."""


class Worker:
    """One backend between two pipes."""

    def __init__(self, backend: Backend, source: BinaryIO, sink: BinaryIO) -> None:
        self._backend = backend
        self._source = source
        self._sink = sink
        self._write_lock = threading.Lock()
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, int, AnyRequest]] = []
        """A heap: by rank, then in the order they came."""
        self._arrivals = itertools.count()
        self._running: AnyRequest | None = None
        self._has_ended = False

    def run(self) -> None:
        """Serve until the input ends."""
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        while (request := self._next()) is not None:
            self._handle(request)

    def _read(self) -> None:
        try:
            while (body := read_frame(self._source)) is not None:
                self._take(decode_request(body))
        finally:
            self._end()

    def _take(self, request: AnyRequest) -> None:
        if isinstance(request, Cancel):
            self._cancel(request.id)
        elif isinstance(request, CountTokens):
            self._count(request)
        elif isinstance(request, Ping):
            running = self._running
            is_computing = running is not None and not isinstance(running, Load)
            self._write(Pong(request.id, self._backend.beats, is_computing))
        else:
            self._put(request)

    def _end(self) -> None:
        """End this process: whoever asked is gone, or cannot be understood any more."""
        # Without the lock, which a main thread that hangs may hold.
        threading.Thread(target=_leave, name="end", daemon=True).start()
        with self._changed:
            self._has_ended = True
            self._backend.cancel()
            self._changed.notify()

    def _put(self, request: AnyRequest) -> None:
        with self._changed:
            heapq.heappush(self._waiting, (_rank(request), next(self._arrivals), request))
            # What somebody waits for ends work ahead, also where that was not cancelled.
            if isinstance(request, Complete) and isinstance(self._running, Prefill):
                self._backend.cancel()
            self._changed.notify()

    def _next(self) -> AnyRequest | None:
        with self._changed:
            self._running = None
            while not self._waiting and not self._has_ended:
                self._changed.wait()
            if self._has_ended:
                return None
            self._running = heapq.heappop(self._waiting)[-1]
            self._backend.begin()
            return self._running

    def _cancel(self, request_id: int) -> None:
        with self._changed:
            if self._running is not None and self._running.id == request_id:
                self._backend.cancel()
                return
            self._waiting = [entry for entry in self._waiting if entry[-1].id != request_id]
            heapq.heapify(self._waiting)
        # What waited is answered now, however long that before it takes: whoever cancelled has
        # to see that this process listens. What is long done is answered twice.
        self._write(_cancelled(request_id))

    def _count(self, request: CountTokens) -> None:
        try:
            self._write(Counted(request.id, self._backend.count_tokens(request.texts)))
        except FimbulError as error:
            self._write(Failed(request.id, str(error)))

    def _handle(self, request: AnyRequest) -> None:
        try:
            if isinstance(request, Learn) and (rest := _after_first_piece(request)):
                self._backend.learn(replace(request, texts=_first_piece(request)))
                self._put(replace(request, texts=rest))
            else:
                self._write(self._answer(request))
        except Cancelled:
            self._write(_cancelled(request.id))
        except FimbulError as error:
            is_adapters = isinstance(error, AdapterUnfit)
            self._write(Failed(request.id, str(error), is_adapters))
        except MemoryError:
            self._write(Failed(request.id, "There was not enough memory."))

    def _answer(self, request: AnyRequest) -> Answer:
        match request:
            case Load():
                return self._backend.load(request)
            case Complete():
                return self._backend.generate(request, lambda text: self._piece(request.id, text))
            case Prefill():
                return self._backend.prefill(request)
            case Learn():
                return self._backend.learn(request)
            case Statistics():
                return self._backend.counters(request.id)
        return Failed(request.id, f"The engine does not know {type(request).__name__}.")

    def _piece(self, request_id: int, text: str) -> None:
        logprob = text.logprob if isinstance(text, GeneratedText) else None
        self._write(Piece(request_id, str(text), logprob))

    def _write(self, message: Answer) -> None:
        frame = encode(message)
        with self._write_lock:
            self._sink.write(frame)
            self._sink.flush()


def _leave() -> None:
    """End this process whatever its threads do, after a moment in which it may end by itself."""
    time.sleep(GRACE)
    os._exit(1)


def _rank(request: AnyRequest) -> int:
    """Return which requests go first: what is asked for, work ahead, learning."""
    match request:
        case Prefill():
            return 1
        case Learn():
            return 2
    return 0


def _first_piece(request: Learn) -> list[str]:
    return [request.texts[0][:_LEARNED_CHARACTERS]] if request.texts else []


def _after_first_piece(request: Learn) -> list[str]:
    if not request.texts:
        return []
    rest = request.texts[0][_LEARNED_CHARACTERS:]
    return [rest, *request.texts[1:]] if rest else request.texts[1:]


def _cancelled(request_id: int) -> Finished:
    return Finished(request_id, "", StopReason.CANCELLED.value, [], 0, 0, 0.0, 0.0)


def make_backend(name: str, script: str | None = None) -> Backend:
    """Return the backend called `name`; `script` is the scripted one's file."""
    if name == "scripted":
        from lsp_server.inference.scripted import ScriptedBackend

        return ScriptedBackend.from_file(script)
    from lsp_server.inference.llama import LlamaBackend

    return LlamaBackend()


def serve(make: Callable[[], Backend]) -> None:
    """Serve the backend that `make` returns on standard input and output."""
    confine()
    # Anything a native library prints would break the frames, so descriptor 1 is moved away
    # before such a library is loaded, and descriptor 0 as well for whatever reads from it.
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # A descriptor is wanted, not a path.
        os.dup2(nothing.fileno(), 0)
    try:
        backend = make()
    except FimbulError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(3) from None
    Worker(backend, source, sink).run()


def main() -> None:
    """Serve one backend on standard input and output."""
    parser = argparse.ArgumentParser(description="The engine process of fimbul.")
    parser.add_argument("--backend", choices=("llama", "scripted"), required=True)
    parser.add_argument("--script", help="TOML file of the scripted backend")
    arguments = parser.parse_args()
    serve(lambda: make_backend(arguments.backend, arguments.script))


if __name__ == "__main__":
    main()
