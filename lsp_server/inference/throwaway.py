"""Ask one thing of a process that is thrown away afterwards.

What is asked may crash llama.cpp; then it is `EngineCrashed` here and nothing worse. Knows
nothing about what is asked.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import IO, TypeVar

import msgspec

from lsp_server.errors import EngineCrashed, EngineRefused
from lsp_server.inference.client import WORKER_ENVIRONMENT
from lsp_server.inference.tuning import AnyAnswer, AnyRequest, Failed, Step, answer_of, to_line

Progress = Callable[[int, int], object]
"""Called with how much is done, and of how much."""

_Kind = TypeVar("_Kind")

_LAST_BYTES = 2000
"""Bytes of what a process complained about that are looked at."""


def tuning_command() -> tuple[str, ...]:
    """Return the command that starts the process."""
    # See `client.worker_command` for -P.
    return (sys.executable, "-P", "-m", "lsp_server.inference.quantize")


def ask(
    request: AnyRequest,
    kind: type[_Kind],
    *,
    command: Sequence[str] | None = None,
    progress: Progress = lambda _done, _total: None,
) -> _Kind:
    """Return the answer to `request`, which has to be of `kind`.

    Raises EngineCrashed if the process dies and EngineRefused if it cannot do what is asked. An
    exception here, Ctrl-C among them, ends the process.
    """
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                command or tuning_command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env={**os.environ, **WORKER_ENVIRONMENT},
                # Ctrl-C is for this process, which then ends that one.
                start_new_session=True,
            )
        except OSError as exc:
            raise EngineCrashed(f"The engine process cannot be started: {exc}.") from exc
        try:
            answer = _talk(process, request, progress)
            status = process.wait()
        finally:
            process.kill()
            process.wait()
            _close(process)
        if isinstance(answer, Failed):
            raise EngineRefused(answer.message)
        if not isinstance(answer, kind):
            raise EngineCrashed(_death(status, complaints))
        return answer


def _talk(
    process: "subprocess.Popen[bytes]", request: AnyRequest, progress: Progress
) -> AnyAnswer | None:
    assert process.stdin is not None  # noqa: S101  # Both were asked for as pipes.
    assert process.stdout is not None  # noqa: S101
    last = None
    try:
        process.stdin.write(to_line(request))
        # It stays open: the process ends when it closes.
        process.stdin.flush()
        for line in process.stdout:
            last = answer_of(line)
            if isinstance(last, Step):
                progress(last.done, last.total)
    except (BrokenPipeError, msgspec.DecodeError):
        return None
    return last


def _close(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                # What was still to be written has nobody to read it.
                continue


def _death(status: int, complaints: IO[bytes]) -> str:
    how = f"signal {-status}" if status < 0 else f"status {status}"
    complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - _LAST_BYTES))
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    return f"The engine process ended ({how}){f': {lines[-1]}' if lines else ''}."
