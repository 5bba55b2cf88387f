"""`fimbul adapters`: what each subcommand does, refuses and says."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import pytest

from lsp_server.catalogue import adapters, registry, signing
from lsp_server.catalogue.adapter_store import AdapterStore
from lsp_server.catalogue.registry import Record, Stamp
from lsp_server.catalogue.repositories import identify
from lsp_server.catalogue.table import Model
from lsp_server.cli.main import main
from lsp_server.config.paths import Paths
from tests.adapters import FAILED, git, registered, repository

Run = Callable[..., str]


@pytest.fixture
def base(paths: Paths, tmp_path: Path) -> str:
    """Make a model of the user's own serve; return its digest."""
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF" + bytes([3, 0, 0, 0]) + bytes(16))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    size, status = file.stat().st_size, file.stat()
    model = Model(
        name="tiny", title="Tiny", file=file.name, licence="", parameters=0, context_length=512,
        family="none", bytes=size, sha256=digest,
    )  # fmt: skip
    stamp = Stamp(size, status.st_mtime_ns, status.st_ino)
    record = Record(size, digest, str(file), stamp, model)
    registry.change(paths.registry_file, "tiny", lambda _: record)
    settings(paths, 'model = "tiny"')
    return digest


def settings(paths: Paths, *lines: str) -> None:
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.user_file.write_text("\n".join(["[engine]", *lines, ""]))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository that somebody is in."""
    made = repository(tmp_path / "project")
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a subcommand, which is to succeed unless `status` says otherwise; return its words."""

    def call(*words: object, status: int = 0) -> str:
        assert main(["adapters", *map(str, words)]) == status
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return said.out + said.err

    return call


def trained(paths: Paths, folder: Path, base: str, *, seed: int = 0, **more: Any) -> str:
    store = AdapterStore(paths)
    return registered(
        store, folder.parent, identify(folder), seed=seed, base_sha256=base, **more
    ).sha256


def used(run: Run) -> list[str]:
    found = json.loads(run("list", "--json"))
    return [row["title"] for row in found["adapters"] if row["used"]]


def test_two_versions_are_used_rolled_back_switched_off_and_removed(
    run: Run, paths: Paths, folder: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert "fimbul-models train" in run("list")
    for seed in (1, 2):
        trained(paths, folder, base, seed=seed)
    assert used(run) == []
    (folder / "src").mkdir()
    assert f"mine@1 is used in {folder}" in run("use", "mine@1", "--folder", "src")
    run("use", "mine")
    assert used(run) == ["mine@2"]
    assert "mine@1" in run("rollback")
    assert used(run) == ["mine@1"]
    assert "No adapter is used" in run("off")
    assert used(run) == []
    assert "None is used in" in run("list")
    run("use", "mine@2", "--everywhere")
    run("rollback")
    assert used(run) == ["mine@1"], "what was chosen for the folder holds there"
    assert "Nothing was deleted" in run("remove", "mine@1", status=1)
    assert "mine@1 was deleted" in run("remove", "mine@1", "--yes")
    assert used(run) == []
    assert "There is no adapter mine@1" in run("use", "mine@1", status=1)


def test_one_whose_gates_failed_is_shown_and_neither_used_nor_exported(
    run: Run, paths: Paths, folder: Path, base: str
) -> None:
    trained(paths, folder, base, gates=FAILED)
    said = run("show", "mine")
    assert "passed  later commits 5.5, at least 2 (points)" in said
    assert "FAILED  exposure 7.25, at most 3" in said
    assert said.endswith("# Mine\n\n")
    for words in (["use", "mine"], ["export", "mine", "file"]):
        assert "exposure 7.25, at most 3" in run(*words, status=1)
    assert "not to be used here: " in run("list")
    assert not (folder / "file").exists()


def test_what_does_not_fit_here_is_not_used(
    run: Run, paths: Paths, folder: Path, base: str, tmp_path: Path
) -> None:
    trained(paths, folder, "f" * 64)
    assert "was made for tiny" in run("use", "mine", status=1)
    other = repository(tmp_path / "other")
    trained(paths, other, base, seed=1, name="theirs")
    assert "is for the repository other" in run("use", "theirs", status=1)
    assert used(run) == []


def test_a_team_gets_one_signed_file(
    run: Run, paths: Paths, folder: Path, base: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    digest = trained(paths, folder, base)
    file = tmp_path / "mine.fimbul"
    said = run("export", "mine", file)
    assert "A key was made" in said
    key = signing.public_text(signing.read_key(paths.signing_key))
    assert f'adapter_keys = ["{key}"]' in said
    assert "is there already" in run("export", "mine", file, status=1)
    # Somebody else, who has a clone of their own.
    run("remove", "mine", "--yes")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(folder), str(clone))
    monkeypatch.chdir(clone)
    assert "not trusted here" in run("add", file, status=1)
    assert not AdapterStore(paths).all()
    settings(paths, 'model = "tiny"', f'adapter_keys = ["{key}"]')
    assert "mine@1 was added" in run("add", file)
    assert "signed" in run("list")
    run("use", "mine")
    assert used(run) == ["mine@1"]
    assert AdapterStore(paths).find("mine").manifest.sha256 == digest
    # Whoever trusts the key no more is told so.
    settings(paths, 'model = "tiny"')
    assert "not trusted here" in run("list")


def test_a_file_that_was_tampered_with_is_not_added(
    run: Run, paths: Paths, folder: Path, base: str, tmp_path: Path
) -> None:
    trained(paths, folder, base)
    file = tmp_path / "mine.fimbul"
    run("export", "mine", file)
    key = signing.public_text(signing.read_key(paths.signing_key))
    settings(paths, 'model = "tiny"', f'adapter_keys = ["{key}"]')
    run("remove", "mine", "--yes")
    whole = file.read_bytes()
    for body, said in (
        (whole[:1500], "cut off"),
        (whole.replace(b"5.5", b"9.5"), "forged or damaged"),
        (whole[:900] + b"\0" + whole[901:], "not those that its manifest names"),
        (b"no GGUF at all", "not a GGUF"),
    ):
        assert body != whole
        file.write_bytes(body)
        assert said in run("add", file, status=1)
        assert not AdapterStore(paths).all()
    assert "There is no file" in run("add", tmp_path / "nothing", status=1)


def test_a_signed_file_that_is_no_lora_or_for_an_unknown_model_is_not_added(
    run: Run, paths: Paths, folder: Path, base: str, tmp_path: Path
) -> None:
    model = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(model, "llama")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    key = signing.make_key(tmp_path / "key.pem")
    settings(paths, 'model = "tiny"', f'adapter_keys = ["{signing.public_text(key)}"]')
    store = AdapterStore(paths)
    unknown = store.get(trained(paths, folder, "f" * 64, name="unknown"))
    draft = {name: getattr(unknown.manifest, name) for name in adapters.Draft.__struct_fields__}
    other = store.get(store.register(model, adapters.Draft(**draft)).sha256)
    for stored, said in ((other, "no LoRA adapter"), (unknown, "no model that this fimbul knows")):
        file = tmp_path / "packed"
        adapters.pack(stored.path, stored.text, signing.sign(stored.text, key), file)
        store.remove(stored.manifest.sha256)
        assert said in run("add", file, status=1)


def test_a_folder_without_git_keeps_its_adapter_to_itself(
    run: Run, paths: Paths, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    monkeypatch.chdir(plain)
    trained(paths, plain, base)
    run("use", "mine")
    assert used(run) == ["mine@1"]
    assert "would fit nowhere else" in run("export", "mine", "file", status=1)


def test_keys_that_are_none_are_named(
    run: Run, paths: Paths, folder: Path, base: str, tmp_path: Path
) -> None:
    trained(paths, folder, base)
    text = tmp_path / "text.pem"
    text.write_text("no key")
    for key, said in ((text, "holds no private key"), (tmp_path / "none.pem", "cannot be read")):
        assert said in run("export", "mine", tmp_path / "out", "--key", key, status=1)
        assert not (tmp_path / "out").exists()


def test_erasing_takes_adapters_and_where_they_are_used(
    run: Run, paths: Paths, folder: Path, base: str
) -> None:
    trained(paths, folder, base)
    run("use", "mine")
    run("export", "mine", folder / "out")
    assert main(["erase", "--yes", "adapters"]) == 0
    assert not paths.adapters.exists()
    assert paths.signing_key.exists(), "a key is erased only if it is named"
    assert main(["erase", "--yes", "key"]) == 0
    assert not paths.signing_key.exists()
    assert (AdapterStore(paths).all(), AdapterStore(paths).uses()) == ([], [])
