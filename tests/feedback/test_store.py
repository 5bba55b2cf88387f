"""The file of feedback: what is in it, who may read it, and what happens when it is damaged."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lsp_server.errors import FeedbackError
from lsp_server.feedback.records import KEPT_AFTER, Correction, Fate, Known, Sample, Texts
from lsp_server.feedback.store import VERSION, Store, open_store, read_rows, read_texts
from tests.feedback.rows import NOW, suggestion

MEGABYTE = 1_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "feedback" / "feedback.sqlite"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    opened, aside = open_store(file)
    assert aside is None
    yield opened
    opened.close()


def test_what_is_written_is_read_again(store: Store, file: Path) -> None:
    row = suggestion(chance=0.75, fate=Fate.WHOLE, accepted=12, shown_known=Known.REPORTED)
    store.write([row], MEGABYTE)
    (found,) = read_rows(file)
    assert found == {
        "id": row.id, "at": row.at, "language": "python", "surface": "line", "model": "tiny",
        "trigger": "automatic", "latency": 100.0, "length": 12, "lines": 1, "chance": 0.75,
        "was_part": 0, "was_kept": 0, "stood": 1.5, "shown_known": "reported", "fate": "whole",
        "fate_known": "inferred", "accepted": 12, "typed": 0,
        **{f"kept_{seconds}": None for seconds in KEPT_AFTER},
    }  # fmt: skip
    assert read_rows(file, since=row.at + 1) == []


def test_only_the_latest_may_be_read(store: Store, file: Path) -> None:
    rows = [suggestion() for _ in range(5)]
    store.write(rows, MEGABYTE)
    assert [row["id"] for row in read_rows(file, latest=2)] == [row.id for row in rows[3:]]


def test_only_its_user_can_read_it(store: Store, file: Path) -> None:
    old = os.umask(0)
    try:
        store.write([suggestion()], MEGABYTE)
    finally:
        os.umask(old)
    for path in file.parent.glob("feedback.sqlite*"):
        if not path.name.endswith(".lock"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_first_moment_of_the_file_is_private_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    connect = sqlite3.connect

    def look_first(path: Path, **more: object) -> sqlite3.Connection:
        modes.append(stat.S_IMODE(Path(path).stat().st_mode))
        return connect(path, **more)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", look_first)
    opened, _ = open_store(tmp_path / "f" / "feedback.sqlite")
    opened.close()
    assert modes == [0o600]


def test_no_text_of_code_is_in_the_file_without_texts(store: Store, file: Path) -> None:
    row = suggestion()
    name = "quite_special_name"
    store.write([row, Sample(row.id, 15, name, f"x = {name}\n")], MEGABYTE)
    store.close()
    assert read_rows(file)[0]["kept_15"] == 1.0
    assert all(name.encode() not in path.read_bytes() for path in file.parent.iterdir())


def test_later_words_about_a_suggestion(store: Store, file: Path) -> None:
    row = suggestion()
    store.write([row], MEGABYTE)
    store.write(
        [
            Correction(row.id, Fate.WHOLE, 12),
            Sample(row.id, 15, "a b c d", "x a b c d y"),
            Sample(row.id, 600, "a b c d", "x a b z d y"),
            Texts(row.id, "lone \ud800 surrogate", "became"),
            Texts(12345, "of a forgotten one", ""),
        ],
        MEGABYTE,
    )
    (found,) = read_rows(file)
    assert (found["fate"], found["fate_known"], found["accepted"]) == ("whole", "reported", 12)
    assert (found["kept_15"], found["kept_30"], found["kept_600"]) == (1.0, None, 0.75)
    with closing(sqlite3.connect(file)) as connection:
        texts = connection.execute("SELECT * FROM texts").fetchall()
    assert texts == [(row.id, "lone ? surrogate", "became")]
    assert read_texts(file) == {row.id: ("lone ? surrogate", "became")}
    with closing(sqlite3.connect(file)) as connection:
        # A file of the first version has no table of texts.
        connection.execute("PRAGMA user_version = 1")
    assert read_texts(file) == {}
    assert read_texts(file.with_name("none")) == {}
    damaged = file.with_name("damaged")
    damaged.write_bytes(b"no database" * 100)
    with pytest.raises(FeedbackError, match="cannot be read"):
        read_texts(damaged)


def test_the_oldest_is_forgotten_where_there_is_too_much(store: Store, file: Path) -> None:
    rows = [suggestion() for _ in range(4000)]
    texts = [Texts(row.id, "s" * 100, "b" * 100) for row in rows]
    store.write([*rows, *texts], 300_000)
    assert 200_000 < store.size <= 300_000
    left = [row["id"] for row in read_rows(file)]
    assert left == [row.id for row in rows][-len(left) :]
    assert 0 < len(left) < 2000
    store.close()
    assert file.stat().st_size <= 310_000
    with closing(sqlite3.connect(file)) as connection:
        (oldest,) = connection.execute("SELECT min(id) FROM texts").fetchone()
    assert oldest == left[0]


def test_a_limit_below_an_empty_file_forgets_all_and_ends(store: Store, file: Path) -> None:
    store.write([suggestion(), suggestion()], 1)
    assert read_rows(file) == []


def test_a_file_of_the_first_version_is_brought_up_to_date(file: Path) -> None:
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(
            "CREATE TABLE suggestions (id INTEGER PRIMARY KEY, at REAL NOT NULL, language TEXT NOT"
            " NULL, surface TEXT NOT NULL, model TEXT NOT NULL, trigger TEXT NOT NULL, latency"
            " REAL NOT NULL, length INTEGER NOT NULL, lines INTEGER NOT NULL, chance REAL,"
            " was_part INTEGER NOT NULL, was_kept INTEGER NOT NULL, stood REAL NOT NULL,"
            " shown_known TEXT NOT NULL, fate TEXT NOT NULL, fate_known TEXT NOT NULL, accepted"
            " INTEGER NOT NULL, typed INTEGER NOT NULL, kept_15 REAL, kept_30 REAL, kept_120 REAL,"
            " kept_300 REAL, kept_600 REAL)"
        )
        connection.execute(
            "INSERT INTO suggestions VALUES (7, ?, 'go', 'block', 'tiny', 'invoked', 1, 2, 3, NULL,"
            " 0, 1, 4, 'inferred', 'word', 'reported', 5, 6, 1, 1, 1, 1, 1)",
            (NOW,),
        )
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    assert [row["language"] for row in read_rows(file)] == ["go"]
    opened, aside = open_store(file)
    assert aside is None
    opened.write([Texts(7, "suggested", "became"), suggestion(id=8)], MEGABYTE)
    opened.close()
    assert [row["id"] for row in read_rows(file)] == [7, 8]
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("SELECT id FROM texts").fetchall() == [(7,)]


def test_a_file_of_a_newer_version_is_left_alone(store: Store, file: Path) -> None:
    store.write([suggestion()], MEGABYTE)
    store.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
        connection.commit()
    before = file.read_bytes()
    for look in (lambda: open_store(file), lambda: read_rows(file)):
        with pytest.raises(FeedbackError, match=r"newer fimbul.*fimbul erase feedback"):
            look()
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "damage", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_damaged_file_is_set_aside(file: Path, damage: bytes) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(damage)
    with pytest.raises(FeedbackError, match="fimbul erase feedback"):
        read_rows(file)
    opened, aside = open_store(file)
    assert aside is not None
    assert aside.read_bytes() == damage
    opened.write([suggestion()], MEGABYTE)
    opened.close()
    assert len(read_rows(file)) == 1


def test_damage_in_the_middle_is_found_where_it_is_looked_for(store: Store, file: Path) -> None:
    store.write([suggestion() for _ in range(2000)], MEGABYTE)
    store.close()
    content = bytearray(file.read_bytes())
    half = len(content) // 2
    content[half:] = os.urandom(len(content) - half)
    file.write_bytes(content)
    opened, aside = open_store(file)
    opened.close()
    assert aside is None
    opened, aside = open_store(file, doubted=True)
    opened.close()
    assert aside is not None
    assert read_rows(file) == []


_WRITER = """
import sys
from pathlib import Path
from lsp_server.feedback.store import open_store
from tests.feedback.rows import suggestion
store, _ = open_store(Path(sys.argv[1]))
for count in range(50):
    store.write([suggestion(id=int(sys.argv[2]) * 1000 + count)], 10**6)
store.close()
"""


def test_several_servers_write_at_once(file: Path) -> None:
    root = Path(__file__).parents[2]
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(file), str(number)], cwd=root)
        for number in range(3)
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert len(read_rows(file)) == 150


def test_it_can_be_read_while_it_is_open_and_without_changing_it(store: Store, file: Path) -> None:
    store.write([suggestion()], MEGABYTE)
    before = file.read_bytes()
    assert len(read_rows(file)) == 1
    store.write([suggestion()], MEGABYTE)
    assert len(read_rows(file)) == 2
    assert file.read_bytes() == before


def test_erasing_alone_deletes_the_file(store: Store, file: Path) -> None:
    store.write([suggestion()], MEGABYTE)
    assert store.erase()
    assert not list(file.parent.glob("feedback.sqlite*"))


def test_erasing_beside_a_server_empties_the_file(store: Store, file: Path) -> None:
    row = suggestion(model="a-model-that-can-be-found")
    store.write([row, Texts(row.id, "some_text_to_find", "other")], MEGABYTE)
    other, _ = open_store(file)
    assert not other.erase()
    assert read_rows(file) == []
    for path in file.parent.iterdir():
        assert b"to_find" not in path.read_bytes()
        assert b"a-model-that" not in path.read_bytes()
    assert not store.is_replaced
    store.write([suggestion()], MEGABYTE)
    assert len(read_rows(file)) == 1
