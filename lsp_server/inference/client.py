"""The server's side of one worker process.

Sends requests, hands answers to whoever waits for them, and turns the death of the process
into `EngineCrashed` for all of them. Restarting is not decided here.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from lsp_server.errors import AdapterUnfit, EngineCrashed, EngineRefused
from lsp_server.guard.child import REFUSAL
from lsp_server.inference.protocol import (
    LENGTH,
    MAX_FRAME,
    AnyAnswer,
    Cancel,
    Complete,
    Counted,
    Counters,
    CountTokens,
    Failed,
    Finished,
    Learn,
    Learned,
    Load,
    Loaded,
    LoadOptions,
    Piece,
    Ping,
    Pong,
    Prefill,
    Request,
    Statistics,
    WireAdapter,
    WireSegment,
    decode_answer,
    encode,
)
from lsp_server.inference.pulse import Pulse
from lsp_server.processes import start_process
from lsp_server.types import (
    GeneratedText,
    Generation,
    Prompt,
    Segment,
    StopReason,
    StopRules,
    Timings,
)

_LOG = logging.getLogger(__name__)

_STDERR_LINES = 20

DEAF_SECONDS = 10.0
"""Time after which a worker that does not react to a cancellation is taken for hung."""

_SIGNALS = {
    "SIGKILL": "killed from outside; the system does that when memory runs out",
    "SIGBUS": "a file that it had mapped, most likely the model, became shorter or unreadable",
}
"""What the signals mean that tell more than that there was a fault."""

_KILLED = -getattr(signal, "SIGKILL", 9)
"""What a process returns that was killed; where there are no signals none returns it."""

_WELL_SECONDS = 5.0
"""Time with a loaded model after which a worker is taken to be able to work here. Memory that is
too small for it shows sooner."""

_Kind = TypeVar("_Kind", Loaded, Counted, Finished, Learned, Counters)

WORKER_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        # A crash in ggml would otherwise start a debugger on the process.
        "GGML_NO_BACKTRACE": "1",
        # OpenMP's threads spin while they wait for each other. On a machine whose cores are busy
        # that costs ten times the work itself (`python -m benchmarks.waiting`, in `LOG.md`).
        "GOMP_SPINCOUNT": "1000",
    }
)

OnText = Callable[[str], None]


def worker_command(backend: str = "llama", script: str | None = None) -> tuple[str, ...]:
    """Return the command that starts a worker."""
    # Without -P the folder the editor was started in, which may be anybody's repository, would
    # come first on the import path.
    command = (sys.executable, "-P", "-m", "lsp_server.inference.worker", "--backend", backend)
    return command if script is None else (*command, "--script", script)


class WorkerClient:
    """One running worker."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._next_id = 0
        self._waiting: dict[int, asyncio.Future[AnyAnswer]] = {}
        self._listeners: dict[int, OnText] = {}
        self._cancelled: dict[int, asyncio.TimerHandle] = {}
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._death: EngineCrashed | None = None
        self._has_answered = self._was_ended_here = False
        self._pulse = Pulse()
        self._timer: asyncio.TimerHandle | None = None
        self._loaded_at: float | None = None
        self.on_refusal: Callable[[], None] = lambda: None
        """Called when code in the worker has tried to open a connection, which was refused."""
        self._tasks = (
            asyncio.create_task(self._read_answers(), name="worker answers"),
            asyncio.create_task(self._read_stderr(), name="worker stderr"),
        )

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str] = WORKER_ENVIRONMENT
    ) -> "WorkerClient":
        """Start the worker `command` with some environment variables besides our own."""
        try:
            process = await start_process(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, **environment},
                limit=MAX_FRAME,
            )
        except OSError as error:
            raise EngineCrashed(f"The engine process cannot be started: {error}.") from error
        return cls(process)

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    @property
    def death(self) -> EngineCrashed | None:
        """How the worker died, if it did."""
        return self._death

    @property
    def was_killed_at_work(self) -> bool:
        """Whether it was killed from outside after it had answered, or had been well for a while.

        Nothing of its own, such as a setting that this machine cannot do, has ended it then.
        """
        if self._process.returncode != _KILLED or self._was_ended_here:
            return False
        age = 0.0 if self._loaded_at is None else time.monotonic() - self._loaded_at
        return self._has_answered or age >= _WELL_SECONDS

    async def wait_for_death(self) -> EngineCrashed:
        """Return how the worker died, once it has."""
        await asyncio.wait(self._tasks)
        return self._death or EngineCrashed("The engine process ended.")

    async def load(self, path: str, options: LoadOptions) -> Loaded:
        """Load the model at `path`."""
        return _expect(Loaded, await self._ask(Load(self._number(), path, options)))

    async def count_tokens(self, texts: list[str]) -> list[int]:
        """Return the token count of each text, also while a generation runs."""
        answer = _expect(Counted, await self._ask(CountTokens(self._number(), texts)))
        return answer.counts

    async def complete(
        self, prompt: Prompt, stop: StopRules, *, line_has_text: bool, on_text: OnText | None = None
    ) -> Generation:
        """Generate; cancelling the awaiting task cancels the generation in the worker."""
        request = Complete(
            id=self._number(),
            segments=_wire(prompt.segments),
            healed=prompt.healed,
            max_tokens=stop.max_tokens,
            max_lines=stop.max_lines,
            line_has_text=line_has_text,
            stop_strings=list(stop.strings),
            short=_wire(prompt.short),
            cold_tokens=prompt.cold_tokens,
            milliseconds=stop.milliseconds,
            body=stop.body,
            typed=stop.typed,
            forbidden=list(stop.forbidden),
            candidates=stop.candidates,
            following=stop.following,
            comment=stop.comment,
            names=list(stop.names),
            names_only=stop.names_only,
            adapter=_wire_adapter(prompt),
        )
        if on_text is not None:
            self._listeners[request.id] = on_text
        try:
            return _generation(_expect(Finished, await self._ask(request)))
        finally:
            self._listeners.pop(request.id, None)

    async def prefill(self, prompt: Prompt) -> Generation:
        """Evaluate `prompt` into the KV cache."""
        request = Prefill(self._number(), _wire(prompt.segments), _wire_adapter(prompt))
        return _generation(_expect(Finished, await self._ask(request)))

    async def learn(self, texts: list[str]) -> None:
        """Take in `texts`, when the worker has nothing else to do."""
        _expect(Learned, await self._ask(Learn(self._number(), texts)))

    async def counters(self) -> Counters:
        """Return what the worker has done so far."""
        return _expect(Counters, await self._ask(Statistics(self._number())))

    async def close(self) -> None:
        """End the process and wait until it is gone."""
        self._death = self._death or EngineCrashed("The engine was closed.")
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), timeout=2.0)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def kill(self) -> None:
        """End the process at once."""
        self._was_ended_here = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def _number(self) -> int:
        self._next_id += 1
        return self._next_id

    async def _ask(self, request: Request) -> AnyAnswer:
        future: asyncio.Future[AnyAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = future
        try:
            self._send(request)
            self._watch()
            return await future
        except asyncio.CancelledError:
            # The answer may have come in the same moment; then there is nothing to cancel.
            if future.cancelled() or not future.done():
                self._cancel(request.id)
            raise
        finally:
            self._waiting.pop(request.id, None)
            if not self._waiting and self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _watch(self) -> None:
        """See to it that nobody waits for ever for a process that has stopped to work."""
        if self._timer is None and self._waiting and self._death is None:
            self._pulse.begin(time.monotonic())
            self._look_later()

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(Pulse.EVERY, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._waiting or self._death is not None:
            return
        if complaint := self._pulse.look(time.monotonic()):
            self._stderr.append(complaint)
            self.kill()
            return
        with contextlib.suppress(EngineCrashed):
            self._send(Ping(self._number()))
        self._look_later()

    def _cancel(self, request_id: int) -> None:
        with contextlib.suppress(EngineCrashed):
            self._send(Cancel(request_id))
            loop = asyncio.get_running_loop()
            self._cancelled[request_id] = loop.call_later(DEAF_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._stderr.append(f"it did not react to a cancellation for {DEAF_SECONDS:.0f} s")
        self.kill()

    def _send(self, request: Request) -> None:
        stdin = self._process.stdin
        if self._death is not None or stdin is None or stdin.is_closing():
            raise self._death or EngineCrashed("The engine process ended.")
        stdin.write(encode(request))

    async def _read_answers(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101  # It was asked for as a pipe.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = LENGTH.unpack(await stdout.readexactly(LENGTH.size))
                self._deliver(decode_answer(await stdout.readexactly(length)))
        status = await self._process.wait()
        await asyncio.wait((self._tasks[1],))
        self._die(status)

    def _deliver(self, answer: AnyAnswer) -> None:
        if isinstance(answer, Pong):
            self._pulse.beat(time.monotonic(), answer.beats if answer.is_computing else None)
            return
        self._pulse.heard(time.monotonic())
        if timer := self._cancelled.pop(answer.id, None):
            timer.cancel()
        if isinstance(answer, Piece):
            if listener := self._listeners.get(answer.id):
                listener(GeneratedText(answer.text, answer.logprob))
            return
        self._has_answered |= isinstance(answer, Finished)
        if isinstance(answer, Loaded):
            self._loaded_at = time.monotonic()
        future = self._waiting.get(answer.id)
        if future is not None and not future.done():
            future.set_result(answer)

    def _die(self, status: int) -> None:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        said = self._stderr[-1] if self._stderr else _meaning(status)
        detail = f": {said}" if said else ""
        self._death = self._death or EngineCrashed(f"The engine process ended ({how}){detail}.")
        for timer in (*self._cancelled.values(), *([self._timer] if self._timer else [])):
            timer.cancel()
        _LOG.debug("worker %d ended (%s)", self.pid, how)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(self._death)

    async def _read_stderr(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None  # noqa: S101  # It was asked for as a pipe.
        while line := await stderr.readline():
            text = line.decode("utf-8", "replace").strip()
            self._stderr.append(text)
            if text.startswith(REFUSAL):
                # What follows is the name of an audit event and nothing else.
                _LOG.warning("in the engine's process, %s", text)
                self.on_refusal()


def _meaning(status: int) -> str:
    """Return what the signal that ended a process tells; empty if that is nothing particular."""
    try:
        return _SIGNALS.get(signal.Signals(-status).name, "")
    except ValueError:
        return ""


def _wire(segments: Sequence[Segment]) -> list[WireSegment]:
    return [WireSegment(segment.text, segment.special) for segment in segments]


def _wire_adapter(prompt: Prompt) -> WireAdapter | None:
    adapter = prompt.adapter
    return None if adapter is None else WireAdapter(adapter.path, adapter.scale)


def _expect(kind: type[_Kind], answer: AnyAnswer) -> _Kind:
    if isinstance(answer, Failed):
        kind_of_error = AdapterUnfit if answer.is_adapters else EngineRefused
        raise kind_of_error(answer.message)
    if not isinstance(answer, kind):
        raise EngineRefused(f"The engine answered {type(answer).__name__}.")
    return answer


def _generation(answer: Finished) -> Generation:
    return Generation(
        text=answer.text,
        stop=StopReason(answer.stop),
        logprobs=tuple(answer.logprobs),
        prompt_tokens=answer.prompt_tokens,
        reused_tokens=answer.reused_tokens,
        timings=Timings(prefill=answer.prefill_ms, decode=answer.decode_ms),
        is_short=answer.is_short,
        alternatives=tuple(
            Generation(
                one.text,
                StopReason(one.stop),
                tuple(one.logprobs),
                ends=tuple(one.ends),
                end_logprob=one.end_logprob,
            )
            for one in answer.alternatives
        ),
        ends=tuple(answer.ends),
        end_logprob=answer.end_logprob,
        typed_logprob=answer.typed_logprob,
    )
