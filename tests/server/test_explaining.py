"""What a server says, and writes down, about why nothing was suggested."""

import asyncio
import logging
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from lsp_server.completion.fate_log import sessions
from lsp_server.completion.fates import RequestFate
from lsp_server.config.options import LogLevel, LogOptions
from lsp_server.config.paths import Paths
from lsp_server.server.documents import MOST_LINES
from lsp_server.server.explaining import NOTHING, LastReason
from lsp_server.server.logs import LogFile, start_logging
from tests.completion.test_reasons import IN_THE_SERVER
from tests.server.editor import URI, Editor, editor, write_script

HERE = lsp.Position
WHOLE = {"completion": {"time_budget": 0}}
"""Options under which no suggestion comes in parts."""
CODE = "words_of_the_document"


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not what():
            await asyncio.sleep(0.01)


async def command(session: Editor, *arguments: Any) -> Any:
    return await session.client.workspace_execute_command_async(
        lsp.ExecuteCommandParams("fimbul.explain", list(arguments))
    )


# The command


async def test_the_command_tells_and_shows_a_message(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"after": "x = ", "answer": ""}, {"answer": "b"})
    async with editor(script=script, options=WHOLE) as session:
        assert session.result.capabilities.execute_command_provider is not None
        commands = session.result.capabilities.execute_command_provider.commands
        assert "fimbul.explain" in commands
        assert (await command(session))["text"] == NOTHING
        assert session.messages[-1] == f"fimbul: {NOTHING}"
        other = "file:///workspace/b.py"
        await session.ask(session.open("x = █\n"))
        await session.ask(session.open("y = █\n", other), other)
        answer = await command(session)
        assert [one["file"] for one in answer["requests"]] == ["a.py", "b.py"]
        answer = await command(session, URI)
        (request,) = answer["requests"]
        assert (request["reason"], request["line"], request["column"]) == ("empty", 1, 5)
        assert "The model had nothing to add here." in answer["text"]
        assert "The model had nothing to add here." in session.messages[-1]


@pytest.mark.parametrize("asked", [{"uri": URI, "message": False, "count": 1}, [], 7, None])
async def test_the_command_takes_what_editors_send(asked: Any) -> None:
    async with editor(options=WHOLE) as session:
        position = session.open("x = █\n")
        for _ in range(2):
            await session.ask(position)
        before = len(session.messages)
        answer = await command(session, asked)
        silent = isinstance(asked, dict)
        assert len(answer["requests"]) == (1 if silent else 2)
        assert len(session.messages) == before + (not silent)


async def test_only_the_server_knows_documents_that_are_not_open_or_too_long() -> None:
    reasons = set()
    async with editor(options=WHOLE) as session:
        session.open("x\n" * (MOST_LINES + 1), "file:///workspace/long.py")
        for uri in ("file:///workspace/unknown.py", "file:///workspace/long.py"):
            assert await session.ask(HERE(0, 0), uri) == []
            reasons.add(await session.reason(uri))
    assert reasons == {reason.value for reason in IN_THE_SERVER}


async def test_a_document_that_becomes_shorter_is_looked_into() -> None:
    async with editor(options=WHOLE) as session:
        session.open("x = \n" * (MOST_LINES + 1))
        assert await session.ask(HERE(0, 4)) == []
        session.change("", HERE(1, 0), HERE(MOST_LINES, 0))
        assert await session.ask(HERE(0, 4))


async def test_what_was_sent_away_is_not_shown_again() -> None:
    async with editor(options=WHOLE) as session:
        position = session.open("x = █\n")
        assert await session.ask(position)
        protocol: Any = session.client.protocol
        protocol.notify("fimbul/rejected", {"id": 1})
        assert await session.ask(position) == []
        assert await session.reason() == "rejected-here"
        assert await session.ask(position, kind=lsp.InlineCompletionTriggerKind.Invoked)


# The status


async def test_the_status_holds_the_last_reason(tmp_path: Path) -> None:
    script = write_script(tmp_path, {"after": "x = ", "answer": ""}, {"answer": "b"})
    async with editor(script=script, options=WHOLE) as session:
        position = session.open("x = █\n")
        count = len(session.statuses)
        for _ in range(5):
            await session.ask(position)
        await until(lambda: session.statuses[-1]["last"]["reason"])
        assert session.statuses[-1]["last"] == {
            "reason": "empty",
            "explanation": "The model had nothing to add here.",
        }
        assert len(session.statuses) == count + 1


def fate(reason: str) -> RequestFate:
    return RequestFate(at=0.0, reason=reason)


async def test_the_status_is_not_told_at_every_key() -> None:
    told: list[str] = []
    last = LastReason(lambda: told.append(last.as_json()["reason"]))
    for reason in ("", "empty", "", "unsure", "", "unsure", "cancelled", "superseded"):
        last.take(fate(reason))
    assert told == ["empty"]
    assert last.as_json()["reason"] == "unsure"
    await until(lambda: len(told) > 1)
    assert told == ["empty", "unsure"]
    last.take(fate("empty"))
    last.take(fate("unsure"))
    last.close()
    assert told == ["empty", "unsure"]


# The file of what became of requests


async def test_the_file_holds_reasons_and_no_code(tmp_path: Path, paths: Paths) -> None:
    script = write_script(
        tmp_path,
        {"after": "slow", "answer": "a", "token_ms": 100_000},
        {"answer": f"{CODE}_2 = 1"},
    )
    async with editor(script=script, options=WHOLE) as session:
        (server,) = sessions(paths.requests)
        assert server.is_running
        assert not server.fates
        position = session.open(f"{CODE} = █\nslow\n", f"file:///workspace/{'x' * 9}.py")
        uri = f"file:///workspace/{'x' * 9}.py"
        (item,) = await session.ask(position, uri)
        assert CODE in str(item.insert_text)
        pending = session.ask_later(HERE(1, 4), uri, message_id="slow-one")
        await asyncio.sleep(0.2)
        session.client.cancel_request(lsp.CancelParams("slow-one"))
        with pytest.raises(JsonRpcException):
            await pending
        await until(lambda: len(sessions(paths.requests)[0].fates) == 2)
    (server,) = sessions(paths.requests)
    shown, cancelled = server.fates
    assert (shown.file, shown.origin, shown.model) == ("xxxxxxxxx.py", "model", "scripted")
    assert (cancelled.reason, cancelled.line) == ("cancelled", 2)
    assert cancelled.timings.total > 0
    assert CODE not in server.file.read_text()
    assert "workspace" not in server.file.read_text()


async def test_switched_off_nothing_is_written(paths: Paths) -> None:
    off = {**WHOLE, "log": {"requests": False, "file": False}}
    async with editor(options=off) as session:
        await session.ask(session.open("x = █\n"))
        assert (await command(session))["requests"]
    assert not paths.requests.exists()
    assert not paths.logs.exists()


async def test_switching_off_deletes_the_file(paths: Paths) -> None:
    async with editor(options=WHOLE, configuration={}) as session:
        await session.ask(session.open("x = █\n"))
        await until(lambda: sessions(paths.requests)[0].fates)
        session.client.workspace_did_change_configuration(
            lsp.DidChangeConfigurationParams({"fimbul": {"log": {"requests": False}}})
        )
        await until(lambda: not sessions(paths.requests))
        await session.ask(HERE(0, 4))
    assert not sessions(paths.requests)


async def test_two_servers_do_not_meet(paths: Paths) -> None:
    async with editor(options=WHOLE) as one, editor(options=WHOLE) as other:
        await one.ask(one.open("x = █\n"))
        for _ in range(2):
            await other.ask(other.open("x = █\n"))
    assert sorted(len(server.fates) for server in sessions(paths.requests)) == [1, 2]


# The log file


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogFile]:
    """A log file, with the process's logging put back behind it."""
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    found = LogFile(tmp_path / "logs")
    yield found
    found.close()
    root.handlers[:] = before
    logging.raiseExceptions = True
    logging.getLogger("lsp_server").setLevel(logging.NOTSET)


def test_the_log_file_rotates_and_is_its_owners(log: LogFile) -> None:
    log.configure(LogOptions(file_size=10, older_files=1))
    assert not log.file.exists()
    for number in range(400):
        logging.getLogger("lsp_server.test").warning("%d %s", number, "x" * 100)
    files = sorted(log.file.parent.iterdir())
    assert files == [log.file, log.file.with_name(f"{log.file.name}.1")]
    assert all(file.stat().st_size <= 10_000 for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(log.file.parent.stat().st_mode) == 0o700
    assert "399 xxx" in log.file.read_text()


def test_the_log_file_holds_no_arguments_of_others(log: LogFile) -> None:
    log.configure(LogOptions())
    logging.getLogger("pygls.protocol").error("message: %s", CODE)
    try:
        int(CODE)
    except ValueError:
        logging.getLogger("pygls.server").exception("failed: %s", CODE)
    text = log.file.read_text()
    assert CODE not in text
    assert "[arguments left out]" in text
    assert "ValueError" in text


def test_a_record_that_cannot_be_written_is_not_printed_instead(
    log: LogFile, capsys: pytest.CaptureFixture[str]
) -> None:
    start_logging()
    log.configure(LogOptions())
    logging.getLogger("lsp_server.test").error("%d", CODE)
    logging.getLogger("pygls.protocol").error("%d", CODE)
    shown = capsys.readouterr()
    assert CODE not in shown.err + shown.out


def test_the_log_file_follows_the_settings(log: LogFile) -> None:
    log.configure(LogOptions(level=LogLevel.INFO))
    logging.getLogger("lsp_server.test").info("first")
    log.configure(LogOptions(level=LogLevel.INFO))
    log.configure(LogOptions(level=LogLevel.ERROR))
    logging.getLogger("lsp_server.test").warning("second")
    log.configure(LogOptions(file=False))
    logging.getLogger("lsp_server.test").error("third")
    text = log.file.read_text()
    assert "first" in text
    assert "second" not in text
    assert "third" not in text


def test_a_log_file_that_cannot_be_made_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    log = LogFile(tmp_path / "file" / "logs")
    log.configure(LogOptions())
    assert "there is no log file" in caplog.text
    log.close()


async def test_a_server_writes_its_log_without_code(tmp_path: Path, paths: Paths) -> None:
    crash = {"contains": CODE, "answer": CODE, "fault": "crash"}
    script = write_script(tmp_path, crash, {"answer": "b"})
    async with editor(script=script, options={**WHOLE, "log": {"level": "debug"}}) as session:
        position = session.open(f"{CODE} = █\n")
        await session.ask(position)
        await session.ask(position)
        protocol: Any = session.client.protocol
        protocol.notify("fimbul/cursor", {"textDocument": CODE})
        await until(lambda: list(paths.logs.iterdir()))
        await session.request("fimbul/statistics")
    (file,) = paths.logs.iterdir()
    text = file.read_text()
    assert "fimbul/cursor" in text
    assert CODE not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
