"""What training needs to go on exactly where it was: kept whole or not at all.

Needs the extra ``training``.
"""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import load_file, save_file

from fimbul_models.errors import RecipeError

_NAME = "checkpoint-{:08d}"
_WEIGHTS, _OPTIMISER, _STATE = "weights.safetensors", "optimiser.pt", "state.json"


class State(msgspec.Struct, kw_only=True):
    """How far training is."""

    recipe: str
    """Digest of the recipe and of the data, so that nothing goes on under another one."""
    step: int = 0
    """Steps that are done; what comes next depends on this and the seed alone."""
    best: float | None = None
    """Lowest loss of the validation side so far."""
    best_step: int = 0
    worse: int = 0
    """Looks since then."""
    tokens: int = 0
    """That were learnt from, repeated ones included."""
    seconds: float = 0.0
    ended: str = ""
    """Why training has ended; empty while it goes on."""


class Checkpoints:
    """The checkpoints of one training, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made when something is kept."""
        self._folder = folder

    def save(self, state: State, weights: dict[str, Any], optimiser: dict[str, Any]) -> None:
        """Keep a checkpoint, and remove those before it.

        Raises RecipeError if there is no room.
        """
        part = self._folder / "checkpoint.part"
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True, mode=0o700)
            save_file(weights, part / _WEIGHTS)
            torch.save(optimiser, part / _OPTIMISER)
            (part / _STATE).write_bytes(msgspec.json.encode(state))
            whole = self._folder / _NAME.format(state.step)
            shutil.rmtree(whole, ignore_errors=True)
            part.rename(whole)
        except OSError as error:
            raise RecipeError(f"No checkpoint can be kept in {self._folder}: {error}.") from error
        for earlier in self._all():
            if earlier != whole:
                shutil.rmtree(earlier, ignore_errors=True)

    def load(self, recipe: str) -> tuple[State, dict[str, Any], dict[str, Any]] | None:
        """Return the last checkpoint: state, weights and the optimiser's state; None without one.

        Raises RecipeError if it is of another recipe or other data.
        """
        found = self._all()
        if not found:
            return None
        state = msgspec.json.decode((found[-1] / _STATE).read_bytes(), type=State)
        if state.recipe != recipe:
            raise RecipeError(
                f"{self._folder} holds the training of another recipe or of other data; give"
                " another --output, or remove that folder."
            )
        weights = load_file(found[-1] / _WEIGHTS)
        optimiser = torch.load(found[-1] / _OPTIMISER, weights_only=True)
        return state, weights, optimiser

    def keep_best(self, weights: dict[str, Any]) -> None:
        """Keep the weights that were best so far."""
        part = self._folder / "best.part"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        save_file(weights, part)
        part.rename(self._folder / "best.safetensors")

    def best(self) -> dict[str, Any] | None:
        """Return the weights that were best; None if nothing was ever looked at."""
        path = self._folder / "best.safetensors"
        found: dict[str, Any] | None = load_file(path) if path.is_file() else None
        return found

    def _all(self) -> list[Path]:
        return sorted(self._folder.glob("checkpoint-????????"))
