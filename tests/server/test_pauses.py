"""What an editor is told, and may tell, between requests; the engine is scripted."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp

from tests.server.editor import URI, Editor, editor, write_script

SLOW = {"answer": "total(items, name, other)", "after": "x = ", "token_ms": 60.0}
"""An answer that takes most of a second, and so comes in parts."""


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not what():
            await asyncio.sleep(0.01)


async def outcome(session: Editor) -> dict[str, Any]:
    found = await session.request("fimbul/lastOutcome", uri=URI)
    assert found is not None
    return found


async def test_a_long_suggestion_comes_in_two_steps(tmp_path: Path) -> None:
    script = write_script(tmp_path, SLOW, {"answer": ""})
    async with editor("--engine", "scripted", script=script) as session:
        position = session.open("é = 0\nx = █\n")
        (part,) = await session.ask(position)
        assert part.insert_text
        assert "total(items, name, other)".startswith(str(part.insert_text))
        assert part.insert_text != "total(items, name, other)"
        found = await outcome(session)
        assert found["part"] is True
        assert found["stop"] == "time"
        await until(lambda: session.longer)
        (told,) = session.longer
        assert told["textDocument"] == {"uri": URI, "version": 1}
        assert told["position"] == {"line": 1, "character": 4}
        (item,) = told["items"]
        assert item["insertText"] == "total(items, name, other)"
        assert item["command"]["command"] == "fimbul.accepted"
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert statistics["parts"] == 1


async def test_nothing_is_told_about_a_text_that_has_changed(tmp_path: Path) -> None:
    script = write_script(tmp_path, SLOW, {"answer": ""})
    async with editor("--engine", "scripted", script=script) as session:
        position = session.open("x = █\n")
        assert await session.ask(position)
        # It agrees with what comes, so the computation goes on.
        session.change("total", position, position)
        await asyncio.sleep(1.5)
        assert not session.longer
        position = lsp.Position(0, 9)
        (item,) = await session.ask(position)
        assert item.insert_text == "(items, name, other)"


async def test_the_user_may_have_it_whole(tmp_path: Path) -> None:
    script = write_script(tmp_path, SLOW, {"answer": ""})
    options = {"completion": {"time_budget": 0}}
    async with editor("--engine", "scripted", script=script, options=options) as session:
        (item,) = await session.ask(session.open("x = █\n"))
        assert item.insert_text == "total(items, name, other)"


async def test_where_the_cursor_rests_is_read_before_anybody_asks() -> None:
    text = "".join(f"name_{number} = {number}\n" for number in range(100)) + "x = █\n"
    async with editor(options={"engine": {"ahead": "always"}}) as session:
        position = session.open(text)
        session.rests_at(position)
        await asyncio.sleep(1.0)
        assert await session.ask(position)
        found = await outcome(session)
        assert found["reusedTokens"] > found["promptTokens"] / 2


async def test_a_save_uses_the_pause_that_it_is() -> None:
    text = "".join(f"name_{number} = {number}\n" for number in range(100)) + "x = █\n"
    async with editor(
        options={"context": {"cold_tokens": 0}, "engine": {"ahead": "always"}}
    ) as session:
        position = session.open(text)
        assert await session.ask(position)
        session.change("import os\n", lsp.Position(0, 0), lsp.Position(0, 0))
        session.client.text_document_did_save(
            lsp.DidSaveTextDocumentParams(lsp.TextDocumentIdentifier(URI))
        )
        await asyncio.sleep(1.0)
        assert await session.ask(lsp.Position(position.line + 1, position.character))
        found = await outcome(session)
        assert found["reusedTokens"] > found["promptTokens"] / 2


async def test_a_cursor_that_cannot_be_read_harms_nothing() -> None:
    async with editor() as session:
        protocol: Any = session.client.protocol
        for params in ({}, {"textDocument": {"uri": URI}}, {"textDocument": 1, "position": "x"}):
            protocol.notify("fimbul/cursor", params)
        session.rests_at(lsp.Position(10**6, 10**6), "file:///never/opened.py")
        position = session.open("x = █\n")
        session.rests_at(lsp.Position(10**6, 10**6))
        assert await session.ask(position)
