"""One place of one file, with everything around it that a server would have.

Settings, workspace folder, index, engine and model: what `complete` and `explain` share. Knows
nothing about what is printed.
"""

import argparse
import re
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsp_server.cli.engines import add_engine_options, engine_of
from lsp_server.completion.adapting import Adapters
from lsp_server.completion.answering import ServedModel
from lsp_server.completion.indexes import Indexes
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.serving import ChosenModel, load_options, served_by
from lsp_server.completion.workspace import Workspace
from lsp_server.config.layers import POLICY_MAY, WORKSPACE_MAY, Layer, merge, read_file
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths, workspace_file
from lsp_server.errors import FimbulError
from lsp_server.inference.engine import EngineEvent, EngineState, LocalEngine
from lsp_server.inference.fallback import FallbackEngine
from lsp_server.references.stamp import stamp
from lsp_server.syntax.languages import language_of_path
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Document, Position, TriggerKind

if TYPE_CHECKING:
    from lsp_server.references.library import Library

_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::(?P<column>\d+))?")

INDEX_SECONDS = 600.0
"""Longest wait for the index of a workspace folder."""


@dataclass(frozen=True, slots=True)
class Session:
    """A pipeline with a loaded model, and the place it is asked about."""

    request: CompletionRequest
    pipeline: Pipeline
    workspace: Workspace
    model: ServedModel
    load_ms: float
    """Time that loading the model took."""


def add_place_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the place and how it is looked at."""
    parser.add_argument(
        "place",
        nargs=None if required else "?",
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
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="the workspace folder; if missing, the repository that holds the file, else the "
        "current folder if it does, else none",
    )
    add_engine_options(parser)


@asynccontextmanager
async def open_session(arguments: argparse.Namespace) -> AsyncIterator[Session]:
    """Yield a session for the arguments; raise FimbulError if there cannot be one."""
    paths = Paths.of_user()
    request = read_place(arguments.place, arguments.folder)
    settings = _settings(paths, arguments.set, request.document.folder)
    command, choose = engine_of(arguments, paths)
    chosen = choose(settings)
    engine = FallbackEngine(command, LocalEngine(command, paths.selftest_file, _tell), _tell)
    indexes = Indexes(paths, _complain)
    workspace = Workspace(indexes)
    try:
        if settings.context.index and request.document.folder:
            await indexes.watch([request.document.folder], settings)
            if not await indexes.wait_until_ready(INDEX_SECONDS):
                _complain("The index is not ready; other files are left out.")
        model, load_ms = await _load(engine, chosen, settings)
        workspace.opened(request.document)
        pipeline = Pipeline(engine, settings, workspace)
        pipeline.resemblance.options = settings.references
        pipeline.resemblance.use(_library(paths, settings, request.document.folder))
        pipeline.serve(model)
        adapters = Adapters(paths, _complain)
        folders = [request.document.folder] if request.document.folder else []
        adapters.take(adapters.look(folders, chosen.local, settings))
        pipeline.adapt(adapters.of)
        yield Session(request, pipeline, workspace, model, load_ms)
    finally:
        await indexes.close()
        await engine.close()


def _library(paths: Paths, settings: Settings, folder: str) -> "Library | None":
    """Return the indexes that a suggestion is compared with; says what is wrong with others."""
    if not settings.references.enable or not stamp(paths.reference_indexes):
        return None
    # What looks into indexes is loaded where there is one, and nowhere else.
    from lsp_server.references.library import open_library

    allowed = settings.policy.allowed_indexes
    library = open_library(paths.reference_indexes, allowed, [Path(folder)] if folder else [])
    for problem in library.problems if library else ():
        _complain(problem)
    return library


async def _load(
    engine: FallbackEngine, chosen: ChosenModel, settings: Settings
) -> tuple[ServedModel, float]:
    started = time.perf_counter()
    await engine.open(chosen.local, load_options(settings), chosen.server)
    return served_by(engine, chosen), (time.perf_counter() - started) * 1000.0


def read_place(place: str, folder: Path | None = None) -> CompletionRequest:
    """Return the question that FILE:LINE:COLUMN means; raise FimbulError if it means none.

    `folder` is the workspace folder; None looks for one.
    """
    match = _PLACE.fullmatch(place)
    if match is None:
        raise FimbulError(f"{place} is not FILE:LINE or FILE:LINE:COLUMN, as in src/a.py:12:5.")
    path = Path(match["file"])
    document = _read_document(path, folder)
    line = int(match["line"]) - 1
    column = int(match["column"]) - 1 if match["column"] else len(document.line(line))
    cursor = Position(line, column)
    if min(cursor.line, cursor.column) < 0 or document.clamp(cursor) != cursor:
        raise FimbulError(
            f"{path} has no line {line + 1}, column {column + 1}: it has {len(document.lines)} "
            f"lines, and that line {len(document.line(line))} characters."
        )
    return CompletionRequest(document, cursor, TriggerKind.INVOKED)


def _read_document(path: Path, folder: Path | None) -> Document:
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise FimbulError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FimbulError(f"{path} is not text in UTF-8: {error.reason}.") from error
    whole = path.resolve()
    root = _folder_of(whole, folder)
    language = language_of_path(path.name)
    return Document(
        uri=whole.as_uri(),
        language=language.name if language else path.suffix.lstrip(".") or "plaintext",
        version=1,
        lines=tuple(split_lines(text)),
        path=whole.relative_to(root).as_posix() if root else path.name,
        folder=root.as_posix() if root else "",
    )


def _folder_of(file: Path, given: Path | None) -> Path | None:
    if given is not None:
        root = given.resolve()
        if not file.is_relative_to(root):
            raise FimbulError(f"{file} does not lie in the folder {root} (--folder).")
        return root
    for parent in file.parents:
        if (parent / ".git").exists():
            return parent
    here = Path.cwd()
    return here if file.is_relative_to(here) else None


def _settings(paths: Paths, assignments: list[str], folder: str) -> Settings:
    layers, messages = read_file(paths.user_file, None)
    layers.append(Layer("--set", _parse_assignments(assignments)))
    workspace = workspace_file(Path(folder) if folder else Path.cwd())
    for file, may in ((workspace, WORKSPACE_MAY), (paths.policy_file, POLICY_MAY)):
        found, wrong = read_file(file, may)
        layers += found
        messages += wrong
    settings, more = merge(layers)
    for message in (*messages, *more):
        _complain(message)
    return settings


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


def _tell(event: EngineEvent) -> None:
    # A failure is raised as well, and shown then.
    if event.message and event.state is not EngineState.FAILED:
        _complain(event.message)


def _complain(message: str) -> None:
    if message:
        sys.stderr.write(f"fimbul: {message}\n")
