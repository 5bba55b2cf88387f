"""Messages and names that make no sense, each found by `python -m benchmarks.fuzz`.

A request gets an error; everything else is left out; what comes next is served.
"""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from lsp_server.completion.serving import ChosenModel
from lsp_server.config.layers import read_file
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.errors import ModelMissing
from lsp_server.inference.protocol import CountTokens, decode_request, encode
from lsp_server.server.handlers import create_server
from lsp_server.server.logs import start_logging
from tests.server.editor import capabilities, editor
from tests.server.test_rude_editors import Wire, wire

INVALID_REQUEST, UNKNOWN_METHOD, INVALID_PARAMS = -32600, -32601, -32602


async def refusal(here: Wire, method: str, params: Any) -> int:
    here.send(id=50, method=method, params=params)
    return int((await here.until(id=50))["error"]["code"])


@pytest.mark.parametrize(
    "params",
    [
        None,
        7,
        {},
        {"textDocument": {"uri": "file:///a.py"}, "position": {"line": -1, "character": 0}},
        {"textDocument": 7, "position": {"line": 0, "character": 0}},
    ],
)
async def test_a_request_that_cannot_be_read_is_refused(params: Any) -> None:
    async with wire() as here:
        await here.start({})
        code = await refusal(here, "textDocument/inlineCompletion", params)
        assert code == INVALID_PARAMS


async def test_a_request_that_nobody_answers_is_unknown_whatever_it_says() -> None:
    async with wire() as here:
        await here.start({})
        for method in ("textDocument/hover", "fimbul/nonsense"):
            assert await refusal(here, method, {"position": "nowhere"}) == UNKNOWN_METHOD


async def test_what_only_looks_like_a_message_is_none() -> None:
    async with wire() as here:
        await here.start({})
        inner = {"jsonrpc": "2.0", "id": 7, "method": "textDocument/hover", "params": 7}
        params = {"command": "fimbul.explain", "arguments": [inner]}
        here.send(id=51, method="workspace/executeCommand", params=params)
        assert "result" in await here.until(id=51)


async def test_who_is_initialized_is_not_initialized_again() -> None:
    async with editor() as session:
        session.open("é = ")
        again = lsp.InitializeParams(capabilities=capabilities(["utf-8"], progress=False))
        with pytest.raises(JsonRpcException, match="already"):
            await session.client.initialize_async(again)
        # In UTF-8 this were the place in front of the blank.
        (item,) = await session.ask(lsp.Position(0, 4))
        assert item.range == lsp.Range(lsp.Position(0, 4), lsp.Position(0, 4))


async def test_requests_behind_the_shutdown_are_refused() -> None:
    async with wire() as here:
        await here.start({})
        here.send(id=2, method="shutdown")
        await here.until(id=2)
        assert await refusal(here, "fimbul/statistics", {}) == INVALID_REQUEST


async def test_half_a_surrogate_pair_costs_no_suggestion() -> None:
    async with editor() as session:
        for number, text in enumerate(("# \ud83d\nx = █", "y = '\ude00'\nx = █")):
            uri = f"file:///workspace/half{number}.py"
            assert await session.ask(session.open(text, uri), uri)


def test_half_a_surrogate_pair_goes_through_the_pipe_as_a_replacement() -> None:
    request = CountTokens(1, ["a\ud83db", "é😀"])
    found = decode_request(encode(request)[4:])
    assert found == CountTokens(1, ["a\ufffdb", "é😀"])


@pytest.mark.parametrize("uri", ["file:///nul%00", "file://[/half", "file:///\ud800"])
async def test_names_that_no_file_can_have_do_no_harm(uri: str, tmp_path: Path) -> None:
    async with editor(folders=[tmp_path]) as session:
        added = [lsp.WorkspaceFolder(uri, "impossible")]
        event = lsp.WorkspaceFoldersChangeEvent(added, [])
        session.client.workspace_did_change_workspace_folders(
            lsp.DidChangeWorkspaceFoldersParams(event)
        )
        name = f"{uri}/a.py"
        position = session.open("x = █", name)
        assert await session.ask(position, name)
        session.client.text_document_did_save(
            lsp.DidSaveTextDocumentParams(lsp.TextDocumentIdentifier(name))
        )
        session.client.workspace_did_change_configuration(
            lsp.DidChangeConfigurationParams({"fimbul": {"completion": {"enable": False}}})
        )
        async with asyncio.timeout(30):
            while await session.ask(position, name):
                await asyncio.sleep(0.05)
        assert await session.reason(name) == "disabled"


def test_settings_as_deep_as_nobody_means_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / ".fimbul.toml"
    file.write_text("x = " + "[" * 100_000)
    layers, (message,) = read_file(file, None)
    assert not layers
    assert "is left out" in message


async def test_asyncio_puts_no_text_of_a_document_into_the_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    start_logging()

    async def fail() -> None:
        raise ValueError("text of a document")

    logger = logging.getLogger("asyncio")
    task = asyncio.create_task(fail())
    await asyncio.wait({task})
    error = task.exception()
    logger.error("Task exception was never retrieved\nfuture: %r" % task, exc_info=error)  # noqa: UP031
    logger.error("Exception in callback take('text of a document')()", exc_info=error)
    said = capfd.readouterr().err
    assert "never retrieved" in said
    assert "ValueError" in said
    assert "text of" not in said


async def test_the_server_says_which_text_it_holds() -> None:
    async with editor() as session:
        session.open("é😀\r\nx")
        session.change("y", lsp.Position(0, 1), lsp.Position(0, 3))
        found = await session.request("fimbul/digest", uri="file:///workspace/a.py")
        # sha256 of "éy\r\nx" in UTF-8.
        assert found == {"version": 2, "lines": 2, "characters": 5, "sha256": DIGEST}
        assert await session.request("fimbul/digest", uri="file:///workspace/b.py") is None


DIGEST = "c7fd6a0f22ec4a87803416256ff87d592adc18085bf408d26f90a4b4d43c0f68"


class Kept:
    """The wire to an editor that keeps all that it is told."""

    def __init__(self) -> None:
        self.said = b""

    def write(self, data: bytes) -> None:
        self.said += data

    def close(self) -> None:
        """Nothing has to be closed."""


async def test_no_message_is_remembered_once_it_was_handled(paths: Paths) -> None:
    def choose(_settings: Settings) -> ChosenModel:
        raise ModelMissing("none")

    server = create_server("0", paths, choose, ("nothing",))
    protocol, wire_out = server.protocol, Kept()
    protocol.set_writer(wire_out)

    def send(method: str, params: Any, **more: Any) -> None:
        protocol.handle_message({"jsonrpc": "2.0", "method": method, "params": params, **more})

    send("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, id=1)
    item = {"uri": "untitled:1", "languageId": "python", "version": 1, "text": "x"}
    send("textDocument/didOpen", {"textDocument": item})
    for version in range(2, 50):
        document = {"uri": "untitled:1", "version": version}
        changes = [{"text": f"x = {version}"}]
        send("textDocument/didChange", {"textDocument": document, "contentChanges": changes})
        context = {"context": {"triggerKind": 2}}
        place = {"textDocument": document, "position": {"line": 0, "character": 3}}
        send("textDocument/inlineCompletion", {**place, **context}, id=version)
    async with asyncio.timeout(60):
        while protocol._request_futures:
            await asyncio.sleep(0.01)
    assert wire_out.said.count(b'"id": 49') == 1
    await server.stop()
