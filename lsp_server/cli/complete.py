"""`fimbul complete FILE:LINE:COLUMN`: one completion in the terminal, and where its time went."""

import argparse
import asyncio
import dataclasses
import json
import sys
from dataclasses import dataclass
from typing import Any

from lsp_server.cli.session import add_place_options, open_session
from lsp_server.completion.answering import ServedModel
from lsp_server.references.telling import as_json, in_full
from lsp_server.text import split_lines
from lsp_server.types import Completion, CompletionRequest, Outcome, Rejection

_SHOWN_LINES = 6
"""Lines shown above the cursor."""


@dataclass(frozen=True, slots=True)
class _Run:
    outcome: Outcome
    load_ms: float
    model: ServedModel


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `complete`."""
    explanation = "complete one place of a file and say where the time went"
    parser = subparsers.add_parser("complete", help=explanation, description=explanation + ".")
    add_place_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    request, run = asyncio.run(_complete(arguments))
    sys.stdout.write(_as_json(run) if arguments.json else _as_text(request, run))
    return 0 if isinstance(run.outcome, Completion) else 2


async def _complete(arguments: argparse.Namespace) -> tuple[CompletionRequest, _Run]:
    async with open_session(arguments) as session:
        outcome = await session.pipeline.complete(session.request)
        return session.request, _Run(outcome, session.load_ms, session.model)


def _as_json(run: _Run) -> str:
    outcome = run.outcome
    values: dict[str, Any] = {
        "model": run.model.name,
        "fills": run.model.fim.fills,
        "load_ms": round(run.load_ms, 1),
        "timings_ms": {
            name: round(value, 2) for name, value in dataclasses.asdict(outcome.timings).items()
        },
    }
    if isinstance(outcome, Rejection):
        values |= {"text": None, "reason": outcome.reason.value, "detail": outcome.detail}
    else:
        values |= {
            "text": outcome.text,
            "surface": outcome.surface.value,
            "prompt_tokens": outcome.generation.prompt_tokens,
            "generated_tokens": len(outcome.generation.logprobs),
            "stop": outcome.generation.stop.value,
            "references": [as_json(one) for one in outcome.references],
        }
    return json.dumps(values) + "\n"


def _as_text(request: CompletionRequest, run: _Run) -> str:
    outcome = run.outcome
    document, cursor = request.document, request.position
    lines = [
        f"{number + 1:>5}  {document.line(number)}"
        for number in range(max(0, cursor.line - _SHOWN_LINES), cursor.line)
    ]
    line = document.line(cursor.line)
    begin, end = line[: cursor.column], line[cursor.column :]
    if isinstance(outcome, Rejection):
        lines.append(f"{cursor.line + 1:>5}  {begin}█{end}")
        lines += ["", f"Nothing: {outcome.reason.explanation} {outcome.detail}".rstrip()]
        return "\n".join([*lines, f"{_split(run)}{_limits(run)}", ""])
    first, *rest = split_lines(outcome.text)
    lines.append(f"{cursor.line + 1:>5}  {begin}├{first.rstrip()}")
    lines += [f"       {text.rstrip()}" for text in rest[:-1]]
    lines += [f"       {text}" for text in rest[-1:]]
    lines[-1] += f"┤{end}"
    if outcome.references:
        lines += ["", "It resembles published code:", in_full(outcome.references)]
    generation = outcome.generation
    evaluated = generation.prompt_tokens - generation.reused_tokens
    counts = f"{evaluated} tokens evaluated, {len(generation.logprobs)} generated"
    return "\n".join([*lines, "", _split(run), f"{run.model.name}: {counts}{_limits(run)}", ""])


def _limits(run: _Run) -> str:
    if run.model.fim.fills:
        return ""
    return "\nIt was not trained to fill in the middle: it sees only what stands before the cursor."


def _split(run: _Run) -> str:
    timings = run.outcome.timings
    return (
        f"context {timings.context:.1f} ms · prefill {timings.prefill:.0f} ms · "
        f"decode {timings.decode:.0f} ms · filters {timings.filters:.1f} ms · "
        f"total {timings.total:.0f} ms (model loaded in {run.load_ms:.0f} ms before)"
    )
