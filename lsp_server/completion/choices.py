"""What the engine is told about other answers than the greedy one, and what is made of them.

Pure. Knows nothing about engines, caches or LSP.
"""

from collections.abc import Iterable
from dataclasses import replace

from lsp_server.completion.checks import Check
from lsp_server.completion.outcomes import Reveals, outcome_of
from lsp_server.config.options import CompletionOptions, Rethink, Symbols
from lsp_server.privacy.secrets import reveals
from lsp_server.text import strip_ending
from lsp_server.types import (
    BodyStop,
    Completion,
    CompletionRequest,
    Document,
    Generation,
    Outcome,
    Position,
    StopRules,
    Surface,
    Timings,
    TriggerKind,
)

_LETTERS = 2
"""Letters and digits up to which a line may well stand twice, such as a bracket."""

_BELOW = 20
"""Lines below the cursor in which the next one with something in it is looked for."""


def with_choice(
    rules: StopRules, asked: CompletionRequest, options: CompletionOptions, comment: str = ""
) -> StopRules:
    """Return `rules` with what is typed, what may not come and what stands below.

    `comment` is the mark that begins a comment in this language.

    Where code stands right of the cursor nothing is forbidden and nothing follows: the line is
    not the answer's alone. Nor is it where a body is asked for, which knows itself where it ends.
    """
    line = asked.document.line(asked.position.line)
    typed, rest = line[: asked.position.column], line[asked.position.column :]
    rules = replace(rules, typed=typed, comment=comment.strip())
    if rest.strip() or rules.body is not None:
        return rules
    below = _below(asked.document, asked.position)
    forbidden = (below.strip(),) if sum(map(str.isalnum, below)) > _LETTERS else ()
    following = below if _rethinks(asked, options) else ""
    return replace(rules, forbidden=forbidden, following=following)


def with_names(rules: StopRules, names: tuple[str, ...], symbols: Symbols) -> StopRules:
    """Return `rules` with the names that are favoured or required at the cursor."""
    if symbols is Symbols.OFF:
        return rules
    return replace(rules, names=names, names_only=symbols is Symbols.REQUIRE)


def _rethinks(asked: CompletionRequest, options: CompletionOptions) -> bool:
    # Nothing of an unsure line can be shown before it is whole, so it has to be worth waiting for.
    if options.rethink is Rethink.ASKED:
        return asked.trigger_kind is TriggerKind.INVOKED
    return options.rethink is Rethink.ALWAYS


def _below(document: Document, position: Position) -> str:
    """Return the next line with something in it, without its ending; empty if none is near."""
    lines = document.lines[position.line + 1 : position.line + 1 + _BELOW]
    return next((strip_ending(line) for line in lines if line.strip()), "")


def choice_of(
    request: CompletionRequest,
    asked: CompletionRequest,
    surface: Surface,
    generation: Generation,
    context_ms: float,
    check: Check | None = None,
    body: BodyStop | None = None,
    reveals: Reveals = reveals,
) -> Outcome:
    """Return what a generation and its alternatives lead to: the first that passes the filters.

    The others that pass go with it, in their order; `asked` is `request` with its selected menu
    item inserted. The reason for silence is that of the first.
    """
    given = replace(generation, alternatives=())
    outcomes = [
        outcome_of(request, asked, surface, one, context_ms, check, body, reveals)
        for one in _all(given, generation)
    ]
    shown = _distinct(one for one in outcomes if isinstance(one, Completion))
    if not shown:
        return outcomes[0]
    timings = replace(outcomes[0].timings, filters=sum(one.timings.filters for one in outcomes))
    return replace(shown[0], timings=timings, others=tuple(shown[1:]))


def _all(given: Generation, generation: Generation) -> Iterable[Generation]:
    yield given
    for other in generation.alternatives:
        yield replace(
            given,
            text=other.text,
            stop=other.stop,
            logprobs=other.logprobs,
            ends=other.ends,
            end_logprob=other.end_logprob,
            timings=Timings(),
        )


def _distinct(completions: Iterable[Completion]) -> list[Completion]:
    """Return the completions in their order, each text once."""
    found: dict[str, Completion] = {}
    for completion in completions:
        found.setdefault(completion.text.rstrip(), completion)
    return list(found.values())
