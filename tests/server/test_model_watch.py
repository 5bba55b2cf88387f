"""A model's file that was put in place or mended is noticed, once it is at rest."""

from pathlib import Path

import pytest

from lsp_server.catalogue.store import ModelStore
from lsp_server.config.options import DEFAULT_MODEL
from lsp_server.config.paths import Paths
from lsp_server.inference.mapped import MappedFile
from lsp_server.server.model_watch import ModelWatch


@pytest.fixture
def model(paths: Paths) -> Path:
    file = paths.models / DEFAULT_MODEL / ModelStore(paths).get(DEFAULT_MODEL).file
    file.parent.mkdir(parents=True)
    return file


def test_a_file_that_comes_is_told_once_and_not_while_it_grows(paths: Paths, model: Path) -> None:
    watch = ModelWatch(paths)
    assert not watch.has_changed(DEFAULT_MODEL)
    for size in (10, 20, 30):
        model.write_bytes(bytes(size))
        assert not watch.has_changed(DEFAULT_MODEL)
    assert watch.has_changed(DEFAULT_MODEL)
    assert not watch.has_changed(DEFAULT_MODEL)
    model.unlink()
    assert not watch.has_changed(DEFAULT_MODEL)
    assert watch.has_changed(DEFAULT_MODEL)


def test_a_model_that_nobody_knows_does_not_change(paths: Paths) -> None:
    watch = ModelWatch(paths)
    assert not any(watch.has_changed("none of that name") for _ in range(3))


def test_a_mapped_file_changes_by_writing_only(tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"12345")
    mapped = MappedFile(str(file))
    assert not mapped.has_changed()
    (tmp_path / "other").write_bytes(b"123456")
    (tmp_path / "other").replace(file)
    assert not mapped.has_changed()
    file.unlink()
    assert not mapped.has_changed()
    mapped.close()
    file.write_bytes(b"12345")
    mapped = MappedFile(str(file))
    with file.open("r+b") as stream:
        stream.truncate(3)
    assert mapped.has_changed()
    mapped.close()
    assert not mapped.has_changed()
    assert not MappedFile(str(tmp_path / "nothing")).has_changed()
