"""The process of a language server, and what it says: started, waited for, ended.

Knows nothing about what is asked.
"""

import asyncio
import contextlib
import logging
import subprocess
import tempfile
import threading
from collections.abc import Awaitable, Mapping, Sequence
from typing import IO, TypeVar

from pygls.exceptions import JsonRpcException
from pygls.io_ import run_async
from pygls.lsp.client import LanguageClient

from fimbul_models.errors import EvaluationError

EXIT_SECONDS = 10.0
"""Longest wait for the server to end by itself."""

_STDERR_CHARACTERS = 2_000

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class ChildProcess:
    """A running server and the task that reads what it says."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.Task[None], stderr: IO[bytes]
    ) -> None:
        """Watch a `process` that was started, with the task that reads it and its error stream."""
        self._process = process
        self._reader = reader
        self._stderr = stderr
        self._exited = asyncio.create_task(process.wait())

    @classmethod
    async def start(
        cls, command: Sequence[str], client: LanguageClient, environment: Mapping[str, str]
    ) -> "ChildProcess":
        """Start `command`, and let `client` read what it says.

        An empty `environment` is that of this process.

        Raises EvaluationError if it does not start.
        """
        # A file, not a pipe: a pipe that nobody reads would stop the server once it is full.
        stderr = tempfile.TemporaryFile()  # noqa: SIM115  # It lives as long as the process.
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment or None,
            )
        except OSError as error:
            stderr.close()
            raise EvaluationError(f"{command[0]} does not start: {error}.") from error
        if process.stdin is None or process.stdout is None:
            raise EvaluationError(f"{command[0]} was started without pipes.")
        client.protocol.set_writer(process.stdin)
        reading = run_async(threading.Event(), process.stdout, client.protocol, _log)
        return cls(process, asyncio.create_task(reading), stderr)

    async def ask(self, answer: Awaitable[_Result], seconds: float) -> _Result:
        """Wait for `answer`; raise EvaluationError if the process ends or time runs out first."""
        task = asyncio.ensure_future(answer)
        try:
            await asyncio.wait(
                {task, self._exited}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if task.done():
                return task.result()
        except JsonRpcException as error:
            raise EvaluationError(f"The server answered with an error: {error}") from error
        finally:
            task.cancel()
        if self._exited.done():
            raise EvaluationError(
                f"The server ended (exit status {self._exited.result()}). Its last words:\n"
                f"{self._last_words()}"
            )
        raise EvaluationError(f"The server gave no answer within {seconds:.0f} s.")

    async def end(self) -> None:
        """Wait for the process to end, or end it; then stop reading."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        for stop in (self._process.terminate, self._process.kill):
            await asyncio.wait({self._exited}, timeout=EXIT_SECONDS)
            if self._exited.done():
                break
            stop()
        await self._exited
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError, asyncio.IncompleteReadError):
            await self._reader
        self._stderr.close()

    def _last_words(self) -> str:
        self._stderr.seek(0)
        text = self._stderr.read().decode("utf-8", errors="replace").strip()
        return text[-_STDERR_CHARACTERS:] or "(none)"
