"""What the filters make of the model's answers: what they take away, cut and lose.

Every item is completed by the server's own pipeline in this process, in a document that stands
alone; what the engine said is compared with what is shown. Knows nothing about LSP.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.oracle import Oracle, Shown, request_of
from lsp_server.completion.checks import Checks
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.trees import Trees
from lsp_server.inference.client import OnText
from lsp_server.inference.engine import Engine, EngineState
from lsp_server.syntax.languages import language_for
from lsp_server.syntax.tree import SyntaxTree, parse
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Generation,
    Prompt,
    Rejection,
    StopRules,
)


class Overheard:
    """An engine, and what it said last."""

    def __init__(self, engine: Engine) -> None:
        """Pass everything on to `engine`."""
        self._engine = engine
        self.said: Generation | None = None
        """None if it was not asked."""

    @property
    def state(self) -> EngineState:
        """See `Engine.state`."""
        return self._engine.state

    async def count_tokens(self, texts: list[str]) -> list[int]:
        """See `Engine.count_tokens`."""
        return await self._engine.count_tokens(texts)

    async def complete(
        self, prompt: Prompt, stop: StopRules, *, line_has_text: bool, on_text: OnText | None = None
    ) -> Generation:
        """See `Engine.complete`."""
        self.said = await self._engine.complete(
            prompt, stop, line_has_text=line_has_text, on_text=on_text
        )
        return self.said

    async def prefill(self, prompt: Prompt) -> Generation:
        """See `Engine.prefill`."""
        return await self._engine.prefill(prompt)

    async def learn(self, texts: list[str]) -> None:
        """See `Engine.learn`."""
        await self._engine.learn(texts)

    async def close(self) -> None:
        """See `Engine.close`."""
        await self._engine.close()


@dataclass(slots=True)
class Tally:
    """Answers of one kind, counted."""

    shown: int = 0
    right: int = 0
    """Equal to what stood there in the first line, blanks around it left aside."""
    errors: int = 0
    """Those that add parse errors, as the filters count them: unfinished ends are finished."""
    strict_errors: int = 0
    """Those with which the whole document, parsed anew, has more errors than with what stood
    there; what is unfinished counts."""


@dataclass(slots=True)
class Filtering:
    """What came of all items."""

    items: int = 0
    said: Tally = field(default_factory=Tally)
    """What the engine said, wherever it said something."""
    shown: Tally = field(default_factory=Tally)
    """What was left of it."""
    cut: int = 0
    """Answers that are shown shorter than they came, or otherwise changed."""
    reasons: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    """Items whose answer was right before the filters and is not any more."""
    won: list[str] = field(default_factory=list)
    """Items whose answer is right only since it was cut."""


class Filtered(Oracle):
    """An asynchronous context inside which the model of some settings is loaded."""

    async def add(self, item: Item, found: Filtering) -> None:
        """Complete `item` and count what comes of it."""
        overheard = Overheard(self._engine)
        pipeline = Pipeline(overheard, self._settings, Shown(None))
        pipeline.serve(self._served)
        request = request_of(item)
        outcome = await pipeline.complete(request)
        said = overheard.said.text.rstrip() if overheard.said else ""
        shown = outcome.text if isinstance(outcome, Completion) else ""
        found.items += 1
        found.cut += bool(shown) and shown != said
        if isinstance(outcome, Rejection):
            found.reasons[outcome.reason.value] += 1
        was_right = await _count(item, request, said, found.said)
        is_right = await _count(item, request, shown, found.shown)
        if was_right != is_right:
            (found.lost if was_right else found.won).append(item.task_id)


async def _count(item: Item, request: CompletionRequest, text: str, tally: Tally) -> bool:
    if not text.strip():
        return False
    is_right = _first_line(text) == _first_line(item.answer)
    tally.shown += 1
    tally.right += is_right
    check = await Checks(Trees()).check(request)
    tally.errors += check is not None and check.errors(text) > 0
    tally.strict_errors += _adds_errors(item, text)
    return is_right


def _first_line(text: str) -> str:
    return split_lines(text.strip())[0].strip()


def _adds_errors(item: Item, text: str) -> bool:
    before = _tree(item, item.prefix + item.answer + item.suffix)
    after = _tree(item, item.prefix + text + item.suffix)
    return before is not None and after is not None and after.errors > before.errors


def _tree(item: Item, text: str) -> SyntaxTree | None:
    language = language_for(item.language, item.path)
    return parse(language, split_lines(text)) if language else None


def as_lines(found: Filtering) -> list[str]:
    """Return the figures for a terminal."""
    said, shown = found.said, found.shown
    rows = [
        f"{'':24}{'said':>8}{'shown':>8}",
        f"{'answers':24}{said.shown:>8}{shown.shown:>8}",
        f"{'right in the first line':24}{said.right:>8}{shown.right:>8}",
        f"{'add parse errors':24}{said.errors:>8}{shown.errors:>8}",
        f"{'the same, strictly':24}{said.strict_errors:>8}{shown.strict_errors:>8}",
        f"{found.items} items, {found.cut} answers cut, {len(found.won)} right only since, "
        f"{len(found.lost)} lost",
    ]
    rows += [f"{count:>6}  {reason}" for reason, count in found.reasons.most_common()]
    return rows + [f"  lost: {task}" for task in found.lost]


def as_values(found: Filtering) -> dict[str, Any]:
    """Return the figures for one line of JSON."""
    return {
        "items": found.items,
        "cut": found.cut,
        "said": _values(found.said),
        "shown": _values(found.shown),
        "reasons": dict(found.reasons),
        "lost": found.lost,
        "won": found.won,
    }


def _values(tally: Tally) -> dict[str, int]:
    return {
        "answers": tally.shown,
        "right": tally.right,
        "errors": tally.errors,
        "strict_errors": tally.strict_errors,
    }


async def filter_items(filtered: Filtered, items: Iterable[Item]) -> Filtering:
    """Complete all items and return what the filters made of the answers."""
    found = Filtering()
    async with filtered:
        for item in items:
            await filtered.add(item, found)
    return found
