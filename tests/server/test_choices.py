"""Several suggestions on request, and lines that may not come; the engine is scripted."""

from pathlib import Path

from lsprotocol import types as lsp

from tests.server.editor import editor, write_script

INVOKED = lsp.InlineCompletionTriggerKind.Invoked
RULE = {"answer": "area", "others": ["area ", "perimeter()", "# TODO\n", "width"]}


def texts(items: list[lsp.InlineCompletionItem]) -> list[str]:
    return [str(item.insert_text) for item in items]


async def test_who_asks_is_given_several_suggestions_and_who_types_one(tmp_path: Path) -> None:
    script = write_script(tmp_path, RULE)
    async with editor(script=script) as session:
        position = session.open("x = self.█\n")
        assert texts(await session.ask(position)) == ["area"]
        found = await session.ask(position, kind=INVOKED)
        # The second answer differs from the first by a blank only.
        assert texts(found) == ["area", "perimeter()"]
        commands = [item.command for item in found if item.command is not None]
        assert len({str(command.arguments) for command in commands}) == 2
        assert {str(item.range) for item in found} == {str(lsp.Range(position, position))}
        again = await session.ask(position, kind=INVOKED)
        assert texts(again) == ["area", "perimeter()"]
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert (statistics["shown"], statistics["kept"]) == (3, 1)


async def test_a_choice_is_typed_on_as_any_suggestion(tmp_path: Path) -> None:
    script = write_script(tmp_path, RULE)
    async with editor(script=script) as session:
        position = session.open("x = self.█\n")
        await session.ask(position, kind=INVOKED)
        session.change("ar", position, position)
        after = lsp.Position(position.line, position.character + 2)
        assert texts(await session.ask(after)) == ["ea"]
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert statistics["kept"] == 1


async def test_as_many_come_as_the_option_says(tmp_path: Path) -> None:
    script = write_script(tmp_path, RULE)
    for candidates, expected in ((1, ["area"]), (5, ["area", "perimeter()", "width"])):
        options = {"completion": {"candidates": candidates}}
        async with editor(script=script, options=options) as session:
            position = session.open("x = self.█\n")
            assert texts(await session.ask(position, kind=INVOKED)) == expected


async def test_another_line_comes_in_place_of_the_next_one(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"answer": "return total", "others": ["total += 1"]})
    async with editor(script=script) as session:
        position = session.open("def f():\n    █\n\n    return total\n")
        assert texts(await session.ask(position)) == ["total += 1"]


async def test_where_nothing_else_comes_the_reason_is_told(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"answer": "return total"})
    async with editor(script=script) as session:
        position = session.open("def f():\n    █\n    return total\n")
        assert await session.ask(position, kind=INVOKED) == []
        assert await session.reason() == "repeats-next-line"
