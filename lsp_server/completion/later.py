"""What comes for a request that was answered with a part, looked at before it is told.

It is told in the order in which it came, also where looking at it takes a moment. Knows nothing
about what is looked for.
"""

import asyncio
from collections.abc import Callable

from lsp_server.completion.resemblance import Resemblance
from lsp_server.types import Completion, CompletionRequest, Outcome, Rejection

Longer = Callable[[CompletionRequest, Completion | None], None]
"""Tells what there is at last for a request that was answered with a part; None takes it back."""


class Later:
    """Tells more of what is shown, if it may be."""

    def __init__(
        self,
        resemblance: Resemblance,
        longer: Longer,
        blocked: Callable[[CompletionRequest, Rejection], None],
    ) -> None:
        """`blocked` is told of what is kept back, once a request; `longer` takes it back then."""
        self._resemblance = resemblance
        self._longer = longer
        self._blocked = blocked
        self._waiting: list[tuple[CompletionRequest, Completion | None]] = []
        self._task: asyncio.Task[None] | None = None
        self._noted: CompletionRequest | None = None

    def __call__(self, request: CompletionRequest, completion: Completion | None) -> None:
        """Tell it, at once where nothing has to be looked at."""
        if not self._resemblance.is_active and not self._waiting:
            self._longer(request, completion)
            return
        self._waiting.append((request, completion))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._tell(), name="tell longer")

    async def close(self) -> None:
        """Tell nothing any more."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _tell(self) -> None:
        while self._waiting:
            request, completion = self._waiting[0]
            found: Outcome | None = completion
            if completion is not None:
                found = await self._resemblance.judged(request, completion)
            if isinstance(found, Rejection):
                if self._noted is not request:
                    self._noted = request
                    self._blocked(request, found)
                found = None
            if self._waiting:
                # Only now, so that what comes meanwhile is told behind it.
                self._waiting.pop(0)
                self._longer(request, found)
