"""What a worker process needs of the thing that evaluates tokens.

Two backends implement it: llama.cpp and a scripted one. Both live inside the worker, so that
everything around them (pipes, cancelling, crashes, restarts) is the same.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from lsp_server.inference.protocol import (
    Complete,
    Counters,
    Finished,
    Learn,
    Learned,
    Load,
    Loaded,
    Prefill,
)


class Cancelled(Exception):  # It is an outcome, not an error.
    """The running request was cancelled."""


class Backend(Protocol):
    """Evaluates tokens in the main thread of a worker.

    Every method may raise `lsp_server.errors.FimbulError`, which the worker answers with
    `Failed`. Only `count_tokens` and `cancel` are called from another thread.
    """

    @property
    def beats(self) -> int:
        """A number that grows while something is computed; read from another thread."""

    def load(self, request: Load) -> Loaded:
        """Load a model in place of the one before."""

    def count_tokens(self, texts: list[str]) -> list[int]:
        """Count tokens; safe while another thread generates."""

    def generate(self, request: Complete, emit: Callable[[str], None]) -> Finished:
        """Generate text for a prompt, handing out each piece as it comes."""

    def prefill(self, request: Prefill) -> Finished:
        """Evaluate a prompt and generate nothing."""

    def learn(self, request: Learn) -> Learned:
        """Take in texts from which answers are guessed ahead; called with short ones."""

    def cancel(self) -> None:
        """Make the running request end as soon as it can."""

    def begin(self) -> None:
        """Forget an earlier `cancel`; called before each request."""

    def counters(self, request_id: int) -> Counters:
        """Say what was done so far."""


def common_length(first: Sequence[object], second: Sequence[object]) -> int:
    """Return how many items two sequences share at their beginning."""
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return length
