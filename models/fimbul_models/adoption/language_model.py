"""A model as those who look for what it has learnt by heart see it.

It says how likely a text is at a place, and what it would write there. Unlike the server's engine
it tells the probability of text that it would not have written. Knows nothing about gates.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from fimbul_models.evaluation.infilling import SPIN_COUNT
from fimbul_models.evaluation.items import Item
from lsp_server.config.options import Settings


class LanguageModel(Protocol):
    """Says how likely texts are. Every method may raise FimbulError."""

    def logprobs(self, item: Item, text: str) -> tuple[float, ...]:
        """Return the log probability of each token of `text` at the place of `item`."""

    def likeliest(self, item: Item, tokens: int) -> str:
        """Return what the model would write there: at most so many tokens, the likeliest each."""

    def sampled(self, item: Item, tokens: int, seed: int) -> str:
        """Return what it would write there if each token were drawn, always the same by `seed`."""

    def milliseconds(self, item: Item, tokens: int) -> float:
        """Return the processor time of one token on average, behind the prompt of that place.

        All threads together; other work on the machine changes it less than what a clock tells.
        """


@contextmanager
def opened(
    settings: Settings, adapter: Path | None = None, file: Path | None = None
) -> Iterator[LanguageModel]:
    """Load the model of `settings`, or `file`, with `adapter` over it; give the memory back.

    Raises ModelError if the model is not on this machine, EvaluationError if it cannot be loaded or
    the adapter is none for it.
    """
    # Threads that spin on a busy machine make each token take seconds; the library reads this once.
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    from fimbul_models.adoption.llama import Llama

    model = Llama(settings, adapter, file)
    try:
        yield model
    finally:
        model.close()
