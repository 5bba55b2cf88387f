"""References in a whole session, over real pipes, with a real index; the engine is scripted."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from lsp_server.config.paths import Paths
from lsp_server.references.log import Logged, read_log
from tests.references.published import BODY, HEADER, OTHER, build
from tests.server.editor import Editor, editor, plain, write_script
from tests.server.test_feedback import execute

HERE = lsp.Position
ALL = {"completion": {"show": "all", "time_budget": 0, "body_tokens": 2000}}
"""Options under which every suggestion is shown, and as a whole."""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return write_script(
        tmp_path,
        {"after": "gap=0):\n    ", "answer": BODY.strip()},
        {"after": "def close_ledger(ledger):\n    ", "answer": OTHER.strip()},
        {"answer": ""},
    )


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


async def until(session: Editor, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Wait until something holds of the latest status."""
    async with asyncio.timeout(60):
        while True:
            if session.statuses and holds(session.statuses[-1]):
                return session.statuses[-1]
            session.changed.clear()
            await session.changed.wait()


async def with_indexes(session: Editor, *names: str) -> None:
    await until(session, lambda status: status["references"]["indexes"] == list(names))


async def logged(paths: Paths, holds: Callable[[list[Logged]], object]) -> list[Logged]:
    """Wait until something holds of the log; then return it."""
    async with asyncio.timeout(60):
        while not holds(found := read_log(paths.reference_log)[0]):
            await asyncio.sleep(0.05)
    return found


async def asked(session: Editor, uri: str, text: str = f"{HEADER}    █\n") -> Any:
    position = session.open(text, uri)
    return position, await session.ask(position, uri)


async def ask_all(session: Editor, params: dict[str, Any]) -> dict[str, Any]:
    found = await session.request("fimbul/references", **params)
    assert found is not None
    return found


async def test_from_the_note_to_the_list(paths: Paths, script: Path, work: Path) -> None:
    build(paths.reference_indexes)
    uri = (work / "a.py").as_uri()
    async with editor(script=script, options=ALL, folders=[work]) as session:
        await with_indexes(session, "public")
        position, (item,) = await asked(session, uri)
        assert item.insert_text == BODY.strip()
        assert item.command.title == "MIT: wheel:intervals 1.0"
        argument = plain(item.command.arguments[0])
        assert argument["references"] == "MIT: wheel:intervals 1.0"
        outcome = await session.request("fimbul/lastOutcome", uri=uri)
        assert outcome is not None
        assert outcome["note"] == "MIT: wheel:intervals 1.0"

        told = await ask_all(session, {"id": argument["id"]})
        assert "tokens the same as in wheel:intervals 1.0, intervals/core.py:1" in told["text"]
        assert told["references"][0]["licence"] == "MIT"
        assert (await ask_all(session, {"id": 4711}))["references"] == []
        assert (await ask_all(session, {"uri": uri}))["references"] == []

        session.change(str(item.insert_text), position, position, uri)
        await execute(session, item)
        (one,) = await logged(paths, lambda found: found)
        entry = one.entry
        assert entry.file == str(work / "a.py")
        assert (entry.first, entry.last) == (1, 15)
        assert (entry.licence, entry.project, entry.line) == ("MIT", "wheel:intervals 1.0", 1)
        assert entry.share > 0.8
        assert entry.model == "scripted"
        assert b"merged" not in paths.reference_log.read_bytes()
        listed = await ask_all(session, {"uri": uri})
        assert listed["references"][0]["id"] == entry.id
        command = lsp.ExecuteCommandParams("fimbul.references", [{"uri": uri}])
        same = plain(await session.client.workspace_execute_command_async(command))
        assert same == listed
        assert (await ask_all(session, {"uri": "file:///not/open.py"}))["references"] == []

        # Lines above move it. What makes other code of it takes it from the list.
        session.change("import a\n\n", HERE(0, 0), HERE(0, 0), uri)
        session.change("  # Mine.", HERE(6, 15), HERE(6, 15), uri)
        (one,) = await logged(paths, lambda found: found[0].entry.first == 3)
        assert one.gone_at is None
        for line in (4, 8, 12):
            session.change("print(1)\n" * 3, HERE(line, 0), HERE(line + 2, 0), uri)
        (one,) = await logged(paths, lambda found: found[0].gone_at)
        assert (await ask_all(session, {"uri": uri}))["references"] == []


async def test_what_may_not_come_has_a_reason(paths: Paths, script: Path, work: Path) -> None:
    build(paths.reference_indexes, licence="GPL-3.0-only", licence_class="copyleft")
    uri = (work / "a.py").as_uri()
    async with editor(script=script, options=ALL, folders=[work]) as session:
        await with_indexes(session, "public")
        _, items = await asked(session, uri)
        assert items == []
        outcome = await session.request("fimbul/lastOutcome", uri=uri)
        assert outcome is not None
        assert outcome["reason"] == "resembles-code"
        assert outcome["detail"] == "GPL-3.0-only: wheel:intervals 1.0."
        assert "references.policy" in outcome["explanation"]
        # What resembles nothing comes as before.
        other = (work / "b.py").as_uri()
        _, (item,) = await asked(session, other, "def close_ledger(ledger):\n    █\n")
        assert item.command.title == "Accepted"
    assert not paths.reference_log.exists()


async def test_a_workspace_may_be_stricter(paths: Paths, script: Path, work: Path) -> None:
    build(paths.reference_indexes)
    (work / ".fimbul.toml").write_text('[references.policy]\npermissive = "block"\n')
    uri = (work / "a.py").as_uri()
    async with editor(script=script, options=ALL, folders=[work]) as session:
        await with_indexes(session, "public")
        _, items = await asked(session, uri)
        assert items == []
        assert await session.reason(uri) == "resembles-code"


async def test_a_damaged_index_costs_itself(paths: Paths, script: Path, work: Path) -> None:
    whole = build(paths.reference_indexes)
    half = paths.reference_indexes / "half.fimref"
    half.write_bytes(whole.read_bytes()[:1000])
    (paths.reference_indexes / "other.fimref").write_bytes(b"no index" * 100)
    uri = (work / "a.py").as_uri()
    async with editor(script=script, options=ALL, folders=[work]) as session:
        status = await until(session, lambda found: len(found["references"]["problems"]) == 2)
        assert status["references"]["indexes"] == ["public"]
        _, (item,) = await asked(session, uri)
        assert item.command.title.startswith("MIT")
        for name in ("half.fimref", "other.fimref"):
            (message,) = [one for one in session.messages if name in one]
            assert message.endswith(".")
            assert message.count(". ") == 0
        # The last good one goes: suggestions go on.
        whole.unlink()
        await with_indexes(session)
        other = (work / "b.py").as_uri()
        _, (item,) = await asked(session, other)
        assert item.insert_text == BODY.strip()
        assert item.command.title == "Accepted"


async def test_an_index_that_is_cut_off_while_it_is_used(
    paths: Paths, script: Path, work: Path
) -> None:
    build(paths.reference_indexes / "made")
    path = paths.reference_indexes / "public.fimref"
    path.write_bytes((paths.reference_indexes / "made" / "public.fimref").read_bytes())
    uri = (work / "a.py").as_uri()
    async with editor(script=script, options=ALL, folders=[work]) as session:
        await with_indexes(session, "public")
        os.truncate(path, 600)
        _, (item,) = await asked(session, uri)
        assert item.insert_text == BODY.strip()
        assert item.command.title == "Accepted"
        await until(session, lambda status: status["references"]["problems"])


async def test_strict_mode_notes_and_writes_nothing(paths: Paths, script: Path, work: Path) -> None:
    build(paths.reference_indexes)
    uri = (work / "a.py").as_uri()
    options = {**ALL, "privacy": {"mode": "strict"}}
    async with editor(script=script, options=options, folders=[work]) as session:
        await with_indexes(session, "public")
        position, (item,) = await asked(session, uri)
        assert item.command.title == "MIT: wheel:intervals 1.0"
        session.change(str(item.insert_text), position, position, uri)
        await execute(session, item)
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert statistics["feedback"] is None
    assert not paths.reference_log.exists()


async def test_a_measurement_compares_nothing(paths: Paths, script: Path, work: Path) -> None:
    build(paths.reference_indexes)
    uri = (work / "a.py").as_uri()
    words = ("--engine", "scripted", "--without-references")
    async with editor(*words, script=script, options=ALL, folders=[work]) as session:
        _, (item,) = await asked(session, uri)
        assert item.command.title == "Accepted"
        assert session.statuses[-1]["references"]["enabled"] is False


async def test_entries_of_earlier_sessions_are_followed(
    paths: Paths, script: Path, work: Path
) -> None:
    build(paths.reference_indexes)
    uri = (work / "a.py").as_uri()
    async with editor(script=script, options=ALL, folders=[work]) as session:
        await with_indexes(session, "public")
        position, (item,) = await asked(session, uri)
        session.change(str(item.insert_text), position, position, uri)
        await execute(session, item)
        # The session ends before the moment after which it would be written anyway.
    (one,) = read_log(paths.reference_log)[0]
    assert one.gone_at is None
    async with editor(script=script, options=ALL, folders=[work]) as session:
        await with_indexes(session, "public")
        session.open("x = 1\n\n" + HEADER + BODY + "█", uri)
        (one,) = await logged(paths, lambda found: found[0].entry.first == 3)
    async with editor(script=script, options=ALL, folders=[work]) as session:
        await with_indexes(session, "public")
        session.open("x = 1\n\n█", uri)
        (one,) = await logged(paths, lambda found: found[0].gone_at)


async def test_the_menu_tells_it_too(paths: Paths, script: Path, work: Path) -> None:
    build(paths.reference_indexes)
    uri = (work / "a.py").as_uri()
    async with editor(script=script, options=ALL, folders=[work], inline=False) as session:
        await with_indexes(session, "public")
        position = session.open(f"{HEADER}    █\n", uri)
        (item,) = (await session.ask_menu(position, uri)).items
        assert item.detail == "fimbul, 14 lines, resembles MIT: wheel:intervals 1.0"
        assert isinstance(item.documentation, lsp.MarkupContent)
        assert "as in wheel:intervals 1.0, intervals/core.py:1" in item.documentation.value
