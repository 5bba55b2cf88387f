"""What an editor sees, over real pipes; the engine is scripted."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from tests.server.editor import URI, editor, write_script

HERE = lsp.Position
WHOLE = {"completion": {"time_budget": 0}}
"""Options under which no suggestion comes in parts."""


async def test_it_announces_what_it_does() -> None:
    async with editor(encodings=("utf-8", "utf-16"), ready=False) as session:
        found = session.result.capabilities
        assert found.inline_completion_provider is not None
        assert found.position_encoding == "utf-8"
        assert found.text_document_sync is not None
        assert found.notebook_document_sync is not None
        assert found.execute_command_provider is not None
        assert "fimbul.accepted" in found.execute_command_provider.commands
        assert session.result.server_info is not None
        assert session.result.server_info.name == "fimbul"


async def test_a_suggestion_has_an_empty_range_at_the_cursor_and_reports_acceptance() -> None:
    async with editor() as session:
        position = session.open("x = █\n")
        (item,) = await session.ask(position)
        assert item.insert_text == "scripted()"
        assert item.range == lsp.Range(position, position)
        assert item.command is not None
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        index = statistics.pop("index")
        assert statistics.pop("calibrated") is False
        assert statistics.pop("effort") in ("full", "battery", "busy")
        assert statistics.pop("feedback")["seen"] == 0
        assert statistics.pop("engine") == {"runs": "local", "server": ""}
        assert statistics.pop("privacy")["mode"] == "offline"
        assert statistics.pop("surfaces") == {"line": 1}
        assert statistics.pop("references") == {"enabled": True, "indexes": [], "problems": []}
        assert (statistics.pop("adapter"), statistics.pop("adapters")) == ("", [])
        assert statistics.pop("limits") == statistics.pop("secrets") == {}
        assert statistics == {"shown": 1, "kept": 0, "parts": 0, "accepted": 0, "rejections": {}}
        assert index["state"] == "off"
        await session.client.workspace_execute_command_async(
            lsp.ExecuteCommandParams(item.command.command, item.command.arguments)
        )
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert statistics["accepted"] == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_positions_mean_the_same_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    script = write_script(tmp_path, {"after": "é😀x.", "answer": "right"}, {"answer": "wrong"})
    async with editor(script=script, encodings=(encoding,)) as session:
        position = session.open('a = "\x0c\u2028"\r\nb = "語" + é😀x.█ # 😀\r\nc\r\n')
        (item,) = await session.ask(position)
        assert item.insert_text == "right"
        assert item.range == lsp.Range(position, position)


async def test_a_body_comes_whole_and_is_named(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"answer": "if x:\n        y()\n    z()\n\nw()\n"})
    async with editor(script=script, options=WHOLE) as session:
        position = session.open("for x in a:\n    █\n\nb()\n")
        (item,) = await session.ask(position)
        assert item.insert_text == "if x:\n        y()\n    z()"
        outcome = await session.request("fimbul/lastOutcome", uri=URI)
        assert outcome is not None
        assert (outcome["surface"], outcome["stop"]) == ("block", "dedented")


async def test_changes_are_followed(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"after": "second 😀", "answer": "yes"}, {"answer": "no"})
    async with editor(script=script) as session:
        session.open("first\nx\n")
        session.change("second 😀", HERE(1, 0), HERE(1, 1))
        (item,) = await session.ask(HERE(1, 9))
        assert item.insert_text == "yes"


async def test_nothing_is_an_empty_list_with_a_reason(tmp_path: Path) -> None:
    async with editor(script=write_script(tmp_path, {"answer": ""})) as session:
        assert await session.ask(session.open("x = █")) == []
        assert await session.reason() == "empty"


@pytest.mark.parametrize(
    ("uri", "text", "position", "reason"),
    [
        ("file:///workspace/unknown.py", None, HERE(0, 0), "unknown-document"),
        ("file:///workspace/b.bin", "\0\1\2\0", HERE(0, 2), "binary-document"),
    ],
)
async def test_what_cannot_be_completed_says_so(
    uri: str, text: str | None, position: lsp.Position, reason: str
) -> None:
    async with editor() as session:
        if text is not None:
            session.open(text, uri)
        assert await session.ask(position, uri) == []
        assert await session.reason(uri) == reason


async def test_a_position_past_the_end_is_the_end() -> None:
    async with editor() as session:
        session.open("x = 1\ny = ")
        (item,) = await session.ask(HERE(99, 99))
        assert item.range == lsp.Range(HERE(1, 4), HERE(1, 4))


async def test_a_line_of_15_megabytes_is_completed_like_any_other() -> None:
    async with editor() as session:
        session.open("x = '" + "a" * 15_000_000 + "' + █\ny = 1\n")
        (item,) = await session.ask(HERE(0, 15_000_009))
        assert item.insert_text == "scripted()"


async def test_the_newest_request_wins(tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        {"after": "slow", "answer": "a b c d e f", "token_ms": 10_000},
        {"after": "fast", "answer": "now"},
    )
    async with editor(script=script) as session:
        session.open("slow\nfast\n")
        first = session.ask_later(HERE(0, 4))
        await asyncio.sleep(0.2)
        (item,) = await session.ask(HERE(1, 4))
        assert item.insert_text == "now"
        answer = await first
        assert not answer.items
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert plain_counts(statistics) == {"superseded": 1}


def plain_counts(statistics: dict[str, Any]) -> dict[str, int]:
    return {str(key): int(value) for key, value in statistics["rejections"].items()}


async def test_requests_for_other_documents_do_not_supersede(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"answer": " = b", "token_ms": 100})
    async with editor(script=script, options=WHOLE) as session:
        other = "file:///workspace/b.py"
        session.open("x\n")
        session.open("y\n", other)
        answers = await asyncio.gather(session.ask(HERE(0, 1)), session.ask(HERE(0, 1), other))
        assert [item.insert_text for (item,) in answers] == [" = b", " = b"]


async def test_a_cancelled_request_is_answered_so_and_frees_the_engine(tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        {"after": "slow", "answer": "a", "token_ms": 100_000},
        {"answer": "next"},
    )
    async with editor(script=script) as session:
        session.open("slow\nx\n")
        pending = session.ask_later(HERE(0, 4), message_id="slow-one")
        await asyncio.sleep(0.2)
        session.client.cancel_request(lsp.CancelParams("slow-one"))
        with pytest.raises(JsonRpcException) as caught:
            await pending
        assert caught.value.code == lsp.LSPErrorCodes.RequestCancelled
        assert await session.reason() == "cancelled"
        (item,) = await session.ask(HERE(1, 1))
        assert item.insert_text == "next"


async def test_documents_are_followed_while_the_engine_works(tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        {"after": "slow", "answer": "a", "token_ms": 100_000},
        {"after": "typed", "answer": "seen"},
    )
    async with editor(script=script) as session:
        session.open("slow\n")
        pending = session.ask_later(HERE(0, 4))
        await asyncio.sleep(0.2)
        session.change("typed", HERE(1, 0), HERE(1, 0))
        (item,) = await session.ask(HERE(1, 5))
        assert item.insert_text == "seen"
        assert not (await pending).items


async def test_a_selected_menu_item_is_completed_in_its_range(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"after": "value.append", "answer": "(1)"}, {"answer": "no"})
    async with editor(script=script) as session:
        position = session.open("value.ap█\n")
        chosen = lsp.Range(HERE(0, 6), position)
        (item,) = await session.ask(position, selected=lsp.SelectedCompletionInfo(chosen, "append"))
        assert item.insert_text == "append(1)"
        assert item.range == chosen
        wrong = lsp.SelectedCompletionInfo(chosen, "pop")
        assert await session.ask(position, selected=wrong) == []
        assert await session.reason() == "selection-differs"


async def test_while_a_model_loads_nothing_waits(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"answer": "late"}, load_ms=2000)
    async with editor(script=script, progress=True, ready=False) as session:
        position = session.open("x = █")
        await session.until("loading")
        assert await session.ask(position) == []
        assert await session.reason() == "model-loading"
        await session.until("ready")
        (item,) = await session.ask(position)
        assert item.insert_text == "late"
        (reports,) = session.client.progress_reports.values()
        assert [type(report).__name__ for report in reports] == [
            "WorkDoneProgressBegin",
            "WorkDoneProgressEnd",
        ]


async def test_notebook_cells_are_documents(tmp_path: Path) -> None:
    script = write_script(
        tmp_path, {"after": "import nu", "answer": "mpy"}, {"after": "pan", "answer": "das"}
    )
    async with editor(script=script) as session:
        notebook, one, two = "file:///n.ipynb", "vscode-cell:/n#1", "vscode-cell:/n#2"
        cell = lsp.NotebookCell(lsp.NotebookCellKind.Code, one)
        session.client.notebook_document_did_open(
            lsp.DidOpenNotebookDocumentParams(
                lsp.NotebookDocument(notebook, "jupyter-notebook", 1, [cell]),
                [lsp.TextDocumentItem(one, "python", 1, "import nu")],
            )
        )
        (item,) = await session.ask(HERE(0, 9), one)
        assert item.insert_text == "mpy"
        end = HERE(0, 9)
        session.client.notebook_document_did_change(
            lsp.DidChangeNotebookDocumentParams(
                lsp.VersionedNotebookDocumentIdentifier(2, notebook),
                lsp.NotebookDocumentChangeEvent(
                    cells=lsp.NotebookDocumentCellChanges(
                        structure=lsp.NotebookDocumentCellChangeStructure(
                            lsp.NotebookCellArrayChange(
                                1, 0, [lsp.NotebookCell(lsp.NotebookCellKind.Code, two)]
                            ),
                            did_open=[lsp.TextDocumentItem(two, "python", 1, "pan")],
                        ),
                        text_content=[
                            lsp.NotebookDocumentCellContentChanges(
                                lsp.VersionedTextDocumentIdentifier(2, one),
                                [
                                    lsp.TextDocumentContentChangePartial(
                                        lsp.Range(end, end), " + import nu"
                                    )
                                ],
                            )
                        ],
                    )
                ),
            )
        )
        (item,) = await session.ask(HERE(0, 3), two)
        assert item.insert_text == "das"
        (item,) = await session.ask(HERE(0, 21), one)
        assert item.insert_text == "mpy"
        session.client.notebook_document_did_close(
            lsp.DidCloseNotebookDocumentParams(
                lsp.NotebookDocumentIdentifier(notebook),
                [lsp.TextDocumentIdentifier(one), lsp.TextDocumentIdentifier(two)],
            )
        )
        assert await session.ask(HERE(0, 3), two) == []
        assert await session.reason(two) == "unknown-document"


async def test_closing_a_document_stops_what_runs_for_it(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"after": "x", "answer": "a", "token_ms": 100_000})
    async with editor(script=script) as session:
        pending = session.ask_later(session.open("x█"))
        await asyncio.sleep(0.1)
        session.client.text_document_did_close(
            lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(URI))
        )
        assert not (await pending).items


async def test_typing_what_was_suggested_asks_no_model(tmp_path: Path) -> None:
    script = write_script(
        tmp_path, {"after": "x = ", "answer": "total(items)"}, {"answer": "asked_again"}
    )
    async with editor(script=script) as session:
        position = session.open("x = █\ny\n")
        (item,) = await session.ask(position)
        assert item.insert_text == "total(items)"
        session.change("tot", position, position)
        position = HERE(0, 7)
        (item,) = await session.ask(position)
        assert item.insert_text == "al(items)"
        assert item.range == lsp.Range(position, position)
        # The editor closes the bracket; it is not suggested a second time.
        session.change("al()", position, position)
        (item,) = await session.ask(HERE(0, 10))
        assert item.insert_text == "items"
        outcome = await session.request("fimbul/lastOutcome", uri=URI)
        assert outcome is not None
        assert (outcome["kept"], outcome["generatedTokens"]) == (True, 0)
        session.change("s", HERE(0, 10), HERE(0, 10))
        (item,) = await session.ask(HERE(0, 11))
        assert item.insert_text == "asked_again"
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert (statistics["shown"], statistics["kept"]) == (4, 2)


async def test_a_suggestion_is_made_anew_in_a_document_that_was_closed(tmp_path: Path) -> None:
    async with editor(script=write_script(tmp_path, {"answer": "again"})) as session:
        for _ in range(2):
            await session.ask(session.open("x = █"))
            session.client.text_document_did_close(
                lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(URI))
            )
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert (statistics["shown"], statistics["kept"]) == (2, 0)


async def test_a_suggestion_under_way_goes_on_while_it_is_typed(tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        {"after": "x = ", "answer": "total(items, names)", "token_ms": 100},
        {"answer": "asked_again"},
    )
    async with editor(script=script, options=WHOLE) as session:
        position = session.open("x = █\ny\n")
        first = session.ask_later(position)
        await asyncio.sleep(0.05)
        session.change("to", position, position)
        (item,) = await session.ask(HERE(0, 6))
        assert item.insert_text == "tal(items, names)"
        assert not (await first).items


async def test_a_suggestion_under_way_ends_when_something_else_is_typed(tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        {"after": "x = ", "answer": "total(items, names)", "token_ms": 10_000},
        {"after": "x = z", "answer": "ip(items)"},
    )
    async with editor(script=script) as session:
        position = session.open("x = █\ny\n")
        first = session.ask_later(position)
        await asyncio.sleep(0.2)
        session.change("z", position, position)
        (item,) = await session.ask(HERE(0, 5))
        assert item.insert_text == "ip(items)"
        assert not (await first).items
