"""A worker that is started before anybody asks for one, so that it gets ready meanwhile.

Starting a worker and loading a model take as long as importing a language server does; done at the
same time, the first suggestion comes that much sooner. What it has loaded is used only if it is
exactly what is asked for. Knows nothing about when it is worth while, nor about the self-test,
without which no model may be loaded.
"""

import asyncio
from collections.abc import Sequence

from lsp_server.errors import EngineError
from lsp_server.inference.client import WorkerClient
from lsp_server.inference.protocol import Loaded, LoadOptions


class SpareWorker:
    """One running worker, until it is taken or closed."""

    def __init__(self, worker: WorkerClient) -> None:
        self._worker: WorkerClient | None = worker
        self._wanted: tuple[str, LoadOptions] | None = None
        self._loading: asyncio.Task[Loaded] | None = None

    @classmethod
    async def start(cls, command: Sequence[str]) -> "SpareWorker | None":
        """Start a worker; None if that fails, which whoever needs one will find out and tell."""
        try:
            return cls(await WorkerClient.start(command))
        except EngineError:
            return None

    async def begin_loading(self, path: str, options: LoadOptions) -> None:
        """Tell the worker to load a model, once, and do not wait until it has."""
        if self._worker is None or self._wanted is not None:
            return
        self._wanted = path, options
        self._loading = asyncio.create_task(self._worker.load(path, options), name="load ahead")
        # The request is on its way only when the task has had its first turn.
        await asyncio.sleep(0)

    async def take(self, path: str, options: LoadOptions) -> tuple[WorkerClient, Loaded] | None:
        """Return the worker with this model loaded; None, and no worker, if that cannot be.

        That is so where it was taken or closed before, where it has loaded something else, and
        where loading failed: then a new worker says why.
        """
        worker, self._worker = self._worker, None
        if worker is None:
            return None
        loading = self._loading
        try:
            if self._wanted is None:
                return worker, await worker.load(path, options)
            if loading is not None and self._wanted == (path, options):
                return worker, await loading
        except EngineError:
            pass
        except asyncio.CancelledError:
            await _end(worker, loading)
            raise
        await _end(worker, loading)
        return None

    async def close(self) -> None:
        """End the worker if nobody has taken it."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await _end(worker, self._loading)


async def _end(worker: WorkerClient, loading: "asyncio.Task[Loaded] | None") -> None:
    # Killed, because a worker that loads a model looks at nothing else until it has.
    worker.kill()
    await worker.close()
    if loading is not None:
        await asyncio.gather(loading, return_exceptions=True)
