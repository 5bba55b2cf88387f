"""The best that context can do: the model is shown the definition that an item asks for.

Either as the only piece of another file, by the server's own pipeline in this process, or as a
comment in a document that any server can be given. Knows nothing about LSP.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from fimbul_models.evaluation.caching import evaluations
from fimbul_models.evaluation.driver import Answer
from fimbul_models.evaluation.items import Item
from lsp_server.completion.answering import ServedModel
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.serving import ChooseModel, chooser, load_options
from lsp_server.completion.workspace import Assembled, CountTokens, Workspace
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.context.fusion import Selection
from lsp_server.inference.client import worker_command
from lsp_server.inference.engine import LocalEngine
from lsp_server.syntax.languages import comment_of
from lsp_server.text import split_lines, strip_ending
from lsp_server.types import (
    CompletionRequest,
    Document,
    Outcome,
    Position,
    Rejection,
    Snippet,
    TriggerKind,
)

SOURCE = "oracle"
"""Name of the source that a definition comes from."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Decides that the model sees one piece of another file, and nothing else of any."""

    snippet: Snippet | None
    """The piece; None for none."""

    def state(self, _document: Document) -> object:
        """See `lsp_server.completion.pipeline.Contexts.state`."""
        return self.snippet

    async def assemble(
        self, request: CompletionRequest, settings: Settings, count: CountTokens
    ) -> Assembled:
        """See `lsp_server.completion.pipeline.Contexts.assemble`."""
        alone = replace(settings.context, sources=(), hint_tokens=0)
        assembled = await Workspace().assemble(request, replace(settings, context=alone), count)
        if self.snippet is None:
            return assembled
        tokens = (await count([self.snippet.text]))[self.snippet.text]
        return replace(
            assembled,
            context=replace(assembled.context, snippets=(self.snippet,)),
            selection=Selection((self.snippet,), tokens=tokens),
        )

    async def foresee(
        self, _request: CompletionRequest, _settings: Settings, _count: CountTokens
    ) -> Assembled | None:
        """See `lsp_server.completion.pipeline.Contexts.foresee`."""
        return None


class Oracle:
    """An asynchronous context inside which the model of some settings is loaded."""

    def __init__(
        self,
        settings: Settings,
        *,
        command: Sequence[str] | None = None,
        choose: ChooseModel | None = None,
        kept_answers: Path | None = None,
    ) -> None:
        """Take the settings, and what starts the engine's process if not the usual command does.

        `kept_answers` is the file that grows with every prompt that process evaluates.
        """
        paths = Paths.of_user()
        self.model = ""
        """Name of the model in the catalogue."""
        self._settings = settings
        self._choose = choose or chooser(paths)
        self._kept = kept_answers
        self._engine = LocalEngine(command or worker_command(), paths.selftest_file)

    async def __aenter__(self) -> "Oracle":
        """Load the model; raise FimbulError if there is none."""
        chosen = self._choose(self._settings)
        await self._engine.open(chosen.file, load_options(self._settings))
        assert self._engine.description is not None  # noqa: S101  # `open` has set it.
        self.model = chosen.file.name
        self._served = ServedModel(self.model, chosen.fim_format(self._engine.description))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the engine's process."""
        await self._engine.close()

    async def complete(self, item: Item) -> Answer:
        """Complete `item` with its definition in front of the file, opened at its place."""
        # A pipeline of its own: what an earlier item left behind decides nothing.
        pipeline = Pipeline(self._engine, self._settings, Shown(_snippet(item)))
        pipeline.serve(self._served)
        before = evaluations(self._kept)
        started = time.perf_counter()
        outcome = await pipeline.complete(request_of(item))
        milliseconds = (time.perf_counter() - started) * 1000
        generated = before is None or before != evaluations(self._kept)
        return _answer(outcome, milliseconds, generated=generated)


def with_definition(item: Item) -> Item:
    """Return `item` with its definition as a comment above the cursor's line.

    An item that names no definition stays as it is.
    """
    if not item.definition:
        return item
    *above, line = split_lines(item.prefix)
    indent = line[: len(line) - len(line.lstrip())]
    ending = above[-1][len(strip_ending(above[-1])) :] if above else "\n"
    marks = comment_of(item.language, item.path)
    rows = [item.definition_path, *map(strip_ending, split_lines(item.definition.rstrip()))]
    block = "".join(f"{indent}{_comment(row, marks)}{ending}" for row in rows if row.strip())
    return msgspec.structs.replace(item, prefix="".join(above) + block + line)


def _comment(row: str, marks: tuple[str, str]) -> str:
    begin, end = marks
    if end.strip():
        # A comment that a line closes early would make code of what follows.
        row = row.replace(end.strip(), "")
    return f"{begin}{row}{end}".rstrip()


def _snippet(item: Item) -> Snippet | None:
    if not item.definition.strip():
        return None
    return Snippet(item.definition_path, item.definition.rstrip() + "\n", SOURCE)


def request_of(item: Item) -> CompletionRequest:
    """Return the question that `item` puts, in a document that lies in no folder on disk."""
    above = split_lines(item.prefix)
    document = Document(
        uri=f"fimbul-evaluation:{item.task_id}",
        language=item.language,
        version=1,
        lines=tuple(split_lines(item.prefix + item.suffix)),
        path=item.path,
        folder=item.project,
    )
    position = Position(len(above) - 1, len(above[-1]))
    return CompletionRequest(document, position, TriggerKind.INVOKED)


def _answer(outcome: Outcome, milliseconds: float, *, generated: bool) -> Answer:
    answer = Answer(
        text="",
        milliseconds=milliseconds,
        context_tokens=outcome.used.tokens,
        sources=outcome.used.sources,
        engine_milliseconds=outcome.timings.prefill + outcome.timings.decode,
        generated=generated,
    )
    if isinstance(outcome, Rejection):
        return replace(answer, reason=outcome.reason.value)
    generation = outcome.generation
    return replace(
        answer,
        text=outcome.text,
        prompt_tokens=generation.prompt_tokens,
        reused_tokens=generation.reused_tokens,
    )
