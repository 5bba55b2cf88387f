"""Which variants of a model are worth a try, and which of those tried is to be kept.

A recipe says which groups of tensors take which type. Groups are tried one by one, then together
where their losses allow it. Pure: values in, values out; nothing here makes or measures a file.
"""

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lsp_server.inference.tensors import Tensor
from lsp_server.inference.tuning import Compared, Times

GROUPS: Mapping[str, re.Pattern[str]] = {
    "output": re.compile(r"output\.weight"),
    "attention": re.compile(r"blk\.\d+\.attn_(q|k|v|qkv|output)\.weight"),
    "ffn-in": re.compile(r"blk\.\d+\.ffn_(gate|up)(_exps|_shexp)?\.weight"),
    "ffn-down": re.compile(r"blk\.\d+\.ffn_down(_exps|_shexp)?\.weight"),
}
"""The tensors that each token reads whole, by what they do. The embedding is not among them: a
token reads one row of it, so its type costs no time."""

_TIED_OUTPUT = "token_embd.weight"
"""What multiplies the output where a model has no matrix of its own for it."""

TYPES_TO_TRY = ("q8_0", "q5_0", "q4_k", "iq4_nl", "q4_0")
"""The types that llama.cpp has fast kernels for on processors, the most faithful first."""

LEAST_SAVED = 0.02
"""Share of the bytes a token reads that a recipe has to save to be worth a try."""

PROMPT_TOKENS, ANSWER_TOKENS = 64, 16
"""A request as typing makes them when little has to be read: what variants are ranked by."""

LEAST_GAIN = 0.03
"""Share of a request's time that a variant has to save to be worth its disk space; less is
within what two measurements of the same file differ by."""

_HOPE = 1.1
"""How far over the limit the expected loss of a combination may lie for it still to be tried."""

COMBINATIONS = 3
"""Most combinations that are tried."""

TOKENS = "tokens"
"""What is named beside the groups where tokens were left out."""

Recipe = Mapping[str, str]
"""The type of each group that changes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A recipe that was tried."""

    recipe: Recipe
    size: int
    """Bytes of its file."""
    compared: Compared

    @property
    def agreement(self) -> float:
        """Share of positions at which it says what the original says."""
        return self.compared.equal / self.compared.positions

    @property
    def time_ratio(self) -> float:
        """Time of a request by the original's."""
        return time_ratio(self.compared)


def request_ms(times: Times) -> float:
    """Return the time of a request in milliseconds."""
    return PROMPT_TOKENS * times.prefill + ANSWER_TOKENS * times.decode


def time_ratio(compared: Compared) -> float:
    """Return the time of a request by the original's, from ratios taken by turns."""
    original = compared.original
    changed = Times(
        original.prefill * compared.prefill_ratio, original.decode * compared.decode_ratio
    )
    return request_ms(changed) / request_ms(original)


def title_of(recipe: Recipe) -> str:
    """Return a recipe as people read it, as in ``output q4_0, ffn-down q4_k``."""
    return ", ".join(f"{name} {recipe[name]}" for name in (TOKENS, *GROUPS) if name in recipe)


def types_of(tensors: Sequence[Tensor], recipe: Recipe) -> dict[str, str]:
    """Return the type of each matrix under a recipe.

    A tensor only changes where that makes it smaller and its rows fit; all others keep their
    types, so that nothing is lost where nothing is won.
    """
    groups = _groups(tensors)
    types = {}
    for tensor in tensors:
        if len(tensor.shape) < 2:
            continue
        wanted = recipe.get(groups.get(tensor.name, ""))
        types[tensor.name] = wanted if wanted and _shrinks(tensor, wanted) else tensor.type
    return types


def bytes_saved(tensors: Sequence[Tensor], recipe: Recipe) -> int:
    """Return by how many bytes a recipe makes the file smaller."""
    types = types_of(tensors, recipe)
    return sum(
        tensor.size_as(tensor.type) - tensor.size_as(types[tensor.name])
        for tensor in tensors
        if types.get(tensor.name, tensor.type) != tensor.type
    )


def singles(tensors: Sequence[Tensor]) -> list[Recipe]:
    """Return the recipes that change one group, those that save enough to be worth a try."""
    groups = _groups(tensors)
    read = sum(
        tensor.size_as(tensor.type) for tensor in tensors if tensor.name in groups and tensor.bits
    )
    recipes = [{group: kind} for group in GROUPS for kind in TYPES_TO_TRY]
    return [
        recipe for recipe in recipes if bytes_saved(tensors, recipe) >= max(1, LEAST_SAVED * read)
    ]


def is_hopeless(recipe: Recipe, tried: Iterable[Outcome], agreement: float) -> bool:
    """Say whether the answers were lost already when less was changed.

    A group that could not bear one type will not bear a coarser one, so most of what would lose
    does not have to be made.
    """
    return any(
        not holds(outcome, agreement)
        and all(
            group in recipe and TYPES_TO_TRY.index(kind) <= TYPES_TO_TRY.index(recipe[group])
            for group, kind in outcome.recipe.items()
        )
        for outcome in tried
    )


def combinations(tried: Sequence[Outcome], agreement: float) -> list[Recipe]:
    """Return the combinations of single groups that may hold the agreement, the fastest first.

    Gains are taken to add up, and losses as their squares do, since the roundings of one group
    have nothing to do with those of another. Only groups that are faster alone and keep the
    agreement alone take part.
    """
    by_group: dict[str, list[Outcome | None]] = {}
    for outcome in tried:
        if len(outcome.recipe) == 1 and holds(outcome, agreement) and outcome.time_ratio < 1.0:
            by_group.setdefault(next(iter(outcome.recipe)), [None]).append(outcome)
    found: list[tuple[float, str, Recipe]] = []
    for choice in itertools.product(*by_group.values()):
        chosen = [outcome for outcome in choice if outcome]
        loss = math.hypot(*(1.0 - outcome.agreement for outcome in chosen))
        recipe = {group: kind for outcome in chosen for group, kind in outcome.recipe.items()}
        if len(chosen) > 1 and loss <= _HOPE * (1.0 - agreement):
            found.append(
                (sum(outcome.time_ratio - 1.0 for outcome in chosen), title_of(recipe), recipe)
            )
    return [recipe for _, _, recipe in sorted(found, key=lambda item: item[:2])][:COMBINATIONS]


def holds(outcome: Outcome, agreement: float) -> bool:
    """Say whether a variant keeps the original's answers."""
    return outcome.agreement >= agreement


def fastest(tried: Iterable[Outcome], agreement: float) -> Outcome | None:
    """Return the fastest variant that keeps the answers and is worth having, if there is one.

    Of those that are about as fast the most faithful one is taken: nobody would give up answers
    for a difference that the next measurement may turn round.
    """
    good = [
        outcome
        for outcome in tried
        if holds(outcome, agreement) and outcome.time_ratio <= 1.0 - LEAST_GAIN
    ]
    if not good:
        return None
    close = min(outcome.time_ratio for outcome in good) + LEAST_GAIN
    near = (outcome for outcome in good if outcome.time_ratio <= close)
    return max(near, key=lambda outcome: (outcome.agreement, -outcome.time_ratio))


def _groups(tensors: Sequence[Tensor]) -> dict[str, str]:
    """Return the group of each tensor that belongs to one."""
    groups = {
        tensor.name: group
        for tensor in tensors
        for group, pattern in GROUPS.items()
        if pattern.fullmatch(tensor.name)
    }
    if "output" not in groups.values():
        groups[_TIED_OUTPUT] = "output"
    return groups


def _shrinks(tensor: Tensor, kind: str) -> bool:
    return (
        bool(tensor.bits)
        and tensor.fits(kind)
        and tensor.size_as(kind) < tensor.size_as(tensor.type)
    )
