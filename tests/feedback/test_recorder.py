"""The thread that writes: nothing is lost, and nothing disturbs."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from lsp_server.feedback.recorder import Recorder
from lsp_server.feedback.store import VERSION, open_store, read_rows
from tests.feedback.rows import suggestion

MEGABYTE = 1_000_000


class Session:
    def __init__(self, file: Path, gather: float = 0.0) -> None:
        self.messages: list[str] = []
        self.said = threading.Event()
        self.recorder = Recorder(file, MEGABYTE, self._hear, gather=gather)

    def _hear(self, message: str) -> None:
        self.messages.append(message)
        self.said.set()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "feedback.sqlite"


def test_nothing_is_lost_at_the_end(file: Path) -> None:
    session = Session(file, gather=3600)
    for _ in range(100):
        session.recorder.put(suggestion())
    assert read_rows(file) == []
    session.recorder.close()
    assert len(read_rows(file)) == 100
    session.recorder.close()
    session.recorder.put(suggestion())
    session.recorder.close()
    assert len(read_rows(file)) == 101
    assert not session.messages


def test_no_event_no_thread_and_no_file(file: Path) -> None:
    session = Session(file)
    session.recorder.close()
    assert not file.exists()


def test_a_transaction_of_another_process_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsp_server.feedback.store._PATIENCE", 0.05)
    opened, _ = open_store(file)
    opened.close()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        session = Session(file)
        session.recorder.put(suggestion())
        assert not session.said.wait(0.5)
        other.execute("COMMIT")
    session.recorder.close()
    assert len(read_rows(file)) == 1
    assert not session.messages


def test_a_damaged_file_is_set_aside_and_said_so(file: Path) -> None:
    file.write_bytes(b"damaged" * 1000)
    session = Session(file)
    session.recorder.put(suggestion())
    assert session.said.wait(30)
    session.recorder.close()
    (message,) = session.messages
    assert "damaged" in message
    assert str(file.with_name("feedback.sqlite.damaged")) in message
    assert len(read_rows(file)) == 1


def test_damage_while_it_is_open(file: Path) -> None:
    session = Session(file)
    session.recorder.put(suggestion())
    while not file.exists() or not read_rows(file):
        pass
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with file.open("r+b") as content:
        content.seek(0)
        content.write(b"\xff" * file.stat().st_size)
    last = suggestion()
    session.recorder.put(last)
    assert session.said.wait(30)
    session.recorder.close()
    assert [row["id"] for row in read_rows(file)] == [last.id]


def test_a_newer_file_is_said_once_and_left_alone(file: Path) -> None:
    opened, _ = open_store(file)
    opened.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    session = Session(file)
    session.recorder.put(suggestion())
    assert session.said.wait(30)
    session.recorder.put(suggestion())
    session.recorder.close()
    assert len(session.messages) == 1
    assert "newer fimbul" in session.messages[0]


def test_a_place_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    session = Session(tmp_path / "state" / "feedback.sqlite")
    session.recorder.put(suggestion())
    session.recorder.put(suggestion())
    session.recorder.close()
    assert len(session.messages) == 1
    assert "not remembered" in session.messages[0]


def test_a_file_that_is_deleted_meanwhile_is_begun_anew(file: Path) -> None:
    session = Session(file)
    session.recorder.put(suggestion())
    while not file.exists() or not read_rows(file):
        pass
    for path in file.parent.glob("feedback.sqlite*"):
        path.unlink()
    last = suggestion()
    session.recorder.put(last)
    session.recorder.close()
    assert [row["id"] for row in read_rows(file)] == [last.id]


def test_that_the_oldest_is_forgotten_is_said_once(file: Path) -> None:
    session = Session(file)
    session.recorder.max_bytes = 1
    for _ in range(3):
        session.recorder.put(suggestion())
        assert session.said.wait(30)
    session.recorder.close()
    (message,) = session.messages
    assert "feedback.max_size" in message
    assert str(file) in message
