"""Whether the names that answers need get into the prompt at all; nothing is asked of a model.

The server's own context engine runs in this process over the same folders, and what it shows is
looked through for the identifier that each cross-file item needs. That takes a tenth of a second
an item where a model takes ten, so it can be done for all items and for every source left out. It
bounds what a model can make of the context and says nothing about what it does make of it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from fimbul_models.errors import EvaluationError
from fimbul_models.evaluation.driver import INDEX_SECONDS
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.oracle import request_of
from fimbul_models.evaluation.report import grouped
from fimbul_models.evaluation.runs import Run
from fimbul_models.evaluation.statistics import Interval, mean_interval
from fimbul_models.evaluation.tables import columns, share
from fimbul_models.evaluation.workspaces import Workspaces
from lsp_server.completion.indexes import Indexes
from lsp_server.completion.serving import ChooseModel, chooser, load_options
from lsp_server.completion.workspace import Assembled, Workspace
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.client import worker_command
from lsp_server.inference.counting import TokenCounter
from lsp_server.inference.engine import LocalEngine
from lsp_server.text import split_lines


@dataclass(frozen=True, slots=True)
class Seen:
    """Where the name that an item needs stands in what the model would see."""

    item: Item
    in_view: bool
    """In the lines of the document itself, such as where it was used before."""
    in_snippets: bool
    """In what stands in front of the document."""
    in_hint: bool
    """In the comment above the cursor's line."""
    tokens: int
    """What stands in front of the document, in tokens."""

    @property
    def brought(self) -> bool:
        """Whether other files brought it."""
        return self.in_snippets or self.in_hint


@dataclass(frozen=True, slots=True)
class Coverage:
    """One run over the items of one group; shares of the items."""

    run: str
    group: str
    n: int
    in_view: Interval
    in_snippets: Interval
    in_hint: Interval
    brought: Interval
    """In snippets or in the comment."""
    anywhere: Interval
    mean_tokens: float


class Looker:
    """An asynchronous context in which the folders are indexed and tokens are counted."""

    def __init__(
        self,
        workspaces: Workspaces,
        *,
        command: Sequence[str] | None = None,
        choose: ChooseModel | None = None,
    ) -> None:
        """Take the folders, and what starts the engine's process if not the usual command does."""
        paths = Paths.of_user()
        self._workspaces = workspaces
        self._choose = choose or chooser(paths)
        self._engine = LocalEngine(command or worker_command(), paths.selftest_file)
        self._indexes = Indexes(paths, lambda _message: None)
        self._counter = TokenCounter(self._engine)

    async def __aenter__(self) -> "Looker":
        """Read all folders; raise FimbulError if one cannot be, or if there is no model."""
        try:
            await self._open()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End both processes."""
        await self._indexes.close()
        await self._engine.close()

    async def _open(self) -> None:
        settings = Settings()
        await self._engine.open(self._choose(settings).file, load_options(settings))
        await self._indexes.watch(str(folder) for folder in self._workspaces.folders.values())
        if not await self._indexes.wait_until_ready(INDEX_SECONDS):
            status = self._indexes.status()
            raise EvaluationError(
                f"The workspace folders could not be read: {status['message'] or status['state']}."
            )

    async def look(self, item: Item, settings: Settings) -> Seen:
        """Return what the model would see of a document that is opened at the item's place."""
        folder = self._workspaces.folders[item.project]
        request = request_of(item)
        document = replace(request.document, folder=str(folder), uri=(folder / item.path).as_uri())
        # What an earlier item left behind decides nothing.
        workspace = Workspace(self._indexes)
        workspace.opened(document)
        asked = replace(request, document=document)
        return _seen(item, await workspace.assemble(asked, settings, self._counter.counts))


async def cover(
    looker: Looker, runs: Sequence[Run], items: Sequence[Item]
) -> Mapping[str, list[Seen]]:
    """Return what is seen of each item under each run; items that need no name are left out."""
    wanted = [item for item in items if item.identifier and item.project]
    if not wanted:
        raise EvaluationError("None of the items names what it needs from another file.")
    return {run.name: [await looker.look(item, run.settings()) for item in wanted] for run in runs}


def sum_up(seen: Mapping[str, Sequence[Seen]]) -> list[Coverage]:
    """Return a row for each run and each group that the items fall into."""
    return [
        _coverage(run, group, members)
        for run, rows in seen.items()
        for group, members in grouped(rows).items()
    ]


def as_table(rows: Sequence[Coverage]) -> str:
    """Return it as text in columns."""
    head = ["run", "group", "n", "brought % [95 %]", "snippets %", "comment %", "in view %"]
    head += ["anywhere %", "mean tokens"]
    return columns([head, *map(_cells, rows)])


def as_values(rows: Sequence[Coverage]) -> list[dict[str, Any]]:
    """Return it as values for a line of JSON."""
    return [asdict(row) for row in rows]


def _seen(item: Item, assembled: Assembled) -> Seen:
    context, hint = assembled.context, assembled.hint
    name = re.compile(rf"(?<!\w){re.escape(item.identifier)}(?!\w)")
    # The comment stands among the lines in view, but other files brought it.
    own = "".join(line for line in split_lines(context.prefix) if line.strip() != hint.strip())
    return Seen(
        item,
        in_view=bool(name.search(own + context.suffix)),
        in_snippets=any(name.search(snippet.text) for snippet in context.snippets),
        in_hint=bool(name.search(hint)),
        tokens=assembled.selection.tokens,
    )


def _coverage(run: str, group: str, rows: Sequence[Seen]) -> Coverage:
    return Coverage(
        run,
        group,
        len(rows),
        in_view=mean_interval([row.in_view for row in rows]),
        in_snippets=mean_interval([row.in_snippets for row in rows]),
        in_hint=mean_interval([row.in_hint for row in rows]),
        brought=mean_interval([row.brought for row in rows]),
        anywhere=mean_interval([row.brought or row.in_view for row in rows]),
        mean_tokens=sum(row.tokens for row in rows) / len(rows),
    )


def _cells(row: Coverage) -> list[str]:
    shares = (row.in_snippets, row.in_hint, row.in_view, row.anywhere)
    percents = [f"{100 * interval.mean:.1f}" for interval in shares]
    return [row.run, row.group, str(row.n), share(row.brought), *percents, f"{row.mean_tokens:.0f}"]
