"""The files that say what became of requests."""

import json
import stat
from pathlib import Path

import pytest

from lsp_server.completion.fate_log import LARGEST, FateLog, sessions
from lsp_server.completion.fates import RequestFate, Tally
from lsp_server.config.private import SESSIONS, can_write, remove_old, session_name


def fate(number: int = 0, reason: str = "empty") -> RequestFate:
    return RequestFate(at=float(number), file="a.py", line=number + 1, reason=reason)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "requests"
    log = FateLog(folder, "1.2")
    log.write([])
    (session,) = sessions(folder)
    assert (session.fates, session.is_running, session.head.version) == ((), True, "1.2")
    log.write([fate(1), fate(2)])
    log.write([fate(3)])
    (session,) = sessions(folder)
    assert session.fates == (fate(1), fate(2), fate(3))
    assert session.file == log.file


def test_the_latest_tally_is_read(tmp_path: Path) -> None:
    log = FateLog(tmp_path, "1")
    log.write([fate(1)], Tally({"jwt": 1}))
    log.write([fate(2)], Tally({"jwt": 2, "aws": 1}, {"parse_size": 3}))
    log.write([fate(3)])
    (session,) = sessions(tmp_path)
    assert session.fates == (fate(1), fate(2), fate(3))
    assert session.tally == Tally({"jwt": 2, "aws": 1}, {"parse_size": 3})
    while log.file.stat().st_size < LARGEST - 20_000:
        log.write([fate(number) for number in range(50)])
    for _ in range(20):
        # It outlasts the fates that were thrown away.
        log.write([fate(number) for number in range(50)])
        assert sessions(tmp_path)[0].tally.replaced == {"jwt": 2, "aws": 1}


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "requests"
    folder.mkdir(mode=0o755)
    log = FateLog(folder, "1")
    log.write([fate()])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(log.file.stat().st_mode) == 0o600


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    log = FateLog(tmp_path, "1")
    count = 0
    for _ in range(40):
        log.write([fate(count + number) for number in range(50)])
        count += 50
        assert log.file.stat().st_size <= LARGEST
    (session,) = sessions(tmp_path)
    lines = [one.line for one in session.fates]
    assert lines == list(range(count - len(lines) + 1, count + 1))
    assert len(lines) > 100
    assert stat.S_IMODE(log.file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [log.file]


def test_what_was_erased_does_not_come_back(tmp_path: Path) -> None:
    log = FateLog(tmp_path, "1")
    log.write([fate(1)])
    log.remove()
    assert sessions(tmp_path) == []
    log.write([fate(2)])
    (session,) = sessions(tmp_path)
    assert session.fates == (fate(2),)
    log.remove()
    log.remove()


def write_session(folder: Path, started: float, pid: int, *lines: str) -> Path:
    file = folder / f"{session_name(started, pid)}.jsonl"
    head = json.dumps({"started": started, "pid": pid, "version": "1", "schema": 1})
    file.write_text("\n".join([head, *lines]) + "\n")
    return file


def test_several_servers_have_a_file_each(tmp_path: Path) -> None:
    write_session(tmp_path, 2000.0, 7, '{"at": 2000.5, "reason": "unsure"}')
    write_session(tmp_path, 1000.0, 8, '{"at": 2001, "reason": ""}', '{"at": 3, "rea')
    write_session(tmp_path, 2002.0, 9)
    (tmp_path / "other.jsonl").write_text("nonsense\n")
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "newer.jsonl").write_text('{"started":1,"pid":1,"version":"9","schema":99}\n')
    found = sessions(tmp_path)
    # The one that answered or began last comes last.
    assert [session.head.started for session in found] == [2000.0, 1000.0, 2002.0]
    assert [[one.reason for one in session.fates] for session in found] == [["unsure"], [""], []]
    # These numbers belong to processes that began much later, or to none.
    assert not any(session.is_running for session in found)


def test_fields_and_reasons_of_later_versions_are_no_obstacle(tmp_path: Path) -> None:
    write_session(tmp_path, 2000.0, 7, '{"at": 2, "reason": "never-heard-of", "novel": [1]}')
    (session,) = sessions(tmp_path)
    assert [one.reason for one in session.fates] == ["never-heard-of"]


def test_runs_are_joined_where_two_writings_have_cut_them(tmp_path: Path) -> None:
    log = FateLog(tmp_path, "1")
    log.write([fate(1, "cancelled")])
    log.write([fate(2, "cancelled"), fate(3)])
    (session,) = sessions(tmp_path)
    assert [one.count for one in session.fates] == [2, 1]


def test_files_of_long_ago_are_deleted(tmp_path: Path) -> None:
    old = [write_session(tmp_path, 1000.0 + number, 1) for number in range(SESSIONS + 3)]
    log = FateLog(tmp_path, "1")
    log.write([])
    left = sorted(tmp_path.iterdir())
    assert left == [*old[-SESSIONS + 1 :], log.file]


def test_rotated_files_go_with_their_session(tmp_path: Path) -> None:
    for name in ("2-1.log", "2-1.log.1", "1-1.log", "1-1.log.1"):
        (tmp_path / name).touch()
    remove_old(tmp_path, keep=1)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2-1.log", "2-1.log.1"]


def test_no_folder_means_no_sessions(tmp_path: Path) -> None:
    assert sessions(tmp_path / "none") == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "requests"
    log = FateLog(folder, "1")
    log.write([])
    log.file.unlink()
    target = tmp_path / "target"
    target.touch()
    log.file.symlink_to(target)
    with pytest.raises(OSError, match=r".+"):
        log.write([fate()])
    assert target.read_bytes() == b""


def test_a_folder_is_writable_if_it_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert can_write(tmp_path / "one" / "two")
    assert not can_write(tmp_path / "file" / "two")
