"""Limits of the index: what is beyond them is left out, counted, and said by the option's name."""

from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.completion.indexes import Indexes
from lsp_server.config.options import LimitOptions, Settings
from lsp_server.config.paths import Paths
from lsp_server.context.index.settings import IndexSettings, as_argument, from_argument
from tests.context.indexing import IndexChild

NAMES = ("a.py", "b.py", "c.py", "d.py")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text("x = 1\n" * 100)
    return folder


def test_settings_survive_a_command_line() -> None:
    limits = LimitOptions(index_files=3, index_size=2, index_file_size=7, index_memory=300)
    exclude = (("*.é", "!a.é"), ("b",))
    found = from_argument(as_argument(IndexSettings.of(Settings(limits=limits), exclude)))
    assert (found.limits.files, found.limits.total_bytes) == (3, 2_000_000)
    assert (found.limits.file_bytes, found.memory) == (7_000, 300_000_000)
    assert (found.parsing.size, found.parsing.seconds) == (1_000_000, 2.0)
    assert found.exclude == exclude
    assert IndexSettings.of(Settings()) == IndexSettings()


@pytest.mark.parametrize(
    ("settings", "paths", "left_out"),
    [
        (IndexSettings(files=3), 3, {"too-many-files": 1}),
        (IndexSettings(total_bytes=1300), 2, {"too-much-text": 2}),
        (IndexSettings(file_bytes=500), 0, {"large": 4}),
        (IndexSettings(memory=1), 0, {"too-much-memory": 4}),
        (IndexSettings(parse_size=10), 4, {}),
        (IndexSettings(exclude=(("/b.*", "d.py"),)), 2, {"ignored": 2}),
    ],
)
def test_limits_hold(
    settings: IndexSettings, paths: int, left_out: dict[str, int], root: Path, tmp_path: Path
) -> None:
    with IndexChild(tmp_path, settings=settings) as child:
        (ready,) = child.watch(root)
        assert (ready.files, ready.left_out) == (paths, left_out)
        assert len(child.paths(root)) == paths


def test_a_file_that_is_too_hard_is_left_out_and_not_parsed_again(
    root: Path, tmp_path: Path
) -> None:
    before = "import lsp_server.context.index.process as process\n" + (
        "from lsp_server.syntax.tree import Unparsed\n"
        "process.parse = lambda language, lines, limits: None\n"
        "process.why_unparsed = lambda *_: Unparsed.SLOW\n"
    )
    with IndexChild(tmp_path, before=before) as child:
        (ready,) = child.watch(root)
        assert (ready.files, ready.left_out) == (0, {"hard": 4})
        asked = len(child.asked())
        (root / "note").write_text("a walrus\n")
        child.change(root / "note")
        assert list(child.paths(root)) == ["note"]
        assert len(child.asked()) == asked + 1


def test_without_memory_what_is_indexed_stays(root: Path, tmp_path: Path) -> None:
    with IndexChild(tmp_path) as child:
        child.watch(root)
    (root / "a.py").write_text("y = 2\n")
    (root / "e.py").write_text("y = 2\n")
    with IndexChild(tmp_path, settings=IndexSettings(memory=1)) as child:
        (ready,) = child.watch(root)
        # What has changed is not told as it was.
        assert (ready.files, ready.left_out) == (3, {"too-much-memory": 2})
        assert list(child.paths(root)) == ["b.py", "c.py", "d.py"]


def test_what_was_excluded_leaves_the_index(root: Path, tmp_path: Path) -> None:
    with IndexChild(tmp_path) as child:
        child.watch(root)
        assert len(child.paths(root)) == 4
    with IndexChild(tmp_path, settings=IndexSettings(exclude=(("b.py",),))) as child:
        child.watch(root)
        assert list(child.paths(root)) == ["a.py", "c.py", "d.py"]
        child.change(root / "b.py")
        assert list(child.paths(root)) == ["a.py", "c.py", "d.py"]


def test_nothing_in_the_folder_brings_back_what_is_excluded(root: Path, tmp_path: Path) -> None:
    (root / ".gitignore").write_text("!b.py\n")
    (root / ".fimbulignore").write_text("!b.py\n")
    with IndexChild(
        tmp_path, settings=IndexSettings(exclude=(("b.py",), ("*.x", "!b.py")))
    ) as child:
        child.watch(root)
        assert "b.py" not in child.paths(root)


async def test_the_user_is_told_and_other_limits_hold_at_once(root: Path, tmp_path: Path) -> None:
    said: list[str] = []
    paths = replace(Paths.of_user(), cache=tmp_path / "cache")
    indexes = Indexes(paths, lambda message: said.append(message) if message else None)
    try:
        await indexes.watch([str(root)], Settings(limits=LimitOptions(index_files=2)))
        assert await indexes.wait_until_ready(60)
        assert indexes.status()["files"] == 2
        (message,) = said
        assert "limits.index_files" in message
        assert str(root) in message
        await indexes.watch([str(root)], Settings())
        assert await indexes.wait_until_ready(60)
        assert indexes.status()["files"] == 4
        assert len(said) == 1
    finally:
        await indexes.close()
