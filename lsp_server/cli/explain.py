"""`fimbul explain FILE:LINE:COLUMN`: what the model would see there, and why.

With `--last` it tells what became of past requests instead (`lsp_server.cli.last`).

Shows every candidate for context with its source, score and size and what became of it, and the
prompt token for token as the model gets it. Nothing is generated.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lsp_server.cli import last
from lsp_server.cli.session import Session, add_place_options, open_session
from lsp_server.completion.workspace import Explanation
from lsp_server.config.options import Settings
from lsp_server.context.fusion import Judged
from lsp_server.errors import FimbulError
from lsp_server.prompt.build import build_prompt
from lsp_server.types import Prompt

_CANDIDATE_LINES = 8
"""Lines of a candidate that are shown."""


@dataclass(frozen=True, slots=True)
class _Shown:
    place: str
    model: str
    settings: Settings
    explanation: Explanation
    prompt: Prompt
    tokens: Mapping[str, int]
    """Of each segment's text."""
    replaced: Mapping[str, int]
    """Secret values of the file that placeholders stand for, by kind."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `explain`."""
    explanation = (
        "show what the model would see at one place of a file, and why; or, with --last, what "
        "became of the last requests"
    )
    parser = subparsers.add_parser("explain", help=explanation, description=explanation + ".")
    add_place_options(parser, required=False)
    last.add_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.last is not None:
        return last.run(arguments)
    if arguments.place is None:
        raise FimbulError("Name a place, as in src/a.py:12:5, or ask for --last.")
    shown = asyncio.run(_explain(arguments))
    sys.stdout.write(_as_json(shown) if arguments.json else "\n".join(_as_text(shown)) + "\n")
    return 0


async def _explain(arguments: argparse.Namespace) -> _Shown:
    async with open_session(arguments) as session:
        asked, privacy = session.request.document, session.pipeline.settings.privacy
        withheld = await session.workspace.secrecy.refused(asked, privacy)
        if withheld is not None:
            raise FimbulError(f"{_place(session)}: {withheld.reason.explanation}")
        settings, counter = session.pipeline.settings, session.pipeline.counter
        explanation = await session.workspace.explain(session.request, settings, counter.counts)
        prompt = build_prompt(explanation.assembled.context, session.model.fim, settings.prompt)
        tokens = await counter.counts([segment.text for segment in prompt.segments])
        place = _place(session)
        replaced = session.workspace.secrecy.replaced
        return _Shown(
            place, session.model.name, settings, explanation, prompt, tokens, dict(replaced)
        )


def _place(session: Session) -> str:
    position = session.request.position
    document = session.request.document
    return f"{document.path}:{position.line + 1}:{position.column + 1}"


def _as_json(shown: _Shown) -> str:
    explanation, prompt = shown.explanation, shown.prompt
    values: dict[str, Any] = {
        "place": shown.place,
        "model": shown.model,
        "language": explanation.language,
        "in": explanation.kind,
        "enclosing": list(explanation.enclosing),
        "index": explanation.index,
        "limits": list(explanation.limits),
        "budget": shown.settings.context.snippet_tokens,
        "spent": explanation.assembled.selection.tokens,
        "candidates": [_row(row) for row in explanation.assembled.selection.judged],
        "hint": explanation.assembled.hint,
        "prompt": [
            {
                "text": segment.text,
                "special": segment.special,
                "tokens": 1 if segment.special else shown.tokens[segment.text],
            }
            for segment in prompt.segments
        ],
        "healed": prompt.healed,
        "replaced": dict(sorted(shown.replaced.items())),
    }
    return json.dumps(values, ensure_ascii=False, indent=1) + "\n"


def _row(row: Judged) -> dict[str, Any]:
    candidate = row.candidate
    return {
        "verdict": row.verdict.name.lower().replace("_", "-"),
        "source": candidate.source,
        "sources": list(row.sources),
        "why": candidate.why,
        "path": candidate.path,
        "first_line": candidate.first_line + 1,
        "end_line": candidate.end_line,
        "score": round(row.score, 6),
        "tokens": row.tokens,
        "text": candidate.text,
    }


def _as_text(shown: _Shown) -> Iterator[str]:
    explanation = shown.explanation
    selection = explanation.assembled.selection
    yield f"{shown.place}, {explanation.language or 'no grammar'}, in {explanation.kind}"
    if explanation.enclosing:
        yield f"inside {' > '.join(explanation.enclosing)}"
    yield f"index: {explanation.index}"
    yield from (f"limit: {message}" for message in explanation.limits)
    yield ""
    yield (
        f"{len(selection.judged)} candidates, {len(selection.snippets)} taken, "
        f"{selection.tokens} of {shown.settings.context.snippet_tokens} tokens"
    )
    for row in selection.judged:
        yield from _candidate_lines(row)
    hint = explanation.assembled.hint
    yield ""
    yield f"above the current line: {hint.strip() or 'nothing'}"
    yield ""
    yield f"secret values of this file that were replaced: {_counted(shown.replaced)}"
    total = sum(
        1 if segment.special else shown.tokens[segment.text] for segment in shown.prompt.segments
    )
    yield ""
    yield f"the prompt for {shown.model}, {total} tokens (⟨⟩ are special ones)"
    yield "".join(
        f"⟨{segment.text}⟩" if segment.special else segment.text
        for segment in shown.prompt.segments
    )
    if shown.prompt.healed:
        yield f"the answer has to begin with {shown.prompt.healed!r} (token healing)"


def _counted(replaced: Mapping[str, int]) -> str:
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(replaced.items()))
    return f"{sum(replaced.values())} ({kinds})" if replaced else "none"


def _candidate_lines(row: Judged) -> Iterator[str]:
    candidate = row.candidate
    yield ""
    yield (
        f"{row.verdict.value}: {candidate.path}:{candidate.first_line + 1} "
        f"({', '.join(row.sources)}: {candidate.why}; score {row.score:.4f}, {row.tokens} tokens)"
    )
    lines = candidate.text.splitlines()
    yield from (f"    {line}" for line in lines[:_CANDIDATE_LINES])
    if len(lines) > _CANDIDATE_LINES:
        yield f"    … {len(lines) - _CANDIDATE_LINES} more lines"
