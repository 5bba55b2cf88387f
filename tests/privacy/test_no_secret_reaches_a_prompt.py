"""A secret is planted in every kind of place that a prompt is made of; no prompt has one.

The same walk without the door (`Secrecy` that lets all through) shows that each of them would
have got there. All values are made here at run time.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from benchmarks.secret_values import SECRETS
from lsp_server.completion import indexes as joining
from lsp_server.completion.answering import ServedModel
from lsp_server.completion.indexes import Indexes
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.secrecy import Secrecy
from lsp_server.completion.workspace import Workspace
from lsp_server.config.options import Ahead, ContextOptions, EngineOptions, Settings
from lsp_server.config.paths import Paths
from lsp_server.prompt.formats import FORMATS
from lsp_server.text import split_lines
from lsp_server.types import (
    CompletionRequest,
    Document,
    Position,
    Rejection,
    RejectionReason,
    SelectedCompletion,
    TriggerKind,
)
from tests.completion.engines import Engine, text_of

PLACES = (
    "above", "below", "line", "tab", "edited", "indexed", "similar", "hidden", "ignored", "item",
)  # fmt: skip
CHANCE = random.Random(7)
GITHUB = next(kind for kind in SECRETS if kind.name == "github")
VALUES = {place: GITHUB.value(CHANCE) for place in PLACES}


class Everything(Secrecy):
    """Lets everything through."""

    def document(self, document: Document) -> Document:
        return document

    async def withheld(self, document: Document) -> Rejection | None:
        return None


class Noting(Engine):
    """Also notes what is counted, and answers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: list[str] = []

    async def count_tokens(self, texts: list[str]) -> list[int]:
        self.counted += texts
        return await super().count_tokens(texts)


@dataclass
class Session:
    folder: Path
    engine: Noting
    workspace: Workspace
    pipeline: Pipeline

    def document(self, path: str, text: str, language: str = "python") -> Document:
        uri = (self.folder / path).as_uri()
        return Document(uri, language, 1, tuple(split_lines(text)), path, str(self.folder))

    def open(self, document: Document) -> None:
        self.workspace.opened(document)
        self.pipeline.opened(document)

    def change(self, document: Document) -> None:
        self.workspace.changed(document)
        self.pipeline.changed(document)

    def all_seen(self) -> str:
        """All that the engine was given, in whatever way."""
        seen = [text_of(call.prompt) + call.prompt.healed for call in self.engine.calls]
        seen += ["".join(one.text for one in call.prompt.short) for call in self.engine.calls]
        seen += [repr(call.stop) for call in self.engine.calls]
        seen += [text_of(prompt) + prompt.healed for prompt in self.engine.prefilled]
        return "\n".join([*seen, *self.engine.learned, *self.engine.counted])


def plant(folder: Path) -> None:
    """Write the files of a workspace."""
    (folder / "shop").mkdir()
    (folder / "shop" / "mail.py").write_text(
        f'class Mailer:\n    def send(self, to: str, key: str = "{VALUES["indexed"]}") -> int:\n'
        "        return len(to)\n"
    )
    (folder / "shop" / "similar.py").write_text(
        "def total(cart, rate, discount, shipping):\n"
        f'    call(cart, rate, discount, shipping, "{VALUES["similar"]}")\n'
        "    return cart * rate - discount + shipping\n" * 3
    )
    (folder / "shop" / "edited.py").write_text("x = 1\n")
    (folder / ".env").write_text(f"KEY={VALUES['hidden']}\n")
    (folder / ".gitignore").write_text("local.py\n")


def tabs(session: Session) -> None:
    """Open and edit documents besides the one that is completed."""
    session.open(session.document(".env", f"KEY={VALUES['hidden']}\n", "shellscript"))
    hidden = session.document(".env", f"KEY={VALUES['hidden']}\n#", "shellscript")
    session.change(replace(hidden, version=2))
    ignored = f'def total(cart, rate, discount, shipping):\n    x = "{VALUES["ignored"]}"\n'
    session.open(session.document("local.py", ignored))
    session.change(session.document("local.py", ignored + "    return cart * rate - discount\n"))
    session.open(
        session.document(
            "shop/tab.py",
            f'class Tab:\n    def label(self, key: str = "{VALUES["tab"]}") -> str:\n'
            "        return key\n",
        )
    )
    edited = session.document("shop/edited.py", "x = 1\n")
    session.open(edited)
    lines = ("def edited(cart, rate, discount, shipping):\n", f'    x = "{VALUES["edited"]}"\n', "")
    session.change(replace(edited, lines=lines, version=2))
    session.workspace.closed(edited.uri)


def asked(session: Session) -> CompletionRequest:
    text = (
        "from shop.mail import Mailer\nfrom shop.tab import Tab\n\n"
        f'OLD = "{VALUES["above"]}"\n\n'
        "def total(cart, rate, discount, shipping, mailer: Mailer, tab: Tab):\n"
        "    tab.label()\n"
        f'    mailer.send("{VALUES["line"]}"); mailer.█\n'
        f'    call("{VALUES["below"]}")\n'
    )
    before, _, after = text.partition("█")
    rows = split_lines(before)
    document = session.document("shop/cart.py", before + after)
    return CompletionRequest(document, Position(len(rows) - 1, len(rows[-1])), TriggerKind.INVOKED)


@asynccontextmanager
async def session(tmp_path: Path, secrecy: Secrecy, *, remote: bool) -> AsyncIterator[Session]:
    folder = tmp_path / "work"
    folder.mkdir()
    plant(folder)
    home = tmp_path / "home"
    paths = Paths(home / "c", home / "d", home / "e", home / "f", home / "policy.toml")
    engine, indexes = Noting(), Indexes(paths, lambda _: None)
    workspace = Workspace(indexes)
    workspace.secrecy = secrecy
    context = ContextOptions(hint_tokens=200, cold_tokens=200, snippet_tokens=2000)
    settings = Settings(context=context, engine=EngineOptions(ahead=Ahead.ALWAYS))
    pipeline = Pipeline(engine, settings, workspace, looks_ahead=True)
    pipeline.serve(ServedModel("m", FORMATS["qwen2.5-coder"], is_remote=remote))
    try:
        await indexes.watch([str(folder)])
        assert await indexes.wait_until_ready(60.0), indexes.describe(str(folder))
        yield Session(folder, engine, workspace, pipeline)
    finally:
        await pipeline.close()
        await indexes.close()


async def walk(found: Session) -> None:
    """Do what makes text reach the engine: open, type, ask, take an item, rest, go on."""
    tabs(found)
    request = asked(found)
    found.open(request.document)
    answered = asyncio.create_task(found.pipeline.complete(request))
    (await found.engine.call(0)).finish("x")
    await answered
    row, column = request.position.line, request.position.column
    item = SelectedCompletion(request.position, request.position, VALUES["item"])
    answered = asyncio.create_task(found.pipeline.complete(replace(request, selected=item)))
    (await found.engine.call(1)).finish("y")
    await answered
    line = request.document.lines[row]
    typed = (
        *request.document.lines[:row],
        line[:column] + "q\n",
        *request.document.lines[row + 1 :],
    )
    later = replace(request.document, lines=typed, version=2)
    found.change(later)
    found.pipeline.visited(later, Position(row, column + 1))
    async with asyncio.timeout(60):
        while not found.engine.prefilled or len(found.engine.learned) < 2:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
async def test_no_secret_reaches_the_engine(tmp_path: Path, *, remote: bool) -> None:
    async with session(tmp_path, Secrecy(), remote=remote) as found:
        await walk(found)
        seen = found.all_seen()
        index = b"".join(file.read_bytes() for file in (tmp_path / "home").rglob("*sqlite*"))
    assert "class Mailer" in seen
    assert {place for place, value in VALUES.items() if value[4:16] in seen} == set()
    assert index
    assert {place for place, value in VALUES.items() if value[4:16].encode() in index} == set()


async def test_without_the_door_each_of_them_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "redact", tuple)
    async with session(tmp_path, Everything(), remote=False) as found:
        await walk(found)
        seen = found.all_seen()
    assert {place for place, value in VALUES.items() if value[4:16] in seen} == set(PLACES)


async def test_neither_the_secret_nor_its_placeholder_is_suggested(tmp_path: Path) -> None:
    async with session(tmp_path, Secrecy(), remote=False) as found:
        request = asked(found)
        found.open(request.document)
        shown = found.workspace.secrecy.document(request.document).lines[3]
        for number, value in enumerate((VALUES["above"], shown.split('"')[1])):
            answered = asyncio.create_task(found.pipeline.complete(request))
            (await found.engine.call(number)).finish(f'send("{value}")')
            outcome = await answered
            assert isinstance(outcome, Rejection)
            assert outcome.reason is RejectionReason.CREDENTIALS
