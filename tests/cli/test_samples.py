import shutil
from pathlib import Path

import pytest

from lsp_server.cli.samples import PIECE, default_sources, digest_of, read_texts
from lsp_server.errors import FimbulError


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


def code(word: str, lines: int) -> str:
    return "".join(f"{word}_{number} = {number}\n" for number in range(lines))


def test_the_defaults_hold_enough_in_every_installation() -> None:
    texts = read_texts(default_sources(), 2000)
    # Code has about four characters a token, and a piece loses its beginning.
    assert sum(map(len, texts)) >= 2 * 4 * 2000
    package = [default_sources()[-1]]
    assert sum(map(len, read_texts(package, 2000))) >= 2 * 4 * 2000


def test_pieces_are_whole_lines_and_sources_take_turns(tmp_path: Path) -> None:
    one = write(tmp_path / "one", a_py=code("first", 300))
    two = write(tmp_path / "two", b_go=code("second", 300))
    texts = read_texts([one, two], 100_000)
    assert all(len(text) <= PIECE and text.endswith("\n") for text in texts)
    assert ["first" in text for text in texts[:6]] == [True, False] * 3
    assert "".join(sorted(texts)).count("\n") == 600


def test_the_same_files_give_the_same_texts_wherever_they_lie(tmp_path: Path) -> None:
    one = write(tmp_path / "one", a_py=code("a", 200), b_py=code("b", 200))
    copy = tmp_path / "elsewhere"
    shutil.copytree(one, copy)
    assert read_texts([one], 500) == read_texts([copy], 500)
    assert digest_of(read_texts([one], 500)) == digest_of(read_texts([copy], 500))


def test_no_more_is_read_than_is_needed(tmp_path: Path) -> None:
    folder = write(tmp_path / "code", a_py=code("a", 2000))
    assert len(read_texts([folder], 100)) == 1


def test_secrets_hidden_files_and_what_is_no_code_stay_closed(tmp_path: Path) -> None:
    folder = write(tmp_path / "code", a_py=code("a", 100), notes=code("n", 100))
    (folder / "credentials.json").write_text(code("secret", 100))
    write(folder / ".venv", b_py=code("hidden", 100))
    (folder / "link.py").symlink_to(write(tmp_path / "other", c_py=code("outside", 99)) / "c.py")
    joined = "".join(read_texts([folder], 10_000))
    assert "a_1" in joined
    assert not any(word in joined for word in ("n_1", "secret", "hidden", "outside"))


def test_pieces_with_other_characters_can_be_left_out(tmp_path: Path) -> None:
    folder = write(tmp_path / "code", a_py=code("a", 100), b_py=code("größe", 100))
    assert all(text.isascii() for text in read_texts([folder], 10_000, ascii_only=True))
    assert not all(text.isascii() for text in read_texts([folder], 10_000))


def test_sources_that_give_nothing_are_named(tmp_path: Path) -> None:
    with pytest.raises(FimbulError, match="nowhere"):
        read_texts([tmp_path / "nowhere"], 100)
    empty = write(tmp_path / "empty")
    with pytest.raises(FimbulError, match=r"no code to compare with in .*empty"):
        read_texts([empty], 100)
