"""Limits in a running server: what is beyond them, what is said, and that nothing stays behind."""

from pathlib import Path

from lsprotocol import types as lsp

from tests.server.editor import editor

OPTIONS = {"completion": {"time_budget": 0}, "limits": {"document_size": 1, "parse_size": 1}}
ABOVE = "total = 1\n" * 100_000
"""A million characters."""


async def test_a_document_that_grows_too_large_and_shrinks_again() -> None:
    async with editor(options=OPTIONS) as session:
        place = session.open("x = █\n")
        assert await session.ask(place)
        start = lsp.Position(0, 0)
        session.change(ABOVE, start, start)
        below = lsp.Position(100_000, 4)
        assert await session.ask(below) == []
        assert await session.reason() == "document-too-long"
        session.change("", start, lsp.Position(1000, 0))
        (item,) = (await session.ask(lsp.Position(99_000, 4)))[:1]
        assert item.insert_text


async def test_what_is_not_parsed_is_said_once_and_counted() -> None:
    async with editor(options=OPTIONS) as session:
        for name in ("a.py", "b.py"):
            uri = f"file:///workspace/{name}"
            await session.ask(session.open("x = █\n" + "y = 1\n" * 300, uri), uri)
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert statistics["limits"]["parse_size"] >= 2
        (message,) = [one for one in session.messages if "limits.parse_size" in one]
        assert message.startswith("fimbul: a.py is not parsed")


async def test_a_workspace_may_only_lower_a_limit(tmp_path: Path) -> None:
    (tmp_path / ".fimbul.toml").write_text("[limits]\ndocument_size = 1000\n")
    file = tmp_path / "a.py"
    async with editor(options=OPTIONS, folders=[tmp_path]) as session:
        place = session.open(ABOVE + "x = █\n", file.as_uri())
        assert await session.ask(place, file.as_uri()) == []
        assert await session.reason(file.as_uri()) == "document-too-long"
