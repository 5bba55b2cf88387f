"""Faults of the engine's process and of the model's file."""

import asyncio
import itertools
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import psutil

from benchmarks.faults_session import Fault, Outcome, Place, Session, happened
from lsp_server.types import Position

_LINES = 1200
_MENDED = "from when the file was whole again"


async def worker_killed(place: Place) -> Outcome:
    """Kill the engine's process while nothing is asked of it."""
    async with place.session() as session:
        session.worker().kill()
        return await session.outcome()


async def worker_killed_at_work(place: Place) -> Outcome:
    """Kill the engine's process while it answers."""
    slow = {"after": "value = first + s", "answer": "a b c d e f", "token_ms": 500.0}
    async with place.session(rules=[slow]) as session:
        session.type(1)
        asked = asyncio.create_task(session.ask())
        await asyncio.sleep(0.3)
        session.strikes()
        session.worker().kill()
        await asked
        return await session.outcome()


async def worker_hung(place: Place) -> Outcome:
    """Stop the engine's process, as a library that hangs or a disk that stalls would."""
    async with place.session() as session:
        session.worker().send_signal(signal.SIGSTOP)
        return await session.outcome()


async def worker_out_of_memory(place: Place) -> Outcome:
    """Let the engine's allocations fail.

    The scripted engine asks for more than there is. Of the real one the address space is limited
    to what it has, and a document is opened that has to be evaluated.
    """
    greedy = {"after": "value = first + s", "fault": "memory"}
    async with place.session(rules=[greedy]) as session:
        if place.scripted:
            session.type(1)
            await session.ask()
            return await session.outcome()
        worker = session.worker()
        has = worker.memory_info().vms
        worker.rlimit(psutil.RLIMIT_AS, (has, has))
        other = session.editor.open(place.work / "long.py", "x = 1\n" * _LINES)
        session.strikes()
        await session.suggested(other, Position(_LINES, 0))
        return await session.outcome()


async def model_truncated(place: Place) -> Outcome:
    """Cut the model's file short while it is mapped, and put it back later."""
    model = place.install_model(copy=True)
    whole = model.read_bytes()
    async with place.session() as session:
        os.truncate(model, len(whole) // 3)
        return await _mended(session, model, whole)


async def model_overwritten(place: Place) -> Outcome:
    """Write something else into the model's file while it is mapped; put it back later."""
    model = place.install_model(copy=True)
    whole = model.read_bytes()
    async with place.session() as session:
        with model.open("r+b") as file:
            file.seek(len(whole) // 2)
            file.write(bytes(1_000_000))
        return await _mended(session, model, whole)


async def model_replaced(place: Place) -> Outcome:
    """Put another file in the model's place by renaming, go on, and kill the engine's process."""
    model = place.install_model(copy=True)
    whole = model.read_bytes()
    async with place.session() as session:
        other = model.with_suffix(".other")
        other.write_bytes(whole[:-1] + b"\0")
        other.replace(model)
        session.type(1)
        # What is loaded stays what it was.
        await session.suggested()
        session.worker().kill()
        return await _mended(session, model, whole)


async def _ask_elsewhere(session: Session) -> None:
    """Ask at places that have to be evaluated; what was suggested already asks no engine."""
    for number in itertools.count():
        text = f"def number_{number}(items):\n    return "
        uri = session.editor.open(session.folder / f"number_{number}.py", text)
        await session.ask(uri, Position(1, len("    return ")))
        await asyncio.sleep(0.5)


async def _mended(session: Session, model: Path, whole: bytes) -> Outcome:
    """Work on until the fault is noticed, put the file back, and see when suggestions are back."""
    asking = asyncio.create_task(_ask_elsewhere(session))
    await happened(lambda: session.status().get("state") == "no-model", "a word about the model")
    asking.cancel()
    saw = session.saw()
    fresh = model.with_suffix(".fresh")
    fresh.write_bytes(whole)
    fresh.replace(model)
    session.strikes()
    return await session.outcome(_MENDED, saw)


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "worker killed": worker_killed,
        "worker killed at work": worker_killed_at_work,
        "worker hung": worker_hung,
        "worker out of memory": worker_out_of_memory,
        "model file truncated": model_truncated,
        "model file overwritten": model_overwritten,
        "model file replaced": model_replaced,
    }
)
NEED_A_MODEL = frozenset(("model file truncated", "model file overwritten", "model file replaced"))
"""Faults that the scripted engine cannot have."""
