"""How alike two models answer: the share of equal first choices, and the KL divergence.

Both are taken over the whole vocabulary at every position of a text that both models are shown,
so no model's own answers lead the other astray. Pure; knows nothing about engines.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.float32]
"""One row a position, one column a token."""

Tokens = npt.NDArray[np.int64]
"""Numbers of tokens."""


@dataclass(slots=True)
class Tally:
    """What two models said at the positions seen so far."""

    positions: int = 0
    equal: int = 0
    """Positions at which both would choose the same token."""
    divergence: float = 0.0
    """Sum over the positions of the KL divergence of the candidate from the original, in nats."""

    @property
    def agreement(self) -> float:
        """Share of positions with the same first choice; 0 before the first."""
        return self.equal / self.positions if self.positions else 0.0

    @property
    def mean_divergence(self) -> float:
        """Mean KL divergence in nats; 0 before the first position."""
        return self.divergence / self.positions if self.positions else 0.0

    def add(self, original: Logits, candidate: Logits, tokens: Tokens | None = None) -> None:
        """Count positions, given what each model said at the same ones.

        `tokens` are the original's numbers of the candidate's tokens, if it has fewer: a first
        choice that it does not have is a loss, and the divergence is over those it has.
        """
        chosen, found = original.argmax(axis=1), candidate.argmax(axis=1)
        if tokens is not None:
            original, found = original[:, tokens], tokens[found]
        if original.shape != candidate.shape:
            raise ValueError(f"{original.shape} and {candidate.shape} logits are compared")
        self.positions += len(original)
        self.equal += int((chosen == found).sum())
        self.divergence += float(divergences(original, candidate).sum())

    def can_reach(self, agreement: float, positions: int) -> bool:
        """Say whether `agreement` over `positions` in all is still possible."""
        return self.positions - self.equal <= positions * (1.0 - agreement) + 1e-9


def divergences(original: Logits, candidate: Logits) -> npt.NDArray[np.float64]:
    """Return KL(original || candidate) at each position, in nats."""
    first = original - original.max(axis=1, keepdims=True)
    second = candidate - candidate.max(axis=1, keepdims=True)
    weights = np.exp(first)
    total = weights.sum(axis=1, dtype=np.float64)
    other = np.exp(second).sum(axis=1, dtype=np.float64)
    gap = np.einsum("ij,ij->i", weights, first - second, dtype=np.float64) / total
    # Rounding may leave a little less than nothing where both say the same.
    found: npt.NDArray[np.float64] = np.maximum(gap - np.log(total) + np.log(other), 0.0)
    return found
