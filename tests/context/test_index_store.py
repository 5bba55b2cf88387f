"""The index on disk: what is written, what is answered, and that nothing but contents counts."""

import contextlib
import hashlib
import os
import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lsp_server.context.index.files import LeftOut, Stamp
from lsp_server.context.index.reader import MOST_USES, IndexReader
from lsp_server.context.index.store import (
    Changes,
    IndexedFile,
    IndexWriter,
    WordCutter,
    index_file,
    remove_unused,
    summarize,
)
from lsp_server.context.repository import Repository
from lsp_server.context.words import words
from lsp_server.syntax.outline import Definition, DefinitionKind, Import, ImportedName, Outline
from lsp_server.text import split_lines

PARSER = """class Parser:
    def parse_header(self, text): ...
    def parse_body(self, text): ...
"""
READER = """from parser import Parser
import os

def read_header(path):
    return Parser().parse_header(open(path).read())
"""


def define(name: str, line: int, container: str = "", doc: str = "") -> Definition:
    kind = DefinitionKind.METHOD if container else DefinitionKind.CLASS
    return Definition(name, kind, container, line, line + 1, f"def {name}()", doc, ("Base", "B"))


def imports(*modules: str) -> tuple[Import, ...]:
    return tuple(Import(module, (), line, line + 1) for line, module in enumerate(modules))


def indexed(path: str, text: str, outline: Outline | None = None) -> IndexedFile:
    stamp = Stamp(len(text), 1, hashlib.sha256(text.encode()).digest())
    return summarize(path, stamp, split_lines(text), outline or Outline(), WordCutter())


OUTLINES = {
    "parser.py": Outline(
        (
            define("Parser", 0, doc="Takes texts apart."),
            define("parse_header", 1, "Parser"),
            define("parse_body", 2, "module.Parser"),
        )
    ),
    "reader.py": Outline(
        (define("read_header", 3),),
        (
            Import("parser", (ImportedName("Parser", "Parser"),), 0, 1),
            Import("os", (), 1, 2, alias="system"),
        ),
    ),
}


class Index:
    """A writer and a reader of one index."""

    def __init__(self, tmp_path: Path) -> None:
        self.root = tmp_path / "project"
        self.root.mkdir(parents=True)
        self.file = index_file(tmp_path / "cache", self.root)
        self.writer = IndexWriter(self.file)
        self.reader = IndexReader(self.file, self.root, lambda _: True, tuple)

    def add(self, *files: IndexedFile) -> None:
        self.writer.apply(Changes(files))

    def close(self) -> None:
        self.writer.tidy()
        self.writer.close()
        self.reader.close()


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path)


@pytest.fixture
def filled(index: Index) -> Index:
    index.add(
        indexed("parser.py", PARSER, OUTLINES["parser.py"]),
        indexed("reader.py", READER, OUTLINES["reader.py"]),
    )
    return index


def names(found: Sequence[object]) -> list[str]:
    return [f"{one.path}:{one.definition.name}" for one in found]  # type: ignore[attr-defined]


def similar(index: Index, text: str, suffixes: Sequence[str] = (".py",)) -> list[str]:
    found = index.reader.similar_lines(list(words(text)), suffixes)
    return [f"{one.path}:{one.first_line}-{one.end_line}" for one in found]


def dump(reader: Repository) -> object:
    """Everything a reader answers."""
    paths = reader.paths()
    outlines = [reader.outline(path) for path in paths]
    every = sorted({item.name for outline in outlines for item in outline.definitions})
    modules = sorted({item.module for outline in outlines for item in outline.imports})
    return (
        paths,
        outlines,
        reader.definitions_named(every),
        [reader.members_of(name) for name in every],
        reader.importers(modules),
        reader.uses(every),
        reader.similar_lines(list(words(PARSER + READER)), (".py", ".go")),
    )


def test_an_index_that_is_not_there_is_empty(tmp_path: Path) -> None:
    reader = IndexReader(tmp_path / "none.sqlite", tmp_path, lambda _: True, tuple)
    assert reader.name == tmp_path.name
    assert reader.generation == 0
    assert dump(reader) == ((), [], [], [], {}, {}, [])
    assert reader.outline("a.py") == Outline()
    assert reader.lines("a.py") is None
    reader.close()


def test_files_and_their_outlines(filled: Index) -> None:
    assert filled.reader.paths() == ("parser.py", "reader.py")
    for path, outline in OUTLINES.items():
        assert filled.reader.outline(path) == outline
    assert filled.reader.outline("other.py") == Outline()
    filled.close()


def test_definitions_by_name_and_owner(filled: Index) -> None:
    reader = filled.reader
    assert names(reader.definitions_named(["read_header", "Parser", "none"])) == [
        "parser.py:Parser",
        "reader.py:read_header",
    ]
    assert names(reader.members_of("Parser")) == ["parser.py:parse_header", "parser.py:parse_body"]
    assert reader.members_of("") == []
    assert len(reader.definitions_named(["read_header", "Parser"], limit=1)) == 1
    filled.close()


def test_importers(filled: Index) -> None:
    filled.add(indexed("third.py", "import os\n", Outline((), imports("os", "os", "re"))))
    assert filled.reader.importers(["os", "parser", "none"]) == {"reader.py": 2, "third.py": 1}
    assert filled.reader.importers([]) == {}
    filled.close()


def test_uses(filled: Index) -> None:
    uses = filled.reader.uses
    assert uses(["Parser", "parse_header", "read_header", "none"]) == {
        "Parser": 2,
        "parse_header": 2,
        "read_header": 1,
    }
    assert uses(["Parser", "parse_body"], ["parser.py", "none.py"]) == {"Parser": 1}
    assert uses([]) == uses(['" OR "', "", "\ud800"]) == {}
    filled.add(indexed("third.py", "Parser\n" * 30))
    assert uses(["Parser"]) == {"Parser": 3}
    filled.close()


def test_uses_of_a_very_common_name_are_bounded(index: Index) -> None:
    index.add(*(indexed(f"{number}.py", "common\n") for number in range(MOST_USES + 9)))
    assert index.reader.uses(["common"]) == {"common": MOST_USES}
    index.close()


def test_similar_lines_prefer_rare_words_and_kind_of_file(index: Index) -> None:
    filler = "".join(f"value_{number} = common({number})\n" for number in range(100))
    rare = filler.replace("value_55 =", "zebra_stripe =")
    index.add(indexed("a.py", filler), indexed("b.py", rare), indexed("c.go", rare))
    assert similar(index, "common(zebra_stripe)")[0] in ("b.py:40-60", "b.py:50-70")
    assert similar(index, "zebra_stripe", (".go",)) == ["c.go:40-60"]
    assert similar(index, "zebra_stripe", ()) == []
    assert similar(index, "nothing_of_this_kind") == []
    assert similar(index, "") == []
    index.close()


def test_windows_do_not_lie_over_each_other_and_stay_in_the_file(index: Index) -> None:
    index.add(indexed("a.py", "giraffe(leaf)\n" * 43), indexed("b.py", "giraffe()\n" * 3))
    assert sorted(similar(index, "giraffe leaf")) == ["a.py:0-20", "a.py:20-40", "b.py:0-4"]
    index.close()


ODD_WORDS = ["über_straße", "$scope", "İstanbul", "日本語", "_", "OR", "x" * 70, "ab1" * 8]


@pytest.mark.parametrize("word", ODD_WORDS)
def test_every_word_can_be_asked_for(index: Index, word: str) -> None:
    index.add(indexed("a.py", f"call({word}, 'x')\n"), indexed("b.py", "call(y)\n"))
    found = similar(index, word)
    assert found == ([] if word in ODD_WORDS[-2:] else ["a.py:0-2"])
    index.close()


def test_a_change_leaves_nothing_of_the_old_text(filled: Index) -> None:
    before = filled.reader.generation
    assert similar(filled, "body") == ["parser.py:0-4"]
    filled.add(indexed("parser.py", "class Lexer: ...\n", Outline((define("Lexer", 0),))))
    assert filled.reader.generation > before
    assert similar(filled, "body") == []
    assert similar(filled, "Lexer") == ["parser.py:0-2"]
    assert names(filled.reader.definitions_named(["Parser", "Lexer"])) == ["parser.py:Lexer"]
    assert filled.reader.members_of("Parser") == []
    filled.close()


def test_removing_and_renaming(filled: Index) -> None:
    filled.writer.apply(
        Changes(
            (indexed("lib/reader.py", READER, OUTLINES["reader.py"]),),
            removed=("reader.py", "never.py"),
        )
    )
    assert filled.reader.paths() == ("lib/reader.py", "parser.py")
    assert filled.reader.outline("reader.py") == Outline()
    assert filled.reader.importers(["parser"]) == {"lib/reader.py": 1}
    assert similar(filled, "read_header") == ["lib/reader.py:0-6", "parser.py:0-4"]
    filled.writer.apply(Changes(removed=filled.reader.paths()))
    assert dump(filled.reader) == ((), [], [], [], {}, {}, [])
    filled.close()


def test_a_touched_file_is_no_change(filled: Index) -> None:
    before = filled.reader.generation
    stamp = Stamp(len(PARSER), 77, PARSER.encode())
    filled.writer.apply(Changes(touched={"parser.py": stamp}))
    assert filled.writer.stamp("parser.py") == stamp
    assert filled.writer.stamps()["parser.py"] == stamp
    assert filled.reader.generation == before
    filled.close()


def test_refused_files_are_remembered_and_forgotten(filled: Index) -> None:
    stamp = Stamp(10, 5)
    filled.writer.apply(Changes(refused={"parser.py": (stamp, LeftOut.BINARY)}))
    assert filled.writer.refused() == {"parser.py": (stamp, LeftOut.BINARY)}
    assert filled.reader.paths() == ("reader.py",)
    filled.add(indexed("parser.py", PARSER))
    assert filled.writer.refused() == {}
    assert filled.writer.count() == 2
    filled.close()


def test_answers_depend_on_contents_only(tmp_path: Path) -> None:
    chance = random.Random(3)
    files = [indexed(path, text, OUTLINES[path]) for path, text in
             (("parser.py", PARSER), ("reader.py", READER))]  # fmt: skip
    for number in range(40):
        path = f"{chance.choice('abc')}/f{number}.py"
        outline = Outline((define("same", 0), define("member", 1, "Parser")), imports("os", "re"))
        files.append(indexed(path, f"parse_header = {number}\n" * chance.randrange(60), outline))
    first, second = Index(tmp_path / "first"), Index(tmp_path / "second")
    first.add(*files)
    chance.shuffle(files)
    for file in files:
        second.add(indexed(file.path, "something_else parse_header\n" * 99))
    second.add(indexed("gone.py", PARSER, OUTLINES["parser.py"]))
    for file in files:
        second.add(file)
    second.writer.apply(Changes(removed=["gone.py"]))
    assert dump(first.reader) == dump(second.reader)
    some = first.reader.definitions_named(["same"], limit=7)
    assert some == second.reader.definitions_named(["same"], limit=7)
    first.close()
    second.close()


def corrupt_header(file: Path) -> None:
    file.write_bytes(b"no database at all" * 500)


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def scribble(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:-4096] = b"\xa5" * (len(data) - 8192)
    file.write_bytes(data)


def another_version(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("DROP TABLE modules")
    connection.execute("PRAGMA user_version = 999")
    connection.close()


def another_program(file: Path) -> None:
    file.unlink()
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE files (anything)")
    connection.close()


DAMAGES: list[Callable[[Path], None]] = [
    corrupt_header,
    truncate,
    scribble,
    another_version,
    another_program,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_is_no_sound_index_is_made_anew(filled: Index, damage: Callable[[Path], None]) -> None:
    before = filled.reader.generation
    filled.close()
    damage(filled.file)
    assert dump(filled.reader) == ((), [], [], [], {}, {}, [])
    writer = IndexWriter(filled.file)
    assert writer.stamps() == {}
    writer.apply(Changes((indexed("a.py", PARSER, OUTLINES["parser.py"]),)))
    assert filled.reader.paths() == ("a.py",)
    assert filled.reader.generation >= before
    writer.close()
    filled.reader.close()


def test_a_sound_index_is_kept(filled: Index) -> None:
    expected = dump(filled.reader)
    filled.close()
    filled.writer = IndexWriter(filled.file)
    assert dump(filled.reader) == expected
    filled.close()


def write_anything(file: Path) -> None:
    writer = IndexWriter(file)
    try:
        writer.refused()
        writer.apply(Changes((indexed("reader.py", PARSER),), removed=writer.stamps().keys()))
    finally:
        writer.close()


def test_random_damage_is_never_more_than_an_error_of_the_database(filled: Index) -> None:
    filled.close()
    sound = filled.file.read_bytes()
    for seed in range(60):
        chance = random.Random(seed)
        data = bytearray(sound)
        for _ in range(chance.choice((1, 20, 2000))):
            data[chance.randrange(100, len(data))] = chance.randrange(256)
        filled.file.write_bytes(data)
        reader = IndexReader(filled.file, filled.root, lambda _: True, tuple)
        dump(reader)
        reader.close()
        with contextlib.suppress(sqlite3.Error):
            write_anything(filled.file)


def test_a_deleted_index_is_noticed(filled: Index) -> None:
    assert filled.reader.paths()
    filled.writer.close()
    filled.file.unlink()
    assert filled.reader.paths() == ()
    assert filled.reader.generation == 0
    assert not filled.writer.is_current()
    filled.writer = IndexWriter(filled.file)
    filled.add(indexed("new.py", READER))
    assert filled.reader.paths() == ("new.py",)
    filled.close()


def test_lines_only_of_files_that_are_as_indexed(index: Index) -> None:
    path = index.root / "parser.py"
    path.write_text(PARSER)
    asked: list[Path] = []
    forbidden: set[Path] = set()

    def may_read(place: Path) -> bool:
        asked.append(place)
        return place not in forbidden

    reader = IndexReader(index.file, index.root, may_read, tuple)
    assert reader.lines("parser.py") is None
    assert asked == []
    status = path.stat()
    stamp = Stamp(status.st_size, status.st_mtime_ns, b"")
    index.add(summarize("parser.py", stamp, split_lines(PARSER), Outline(), WordCutter()))
    assert reader.lines("parser.py") == tuple(split_lines(PARSER))
    assert reader.lines("../parser.py") is None
    forbidden.add(path)
    assert reader.lines("parser.py") is None
    forbidden.clear()
    assert path in asked
    path.write_text(PARSER + "# one more line\n")
    assert reader.lines("parser.py") is None
    path.unlink()
    assert reader.lines("parser.py") is None
    reader.close()
    index.close()


def test_many_threads_read_while_one_writes(filled: Index) -> None:
    failures: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            paths = filled.reader.paths()
            if "parser.py" not in paths:
                failures.append(f"parser.py is missing from {paths}")
            if not filled.reader.definitions_named(["Parser"]):
                failures.append("Parser is missing")
            filled.reader.similar_lines(["parse_header", "parser"], (".py",))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(30):
        filled.add(indexed(f"f{number % 3}.py", READER * number, OUTLINES["reader.py"]))
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    filled.close()


def test_a_failed_write_changes_nothing(filled: Index) -> None:
    expected = dump(filled.reader)
    broken = indexed("lone.py", "x = 1\n", Outline((), imports("\ud800")))
    with pytest.raises(UnicodeEncodeError):
        filled.add(indexed("fine.py", PARSER), broken)
    assert dump(filled.reader) == expected
    filled.add(indexed("fine.py", PARSER))
    assert "fine.py" in filled.reader.paths()
    filled.close()


def test_no_line_of_source_is_stored(index: Index) -> None:
    text = 'secret = "correct-horse"  # Remember the milk.\nport = 8443, "sk_Live1x2y3z4w5v6u7"\n'
    index.add(indexed("a.py", text))
    index.writer.tidy()
    index.close()
    stored = index.file.read_bytes()
    for piece in (b"correct-horse", b"8443", b"Remember", b'secret = "', b"1x2y3z4w"):
        assert piece not in stored


def test_indexes_that_nobody_uses_are_deleted(filled: Index, tmp_path: Path) -> None:
    filled.close()
    remove_unused(tmp_path / "cache")
    assert filled.file.exists()
    os.utime(filled.file, (0, 0))
    remove_unused(tmp_path / "cache")
    assert not filled.file.exists()
    remove_unused(tmp_path / "none")


def test_each_folder_has_its_own_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("a")
    files = [index_file(tmp_path, tmp_path / name) for name in ("a", "b", "link", "b/../a")]
    assert files[0] != files[1]
    assert files[0] == files[2] == files[3]
    assert files[0].parent == tmp_path / "index"
