"""Differentially private steps: each file's gradient is cut to a length, noise hides what is left.

DP-SGD (arXiv 1607.00133) with a file as the unit: every step draws each file by itself, takes the
gradient of all its examples together, and so needs no trick for gradients of single samples. The
accountant is Opacus's. Needs the extra ``training`` and Opacus.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch

from fimbul_models.errors import RecipeError
from fimbul_models.training.packing import Packed
from fimbul_models.training.recipe import Private

ACCOUNTANT = "rdp"
"""Rényi's bound: a little above the tightest one, and it never fails to converge."""


@dataclass(frozen=True)
class Budget:
    """What a training may tell, and what that takes."""

    files: int
    chance: float
    """Of each file to be in a step."""
    noise: float
    """Standard deviation of the noise over the length that gradients are cut to."""
    delta: float
    steps: int

    def spent(self, steps: int) -> float:
        """Return the epsilon of that many steps."""
        from opacus.accountants import create_accountant

        accountant = create_accountant(mechanism=ACCOUNTANT)
        accountant.history = [(self.noise, self.chance, steps)]
        return float(accountant.get_epsilon(delta=self.delta)) if steps else 0.0


def budget_for(private: Private, files: int, steps: int) -> Budget:
    """Return how much noise keeps `steps` steps over `files` files within what may be told.

    Raises RecipeError if there are too few files.
    """
    from opacus.accountants.utils import get_noise_multiplier

    if files < 2 * private.files:
        raise RecipeError(
            f"Differential privacy with {private.files} files a step needs {2 * private.files}"
            f" files or more, not {files}: lower `files` in the recipe's table `private`."
        )
    chance = private.files / files
    delta = private.delta or 1 / (10 * files)
    noise = get_noise_multiplier(
        target_epsilon=private.epsilon,
        target_delta=delta,
        sample_rate=chance,
        steps=steps,
        accountant=ACCOUNTANT,
    )
    return Budget(files, chance, float(noise), delta, steps)


def secret_seed(path: Path) -> int:
    """Return the number that draws and noise come from: made once, then read from `path`.

    Whoever knows it can take the noise off again, so it is for its owner only, never logged, and
    `forget` removes it when training ends.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w") as stream:
            stream.write(str(secrets.randbits(62)))
    return int(path.read_text())


def forget(path: Path) -> None:
    """Remove the secret."""
    path.unlink(missing_ok=True)


class PrivateGradient:
    """Makes the gradient of one step."""

    def __init__(self, budget: Budget, clip: float, seed: int, weights: Sequence[Any]) -> None:
        """Take the budget, the length that gradients are cut to, the secret and what learns."""
        self._budget = budget
        self._clip = clip
        self._seed = seed
        self._weights = weights

    def drawn(self, files: Sequence[Packed], step: int) -> Iterator[Packed]:
        """Yield the files of a step; each is drawn by itself, so there may be none."""
        # Repeatable after a kill; the seed is secret.
        random = Random(f"{self._seed}:draw:{step}")  # noqa: S311
        for file in files:
            if random.random() < self._budget.chance:
                yield file

    def step(self, files: Iterator[Packed], step: int, backward: Callable[[Packed], None]) -> float:
        """Leave the gradient of `files` where the optimiser looks for it; return its norm."""
        total = [torch.zeros_like(weight) for weight in self._weights]
        for file in files:
            for weight in self._weights:
                weight.grad = None
            backward(file)
            length = torch.nn.utils.get_total_norm(
                [weight.grad for weight in self._weights if weight.grad is not None]
            )
            part = min(1.0, self._clip / (float(length) + 1e-6))
            for summed, weight in zip(total, self._weights, strict=True):
                if weight.grad is not None:
                    summed.add_(weight.grad, alpha=part)
        generator = torch.Generator().manual_seed((self._seed + step) % 2**63)
        expected = self._budget.chance * self._budget.files
        for summed, weight in zip(total, self._weights, strict=True):
            noise = torch.randn(summed.shape, generator=generator) * self._budget.noise * self._clip
            weight.grad = (summed + noise.to(summed.device)) / expected
        return float(torch.nn.utils.get_total_norm([weight.grad for weight in self._weights]))
