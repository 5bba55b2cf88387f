"""A typist who does not stop: blocks of real files typed again, at a steady rate, for hours.

Each key is a change and, behind it, a request that nobody waits for, as in an editor. At the end
of a block the server's document has to equal ours; then its files are closed.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.editor import Editor
from benchmarks.fuzz_oracle import Held, Oracle, width
from fimbul_models.evaluation.traces import BRISK, Block, Step, blocks, typed
from lsp_server.inference.backend import common_length

ENCODING = "utf-16"
"""Of positions; what an editor without abilities of its own gets."""

SEED = 7


@dataclass(slots=True)
class Asked:
    """One request."""

    at: float
    """When it was sent, in seconds of the monotonic clock, as below."""
    answered: float | None = None
    """None if it was not."""
    has_suggestion: bool = False
    error: str = ""


@dataclass
class Typist:
    """Who types into `editor`."""

    editor: Editor
    folder: Path
    asked: list[Asked] = field(default_factory=list)
    compared: int = 0
    differing: list[str] = field(default_factory=list)
    """Documents of which the server has another text."""
    _open: dict[str, Held] = field(default_factory=dict)
    _running: set["asyncio.Task[None]"] = field(default_factory=set)

    async def type(self, gap: float, stop: asyncio.Event) -> None:
        """Type until `stop`, a key every `gap` seconds."""
        due = time.monotonic()
        for first, second in _pairs(self.folder):
            for step in typed(first, second, BRISK):
                due += gap
                if await _is_set(stop, due - time.monotonic()):
                    return
                # A machine that was away, or too slow, does not make up for it by a flood.
                due = max(due, time.monotonic() - 1.0)
                self._press(step)
            await self.finish_block()

    async def finish_block(self) -> None:
        """Compare and close what is open."""
        await self.compare()
        for uri in self._open:
            self.editor.tell("textDocument/didClose", {"textDocument": {"uri": uri}})
        self._open.clear()

    async def compare(self) -> None:
        """Ask for what the server has, and note where it is not what we have."""
        oracle = Oracle(ENCODING)
        # The same object: names are unquoted in it already.
        oracle.documents = self._open
        for uri, wanted in oracle.digests():
            found = await self.editor.ask("fimbul/digest", {"uri": uri})
            self.compared += 1
            if found != wanted:
                self.differing.append(f"{uri}: {found} instead of {wanted}")

    async def settle(self, seconds: float) -> None:
        """Wait until all requests are answered, at most so long."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in self._running:
            task.cancel()

    def _press(self, step: Step) -> None:
        text = "".join(step.lines)
        uri = (self.folder / step.path).as_uri()
        held = self._open.get(uri)
        if held is None:
            self.editor.open(self.folder / step.path, text)
            self._open[uri] = Held(text, 1)
        elif held.text != text:
            change = change_between(held.text, text)
            held.text, held.version = text, held.version + 1
            document = {"uri": uri, "version": held.version}
            params = {"textDocument": document, "contentChanges": [change]}
            self.editor.tell("textDocument/didChange", params)
        line = step.lines[step.position.line]
        place = {"line": step.position.line, "character": _units(line[: step.position.column])}
        task = asyncio.create_task(self._ask(uri, place))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _ask(self, uri: str, place: dict[str, int]) -> None:
        asked = Asked(time.monotonic())
        self.asked.append(asked)
        params = {"textDocument": {"uri": uri}, "position": place, "context": {"triggerKind": 2}}
        try:
            found = await self.editor.ask("textDocument/inlineCompletion", params)
        except (RuntimeError, TimeoutError) as error:
            asked.error = f"{type(error).__name__}: {error}"
            if isinstance(error, TimeoutError):
                return
        else:
            asked.has_suggestion = bool(found["items"])
        asked.answered = time.monotonic()


async def _is_set(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long; return whether it is time to stop."""
    if seconds <= 0:
        await asyncio.sleep(0)
        return stop.is_set()
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _units(text: str) -> int:
    return sum(width(character, ENCODING) for character in text)


def _position(text: str, offset: int) -> dict[str, int]:
    before = text[:offset]
    return {"line": before.count("\n"), "character": _units(before.rpartition("\n")[2])}


def change_between(before: str, after: str) -> dict[str, Any]:
    """Return the smallest change of LSP that makes `after` of `before`; lines end with a newline.

    Positions are in UTF-16.
    """
    head = common_length(before, after)
    tail = common_length(before[head:][::-1], after[head:][::-1])
    start, end = _position(before, head), _position(before, len(before) - tail)
    return {"range": {"start": start, "end": end}, "text": after[head : len(after) - tail]}


def _pairs(folder: Path) -> Iterator[tuple[Block, Block]]:
    """Yield for ever blocks to be typed, each with one of another file to look at."""
    found = list(blocks_of(folder))
    random.Random(SEED).shuffle(found)  # noqa: S311  # The same order at every run.
    for first, second in itertools.pairwise(itertools.cycle(found)):
        if first.path != second.path:
            yield first, second


def blocks_of(folder: Path) -> Iterator[Block]:
    """Yield the blocks worth typing of the Python files below a folder."""
    for file in sorted(folder.rglob("*.py")):
        path = file.relative_to(folder).as_posix()
        yield from blocks(path, file.read_text(encoding="utf-8"))
