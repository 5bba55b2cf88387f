import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fimbul_models.corpus import archives
from fimbul_models.corpus.archives import MEMBER_LIMIT, read_members
from fimbul_models.errors import SourceError


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "gz") -> Path:
    with tarfile.open(path, f"w:{mode}") as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


WRITERS = pytest.mark.parametrize("write", [write_zip, write_tar])
Writer = Callable[[Path, dict[str, bytes]], Path]


@WRITERS
def test_members_come_sorted_and_by_pattern(tmp_path: Path, write: Writer) -> None:
    files = {"pack/sub/core.py": b"x = 1\n", "pack/data.txt": b"text", "pack/a.py": b"1\n"}
    archive = write(tmp_path / "archive", files)
    assert list(read_members(archive, "*.py")) == [
        ("pack/a.py", b"1\n"),
        ("pack/sub/core.py", b"x = 1\n"),
    ]
    assert [name for name, _ in read_members(archive, ("*.txt", "*/a.py"))] == [
        "pack/a.py",
        "pack/data.txt",
    ]


@pytest.mark.parametrize("mode", ["", "gz", "xz", "bz2"])
def test_every_compression_of_tar_is_read(tmp_path: Path, mode: str) -> None:
    archive = write_tar(tmp_path / "a.tar", {"./a/b.c": b"int x;"}, mode)
    assert list(read_members(archive, "*")) == [("a/b.c", b"int x;")]


@WRITERS
@pytest.mark.parametrize(
    "name", ["../evil.py", "a/../../evil.py", "/evil.py", "C:/evil.py", "a\\evil.py", "a\nb.py"]
)
def test_names_that_lead_out_are_refused(tmp_path: Path, write: Writer, name: str) -> None:
    archive = write(tmp_path / "evil", {name: b"x"})
    with pytest.raises(SourceError, match="leads out of it"):
        list(read_members(archive, "*.py"))


def test_links_are_passed_over(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("pack/link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"pack/{kind!r}.py")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    assert list(read_members(tmp_path / "a.zip", "*")) == []
    assert list(read_members(tmp_path / "a.tar", "*")) == []


@WRITERS
def test_a_member_that_unpacks_to_too_much_is_refused(tmp_path: Path, write: Writer) -> None:
    archive = write(tmp_path / "large", {"large.py": b" " * (MEMBER_LIMIT + 1)})
    with pytest.raises(SourceError, match="larger than"):
        list(read_members(archive, "*.py"))
    assert list(read_members(archive, "*.txt")) == []


@WRITERS
@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [("TOTAL_LIMIT", 7, "over 7 bytes"), ("COUNT_LIMIT", 2, "more than 2 files")],
)
def test_archives_that_are_too_much_together_are_refused(
    tmp_path: Path,
    write: Writer,
    limit: str,
    value: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archives, limit, value)
    archive = write(tmp_path / "large", {f"{n}.py": b"abcd" for n in range(3)})
    with pytest.raises(SourceError, match=message):
        list(read_members(archive, "*.py"))


def test_a_tar_that_unpacks_to_too_much_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "SIZE_LIMIT", 1000)
    archive = write_tar(tmp_path / "large", {"a.bin": b"x" * 2000, "a.py": b"x"})
    with pytest.raises(SourceError, match="over 1000 bytes"):
        list(read_members(archive, "*.py"))


@pytest.mark.parametrize("damage", [b"no archive", b"", b"\x1f\x8b\x08 half a header"])
def test_a_file_that_is_no_archive_is_explained(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a.whl").write_bytes(damage)
    with pytest.raises(SourceError, match="cannot be read as a zip or tar archive"):
        list(read_members(tmp_path / "a.whl", "*.py"))


@pytest.mark.parametrize("mode", ["gz", "xz", "bz2"])
def test_half_an_archive_is_explained(tmp_path: Path, mode: str) -> None:
    text = bytes(number * number % 251 for number in range(200_000))
    archive = write_tar(tmp_path / "a.tar", {"a.py": text}, mode)
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(SourceError, match="cannot be read"):
        list(read_members(archive, "*.py"))


def test_a_directory_of_names_that_are_no_text_is_damage(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"caf\xe9.py": b"1\n"})
    archive.write_bytes(archive.read_bytes().replace("\xe9".encode(), b"\xe9x"))
    with pytest.raises(SourceError, match="cannot be read as a zip or tar archive"):
        list(read_members(archive, "*"))
