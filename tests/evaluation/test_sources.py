import base64
import hashlib
import io
import json
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fimbul_models.corpus.archives import digest
from fimbul_models.corpus.packages import Origin, Package
from fimbul_models.corpus.sources import fetch, newest
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


def wheel_of(name: str, version: str, sha256: str) -> Package:
    return Package(name, version, "MIT", sha256)


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
    wheel = fetch(wheel_of("tiny-pack", "1.2", sha256), kept)
    assert wheel.parent == kept
    assert digest(wheel) == sha256 == hashlib.sha256(original.read_bytes()).hexdigest()
    assert list(kept.iterdir()) == [wheel]
    original.unlink()
    assert fetch(wheel_of("Tiny_Pack", "1.2", sha256), kept) == wheel


def test_another_version_is_another_wheel(index: Path, tmp_path: Path) -> None:
    first, second = make_wheel(index), make_wheel(index, version="1.20")
    fetched = [
        fetch(wheel_of("tiny-pack", version, digest(wheel)), tmp_path / "kept").name
        for version, wheel in (("1.20", second), ("1.2", first))
    ]
    assert fetched == [second.name, first.name]


def test_a_wheel_with_another_digest_is_not_kept(index: Path, tmp_path: Path) -> None:
    found = digest(make_wheel(index))
    with pytest.raises(SourceError, match=f"{found}.*{'0' * 64}"):
        fetch(wheel_of("tiny-pack", "1.2", "0" * 64), tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_package_that_is_not_there_is_named(index: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no wheel of tiny-pack 1\.2: .*tiny-pack"):
        fetch(wheel_of("tiny-pack", "1.2", "0" * 64), tmp_path / "kept")


def test_a_source_distribution_is_never_taken(index: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(index / "tiny-pack-1.2.zip", "w") as archive:
        archive.writestr("tiny-pack-1.2/setup.py", TRAP)
    with pytest.raises(SourceError, match="no wheel of tiny-pack"):
        fetch(wheel_of("tiny-pack", "1.2", "0" * 64), tmp_path / "kept")


@pytest.mark.parametrize(
    ("name", "version"),
    [("--index-url=x", "1"), ("a b", "1"), ("", "1"), ("a", ""), ("a", "1 ; x"), ("../a", "1")],
)
def test_names_that_pip_would_read_as_something_else_are_refused(
    tmp_path: Path, name: str, version: str
) -> None:
    with pytest.raises(SourceError, match="not a package and a version"):
        fetch(wheel_of(name, version, "0" * 64), tmp_path)


TARBALL = {
    "package/package.json": json.dumps(
        {
            "name": "@tiny/pack",
            "version": "1.2.3",
            "scripts": dict.fromkeys(
                ("prepack", "prepare", "preinstall", "install"), 'touch "$TRAP"'
            ),
        }
    ),
    "package/src/index.ts": "export const one = 1\n",
}


def tar_bytes(files: dict[str, str], mode: str = "w:gz") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:  # type: ignore[call-overload]
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


@pytest.fixture
def npm_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve one npm package to this test, and return the tarball's sha256."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    script = Path(__file__).with_name("npm_registry.py")
    tarball = tmp_path / "served.tgz"
    tarball.write_bytes(tar_bytes(TARBALL))
    monkeypatch.setenv("TRAP", str(tmp_path / "trap"))
    server = subprocess.Popen(
        [sys.executable, str(script), "@tiny/pack", "1.2.3", str(tarball)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    monkeypatch.setenv("npm_config_registry", server.stdout.readline().strip())
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
    yield digest(tarball)
    server.communicate()


def test_an_npm_package_is_fetched_once_and_none_of_its_scripts_runs(
    npm_registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    # What npm would obey if it looked at the folder that the user stands in.
    (project / ".npmrc").write_text("registry=http://127.0.0.1:1/\n")
    (project / "package.json").write_text(TARBALL["package/package.json"])
    monkeypatch.chdir(project)
    package = Package("@tiny/pack", "1.2.3", "MIT", npm_registry, origin=Origin.NPM)
    kept = tmp_path / "kept"
    tarball = fetch(package, kept)
    assert tarball == kept / "npm" / "@tiny+pack-1.2.3.tgz"
    assert list(tarball.parent.iterdir()) == [tarball]
    assert not (tmp_path / "trap").exists()
    assert sorted(path.name for path in project.iterdir()) == [".npmrc", "package.json"]
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    assert fetch(package, kept) == tarball


def test_the_newest_npm_package_is_found(npm_registry: str, tmp_path: Path) -> None:
    package = Package("@tiny/pack", "1.0.0", "MIT", "", origin=Origin.NPM)
    assert newest(package, tmp_path) == ("1.2.3", npm_registry)


def test_an_npm_package_that_is_not_there_is_named(npm_registry: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"npm fetched no @tiny/pack@9\.9\.9: .*"):
        fetch(Package("@tiny/pack", "9.9.9", "MIT", "", origin=Origin.NPM), tmp_path)


@pytest.fixture
def debian_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that puts a source package into an archive that apt knows."""
    if shutil.which("apt-get") is None:
        pytest.skip("apt-get is not installed")
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    archive, etc = tmp_path / "archive", tmp_path / "etc"
    (etc / "parts").mkdir(parents=True)
    (etc / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{etc}/sources.list";\nDir::Etc::sourceparts "{etc}/parts";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(etc / "apt.conf"))
    (etc / "sources.list").write_text("deb [trusted=yes] file:/nowhere other main # not ours\n")
    (etc / "parts" / "a.sources").write_text(
        f"# Comment\nTypes: deb\nURIs: file:{archive}\nSuites: {codename} other\n"
        "Components: main\nTrusted: yes\n\n"
        "Types: deb\nURIs: file:/off\nSuites: x\nComponents: main\nEnabled: no\n"
    )
    return lambda *names, **more: add_source(archive, codename, *names, **more)


def add_source(
    archive: Path, codename: str, version: str, mode: str = "xz", *, native: bool = False
) -> str:
    """Replace what `archive` holds by the package `tiny` at `version`; return the sha256."""
    pool = archive / "pool"
    shutil.rmtree(archive, ignore_errors=True)
    pool.mkdir(parents=True)
    upstream = version.split(":")[-1].rsplit("-", 1)[0]
    orig = f"tiny_{upstream}.tar.{mode}" if native else f"tiny_{upstream}.orig.tar.{mode}"
    contents = {orig: tar_bytes({f"tiny-{upstream}/src/a.c": "int one;\n"}, f"w:{mode}")}
    if not native:
        contents[f"tiny_{upstream}-1.debian.tar.xz"] = tar_bytes({"debian/rules": "x"}, "w:xz")
        contents[f"tiny_{upstream}.orig-more.tar.gz"] = tar_bytes({"more": "x"})
    contents[f"tiny_{upstream}-1.dsc"] = b"Format: 3.0\nSource: tiny\n"
    for name, data in contents.items():
        (pool / name).write_bytes(data)
    entry = [
        "Package: tiny", "Binary: tiny", f"Version: {version}", "Maintainer: A <a@example.org>",
        "Architecture: all", "Format: 3.0 (quilt)", "Directory: pool", "Checksums-Sha256:",
    ]  # fmt: skip
    entry += [
        f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}" for name, data in contents.items()
    ]
    folder = archive / "dists" / codename / "main" / "source"
    folder.mkdir(parents=True)
    listing = ("\n".join(entry) + "\n").encode()
    (folder / "Sources").write_bytes(listing)
    (folder.parents[1] / "Release").write_text(
        f"Codename: {codename}\nSuite: {codename}\nComponents: main\nArchitectures: amd64\n"
        "Date: Sat, 01 Nov 2025 00:00:00 UTC\nSHA256:\n"
        f" {hashlib.sha256(listing).hexdigest()} {len(listing)} main/source/Sources\n"
    )
    return hashlib.sha256(contents[orig]).hexdigest()


def source_of(version: str, sha256: str) -> Package:
    return Package("tiny", version, "MIT", sha256, origin=Origin.DEBIAN)


@pytest.mark.parametrize(
    ("version", "mode", "native"),
    [
        ("1.2-1", "xz", False),
        ("1.2-1", "gz", False),
        ("1:1.2-1", "bz2", False),
        ("1.3", "xz", True),
    ],
)
def test_a_debian_source_is_fetched_once(
    debian_archive: Callable[..., str], tmp_path: Path, version: str, mode: str, native: bool
) -> None:
    sha256 = debian_archive(version, mode, native=native)
    kept = tmp_path / "a folder"
    tarball = fetch(source_of(version, sha256), kept)
    assert tarball == kept / "debian" / f"tiny_{version.replace(':', '%3a')}.tar.{mode}"
    assert digest(tarball) == sha256
    shutil.rmtree(tmp_path / "archive")
    assert fetch(source_of(version, sha256), kept) == tarball


def test_a_debian_version_that_is_gone_is_explained(
    debian_archive: Callable[..., str], tmp_path: Path
) -> None:
    first = debian_archive("1.2-1")
    fetch(source_of("1.2-1", first), tmp_path / "kept")
    second = debian_archive("1.2-2", "gz")
    shutil.rmtree(tmp_path / "kept")
    with pytest.raises(SourceError, match=r"not there as 1\.2-1 .*1\.2-2.*--repin tiny"):
        fetch(source_of("1.2-1", first), tmp_path / "kept")
    assert newest(source_of("1.2-1", first), tmp_path / "kept") == ("1.2-2", second)


def test_old_lists_of_debian_sources_are_refreshed(
    debian_archive: Callable[..., str], tmp_path: Path
) -> None:
    first = debian_archive("1.2-1")
    fetch(source_of("1.2-1", first), tmp_path)
    second = debian_archive("1.3-1")
    assert fetch(source_of("1.3-1", second), tmp_path).name == "tiny_1.3-1.tar.xz"


def test_a_debian_source_that_never_was_is_named(
    debian_archive: Callable[..., str], tmp_path: Path
) -> None:
    debian_archive("1.2-1")
    package = Package("other", "1", "MIT", "", origin=Origin.DEBIAN)
    with pytest.raises(SourceError, match="no source package other"):
        fetch(package, tmp_path)


@pytest.mark.parametrize(
    ("origin", "name", "version"),
    [
        (Origin.NPM, "../x", "1.0.0"),
        (Origin.NPM, "a", "file:x"),
        (Origin.NPM, "a", "latest"),
        (Origin.NPM, "--x", "1.0.0"),
        (Origin.NPM, "git+x", "1.0.0"),
        (Origin.DEBIAN, "-x", "1"),
        (Origin.DEBIAN, "a/b", "1"),
        (Origin.DEBIAN, "ab", "1 2"),
        (Origin.DEBIAN, "ab", "a"),
    ],
)
def test_names_that_other_clients_would_misread_are_refused(
    tmp_path: Path, origin: Origin, name: str, version: str
) -> None:
    with pytest.raises(SourceError, match="not a package and a version"):
        fetch(Package(name, version, "MIT", "", origin=origin), tmp_path)
