"""Suggestions in the completion menu, over real pipes; the engine is scripted."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from tests.server.editor import ENCODED_WIDTH, Editor, editor, write_script

HERE = lsp.Position
MENU = {"completion": {"time_budget": 0}}
"""Options under which no suggestion comes in parts or too late."""


def only(found: lsp.CompletionList) -> lsp.CompletionItem:
    (item,) = found.items
    return item


def edit_of(item: lsp.CompletionItem) -> lsp.TextEdit:
    assert isinstance(item.text_edit, lsp.TextEdit)
    return item.text_edit


def markdown(item: lsp.CompletionItem) -> str:
    assert isinstance(item.documentation, lsp.MarkupContent)
    assert item.documentation.kind is lsp.MarkupKind.Markdown
    return item.documentation.value


async def counted(session: Editor) -> dict[str, Any]:
    found = await session.request("fimbul/statistics")
    assert found is not None
    return found


# Whether it is announced


@pytest.mark.parametrize(
    ("menu", "inline", "name", "announced"),
    [
        ("auto", True, "Neovim", False),
        ("auto", False, "helix", True),
        ("auto", False, "Eglot", True),
        # lsp-mode shows suggestions inline and does not say so.
        ("auto", False, "emacs", False),
        ("on", True, "Neovim", True),
        ("on", False, "emacs", True),
        ("off", False, "helix", False),
    ],
)
async def test_it_is_announced_where_nothing_is_shown_inline(
    menu: str, inline: bool, name: str, announced: bool
) -> None:
    options = {"completion": {"menu": menu}}
    async with editor(options=options, inline=inline, name=name, ready=False) as session:
        found = session.result.capabilities
        assert (found.completion_provider is not None) is announced
        assert found.inline_completion_provider is not None
        if found.completion_provider is not None:
            assert not found.completion_provider.trigger_characters
            # An empty object is no completion to Vim's ALE, so one option is sent.
            assert found.completion_provider.resolve_provider is False


async def test_a_policy_or_workspace_may_only_choose_less(tmp_path: Path) -> None:
    (tmp_path / ".fimbul.toml").write_text('[completion]\nmenu = "off"\n', encoding="utf-8")
    async with editor(inline=False, folders=[tmp_path], ready=False) as session:
        assert session.result.capabilities.completion_provider is None


# What an item is


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_an_item_replaces_the_word_in_front_in_every_encoding(
    encoding: str, tmp_path: Path
) -> None:
    script = write_script(tmp_path, {"answer": "e(1)"})
    async with editor(script=script, options=MENU, inline=False, encodings=(encoding,)) as session:
        position = session.open('"😀" + größ█\r\nb\r\n')
        item = only(await session.ask_menu(position))
        text_edit, word = edit_of(item), "größ"
        codec, width = ENCODED_WIDTH[encoding]
        begin = HERE(0, position.character - len(word.encode(codec)) // width)
        assert text_edit.range == lsp.Range(begin, position)
        assert text_edit.new_text.startswith(word)
        assert item.filter_text == text_edit.new_text == item.label


async def test_an_item_stands_behind_others_and_hides_none(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"answer": "int(x)"})
    async with editor(script=script, options=MENU, inline=False) as session:
        found = await session.ask_menu(session.open("pr█\n"))
        item = only(found)
        assert edit_of(item).new_text == "print(x)"
        assert item.preselect is False
        assert item.sort_text is not None
        assert item.sort_text > "zzzz"
        assert item.insert_text_format is lsp.InsertTextFormat.PlainText
        assert item.insert_text_mode is lsp.InsertTextMode.AsIs
        assert item.detail == "fimbul"
        assert markdown(item) == "```python\nprint(x)\n```"
        assert item.command is not None
        assert item.command.command == "fimbul.accepted"
        assert not found.is_incomplete


async def test_an_item_of_several_lines_has_a_label_of_one(tmp_path: Path) -> None:
    body = "for word in words:\n        count(word)\n    return '```'"
    script = write_script(tmp_path, {"answer": body + "\n\nw()\n"})
    async with editor(script=script, options=MENU, inline=False) as session:
        position = session.open("def f(words):\n    █\n\nb()\n")
        item = only(await session.ask_menu(position))
        assert edit_of(item) == lsp.TextEdit(lsp.Range(position, position), body)
        assert item.label == item.filter_text == "for word in words:"
        assert item.detail == "fimbul, 3 lines"
        assert markdown(item) == f"````python\n{body}\n````"


async def test_a_text_that_begins_with_a_line_break_is_found_by_its_word(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"answer": "\n    count(word)\n\nw()\n"})
    async with editor(script=script, options=MENU, inline=False) as session:
        position = session.open("for word in words:█\n\nb()\n")
        item = only(await session.ask_menu(position))
        assert edit_of(item).new_text == "\n    count(word)"
        assert "\n" not in item.label
        assert item.filter_text == item.label == "count(word)"


async def test_a_long_line_is_shortened_in_the_label_only(tmp_path: Path) -> None:
    text = " + ".join(f"value{number}" for number in range(14))
    script = write_script(tmp_path, {"answer": text})
    options = {"completion": {"time_budget": 0, "max_tokens": 200}}
    async with editor(script=script, options=options, inline=False) as session:
        item = only(await session.ask_menu(session.open("x = █\n")))
        assert len(item.label) == 60
        assert item.label[:-1] == text[:59]
        assert edit_of(item).new_text == item.filter_text == text


async def test_a_word_may_hold_a_dash_where_the_language_says_so(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"answer": "color: red;"})
    async with editor(script=script, options=MENU, inline=False) as session:
        uri = "file:///workspace/a.css"
        position = session.open("a {\n  background-█\n}\n", uri, "css")
        text_edit = edit_of(only(await session.ask_menu(position, uri)))
        assert text_edit.range == lsp.Range(HERE(1, 2), position)
        assert text_edit.new_text == "background-color: red;"


# The same pipeline


async def test_an_accepted_item_is_counted(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"answer": "int(x)"})
    async with editor(script=script, options=MENU, inline=False) as session:
        item = only(await session.ask_menu(session.open("pr█\n")))
        text_edit = edit_of(item)
        session.change(text_edit.new_text, text_edit.range.start, text_edit.range.end)
        assert item.command is not None
        await session.client.workspace_execute_command_async(
            lsp.ExecuteCommandParams(item.command.command, item.command.arguments)
        )
        found = await counted(session)
        assert (found["shown"], found["accepted"]) == (1, 1)
        assert found["feedback"]["accepted"] == 1


async def test_an_item_that_is_typed_stays(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"after": "pr", "answer": "int(x)"}, {"answer": "wrong"})
    async with editor(script=script, options=MENU, inline=False) as session:
        position = session.open("pr█\n")
        await session.ask_menu(position)
        session.change("in", position, position)
        item = only(await session.ask_menu(HERE(0, 4)))
        assert edit_of(item) == lsp.TextEdit(lsp.Range(HERE(0, 0), HERE(0, 4)), "print(x)")
        assert (await counted(session))["kept"] == 1


@pytest.mark.parametrize("through_menu", [True, False])
async def test_the_newest_request_wins_whatever_it_is(through_menu: bool, tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        {"after": "slow", "answer": "a b c d e f", "token_ms": 10_000},
        {"after": "fast", "answer": "now"},
    )
    async with editor(script=script, options=MENU, inline=False) as session:
        session.open("slow\nfast\n")
        first = session.ask_menu_later(HERE(0, 4))
        # Messages are taken in order, so the first one has begun when this is answered.
        await counted(session)
        if through_menu:
            assert edit_of(only(await session.ask_menu(HERE(1, 4)))).new_text == "fastnow"
        else:
            (inline,) = await session.ask(HERE(1, 4))
            assert inline.insert_text == "now"
        async with asyncio.timeout(60):
            answer = await first
        assert not answer.items
        assert (await counted(session))["rejections"] == {"superseded": 1}


@pytest.mark.parametrize("budget", [0, 10_000])
async def test_a_cancelled_request_is_answered_so(budget: int, tmp_path: Path) -> None:
    script = write_script(
        tmp_path, {"after": "slow", "answer": "a", "token_ms": 100_000}, {"answer": "x"}
    )
    options = {"completion": {"time_budget": budget}}
    async with editor(script=script, options=options, inline=False) as session:
        position = session.open("slow█\n")
        task = session.ask_menu_later(position, message_id="menu")
        await counted(session)
        session.client.cancel_request(lsp.CancelParams("menu"))
        async with asyncio.timeout(60):
            with pytest.raises(JsonRpcException) as raised:
                await task
        assert raised.value.code == lsp.LSPErrorCodes.RequestCancelled
        assert await session.reason() == "cancelled"


async def test_what_takes_too_long_is_an_empty_list_that_asks_to_come_back(
    tmp_path: Path,
) -> None:
    script = write_script(
        tmp_path, {"after": "late", "answer": "now", "token_ms": 3_000}, {"answer": "x"}
    )
    options = {"completion": {"time_budget": 1}}
    async with editor(script=script, options=options, inline=False) as session:
        position = session.open("late█\n")
        found = await session.ask_menu(position)
        assert not found.items
        assert found.is_incomplete
        # It went on, and is there where it is asked for again.
        async with asyncio.timeout(60):
            while not found.items:
                await asyncio.sleep(0.1)
                found = await session.ask_menu(position, letter=False)
        assert edit_of(found.items[0]).new_text == "latenow"


async def test_a_beginning_asks_to_come_back(tmp_path: Path) -> None:
    script = write_script(
        tmp_path, {"after": "x = ", "answer": "a + b + c + d + e", "token_ms": 400}, {"answer": "x"}
    )
    options = {"completion": {"time_budget": 2_500}}
    async with editor(script=script, options=options, inline=False) as session:
        found = await session.ask_menu(session.open("x = █\n"))
        text = edit_of(only(found)).new_text
        assert "a + b + c + d + e".startswith(text)
        assert found.is_incomplete is (text != "a + b + c + d + e")


@pytest.mark.parametrize(
    ("options", "reason", "comes_back"),
    [
        ({"enable": False}, "disabled", False),
        ({"menu": "off"}, "disabled", False),
        ({"disabled_languages": ["python"]}, "language-disabled", False),
    ],
)
async def test_it_is_off_at_once(options: dict[str, Any], reason: str, comes_back: bool) -> None:
    async with editor(options=MENU, inline=False) as session:
        position = session.open("x = █\n")
        assert (await session.ask_menu(position)).items
        settings = {"completion": {"time_budget": 0, **options}}
        session.client.workspace_did_change_configuration(
            lsp.DidChangeConfigurationParams({"fimbul": settings})
        )
        found = await session.ask_menu(position)
        assert not found.items
        assert found.is_incomplete is comes_back
        assert await session.reason() == reason


async def test_where_nothing_comes_by_itself_the_menu_is_asked(tmp_path: Path) -> None:
    options = {"completion": {"time_budget": 0, "trigger": "manual"}}
    script = write_script(tmp_path, {"answer": "1"})
    async with editor(script=script, options=options, inline=False) as session:
        position = session.open("x = █\n")
        assert (await session.ask_menu(position)).items
        assert not (await session.ask_menu(position, letter=False)).items
        assert await session.reason() == "manual-only"


async def test_an_unknown_document_is_an_empty_list_with_a_reason() -> None:
    async with editor(inline=False) as session:
        uri = "file:///workspace/unknown.py"
        assert not (await session.ask_menu(HERE(0, 0), uri)).items
        assert await session.reason(uri) == "unknown-document"
