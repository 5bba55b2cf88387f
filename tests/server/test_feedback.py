"""What is remembered of suggestions, over real pipes; the engine is scripted."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from lsp_server.config.paths import Paths
from lsp_server.feedback.store import read_rows
from lsp_server.server.ending import SIGNALS
from tests.server.editor import URI, Editor, editor, write_script

HERE = lsp.Position


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return write_script(
        tmp_path,
        {"after": "x = ", "answer": "total(items, names)"},
        {"after": "😀 ", "answer": "total(items)"},
        {"answer": ""},
    )


async def execute(session: Editor, item: lsp.InlineCompletionItem) -> None:
    assert item.command is not None
    await session.client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(item.command.command, item.command.arguments)
    )


def id_of(item: lsp.InlineCompletionItem) -> int:
    assert item.command is not None
    arguments: Any = item.command.arguments
    return int(arguments[0]["id"])


def tell(session: Editor, method: str, **params: Any) -> None:
    protocol: Any = session.client.protocol
    protocol.notify(method, params)


def fates(paths: Paths) -> list[tuple[str, str]]:
    return [(row["fate"], row["fate_known"]) for row in read_rows(paths.feedback_file)]


async def test_an_accepted_suggestion_is_remembered(paths: Paths, script: Path) -> None:
    async with editor(script=script) as session:
        position = session.open("x = █\r\n")
        (item,) = await session.ask(position)
        session.change(str(item.insert_text), position, position)
        await execute(session, item)
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert statistics["accepted"] == 1
        assert statistics["feedback"] == {"seen": 1, "accepted": 1, "typed": 0, "rejected": 0}
    async with editor(script=script) as session, asyncio.timeout(60):
        # The next session knows how the last one went.
        seen = 0
        while not seen:
            statistics = await session.request("fimbul/statistics")
            assert statistics is not None
            seen = statistics["feedback"]["seen"]
    (row,) = read_rows(paths.feedback_file)
    assert (row["fate"], row["fate_known"], row["accepted"]) == ("whole", "reported", 19)
    assert (row["language"], row["surface"], row["model"]) == ("python", "line", "scripted")
    assert row["latency"] > 0
    assert row["trigger"] == "automatic"


async def test_what_is_typed_and_what_is_rejected(paths: Paths, script: Path) -> None:
    async with editor(script=script) as session:
        position = session.open("x = █\ny = 1\nx = \n")
        await session.ask(position)
        await asyncio.sleep(0.3)
        for column, character in enumerate("total(items, names)", 4):
            session.change(character, HERE(0, column), HERE(0, column))
            await session.ask(HERE(0, column + 1))
        await session.ask(HERE(2, 4))
        await asyncio.sleep(0.3)
        session.change("zero", HERE(2, 4), HERE(2, 4))
        await session.ask(HERE(2, 8))
    assert fates(paths) == [("typed", "inferred"), ("rejected", "inferred")]


async def test_our_own_notifications(paths: Paths, script: Path) -> None:
    async with editor(script=script) as session:
        position = session.open('"😀 █"\nx = \n')
        (item,) = await session.ask(position)
        tell(session, "fimbul/shown", id=id_of(item))
        tell(session, "fimbul/accepted", id=id_of(item), kind="word", length=5)
        session.change("total", position, position)
        (rest,) = await session.ask(HERE(0, 9))
        assert rest.insert_text == "(items)"
        tell(session, "fimbul/rejected", id=id_of(rest))
        (item,) = await session.ask(HERE(1, 4))
        tell(session, "fimbul/rejected", id=id_of(item))
        # None of these is a reason to fail.
        tell(session, "fimbul/rejected", id=id_of(item))
        tell(session, "fimbul/rejected", id=4711)
        tell(session, "fimbul/accepted", id=id_of(item), kind="half")
        tell(session, "fimbul/accepted", id=id_of(item), kind="word", length=-3)
        tell(session, "fimbul/shown")
        assert await session.request("fimbul/statistics") is not None
    word, rejected = read_rows(paths.feedback_file)
    assert (word["fate"], word["fate_known"], word["accepted"]) == ("word", "reported", 5)
    assert (word["shown_known"], rejected["shown_known"]) == ("reported", "inferred")
    assert (rejected["fate"], rejected["fate_known"]) == ("rejected", "reported")


async def test_off_means_that_nothing_is_stored(paths: Paths, script: Path) -> None:
    options: Mapping[str, Any] = {"feedback": {"enable": False}}
    async with editor(script=script, options=options) as session:
        position = session.open("x = █\n")
        (item,) = await session.ask(position)
        session.change(str(item.insert_text), position, position)
        await execute(session, item)
        tell(session, "fimbul/rejected", id=id_of(item))
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert statistics["feedback"] is None
    assert not paths.feedback_file.parent.exists()


async def test_an_editor_that_just_goes_away_loses_nothing(paths: Paths, script: Path) -> None:
    async with editor(script=script) as session:
        await session.ask(session.open("x = █\n"))
        await asyncio.sleep(0.3)
        server: Any = session.client._server  # There is no other way to its pipes.
        server.stdin.close()
        await asyncio.wait_for(server.wait(), 30)
    assert fates(paths) == [("ignored", "inferred")]


@pytest.mark.skipif(os.name != "posix", reason="there is no such signal")
@pytest.mark.parametrize("name", SIGNALS)
async def test_an_editor_that_kills_its_server_loses_nothing(
    name: str, paths: Paths, script: Path
) -> None:
    number = signal.Signals[name]
    async with editor(script=script) as session:
        await session.ask(session.open("x = █\n"))
        await asyncio.sleep(0.3)
        server: Any = session.client._server  # There is no other way to its process.
        server.send_signal(number)
        assert await asyncio.wait_for(server.wait(), 30) == 128 + number
    assert fates(paths) == [("ignored", "inferred")]


async def test_texts_are_kept_only_where_the_user_wants_it(paths: Paths, script: Path) -> None:
    def texts() -> list[tuple[str, str]]:
        with closing(sqlite3.connect(paths.feedback_file)) as connection:
            return connection.execute("SELECT suggested, became FROM texts").fetchall()

    async def accept() -> list[str]:
        options = {"feedback": {"keep_text": True}}
        async with editor(script=script, options=options) as session:
            position = session.open("x = █\n")
            (item,) = await session.ask(position)
            session.change(str(item.insert_text), position, position)
            await execute(session, item)
            session.change("[0]", HERE(0, 23), HERE(0, 23))
            session.client.text_document_did_close(
                lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(URI))
            )
            return session.messages

    assert any("feedback.keep_text" in message for message in await accept())
    assert texts() == []
    paths.user_file.parent.mkdir(parents=True)
    paths.user_file.write_text("[feedback]\nkeep_text = true\n")
    assert await accept() == []
    assert texts() == [("total(items, names)", "total(items, names)[0]")]


async def test_notebook_cells_are_followed(paths: Paths, script: Path) -> None:
    cell = "vscode-notebook-cell:/w/a.ipynb#1"
    async with editor(script=script) as session:
        session.client.notebook_document_did_open(
            lsp.DidOpenNotebookDocumentParams(
                lsp.NotebookDocument(
                    "file:///w/a.ipynb",
                    "jupyter-notebook",
                    1,
                    [lsp.NotebookCell(lsp.NotebookCellKind.Code, cell)],
                ),
                [lsp.TextDocumentItem(cell, "python", 1, "x = ")],
            )
        )
        (item,) = await session.ask(HERE(0, 4), cell)
        change = lsp.TextDocumentContentChangePartial(
            lsp.Range(HERE(0, 4), HERE(0, 4)), str(item.insert_text)
        )
        session.client.notebook_document_did_change(
            lsp.DidChangeNotebookDocumentParams(
                lsp.VersionedNotebookDocumentIdentifier(2, "file:///w/a.ipynb"),
                lsp.NotebookDocumentChangeEvent(
                    cells=lsp.NotebookDocumentCellChanges(
                        text_content=[
                            lsp.NotebookDocumentCellContentChanges(
                                lsp.VersionedTextDocumentIdentifier(2, cell), [change]
                            )
                        ]
                    )
                ),
            )
        )
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert statistics["feedback"]["accepted"] == 1
    assert fates(paths) == [("whole", "inferred")]


async def test_a_damaged_file_is_set_aside_and_the_user_told(paths: Paths, script: Path) -> None:
    paths.feedback_file.parent.mkdir(parents=True)
    paths.feedback_file.write_bytes(b"damaged" * 1000)
    async with editor(script=script) as session:
        position = session.open("x = █\n")
        (item,) = await session.ask(position)
        await execute(session, item)
        async with asyncio.timeout(60):
            while not any("feedback was damaged" in message for message in session.messages):
                await asyncio.sleep(0.05)
    assert fates(paths) == [("whole", "reported")]
    assert paths.feedback_file.with_name("feedback.sqlite.damaged").exists()
