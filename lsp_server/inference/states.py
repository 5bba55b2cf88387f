"""Saved work: copies of KV caches, found again by the tokens they hold.

Going back to a place, jumping and switching tabs return to a prompt that was evaluated before;
its copy spares evaluating it again. Knows nothing about llama.cpp: a state is some bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.inference.backend import common_length
from lsp_server.inference.protocol import LoadOptions

WORTH_TOKENS = 12
"""Tokens that a copy has to spare to be made or gone back to. Both cost about what evaluating one
token does (measured in `LOG.md`). It is less than one piece of a prefill (`kvcache.PIECE_AHEAD`),
or an idle prefill that is interrupted after each piece would never get on."""

LIMIT_BYTES = LoadOptions().state_bytes
"""Most bytes of all copies together, where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class SavedState:
    """A copy of a KV cache."""

    tokens: tuple[int, ...]
    """What was evaluated."""
    data: bytearray
    adapter: str = ""
    """What was over the model then; a copy is of no use under anything else."""


class SavedStates:
    """The copies that were used last, up to a limit of bytes."""

    def __init__(self, limit: int = LIMIT_BYTES, worth: int = WORTH_TOKENS) -> None:
        self._limit = limit
        self._worth = worth
        self._states: list[SavedState] = []
        """The one that was used last comes last."""
        self.adapter = ""
        """What is over the model now: copies made under anything else are passed over, and kept."""

    def __len__(self) -> int:
        return len(self._states)

    @property
    def size(self) -> int:
        """Bytes of all copies together."""
        return sum(len(state.data) for state in self._states)

    def shared(self, tokens: Sequence[int]) -> int:
        """Return how many of `tokens` the best copy begins with."""
        return max((common_length(state.tokens, tokens) for state in self._usable()), default=0)

    def find(self, tokens: Sequence[int], live: int) -> SavedState | None:
        """Return the copy to go back to for `tokens`; None if none is worth it.

        `live` tokens of them are there without one. The copy counts as used.
        """
        usable = self._usable()
        if not usable:
            return None
        best = max(usable, key=lambda state: common_length(state.tokens, tokens))
        if common_length(best.tokens, tokens) - live < self._worth:
            return None
        self._states.remove(best)
        self._states.append(best)
        return best

    def is_worth_saving(self, tokens: Sequence[int], live: int) -> bool:
        """Return whether `tokens` should be saved when only the first `live` of them stay."""
        if not self._limit:
            return False
        return len(tokens) - max(live, self.shared(tokens)) >= self._worth

    def add(self, state: SavedState) -> None:
        """Keep `state`; what it stands in for goes, then what was not used for longest."""
        if len(state.data) > self._limit:
            return
        self._states = [old for old in self._states if not self._stands_in(state, old)]
        self._states.append(state)
        while self.size > self._limit:
            del self._states[0]

    def clear(self) -> None:
        """Forget all."""
        self._states.clear()

    def _usable(self) -> list[SavedState]:
        return [state for state in self._states if state.adapter == self.adapter]

    def _stands_in(self, new: SavedState, old: SavedState) -> bool:
        if new.adapter != old.adapter:
            return False
        return len(old.tokens) - common_length(old.tokens, new.tokens) < self._worth
