"""LoRA adapters over one model of llama.cpp: read once, and changed between two evaluations.

The model's weights stay as they are; an adapter's are added while it computes. Knows nothing
about whether an adapter should be used.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import llama_cpp

from lsp_server.errors import AdapterUnfit
from lsp_server.inference.kvcache import KvCache
from lsp_server.inference.protocol import WireAdapter

MOST_READ = 4
"""Adapters whose weights stay in memory, some 9 MB each with rank 8 over the default model."""

NOTHING = WireAdapter("")


class LoraAdapters:
    """The adapters that were read for one model, and which of them is over it now."""

    def __init__(self, model: Any, cache: KvCache, why: Callable[[str], str]) -> None:
        """`why` adds what llama.cpp said to a message."""
        self._model = model
        self._cache = cache
        self._why = why
        self._read: OrderedDict[str, Any] = OrderedDict()
        self._now = NOTHING
        self.swaps = 0
        """How often another one was put over the model."""
        self.milliseconds = 0.0
        """Time that took, reading files included."""

    def put(self, wanted: WireAdapter) -> None:
        """Put an adapter over the model, or none; cheap if it is there already.

        Raises AdapterUnfit if it cannot be; there is none over the model then.
        """
        if wanted == self._now:
            return
        started = time.perf_counter()
        try:
            self._change_to(wanted)
        except AdapterUnfit:
            self._now = NOTHING
            self._cache.adapt(None, 1.0, "")
            raise
        self._now = wanted
        self._forget_oldest()
        self.swaps += 1
        self.milliseconds += (time.perf_counter() - started) * 1000.0

    def _change_to(self, wanted: WireAdapter) -> None:
        adapter = self._weights(wanted.path)
        # Only what was computed with the same weights at the same scale may be used again.
        name = f"{wanted.scale} {wanted.path}" if wanted.path else ""
        if not self._cache.adapt(adapter, wanted.scale, name):
            raise AdapterUnfit(self._why(f"The adapter {wanted.path} cannot be used"))

    def _weights(self, path: str) -> Any:
        if not path:
            return None
        if path not in self._read:
            adapter = llama_cpp.llama_adapter_lora_init(self._model, path.encode())
            if not adapter:
                raise AdapterUnfit(
                    self._why(f"{path} cannot be used as an adapter of the model that is loaded")
                )
            self._read[path] = adapter
        self._read.move_to_end(path)
        return self._read[path]

    def _forget_oldest(self) -> None:
        while len(self._read) > MOST_READ:
            # Never the one in use, which was moved to the end.
            _, adapter = self._read.popitem(last=False)
            llama_cpp.llama_adapter_lora_free(adapter)
