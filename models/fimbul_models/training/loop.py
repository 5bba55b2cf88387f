"""Steps of training, one after the other, from the last checkpoint to the end.

What a step does depends on the recipe, the data and the step's number only, so a training that was
killed and called again ends with the same weights (on the same machine, with as many threads).
Needs the extra ``training``.
"""

import hashlib
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from fimbul_models.errors import RecipeError
from fimbul_models.training.base import learning, on_processor, put_weights, weights_of
from fimbul_models.training.checkpoints import Checkpoints, State
from fimbul_models.training.data import Sides
from fimbul_models.training.journal import Journal
from fimbul_models.training.needs import PRIVATE, require
from fimbul_models.training.objective import InfillingLoss, Sums, sums_of, weighted
from fimbul_models.training.packing import Packed, by_file, pack_all, sequences_from, shuffled_pass
from fimbul_models.training.privacy import (
    Budget,
    PrivateGradient,
    budget_for,
    forget,
    secret_seed,
)
from fimbul_models.training.recipe import Method, Precision, Schedule, TrainRecipe

Tell = Callable[[str], None]

SLOWEST = 0.1
"""Share of the highest rate that the last step has."""

_EARLY, _DONE = "no better for too long", "all steps done"


@dataclass(frozen=True)
class Where:
    """Where a training's files are, and what it is known by."""

    output: Path
    work: Path
    digest: str
    """Of recipe and data."""

    @property
    def secret(self) -> Path:
        """File of what noise comes from."""
        return self.work / "secret"


@dataclass(frozen=True)
class Outcome:
    """How a training went."""

    state: State
    steps: int
    """Planned."""
    sequences: int
    """Of a pass."""
    epsilon: float | None
    delta: float | None
    memory: float
    """Most that this process had, in MB."""


class Training:
    """One training."""

    def __init__(
        self, recipe: TrainRecipe, model: Any, sides: Sides, where: Where, tell: Tell
    ) -> None:
        """Take the recipe, the model with what learns in it, the examples and the folders."""
        import accelerate

        self._recipe, self._sides, self._where, self._tell = recipe, sides, where, tell
        self._parallel = accelerate.Accelerator(cpu=on_processor())
        most, seed = recipe.objective.sequence, recipe.seed
        self._validation = pack_all(sides.validation, most)
        self._files = by_file(sides.train, most)
        self.sequences = len(shuffled_pass(sides.train, most, seed, 0))
        self.steps = steps_of(recipe, self.sequences, len(self._files))
        self._model = model
        self._weights = [weight for _, weight in learning(model)]
        optimiser = torch.optim.AdamW(
            self._weights, lr=recipe.schedule.rate, weight_decay=recipe.schedule.weight_decay
        )
        self._loss, self._optimiser = self._parallel.prepare(InfillingLoss(model), optimiser)
        self._checkpoints = Checkpoints(where.work / "checkpoints")
        self._journal = Journal(where.output)
        self._budget = self._budgeted()

    def run(self) -> Outcome:
        """Train until all steps are done, or the validation side gets no better.

        The model has the best weights then. Raises RecipeError if the checkpoints are of another
        training, or the weights go astray.
        """
        state = self._begin()
        private = self._private()
        sequences = sequences_from(
            self._sides.train,
            self._recipe.objective.sequence,
            self._recipe.seed,
            state.step * self._recipe.schedule.accumulate,
        )
        while not state.ended:
            began = time.perf_counter()
            for group in self._optimiser.param_groups:
                group["lr"] = rate_at(self._recipe.schedule, state.step, self.steps)
            # Dropout repeats after a kill, too.
            torch.manual_seed(seed_of(self._recipe.seed, state.step, self._rank))
            if private is None:
                sums, norm, tokens = self._step(sequences)
            else:
                sums, norm, tokens = self._private_step(private, state.step)
            if not math.isfinite(norm):
                raise RecipeError(
                    f"The gradient of step {state.step + 1} is no number: training has gone astray."
                    " Lower `rate` in the recipe's table `schedule`, and give another --output."
                )
            state.step += 1
            state.tokens += tokens
            self._after(state, sums, norm, tokens, began)
        return self._end(state)

    def validate(self) -> dict[str, float]:
        """Return the mean losses of the validation side; nothing if there is none."""
        self._loss.eval()
        total = Sums()
        with torch.no_grad(), self._precision():
            for sequence in self._validation:
                losses, where = self._parallel.unwrap_model(self._loss)(sequence)
                total.add(sums_of(losses, where, sequence))
        self._loss.train()
        return total.means()

    # One step

    def _step(self, sequences: Iterator[Packed]) -> tuple[Sums, float, int]:
        schedule = self._recipe.schedule
        group = list(islice(sequences, schedule.accumulate))
        whole = max(sum(float(one.weights.sum()) for one in group), 1e-9)
        many = self._parallel.num_processes
        own = group[self._rank :: many]
        total = Sums()
        self._optimiser.zero_grad()
        for number, sequence in enumerate(own):
            # Gradients of several devices are averaged once, behind the last sequence.
            last = number == len(own) - 1
            waiting = nullcontext() if last else self._parallel.no_sync(self._loss)
            with waiting:
                total.add(self._backward(sequence, many / whole))
        norm = float(self._parallel.clip_grad_norm_(self._weights, schedule.clip))
        self._optimiser.step()
        return total, norm, sum(map(len, group))

    def _backward(self, sequence: Packed, factor: float) -> Sums:
        with self._precision():
            losses, where = self._loss(sequence)
        self._parallel.backward(weighted(losses, where, sequence) * factor)
        return sums_of(losses, where, sequence)

    def _private_step(self, private: PrivateGradient, step: int) -> tuple[Sums, float, int]:
        total, read = Sums(), [0]

        def backward(file: Packed) -> None:
            weight = max(float(file.weights.sum()), 1e-9)
            total.add(self._backward(file, 1 / weight))
            read[0] += len(file)

        norm = private.step(private.drawn(self._files, step), step, backward)
        self._optimiser.step()
        return total, norm, read[0]

    def _precision(self) -> AbstractContextManager[Any]:
        """Return a context in which a full training computes in 16 bits if it is to."""
        recipe = self._recipe
        if recipe.method is Method.FULL and recipe.precision is Precision.BRAIN:
            context: AbstractContextManager[Any] = torch.autocast(
                self._parallel.device.type, dtype=torch.bfloat16
            )
            return context
        return nullcontext()

    # Between steps

    def _begin(self) -> State:
        self._loss.train()
        kept = self._checkpoints.load(self._where.digest)
        if kept is None:
            state = State(recipe=self._where.digest)
            self._journal.go_on_from(-1)
            first = self.validate()
            if self.is_main:
                self._journal.write({"step": 0, **_validation(first)})
            state.best = first.get("loss")
            if first and self.is_main:
                self._checkpoints.keep_best(weights_of(self._model))
            return state
        state, weights, optimiser = kept
        put_weights(self._model, weights)
        self._optimiser.load_state_dict(optimiser)
        self._journal.go_on_from(state.step)
        self._tell(f"Going on behind step {state.step} of {self.steps}.")
        return state

    def _after(self, state: State, sums: Sums, norm: float, tokens: int, began: float) -> None:
        schedule = self._recipe.schedule
        seconds = time.perf_counter() - began
        row: dict[str, Any] = {
            "step": state.step,
            **sums.means(),
            "norm": norm,
            "rate": self._optimiser.param_groups[0]["lr"],
            "tokens": state.tokens,
            "tokens a second": tokens / seconds,
            "memory": memory(),
        }
        if state.step % schedule.evaluate == 0 or state.step >= self.steps:
            found = self.validate()
            row |= _validation(found)
            self._judge(state, found)
        if state.step >= self.steps:
            state.ended = _DONE
        state.seconds += time.perf_counter() - began
        row["seconds"] = state.seconds
        if not self.is_main:
            return
        self._journal.write(row)
        if state.step % schedule.checkpoint == 0 or state.ended:
            self._checkpoints.save(state, weights_of(self._model), self._optimiser.state_dict())
        self._tell(_line(row, self.steps))

    def _judge(self, state: State, found: dict[str, float]) -> None:
        if not found:
            return
        if state.best is None or found["loss"] < state.best:
            state.best, state.best_step, state.worse = found["loss"], state.step, 0
            if self.is_main:
                self._checkpoints.keep_best(weights_of(self._model))
            return
        state.worse += 1
        patience = self._recipe.schedule.patience
        if patience and state.worse >= patience:
            state.ended = _EARLY

    def _end(self, state: State) -> Outcome:
        self._parallel.wait_for_everyone()
        best = self._checkpoints.best()
        if best is not None:
            put_weights(self._model, best)
        budget = self._budget
        if budget is not None:
            forget(self._where.secret)
        return Outcome(
            state=state,
            steps=self.steps,
            sequences=self.sequences,
            epsilon=budget.spent(state.step) if budget else None,
            delta=budget.delta if budget else None,
            memory=memory(),
        )

    # Privacy

    def _budgeted(self) -> Budget | None:
        private = self._recipe.private
        if not private.epsilon:
            return None
        require(*PRIVATE)
        return budget_for(private, len(self._files), self.steps)

    def _private(self) -> PrivateGradient | None:
        if self._budget is None:
            return None
        seed = secret_seed(self._where.secret)
        return PrivateGradient(self._budget, self._recipe.private.clip, seed, self._weights)

    @property
    def _rank(self) -> int:
        rank: int = self._parallel.process_index
        return rank

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes."""
        return self._rank == 0


def steps_of(recipe: TrainRecipe, sequences: int, files: int) -> int:
    """Return how many steps the passes over the data make, or the most that the recipe allows."""
    schedule = recipe.schedule
    units, each = sequences, schedule.accumulate
    if recipe.private.epsilon:
        units, each = files, recipe.private.files
    steps = max(1, math.ceil(schedule.passes * units / each))
    return min(steps, schedule.steps) if schedule.steps else steps


def rate_at(schedule: Schedule, step: int, steps: int) -> float:
    """Return the learning rate of a step, counted from 0: a straight rise, then a cosine."""
    rising = math.ceil(schedule.warm_up * steps)
    if step < rising:
        return schedule.rate * (step + 1) / rising
    part = (step - rising) / max(1, steps - rising)
    return schedule.rate * (SLOWEST + (1 - SLOWEST) * (1 + math.cos(math.pi * part)) / 2)


def seed_of(*numbers: int) -> int:
    """Return one number made of several."""
    return int.from_bytes(hashlib.sha256(repr(numbers).encode()).digest()[:7])


def memory() -> float:
    """Return the most memory that this process has had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _validation(found: dict[str, float]) -> dict[str, float]:
    return {f"validation {name}": value for name, value in found.items()}


def _line(row: dict[str, Any], steps: int) -> str:
    parts = [f"step {row['step']}/{steps}", f"loss {row.get('loss', math.nan):.3f}"]
    if "validation loss" in row:
        parts.append(f"validation {row['validation loss']:.3f}")
    parts.append(f"{row['tokens a second']:.0f} tokens/s")
    parts.append(f"{row['memory']:.0f} MB")
    return ", ".join(parts)
