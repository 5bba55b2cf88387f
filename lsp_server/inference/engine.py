"""The engine as the pipeline sees it, and the one that runs on this machine.

`Engine` is the seam. `LocalEngine` keeps one worker process alive: it tests a model before its
first use, starts the worker again when it dies, steps down to a safer setting when it keeps
dying, and says so once. Knows nothing about documents or editors.
"""

import asyncio
import enum
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from lsp_server.errors import (
    AdapterUnfit,
    EngineBusy,
    EngineCrashed,
    EngineError,
    FimbulError,
)
from lsp_server.inference.client import OnText, WorkerClient
from lsp_server.inference.inspection import description_of
from lsp_server.inference.protocol import Loaded, LoadOptions
from lsp_server.inference.selftest import SETTINGS, SelfTestResult, selftest_once
from lsp_server.inference.spare import SpareWorker
from lsp_server.patience import begin
from lsp_server.types import NO_ADAPTER, Adapter, Generation, ModelDescription, Prompt, StopRules

_LOG = logging.getLogger(__name__)

_DEATHS_BEFORE_STEP = 3
"""Deaths in a row after which a safer setting is tried."""

_CALM = 60.0
"""Seconds without a death after which earlier ones are forgotten."""

_LONGEST_PAUSE = 1.0
"""Longest wait before a restart, in seconds."""


class EngineState(enum.Enum):
    """What the engine can do now."""

    CLOSED = "closed"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """A change that the user may want to know of."""

    state: EngineState
    message: str = ""
    """For the user; empty if the change explains itself."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on this machine."""

    name: str
    path: Path
    digest: str
    """SHA-256 of the file, or what else identifies it."""


class Engine(Protocol):
    """Runs prompts. Every method may raise EngineError."""

    @property
    def state(self) -> EngineState:
        """What the engine can do now."""

    async def count_tokens(self, texts: list[str]) -> list[int]:
        """Return the token count of each text."""

    async def complete(
        self, prompt: Prompt, stop: StopRules, *, line_has_text: bool, on_text: OnText | None = None
    ) -> Generation:
        """Generate; cancelling the awaiting task ends the generation."""

    async def prefill(self, prompt: Prompt) -> Generation:
        """Evaluate a prompt ahead of its use.

        A completion that comes meanwhile ends it; what was evaluated stays of use. The smaller
        prompt in `prompt` is not looked at.
        """

    async def learn(self, texts: list[str]) -> None:
        """Take in texts that answers may resemble, when there is nothing else to do.

        It only makes answers faster. Returns when it is done; a restarted engine has forgotten.
        """

    async def close(self) -> None:
        """Let go of everything."""


class LocalEngine:
    """A worker process on this machine, kept alive."""

    def __init__(
        self,
        command: Sequence[str],
        selftest_file: Path,
        listen: Callable[[EngineEvent], None] = lambda _event: None,
        spare: SpareWorker | None = None,
    ) -> None:
        """Do nothing yet. `spare` is a worker of the same command that runs already."""
        self._command = tuple(command)
        self._spare = spare
        self._selftest_file = selftest_file
        self._listen = listen
        self._state = EngineState.CLOSED
        self._worker: WorkerClient | None = None
        self._model: ModelFile | None = None
        self._options = LoadOptions()
        self._result = SelfTestResult(extra_buffers=True, one_thread=False)
        self._deaths = 0
        self._last_death = 0.0
        self._told = False
        self._watcher: asyncio.Task[None] | None = None
        self._tried: set[str] = set()
        self.unfit: set[str] = set()
        """Paths of adapters that this engine has refused or died of; answers go without them."""
        self.description: ModelDescription | None = None
        """What the loaded model says about itself."""
        self.check: Callable[[ModelFile], bool] = lambda _model: True
        """Called in a thread before a worker that died is started again. Returns whether the
        model's file is still what it was when it was opened; whoever says no, tells why."""

    @property
    def state(self) -> EngineState:
        """See `Engine.state`."""
        return self._state

    async def open(self, model: ModelFile, options: LoadOptions) -> None:
        """Test `model` if it is new here, then load it.

        Raises FimbulError; the state is then FAILED and an event has told why.
        """
        await self.close()
        self._model, self._options = model, options
        self._tried.clear()
        self.unfit.clear()
        self._change(EngineState.LOADING)
        try:
            self._result = await selftest_once(
                self._command, model.path, options, file=self._selftest_file, digest=model.digest
            )
            if not self._result.full_speed:
                self._change(EngineState.LOADING, _slow_message(model, self._result))
            await self._start()
        except FimbulError as error:
            self._change(EngineState.FAILED, str(error))
            raise
        self._watcher = asyncio.create_task(self._watch(), name="worker watch")

    async def close(self) -> None:
        """See `Engine.close`. A spare worker that was not needed yet stays."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
        if self._worker is not None:
            await self._worker.close()
            self._worker = None
        self._state = EngineState.CLOSED

    async def drop_spare(self) -> None:
        """End the spare worker, if there still is one."""
        if self._spare is not None:
            await self._spare.close()
            self._spare = None

    async def count_tokens(self, texts: list[str]) -> list[int]:
        """See `Engine.count_tokens`."""
        return await self._ready().count_tokens(texts)

    async def complete(
        self, prompt: Prompt, stop: StopRules, *, line_has_text: bool, on_text: OnText | None = None
    ) -> Generation:
        """See `Engine.complete`."""
        return await self._adapted(
            prompt,
            lambda worker, prompt: worker.complete(
                prompt, stop, line_has_text=line_has_text, on_text=on_text
            ),
        )

    async def prefill(self, prompt: Prompt) -> Generation:
        """See `Engine.prefill`."""
        return await self._adapted(prompt, lambda worker, prompt: worker.prefill(prompt))

    async def _adapted(
        self, prompt: Prompt, run: Callable[[WorkerClient, Prompt], Awaitable[Generation]]
    ) -> Generation:
        """Run a prompt under its adapter, or, where that cannot be, under none."""
        adapter = prompt.adapter
        if adapter is None or not adapter.path:
            return await run(self._ready(), prompt)
        if adapter.path in self.unfit:
            return await run(self._ready(), replace(prompt, adapter=NO_ADAPTER))
        worker = self._ready()
        try:
            made = await run(worker, prompt)
        except AdapterUnfit as error:
            self._refuse(adapter, str(error))
            return await run(worker, replace(prompt, adapter=NO_ADAPTER))
        except EngineCrashed:
            # One that has worked before is not to blame, nor is any where somebody else killed it.
            if adapter.path not in self._tried and not worker.was_killed_at_work:
                self._refuse(adapter, f"The engine died when the adapter {adapter.title} was used.")
            raise
        self._tried.add(adapter.path)
        return made

    def _refuse(self, adapter: Adapter, why: str) -> None:
        if adapter.path not in self.unfit:
            self.unfit.add(adapter.path)
            self._listen(
                EngineEvent(self._state, f"{why} Suggestions go on without it; choose another.")
            )

    async def learn(self, texts: list[str]) -> None:
        """See `Engine.learn`."""
        await self._ready().learn(texts)

    def _ready(self) -> WorkerClient:
        if self._state is EngineState.READY and self._worker is not None:
            return self._worker
        if self._state is EngineState.LOADING:
            raise EngineBusy("The model is loading.")
        raise EngineCrashed("The engine is not running; `fimbul doctor` says more.")

    async def _start(self) -> None:
        assert self._model is not None  # noqa: S101  # `open` has set it.
        path, options = str(self._model.path), self._result.apply(self._options)
        spare, self._spare = self._spare, None
        ready = None if spare is None else await spare.take(path, options)
        worker, loaded = ready or await self._start_loaded(path, options)
        worker.on_refusal = self._tell_refusal
        self.description = description_of(loaded)
        self._worker = worker
        self._change(EngineState.READY)

    async def _start_loaded(self, path: str, options: LoadOptions) -> tuple[WorkerClient, Loaded]:
        worker = await WorkerClient.start(self._command)
        try:
            return worker, await worker.load(path, options)
        except (EngineError, asyncio.CancelledError):
            await worker.close()
            raise

    async def _watch(self) -> None:
        """Start the worker again whenever it dies, until no setting is left."""
        while self._worker is not None:
            death = await self._worker.wait_for_death()
            if self._worker.was_killed_at_work:
                # Whoever did that has no quarrel with the setting, however often it happens.
                self._deaths = 0
            self._worker = None
            self._state = EngineState.LOADING
            if not await self._is_sound():
                _LOG.warning("%s", death)
                self._change(EngineState.FAILED)
                return
            while self._worker is None:
                if not self._count_death(death):
                    return
                await asyncio.sleep(min(_LONGEST_PAUSE, 0.25 * 2 ** (self._deaths - 1) - 0.25))
                try:
                    await self._start()
                except EngineError as error:
                    death = EngineCrashed(str(error))

    async def _is_sound(self) -> bool:
        """Return whether the model's file may be loaded again after a death."""
        assert self._model is not None  # noqa: S101  # `open` has set it.
        model = self._model
        return await begin(lambda: self.check(model))

    def _count_death(self, death: EngineCrashed) -> bool:
        """Note one death; return whether the worker is to be started again."""
        now = time.monotonic()
        if now - self._last_death > _CALM:
            self._deaths = 0
            self._told = False
        self._last_death = now
        self._deaths += 1
        _LOG.warning("%s", death)
        if self._deaths % _DEATHS_BEFORE_STEP == 0 and not self._step_down():
            self._change(
                EngineState.FAILED,
                f"{death} It keeps crashing, so there will be no suggestions until fimbul is "
                "restarted. Run `fimbul doctor`.",
            )
            return False
        message = "" if self._told else f"{death} It is being restarted; suggestions go on."
        self._told = True
        self._change(EngineState.LOADING, message)
        return True

    def _tell_refusal(self) -> None:
        self._listen(
            EngineEvent(
                self._state,
                "Code in the engine's process tried to open a connection, which was refused. "
                "fimbul never does that; please report it.",
            )
        )

    def _step_down(self) -> bool:
        now = (self._result.extra_buffers, self._result.one_thread)
        later = SETTINGS[SETTINGS.index(now) + 1 :]
        if not later:
            return False
        extra_buffers, one_thread = later[0]
        self._result = SelfTestResult(extra_buffers, one_thread, self._result.crashes)
        return True

    def _change(self, state: EngineState, message: str = "") -> None:
        self._state = state
        self._listen(EngineEvent(state, message))


def _slow_message(model: ModelFile, result: SelfTestResult) -> str:
    setting = "one thread" if result.one_thread else "plain buffers"
    return (
        f"{model.name} crashed the engine at full speed on this machine, so it runs with "
        f"{setting}, at about half the speed. `fimbul doctor` says how to rebuild the engine."
    )
