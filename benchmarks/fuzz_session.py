"""One editor that sends what it is given to a real server, and holds every answer against LSP.

The server's documents are compared with the oracle's whenever that is asked for, through the
server's own `fimbul/digest`.
"""

import asyncio
import contextlib
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.editor import COMMAND
from benchmarks.fuzz_material import CLOSED, FOLDER, MARKER, Answer, Sent
from benchmarks.fuzz_oracle import Oracle, is_place
from benchmarks.fuzz_settings import ANSWERS

PATIENCE = 90.0
"""Seconds within which every answer has to have come; a slow machine needs some of them."""

ENDING_SECONDS = 30.0

CANCELLED = -32800

ERRORS = {
    Answer.INVALID_PARAMS: -32602,
    Answer.UNKNOWN_METHOD: -32601,
    Answer.INVALID_REQUEST: -32600,
}

FAULTS = ("a completion failed", "background work failed", "was never retrieved", "Traceback")
"""What a server writes to its error stream where something of its own went wrong."""


class Failure(Exception):
    """The server did what it must not do."""


@dataclass
class Tally:
    """What happened, by kind of message."""

    sent: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """Answers that were errors, rightly."""
    cancelled: Counter[str] = field(default_factory=Counter)
    shown: int = 0
    """Answers that held a suggestion."""
    compared: int = 0
    """Documents that were compared with the oracle's."""
    told: Counter[str] = field(default_factory=Counter)
    """Messages for the user."""

    def add(self, other: "Tally") -> None:
        """Take in what happened elsewhere."""
        for name in ("sent", "answered", "refused", "cancelled", "told"):
            getattr(self, name).update(getattr(other, name))
        self.shown += other.shown
        self.compared += other.compared


@dataclass
class Session:
    """A server and what it was told."""

    process: asyncio.subprocess.Process
    oracle: Oracle
    folder: str
    """URI of the workspace folder, in the place of `FOLDER`."""
    seed: str
    tally: Tally = field(default_factory=Tally)
    errors: list[str] = field(default_factory=list)
    """What the server wrote to its error stream."""
    history: list[Sent] = field(default_factory=list)
    """Messages since the last comparison, behind those that open what was open then."""
    _pending: dict[Any, Sent] = field(default_factory=dict)
    _texts: dict[Any, str | None] = field(default_factory=dict)
    """The document of a request as it was then."""
    _done: set[Any] = field(default_factory=set)
    _cancelled: set[Any] = field(default_factory=set)
    _answers: dict[Any, Any] = field(default_factory=dict)
    """Results of our own questions."""
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _failure: str = ""
    _comparisons: int = 0
    _questions: int = 0

    # Sending

    async def send(self, sent: Sent) -> None:
        """Send a message. Raises Failure if an answer was wrong meanwhile."""
        self._raise_failure()
        self.history.append(sent)
        self.tally.sent[sent.kind] += 1
        message = sent.message
        number = message.get("id")
        if sent.is_valid:
            self.oracle.take(message)
        if message.get("method") == "$/cancelRequest" and sent.is_valid:
            self._cancelled.add(message["params"]["id"])
        if sent.answer is not Answer.NONE:
            self._pending[number] = sent
            self._texts[number] = self._text_of(message)
        await self._write(sent.raw or json.dumps(message))

    def _text_of(self, message: Mapping[str, Any]) -> str | None:
        params = message.get("params")
        document = params.get("textDocument") if isinstance(params, dict) else None
        uri = document.get("uri") if isinstance(document, dict) else None
        held = self.oracle.get(uri) if isinstance(uri, str) else None
        return held.text if held is not None else None

    async def _write(self, text: str) -> None:
        body = text.replace(FOLDER, self.folder).encode("utf-8")
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await self.process.stdin.drain()
        except ConnectionError as error:
            raise Failure("the server has closed its input") from error

    async def settle(self) -> None:
        """Wait until every request is answered. Raises Failure if one is not."""
        try:
            async with asyncio.timeout(PATIENCE):
                while self._pending and not self._failure:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            kinds = sorted({sent.kind for sent in self._pending.values()})
            numbers = list(self._pending)[:5]
            raise Failure(
                f"{len(self._pending)} requests were not answered within {PATIENCE:.0f} s:"
                f" {', '.join(kinds)}; {numbers}"
            ) from None
        self._raise_failure()

    async def compare(self) -> None:
        """Hold the server's documents against the oracle's. Raises Failure where they differ."""
        self._comparisons += 1
        wanted: dict[str, Any] = dict(self.oracle.digests())
        wanted[CLOSED] = None
        numbers = {uri: f"digest {self._comparisons} {place}" for place, uri in enumerate(wanted)}
        for uri, number in numbers.items():
            message = {"jsonrpc": "2.0", "id": number, "method": "fimbul/digest"}
            sent = Sent("digest", {**message, "params": {"uri": uri}}, Answer.RESULT)
            self._pending[number] = sent
            await self._write(json.dumps(sent.message))
        await self.settle()
        for uri, number in numbers.items():
            if (found := self._answers.pop(number, None)) != wanted[uri]:
                raise Failure(f"{uri} differs: the server has {found}, the oracle {wanted[uri]}")
        self.tally.compared += len(wanted)
        self.history = list(opening(self.oracle))

    async def ask(self, method: str, params: Any) -> Any:
        """Ask something outside of the fuzz and return the result."""
        self._questions += 1
        number = f"question {self._questions}"
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self._pending[number] = Sent("question", message, Answer.RESULT)
        await self._write(json.dumps(message))
        await self.settle()
        return self._answers.pop(number)

    async def tell(self, method: str, params: Any = None) -> None:
        """Send a notification outside of the fuzz."""
        await self._write(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))

    # Receiving

    async def read(self) -> None:
        """Take in what the server says, until it ends."""
        chance = random.Random(f"{self.seed} answers")  # noqa: S311  # The same at every run.
        assert self.process.stdout is not None
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await self.process.stdout.readline():
                length = int(head.split(b":")[1])
                while (await self.process.stdout.readline()).strip():
                    pass
                message = json.loads(await self.process.stdout.readexactly(length))
                try:
                    await self._take(message, chance)
                except Failure as failure:
                    self._fail(str(failure))
        if self._pending:
            self._fail(f"the server has ended and {len(self._pending)} requests wait")

    async def read_errors(self) -> None:
        """Keep what the server writes to its error stream."""
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            text = line.decode("utf-8", "replace").rstrip()
            self.errors.append(text)
            if MARKER in text:
                self._fail(f"text of a document is in the log: {text[:300]}")
            elif any(fault in text for fault in FAULTS):
                more = [text[:300]]
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        while line := await self.process.stderr.readline():
                            more.append(line.decode("utf-8", "replace").rstrip()[:300])
                self._fail("the server says: " + "\n".join(more))

    def _fail(self, why: str) -> None:
        self._failure = self._failure or why
        self._moved.set()

    def _raise_failure(self) -> None:
        if self._failure:
            raise Failure(self._failure)

    async def _take(self, message: dict[str, Any], chance: random.Random) -> None:
        if "method" not in message:
            self._answer(message)
        elif "id" in message:
            await self._reply(message, chance)
        elif message["method"] == "window/showMessage":
            self.tally.told[str(message["params"]["message"])[:100]] += 1

    async def _reply(self, message: Mapping[str, Any], chance: random.Random) -> None:
        answer: Any = {"result": None}
        if message["method"] == "workspace/configuration":
            if chance.random() < 0.05:
                # An editor that never answers.
                return
            answer = chance.choice(ANSWERS)
        with contextlib.suppress(Failure):
            await self._write(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}))

    def _answer(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        sent = self._pending.pop(number, None)
        text = self._texts.pop(number, None)
        self._moved.set()
        if sent is None:
            again = "a second time" if number in self._done else "though nobody asked"
            raise Failure(f"{number!r} was answered {again}: {str(message)[:300]}")
        self._done.add(number)
        self.tally.answered[sent.kind] += 1
        error = message.get("error")
        if error is not None:
            self._check_error(sent, number, error)
        elif "result" not in message:
            raise Failure(f"an answer without result or error: {str(message)[:300]}")
        elif sent.answer in ERRORS:
            raise Failure(
                f"{sent.kind} {number!r} got {str(message)[:300]}, not {sent.answer.value}"
            )
        else:
            self._check_result(sent, message["result"], text)

    def _check_error(self, sent: Sent, number: Any, error: Mapping[str, Any]) -> None:
        if error.get("code") == CANCELLED and number in self._cancelled:
            self.tally.cancelled[sent.kind] += 1
        elif error.get("code") == ERRORS.get(sent.answer):
            self.tally.refused[sent.kind] += 1
        else:
            raise Failure(f"{sent.kind} {number!r} got {str(error)[:300]}, not {sent.answer.value}")

    def _check_result(self, sent: Sent, result: Any, text: str | None) -> None:
        if sent.kind in ("digest", "question"):
            self._answers[sent.message["id"]] = result
        if sent.answer not in (Answer.COMPLETIONS, Answer.MENU):
            return
        if not isinstance(result, dict) or not isinstance(result.get("items"), list):
            raise Failure(f"{sent.kind} got {str(result)[:300]}, which are no items")
        self.tally.shown += bool(result["items"])
        for item in result["items"]:
            edit = item if sent.answer is Answer.COMPLETIONS else item["textEdit"]
            self._check_range(edit["range"], text)

    def _check_range(self, place: Mapping[str, Any], text: str | None) -> None:
        if text is None:
            raise Failure("something was suggested for a document that is not open")
        for end in ("start", "end"):
            if not is_place(text, place[end], self.oracle.encoding):
                raise Failure(f"a suggestion is to stand at {place}, which the document has not")


def opening(oracle: Oracle) -> Iterable[Sent]:
    """Yield messages that open what is open."""
    for uri, held in oracle.documents.items():
        item = {"uri": uri, "languageId": "python", "version": held.version, "text": held.text}
        message = {"jsonrpc": "2.0", "method": "textDocument/didOpen"}
        yield Sent("open", {**message, "params": {"textDocument": item}})


@contextlib.asynccontextmanager
async def session(
    seed: str, encoding: str, folder: Path, environment: Mapping[str, str], script: Path
) -> AsyncIterator[Session]:
    """Run a server with the workspace `folder`; at the end it has to leave as it is told to.

    `environment` is what is set besides what this process has. Raises Failure.
    """
    pipe = asyncio.subprocess.PIPE
    command = (*COMMAND, "--engine", "scripted", "--script", str(script))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **environment}
    )
    here = Session(process, Oracle(encoding), folder.as_uri(), seed)
    tasks = [asyncio.create_task(here.read()), asyncio.create_task(here.read_errors())]
    try:
        await here.ask("initialize", _greeting(encoding, folder))
        await here.tell("initialized", {})
        yield here
        await _leave(here)
        await asyncio.gather(*tasks)
        here._raise_failure()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _leave(here: Session) -> None:
    """Shut the server down. Raises Failure if it or something below it stays."""
    below = psutil.Process(here.process.pid).children(recursive=True)
    await here.ask("shutdown", None)
    await here.tell("exit")
    try:
        status = await asyncio.wait_for(here.process.wait(), ENDING_SECONDS)
    except TimeoutError:
        raise Failure(f"the server did not end within {ENDING_SECONDS:.0f} s") from None
    if status:
        raise Failure(f"the server ended with status {status}")
    _, alive = await asyncio.to_thread(psutil.wait_procs, below, ENDING_SECONDS)
    if alive:
        raise Failure(f"{len(alive)} processes outlive the server")


def _greeting(encoding: str, folder: Path) -> dict[str, Any]:
    return {
        "processId": os.getpid(),
        "rootUri": None,
        "clientInfo": {"name": "fuzz"},
        "capabilities": {
            "general": {"positionEncodings": [encoding]},
            "textDocument": {"inlineCompletion": {}},
            "window": {"workDoneProgress": True},
            "workspace": {
                "configuration": True,
                "didChangeWatchedFiles": {"dynamicRegistration": True},
            },
        },
        "workspaceFolders": [{"uri": folder.as_uri(), "name": folder.name}],
        "initializationOptions": {"completion": {"menu": "on"}},
    }
