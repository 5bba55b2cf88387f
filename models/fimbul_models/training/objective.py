"""The loss of packed sequences: weighted, of each example by itself.

Logits are computed only where something weighs, since the output layer of a small model is a
quarter of its work. Needs the extra ``training``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fimbul_models.training.packing import Packed


@dataclass
class Sums:
    """Losses added up, in nats, by what they are of."""

    weighted: float = 0.0
    """Each multiplied by its weight."""
    weight: float = 0.0
    middle: float = 0.0
    """Tokens of middles, but for those that end one."""
    middles: int = 0
    end: float = 0.0
    """Tokens that end a middle."""
    ends: int = 0
    plain: float = 0.0
    """Text from left to right."""
    plains: int = 0

    def add(self, other: "Sums") -> None:
        """Add up."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def means(self) -> dict[str, float]:
        """Return the means of what there is any of; ``loss`` is what is made smaller."""
        pairs = {
            "loss": (self.weighted, self.weight),
            "middle": (self.middle, self.middles),
            "end": (self.end, self.ends),
            "plain": (self.plain, self.plains),
        }
        return {name: total / many for name, (total, many) in pairs.items() if many}


class InfillingLoss(torch.nn.Module):
    """A model together with what it is trained for."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, sequence: Packed) -> tuple[Any, Any]:
        """Return the loss of each token that weighs, and which tokens those are.

        They are foretold by the token before them in the same example.
        """
        where = np.flatnonzero(sequence.weights > 0)
        hidden = self.hidden(sequence)[0]
        places = torch.from_numpy(where - 1).to(hidden.device)
        logits = self.model.get_output_embeddings()(hidden[places])
        wanted = torch.from_numpy(sequence.tokens[where]).to(hidden.device)
        losses = torch.nn.functional.cross_entropy(logits.float(), wanted, reduction="none")
        return losses, where

    def hidden(self, sequence: Packed) -> Any:
        """Return what the model makes of each token, in front of its output layer."""
        core = getattr(self.model, self.model.base_model_prefix)
        device = self.model.get_input_embeddings().weight.device
        tokens = torch.from_numpy(sequence.tokens).to(device)[None]
        positions = torch.from_numpy(sequence.positions).to(device)[None]
        mask = attention(sequence, device)
        found = core(input_ids=tokens, attention_mask=mask, position_ids=positions, use_cache=False)
        return found.last_hidden_state


def attention(sequence: Packed, device: Any) -> Any:
    """Return where each token may look: at those before it in its own example, and itself."""
    owners = torch.from_numpy(sequence.owners).to(device)
    length = len(sequence)
    seen = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    return (seen & (owners[:, None] == owners[None, :]))[None, None]


def weighted(losses: Any, where: Any, sequence: Packed) -> Any:
    """Return the sum of the losses, each multiplied by its weight."""
    weights = torch.from_numpy(sequence.weights[where]).to(losses.device)
    return (losses * weights).sum()


def sums_of(losses: Any, where: Any, sequence: Packed) -> Sums:
    """Return the losses of one sequence, added up by what they are of."""
    values = losses.detach().float().cpu().numpy().astype(np.float64)
    weights = sequence.weights[where].astype(np.float64)
    plain, last = sequence.plain[where], sequence.last[where]
    middle = ~plain & ~last
    return Sums(
        weighted=float((values * weights).sum()),
        weight=float(weights.sum()),
        middle=float(values[middle].sum()),
        middles=int(middle.sum()),
        end=float(values[last].sum()),
        ends=int(last.sum()),
        plain=float(values[plain].sum()),
        plains=int(plain.sum()),
    )
