"""Faults of what comes over the pipe: messages that are none, and far too many of them."""

import asyncio
import json
import time
from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.faults_session import LAST, PATIENCE, Fault, Outcome, Place, Session
from lsp_server.types import Position

_CHANGES = 10_000
_REQUESTS = 200
_DEEP = 100_000

MALFORMED = (
    b"{",
    b"[]",
    b"\xff\xfe\xfd",
    b'{"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {}}',
    b'{"jsonrpc": "2.0", "id": 4000, "method": "textDocument/inlineCompletion", "params": 7}',
    b'{"jsonrpc": "2.0", "method": "x", "params": ' + b"[" * _DEEP + b"]" * _DEEP + b"}",
)


def _write(session: Session, data: bytes) -> None:
    assert session.editor.process.stdin is not None
    session.editor.process.stdin.write(data)


async def messages_malformed(place: Place) -> Outcome:
    """Send what is no JSON, no text, no message, or nested 100,000 deep."""
    async with place.session() as session:
        for body in MALFORMED:
            _write(session, b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return await session.outcome(f"{len(MALFORMED)} messages")


async def message_half_written(place: Place) -> Outcome:
    """Send a message whose head promises more or less than comes, then go on as usual."""
    body = json.dumps({"jsonrpc": "2.0", "method": "fimbul/nothing", "params": {}}).encode()
    async with place.session() as session:
        _write(session, b"Content-Length: %d\r\n\r\n%s" % (len(body) - 9, body))
        _write(session, b"Content-Length: nine\r\nContent-Length\r\n\r\n")
        # More than comes: the next message is swallowed, so that one has to be of no weight.
        head = b"Content-Length: %d\r\n\r\n" % len(body)
        _write(session, b"Content-Length: %d\r\n\r\n%s" % (2 * len(body) + len(head), body))
        _write(session, head + body)
        return await session.outcome("heads that say too little, nothing and too much")


async def message_oversized(place: Place) -> Outcome:
    """Send a message of 300 MB, beyond what is taken."""
    size = 300_000_000
    async with place.session() as session:
        _write(session, b"Content-Length: %d\r\n\r\n" % size)
        piece = b"x" * 1_000_000
        for _ in range(size // len(piece)):
            _write(session, piece)
            assert session.editor.process.stdin is not None
            await session.editor.process.stdin.drain()
        return await session.outcome("from its beginning, 300 MB")


async def changes_flood(place: Place) -> Outcome:
    """Send 10,000 changes as fast as they are taken; each inserts or deletes one letter."""
    async with place.session() as session:
        for number in range(_CHANGES):
            at = Position(LAST, session.column)
            session.editor.insert(session.uri, at, "" if number % 2 else "x", delete=number % 2)
        return await session.outcome(f"from the first of {_CHANGES:,} changes")


async def requests_flood(place: Place) -> Outcome:
    """Send 200 requests at once, and see that each is answered."""
    async with place.session() as session:
        tasks = [asyncio.create_task(session.ask()) for _ in range(_REQUESTS)]
        done, _ = await asyncio.wait(tasks, timeout=PATIENCE)
        took = time.perf_counter() - session.begun
        note = f"{len(done)} of {_REQUESTS} answered, in {took:.1f} s"
        session.strikes()
        return await session.outcome(note)


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "malformed messages": messages_malformed,
        "half-written messages": message_half_written,
        "oversized message": message_oversized,
        "10,000 changes at once": changes_flood,
        "200 requests at once": requests_flood,
    }
)
