import base64
import hashlib
import stat
import zipfile
from pathlib import Path

import pytest

from fimbul_models.corpus.sources import MEMBER_LIMIT, digest, fetch_wheel, read_members
from fimbul_models.errors import SourceError

TRAP = "raise SystemExit('a package was run')\n"


def make_wheel(folder: Path, name: str = "tiny_pack", version: str = "1.2") -> Path:
    """Write a valid wheel whose code must never run."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": TRAP,
        f"{name}/sub/core.py": "x = 1\n",
        f"{name}/data.txt": "text",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    record = [f"{info}/RECORD,,"]
    for path, text in files.items():
        encoded = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
        record.append(f"{path},sha256={encoded.rstrip('=')},{len(text)}")
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "\n".join(record) + "\n")
    return wheel


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of wheels that is all pip may look at."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_wheel_is_fetched_once(index: Path, tmp_path: Path) -> None:
    original = make_wheel(index)
    sha256 = digest(original)
    kept = tmp_path / "kept"
    wheel = fetch_wheel("tiny-pack", "1.2", kept, sha256=sha256)
    assert wheel.parent == kept
    assert digest(wheel) == sha256 == hashlib.sha256(original.read_bytes()).hexdigest()
    assert list(kept.iterdir()) == [wheel]
    original.unlink()
    assert fetch_wheel("Tiny_Pack", "1.2", kept, sha256=sha256) == wheel


def test_another_version_is_another_wheel(index: Path, tmp_path: Path) -> None:
    first, second = make_wheel(index), make_wheel(index, version="1.20")
    fetched = [
        fetch_wheel("tiny-pack", version, tmp_path / "kept", sha256=digest(wheel)).name
        for version, wheel in (("1.20", second), ("1.2", first))
    ]
    assert fetched == [second.name, first.name]


def test_a_wheel_with_another_digest_is_not_kept(index: Path, tmp_path: Path) -> None:
    found = digest(make_wheel(index))
    with pytest.raises(SourceError, match=f"{found}.*{'0' * 64}"):
        fetch_wheel("tiny-pack", "1.2", tmp_path / "kept", sha256="0" * 64)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_package_that_is_not_there_is_named(index: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no wheel of tiny-pack 1\.2: .*tiny-pack"):
        fetch_wheel("tiny-pack", "1.2", tmp_path / "kept", sha256="0" * 64)


def test_a_source_distribution_is_never_taken(index: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(index / "tiny-pack-1.2.zip", "w") as archive:
        archive.writestr("tiny-pack-1.2/setup.py", TRAP)
    with pytest.raises(SourceError, match="no wheel of tiny-pack"):
        fetch_wheel("tiny-pack", "1.2", tmp_path / "kept", sha256="0" * 64)


@pytest.mark.parametrize(
    ("name", "version"),
    [("--index-url=x", "1"), ("a b", "1"), ("", "1"), ("a", ""), ("a", "1 ; x"), ("../a", "1")],
)
def test_names_that_pip_would_read_as_something_else_are_refused(
    tmp_path: Path, name: str, version: str
) -> None:
    with pytest.raises(SourceError, match="not a package and a version"):
        fetch_wheel(name, version, tmp_path, sha256="0" * 64)


def test_members_come_sorted_and_by_pattern(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    assert list(read_members(wheel, "*.py")) == [
        ("tiny_pack/__init__.py", TRAP.encode()),
        ("tiny_pack/sub/core.py", b"x = 1\n"),
    ]
    assert [name for name, _ in read_members(wheel, "tiny_pack/*.txt")] == ["tiny_pack/data.txt"]


@pytest.mark.parametrize(
    "name", ["../evil.py", "a/../../evil.py", "/evil.py", "C:/evil.py", "a\\evil.py", "a\nb.py"]
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    wheel = tmp_path / "evil.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(SourceError, match="leads out of it"):
        list(read_members(wheel, "*.py"))


def test_symbolic_links_are_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "evil.whl"
    link = zipfile.ZipInfo("pack/link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(SourceError, match="symbolic link"):
        list(read_members(wheel, "*.py"))


def test_a_member_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "large.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large.py", b" " * (MEMBER_LIMIT + 1))
    with pytest.raises(SourceError, match="larger than"):
        list(read_members(wheel, "*.py"))


def test_a_file_that_is_no_archive_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_text("no archive")
    with pytest.raises(SourceError, match="cannot be read as a wheel"):
        list(read_members(tmp_path / "a.whl", "*.py"))
