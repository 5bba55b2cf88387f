"""Files that are no index, or no whole one: refused in a sentence, and the others answer."""

import re
import struct
from pathlib import Path

import pytest

from lsp_server.errors import ReferencesError
from lsp_server.references.indexfile import About, open_index, writing
from lsp_server.references.shelf import Shelf, verify
from lsp_server.references.tokens import LEXER
from tests.references.made import made_python, record, write_index

TEXT = made_python(1)


def whole(folder: Path) -> bytes:
    return write_index(folder, "public", [record("a.py", TEXT)]).read_bytes()


def test_what_is_not_whole_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    content = whole(tmp_path)
    damaged = {
        "cut": content[: len(content) // 2],
        "half-built": content[:5000] + b"\0" * 5000,
        "foreign": content[:12] + struct.pack("<I", 99) + content[16:],
        "text": b"hello, this is some other file " * 9,
        "empty": b"",
        "about": content.replace(b'"public"', b'"publik"'),
        "lexer": content.replace(b'"lexer":%d' % LEXER, b'"lexer":%d' % (LEXER + 1)),
    }
    for name, bytes_ in damaged.items():
        (tmp_path / f"{name}.fimref").write_bytes(bytes_)
    shelf = Shelf(tmp_path)
    assert [info.name for info in shelf.indexes] == ["public"]
    assert shelf.look(TEXT, "python").matches
    assert len(shelf.problems) == len(damaged)
    for name, sentence in zip(sorted(damaged), shelf.problems, strict=True):
        assert f"{name}.fimref" in sentence
        assert sentence.endswith(".")
    assert "format 99" in " ".join(shelf.problems)


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    content = whole(tmp_path)
    assert verify(tmp_path / "public.fimref").texts == 1
    place = tmp_path / "changed.fimref"
    unnoticed = []
    for at in range(0, len(content), 97):
        changed = bytearray(content)
        changed[at] ^= 0x20
        place.write_bytes(changed)
        try:
            verify(place)
        except ReferencesError:
            continue
        unnoticed.append(at)
    # Between sections there is nothing.
    assert all(not content[at] for at in unnoticed)


@pytest.mark.parametrize("section", ["exact_places", "starts", "tokens", "owner_projects", "paths"])
def test_a_damaged_section_never_ends_a_look(tmp_path: Path, section: str) -> None:
    path = write_index(tmp_path, "public", [record("a.py", TEXT)])
    file = open_index(path)
    where = file.sections[section]
    file.close()
    content = bytearray(path.read_bytes())
    size = where.count * int(where.kind[-1])
    content[where.offset : where.offset + size] = b"\xff" * size
    path.write_bytes(content)
    write_index(tmp_path, "sound", [record("b.py", TEXT)])
    shelf = Shelf(tmp_path)
    found = shelf.look(TEXT, "python")
    assert {source.index for match in found.matches for source in match.sources} >= {"sound"}
    with pytest.raises(ReferencesError, match="damaged"):
        verify(path)


def test_an_index_that_is_cut_off_while_it_is_open_answers_no_more(tmp_path: Path) -> None:
    path = write_index(tmp_path, "public", [record("a.py", TEXT)])
    shelf = Shelf(tmp_path)
    assert shelf.look(TEXT, "python").matches
    with path.open("r+b") as file:
        file.truncate(100)
    assert not shelf.look(TEXT, "python").matches
    assert not shelf.indexes
    assert re.search("was cut off", shelf.problems[0])


def test_an_index_may_be_replaced_while_it_is_open(tmp_path: Path) -> None:
    write_index(tmp_path, "public", [record("a.py", TEXT)])
    shelf = Shelf(tmp_path)
    write_index(tmp_path, "public", [record("b.py", made_python(2))])
    assert shelf.look(TEXT, "python").matches
    shelf.close()
    assert not shelf.indexes
    assert not shelf.look(TEXT, "python").matches
    assert not shelf.problems


def test_two_of_a_name_are_told(tmp_path: Path) -> None:
    (tmp_path / "b.fimref").write_bytes(whole(tmp_path))
    shelf = Shelf(tmp_path)
    assert len(shelf.indexes) == 1
    assert "another index named public" in shelf.problems[0]


def test_what_fails_while_it_is_written_leaves_nothing(tmp_path: Path) -> None:
    path = write_index(tmp_path, "public", [record("a.py", TEXT)])
    before = path.read_bytes()

    def fail() -> None:
        with writing(path) as writer:
            writer.write("tokens", "<u2", [])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_date_is_no_part_of_the_digest(tmp_path: Path) -> None:
    digests = set()
    for date in ("2026-01-01", "2026-02-02"):
        path = tmp_path / f"{date}.fimref"
        write_index(tmp_path, date, [record("a.py", TEXT)])
        from fimbul_models.references.merging import merge_indexes

        merge_indexes([path], tmp_path / "out" / path.name, About(name="x", created=date))
        digests.add(verify(tmp_path / "out" / path.name).digest)
    assert len(digests) == 1


def test_a_folder_without_indexes_is_an_empty_shelf(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "nothing")
    assert not shelf.indexes
    assert not shelf.problems
    assert not shelf.look(TEXT, "python").matches
