"""A recipe from data to exported file: the one module that knows all parts of training.

A call that was killed goes on: what the corpus has made stays, training goes on behind its last
checkpoint, and what is written at the end is written again. Needs the extra ``training``.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.errors import RecipeError
from fimbul_models.training.adapter_file import About
from fimbul_models.training.base import add_lora, load_model, one_first
from fimbul_models.training.data import Sides, files_in, shards_of, sides_of
from fimbul_models.training.encoding import Encoder, Splitter
from fimbul_models.training.exporting import Agreement, compare, export_adapter, export_model
from fimbul_models.training.journal import Journal
from fimbul_models.training.locating import Found, find_base
from fimbul_models.training.loop import Outcome, Training, Where
from fimbul_models.training.probe import Subject
from fimbul_models.training.recipe import Method, TrainRecipe, read_train_recipe
from fimbul_models.training.tokens import splitter_of
from lsp_server.prompt.formats import FORMATS

Tell = Callable[[str], None]

ADAPTER, MODEL, SUMMARY = "adapter.gguf", "model.gguf", "training.json"

COMPARED = 128
"""Tokens behind which the logits of engine and training are compared."""


@dataclass(frozen=True)
class Call:
    """What a call of the command says."""

    recipe: Path
    output: Path
    work: Path
    kind: str = "f16"
    """Type of a merged model's matrices."""
    merge: bool = False
    """Write the whole model although only an adapter was learnt."""
    like: Path | None = None
    """GGUF of the base, where the base is a hub's folder."""
    check: bool = True
    """Compare logits with the engine's."""


def train(call: Call, tell: Tell) -> dict[str, Any]:
    """Train by a recipe, write what was learnt, and return what there is to tell.

    Raises FimbulError if the recipe, the base or the data do not do.
    """
    recipe = read_train_recipe(call.recipe)
    found = find_base(recipe.base, call.recipe.absolute().parent)
    if _like(call, found) is None and (recipe.method is Method.FULL or call.merge):
        raise RecipeError(
            f"{found.path} is no GGUF, so a whole model has nothing to be written like: give a"
            " GGUF of the same model with --like."
        )
    call.output.mkdir(parents=True, exist_ok=True, mode=0o700)
    with one_first():
        # The others find what the first has made.
        shards = shards_of(recipe.data, call.recipe, call.work / "data", recipe.seed, tell)
    with splitter_of(found.path) as splitter:
        encoder = Encoder(splitter, recipe.objective)
        sides = sides_of(recipe, shards, encoder)
        tell(
            f"{len(sides.train)} examples of {files_in(sides.train)} files train,"
            f" {len(sides.validation)} judge; {sides.too_long} were too long."
        )
        model = load_model(found, recipe.method, recipe.precision)
        if recipe.method is Method.LORA:
            add_lora(model, recipe.lora, recipe.seed)
        digest = _digest(recipe, found, sides)
        training = Training(recipe, model, sides, Where(call.output, call.work, digest), tell)
        outcome = training.run()
        if not training.is_main:
            return {}
        summary = _summary(recipe, found, sides, outcome, digest)
        model.cpu()
        exported = _export(call, recipe, found, model, splitter, summary)
        summary |= exported
        if call.check and _like(call, found) is not None:
            sample = sides.validation or sides.train
            summary |= _checked(call, recipe, found, model, sample[0].tokens[:COMPARED].tolist())
    _write(call, recipe, summary)
    return summary


def _like(call: Call, found: Found) -> Path | None:
    return found.path if found.is_gguf else call.like


def _digest(recipe: TrainRecipe, found: Found, sides: Sides) -> str:
    """Return what a training is known by: nothing goes on under other weights or data."""
    whole = hashlib.sha256(f"{recipe.digest()} {found.sha256}\n".encode())
    for side in (sides.train, sides.validation):
        for example in side:
            whole.update(example.tokens.tobytes() + example.weights.tobytes() + b"\n")
    return whole.hexdigest()


def _summary(
    recipe: TrainRecipe, found: Found, sides: Sides, outcome: Outcome, digest: str
) -> dict[str, Any]:
    """Return the figures of a training; none of them holds text of code."""
    state = outcome.state
    summary: dict[str, Any] = {
        "name": recipe.name,
        "method": recipe.method.value,
        "precision": recipe.precision.value,
        "base": recipe.base.model or found.path.name,
        "base sha256": found.sha256,
        "recipe sha256": recipe.digest(),
        "training sha256": digest,
        "examples": len(sides.train),
        "files": files_in(sides.train),
        "tokens of a pass": sides.tokens,
        "tokens learnt from": state.tokens,
        "steps": state.step,
        "ended": state.ended,
        "validation loss": state.best,
        "best step": state.best_step,
        "seconds": state.seconds,
        "tokens a second": state.tokens / state.seconds if state.seconds else 0.0,
        "memory MB": outcome.memory,
    }
    if recipe.method is Method.LORA:
        summary["rank"] = recipe.lora.rank
    if outcome.epsilon is not None:
        summary |= {
            "epsilon": outcome.epsilon,
            "delta": outcome.delta,
            "unit of privacy": "one file",
        }
    return summary


def _export(
    call: Call,
    recipe: TrainRecipe,
    found: Found,
    model: Any,
    splitter: Splitter,
    summary: dict[str, Any],
) -> dict[str, Any]:
    told: dict[str, Any] = {}
    facts: dict[str, str | int | float] = {
        "fimbul.base.sha256": found.sha256,
        "fimbul.training.sha256": str(summary["training sha256"]),
    }
    if "epsilon" in summary:
        facts |= {"fimbul.epsilon": summary["epsilon"], "fimbul.delta": summary["delta"]}
    if recipe.method is Method.LORA:
        about = About(alpha=recipe.lora.alpha, name=recipe.name, facts=facts)
        told["adapter bytes"] = export_adapter(call.output / ADAPTER, model, about)
    like = _like(call, found)
    if like is not None and (recipe.method is Method.FULL or call.merge):
        facts |= {"general.name": recipe.name} | sentinel_facts(recipe, splitter)
        told["model bytes"] = export_model(call.output / MODEL, model, like, call.kind, facts)
    return told


def sentinel_facts(recipe: TrainRecipe, splitter: Splitter) -> dict[str, str | int | float]:
    """Return the entries by which engines learn what the sentinels are for."""
    row = FORMATS[recipe.data.fim.family]
    roles = {"pre": row.prefix, "suf": row.suffix, "mid": row.middle}
    roles |= {"sep": row.separator, "rep": row.repository}
    stand_ins = recipe.objective.sentinels
    return {
        f"tokenizer.ggml.fim_{role}_token_id": splitter.special(stand_ins[text])
        for role, text in roles.items()
        if text in stand_ins
    }


def _checked(
    call: Call, recipe: TrainRecipe, found: Found, model: Any, tokens: list[int]
) -> dict[str, Any]:
    """Return how near the engine comes to what was trained, for every file that was written."""
    told = {}
    like = _like(call, found)
    if recipe.method is Method.LORA and like is not None:
        subject = Subject(like, call.output / ADAPTER, context=COMPARED)
        told["engine with adapter"] = asdict(compare(model, subject, tokens))
    if (call.output / MODEL).is_file():
        subject = Subject(call.output / MODEL, context=COMPARED)
        told["engine with merged model"] = asdict(compare(model, subject, tokens))
    return told


def _write(call: Call, recipe: TrainRecipe, summary: dict[str, Any]) -> None:
    encoded = msgspec.json.format(msgspec.json.encode(summary), indent=2)
    (call.output / SUMMARY).write_bytes(encoded + b"\n")
    facts = {name: value for name, value in summary.items() if not isinstance(value, dict)}
    Journal(call.output).draw(recipe.name, facts)


def as_lines(summary: dict[str, Any]) -> list[str]:
    """Return the figures for people."""
    lines = []
    for name, value in summary.items():
        if isinstance(value, dict):
            found = Agreement(**value)
            lines.append(
                f"{name}: logits differ by {found.most:.4g} at most, {found.mean:.4g} on average;"
                f" KL {found.divergence:.3g} nats; {found.same_choice:.1%} the same choice"
            )
        else:
            lines.append(f"{name}: {f'{value:.6g}' if isinstance(value, float) else value}")
    return lines
