"""`fimbul complete FILE:LINE:COLUMN`: one completion in the terminal, and where its time went."""

import argparse
import asyncio
import dataclasses
import json
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsp_server.cli.engines import add_engine_options, engine_of
from lsp_server.completion.pipeline import Outcome, Pipeline, ServedModel
from lsp_server.completion.serving import ChooseModel, load_options
from lsp_server.config.layers import POLICY_MAY, WORKSPACE_MAY, Layer, merge, read_file
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths, workspace_file
from lsp_server.errors import FimbulError
from lsp_server.inference.engine import EngineEvent, EngineState, LocalEngine
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Position,
    Rejection,
    TriggerKind,
)

_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::(?P<column>\d+))?")

_SHOWN_LINES = 6
"""Lines shown above the cursor."""

_LANGUAGES = {
    ".c": "c",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".go": "go",
    ".java": "java",
    ".js": "javascript",
    ".lua": "lua",
    ".py": "python",
    ".rb": "ruby",
    ".rs": "rust",
    ".sh": "shellscript",
    ".ts": "typescript",
}
"""LSP language identifiers by file name ending; others are taken as they are spelled."""


@dataclass(frozen=True, slots=True)
class _Run:
    outcome: Outcome
    load_ms: float
    model: ServedModel


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `complete`."""
    explanation = "complete one place of a file and say where the time went"
    parser = subparsers.add_parser("complete", help=explanation, description=explanation + ".")
    parser.add_argument(
        "place",
        metavar="FILE:LINE[:COLUMN]",
        help="line and column from 1, as editors show them; without a column, the line's end",
    )
    parser.add_argument("--json", action="store_true", help="print one object of JSON")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="an option as in the README's table, such as prompt.healing=off; may be repeated",
    )
    add_engine_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    paths = Paths.of_user()
    request = read_place(arguments.place)
    settings, messages = _settings(paths, arguments.set)
    for message in messages:
        sys.stderr.write(f"fimbul: {message}\n")
    command, choose = engine_of(arguments, paths)
    run = asyncio.run(_complete(request, settings, choose, command, paths))
    sys.stdout.write(_as_json(run) if arguments.json else _as_text(request, run))
    return 0 if isinstance(run.outcome, Completion) else 2


def read_place(place: str) -> CompletionRequest:
    """Return the question that FILE:LINE:COLUMN means; raise FimbulError if it means none."""
    match = _PLACE.fullmatch(place)
    if match is None:
        raise FimbulError(f"{place} is not FILE:LINE or FILE:LINE:COLUMN, as in src/a.py:12:5.")
    path = Path(match["file"])
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise FimbulError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FimbulError(f"{path} is not text in UTF-8: {error.reason}.") from error
    document = Document(
        uri=path.resolve().as_uri(),
        language=_LANGUAGES.get(path.suffix, path.suffix.lstrip(".") or "plaintext"),
        version=1,
        lines=tuple(split_lines(text)),
        path=path.as_posix() if not path.is_absolute() else path.name,
    )
    line = int(match["line"]) - 1
    column = int(match["column"]) - 1 if match["column"] else len(document.line(line))
    cursor = Position(line, column)
    if min(cursor.line, cursor.column) < 0 or document.clamp(cursor) != cursor:
        raise FimbulError(
            f"{path} has no line {line + 1}, column {column + 1}: it has {len(document.lines)} "
            f"lines, and that line {len(document.line(line))} characters."
        )
    return CompletionRequest(document, cursor, TriggerKind.INVOKED)


def _settings(paths: Paths, assignments: list[str]) -> tuple[Settings, list[str]]:
    layers, messages = read_file(paths.user_file, None)
    layers.append(Layer("--set", _parse_assignments(assignments)))
    for file, may in ((workspace_file(Path.cwd()), WORKSPACE_MAY), (paths.policy_file, POLICY_MAY)):
        found, wrong = read_file(file, may)
        layers += found
        messages += wrong
    settings, more = merge(layers)
    return settings, messages + more


def _parse_assignments(assignments: list[str]) -> Mapping[str, Any]:
    values: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        section, dot, name = key.partition(".")
        if not equals or not dot:
            raise FimbulError(f"--set {assignment} is not OPTION=VALUE, as in prompt.healing=off.")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        values.setdefault(section, {})[name] = value
    return values


async def _complete(
    request: CompletionRequest,
    settings: Settings,
    choose: ChooseModel,
    command: tuple[str, ...],
    paths: Paths,
) -> _Run:
    engine = LocalEngine(command, paths.selftest_file, _tell)
    pipeline = Pipeline(engine, settings)
    chosen = choose(settings)
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        await engine.open(chosen.file, load_options(settings))
        load_ms = (loop.time() - started) * 1000.0
        assert engine.description is not None  # noqa: S101  # `open` has set it.
        model = ServedModel(chosen.file.name, chosen.fim_format(engine.description))
        pipeline.serve(model)
        outcome = await pipeline.complete(request)
    finally:
        await engine.close()
    return _Run(outcome, load_ms, model)


def _tell(event: EngineEvent) -> None:
    # A failure is raised as well, and shown then.
    if event.message and event.state is not EngineState.FAILED:
        sys.stderr.write(f"fimbul: {event.message}\n")


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
    lines.append(f"{cursor.line + 1:>5}  {begin}├{first.rstrip()}" + ("" if rest else f"┤{end}"))
    lines += [f"       {text.rstrip()}" for text in rest]
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
