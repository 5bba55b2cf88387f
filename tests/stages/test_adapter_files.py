"""An adapter's one file: what is refused, and whose signature counts."""

from pathlib import Path

import msgspec
import pytest

from lsp_server.catalogue import adapters, signing
from lsp_server.catalogue.adapter_store import AdapterStore
from lsp_server.catalogue.adapters import Gate, Repository, Signature
from lsp_server.config.paths import Paths
from lsp_server.errors import AdapterError
from tests.adapters import FAILED, PASSED, draft, registered

OF = Repository("git", ("b" * 40,), "project")


@pytest.fixture
def store(paths: Paths) -> AdapterStore:
    return AdapterStore(paths)


@pytest.fixture
def packed(store: AdapterStore, tmp_path: Path) -> tuple[Path, str]:
    """An exported file, and the public key of whoever has signed it."""
    stored = store.get(registered(store, tmp_path, OF).sha256)
    key = signing.make_key(tmp_path / "key.pem")
    file = tmp_path / "mine.fimbul"
    adapters.pack(stored.path, stored.text, signing.sign(stored.text, key), file)
    return file, signing.public_text(key)


def test_what_was_packed_is_unpacked_and_verified(packed: tuple[Path, str], paths: Paths) -> None:
    file, key = packed
    found = adapters.unpack(file)
    signing.verify(found, [key])
    assert (found.manifest.title, found.manifest.gates) == ("mine@1", PASSED)
    elsewhere = AdapterStore(Paths(*[paths.data / "other"] * 5))
    stored = elsewhere.add(found)
    assert stored.signature == found.signature
    assert stored.path.read_bytes() == file.read_bytes()[: found.manifest.bytes]
    elsewhere.check(stored)


def test_a_key_is_for_its_owner_only(packed: tuple[Path, str], tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    assert signing.public_text(signing.read_key(key)) == packed[1]
    with pytest.raises(AdapterError, match="cannot be written"):
        signing.make_key(key)


def test_a_key_that_nobody_trusts_is_named(packed: tuple[Path, str], tmp_path: Path) -> None:
    found = adapters.unpack(packed[0])
    other = signing.public_text(signing.make_key(tmp_path / "other.pem"))
    with pytest.raises(AdapterError, match=r"not trusted here.*engine\.adapter_keys"):
        signing.verify(found, [other])


@pytest.mark.parametrize("how", ["manifest", "value", "no base64", "other key"])
def test_a_forged_signature_is_refused(how: str, packed: tuple[Path, str], tmp_path: Path) -> None:
    file, key = packed
    found = adapters.unpack(file)
    assert found.signature is not None
    made = signing.make_key(tmp_path / "forger.pem")
    if how == "manifest":
        # Gates that failed, made to pass by somebody who has no key.
        found = msgspec.structs.replace(found, text=found.text.replace("5.5", "9.5"))
    elif how == "value":
        forged = Signature(key, signing.sign(found.text + " ", made).value)
        found = msgspec.structs.replace(found, signature=forged)
    elif how == "no base64":
        found = msgspec.structs.replace(found, signature=Signature(key, "%%%"))
    else:
        value = signing.sign(found.text, made).value
        found = msgspec.structs.replace(found, signature=Signature(key, value))
    with pytest.raises(AdapterError, match="forged or damaged"):
        signing.verify(found, [key])


def test_what_nobody_has_signed_is_refused(store: AdapterStore, tmp_path: Path) -> None:
    stored = store.get(registered(store, tmp_path, OF).sha256)
    file = tmp_path / "unsigned"
    adapters.pack(stored.path, stored.text, None, file)
    with pytest.raises(AdapterError, match="Nobody has signed"):
        signing.verify(adapters.unpack(file), [])


@pytest.mark.parametrize("left", [0, 3, 100, -1, -9, -40])
def test_a_file_that_was_cut_off_is_refused(left: int, packed: tuple[Path, str]) -> None:
    file, _ = packed
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(AdapterError):
        adapters.unpack(file)


def test_weights_that_were_changed_are_refused(
    packed: tuple[Path, str], paths: Paths, tmp_path: Path
) -> None:
    file, _ = packed
    body = bytearray(file.read_bytes())
    body[1000] ^= 1
    file.write_bytes(body)
    elsewhere = AdapterStore(Paths(*[tmp_path / "elsewhere"] * 5))
    with pytest.raises(AdapterError, match="not those that its manifest names"):
        elsewhere.add(adapters.unpack(file))
    assert not elsewhere.all()
    assert not list((tmp_path / "elsewhere" / "adapters").glob("*/")), "nothing half is left"


def test_bytes_in_between_are_refused(packed: tuple[Path, str]) -> None:
    file, _ = packed
    body = file.read_bytes()
    file.write_bytes(body[:64] + b"\0" * 32 + body[64:])
    with pytest.raises(AdapterError, match="instead of"):
        adapters.unpack(file)


def test_a_length_that_reaches_beyond_the_file_is_refused(packed: tuple[Path, str]) -> None:
    file, _ = packed
    body = file.read_bytes()
    for length in (len(body), 1 << 62):
        file.write_bytes(body[:-16] + length.to_bytes(8, "big") + adapters.MAGIC)
        with pytest.raises(AdapterError, match="was cut off"):
            adapters.unpack(file)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../evil"},
        {"sha256": "../../etc"},
        {"format": 2},
        {"repository": {"kind": "git", "ids": []}},
        {"repository": {"kind": "git", "ids": ["b" * 40], "name": "\x1b[2J"}},
        {"rank": 0},
    ],
)
def test_a_manifest_that_says_what_it_may_not_is_refused(
    changes: dict[str, object], store: AdapterStore, tmp_path: Path
) -> None:
    manifest = registered(store, tmp_path, OF)
    values = {**msgspec.to_builtins(manifest), **changes}
    with pytest.raises(AdapterError, match="no manifest"):
        adapters.read_manifest(msgspec.json.encode(values), "It")


@pytest.mark.parametrize(
    ("gate", "passed"),
    [
        (Gate("g", 2.0, at_least=True, value=2.0), True),
        (Gate("g", 2.0, at_least=True, value=1.9), False),
        (Gate("g", 2.0, at_least=False, value=2.0), True),
        (Gate("g", 2.0, at_least=False, value=2.1), False),
        (Gate("g", 2.0, at_least=False), False),
        (Gate("g", 2.0, at_least=False, value=float("nan")), False),
    ],
)
def test_a_gate_is_judged_by_its_figure(gate: Gate, passed: bool) -> None:
    assert gate.has_passed is passed


def test_versions_count_by_repository(store: AdapterStore, tmp_path: Path) -> None:
    other = Repository("git", ("c" * 40,), "other")
    made = [registered(store, tmp_path, of, seed=n) for n, of in enumerate((OF, OF, other))]
    assert [one.version for one in made] == [1, 2, 1]
    assert store.find("mine@2").manifest == made[1]
    with pytest.raises(AdapterError, match="Several adapters are called mine@1"):
        store.find("mine@1")
    assert store.find(made[2].sha256[:10]).manifest == made[2]
    with pytest.raises(AdapterError, match="There is no adapter yours"):
        store.find("yours")


@pytest.mark.parametrize("gates", [FAILED, ()])
def test_one_that_did_not_pass_is_kept_and_not_used(
    gates: tuple[Gate, ...], store: AdapterStore, tmp_path: Path
) -> None:
    manifest = registered(store, tmp_path, OF, gates=gates)
    assert manifest.objections
    with pytest.raises(AdapterError, match="did not pass its gates"):
        store.use(manifest.sha256, tmp_path)
    assert store.chosen(tmp_path) is None
    assert [one.manifest for one in store.all()] == [manifest]


def test_one_goes_back_to_what_was_used_before(store: AdapterStore, tmp_path: Path) -> None:
    first, second = (registered(store, tmp_path, OF, seed=seed) for seed in (1, 2))
    for one in (first, second):
        store.use(one.sha256, tmp_path)
    rolled = store.rollback(tmp_path / "below")
    assert rolled is not None
    assert rolled.manifest == first
    assert store.rollback(tmp_path) is None
    use = store.chosen(tmp_path)
    assert use is not None
    assert use.digest is None
    with pytest.raises(AdapterError, match="nothing to go back"):
        store.rollback(tmp_path / "elsewhere" / "..")


def test_off_is_undone_by_rolling_back_or_using(store: AdapterStore, tmp_path: Path) -> None:
    manifest = registered(store, tmp_path, OF)
    store.use(manifest.sha256, tmp_path)
    store.off(tmp_path)
    use = store.chosen(tmp_path)
    assert use is not None
    assert use.digest is None
    rolled = store.rollback(tmp_path)
    assert rolled is not None
    assert rolled.manifest == manifest


def test_what_a_process_that_was_killed_has_begun_is_cleared(
    store: AdapterStore, paths: Paths, tmp_path: Path
) -> None:
    begun = paths.adapters / f".{'a' * 64}.1"
    begun.mkdir(parents=True)
    (begun / "adapter.gguf").write_text("half")
    manifest = registered(store, tmp_path, OF)
    assert [one.manifest for one in store.all()] == [manifest]
    assert not begun.exists()


def test_what_is_removed_is_used_nowhere(store: AdapterStore, tmp_path: Path) -> None:
    first, second = (registered(store, tmp_path, OF, seed=seed) for seed in (1, 2))
    for one in (first, second):
        store.use(one.sha256, tmp_path)
    store.remove(second.sha256)
    use = store.chosen(tmp_path)
    assert use is not None
    assert (use.digest, use.chosen) == (None, (first.sha256,))
    with pytest.raises(AdapterError, match="There is no adapter"):
        store.get(second.sha256)


def test_the_store_is_for_its_owner_only(store: AdapterStore, paths: Paths, tmp_path: Path) -> None:
    manifest = registered(store, tmp_path, OF)
    store.use(manifest.sha256, tmp_path)
    for path in (paths.adapters, *paths.adapters.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        if path.name != ".lock":
            assert path.stat().st_mode & 0o777 == wanted, path


def test_weights_that_change_in_the_store_are_noticed(store: AdapterStore, tmp_path: Path) -> None:
    stored = store.get(registered(store, tmp_path, OF).sha256)
    body = bytearray(stored.path.read_bytes())
    body[-1] ^= 1
    stored.path.write_bytes(body)
    with pytest.raises(AdapterError, match="was changed"):
        store.check(stored)
    stored.path.write_bytes(body[:-1])
    with pytest.raises(AdapterError, match="was changed"):
        store.get(stored.manifest.sha256)


def test_choices_of_a_newer_version_are_left_alone(
    store: AdapterStore, paths: Paths, tmp_path: Path
) -> None:
    manifest = registered(store, tmp_path, OF)
    for text in ('{"format": 2, "uses": []}', "rubbish"):
        store.uses_file.write_text(text)
        with pytest.raises(AdapterError, match=r"uses\.json"):
            store.use(manifest.sha256, tmp_path)
        assert store.uses_file.read_text() == text


def test_what_a_training_says_is_checked_when_it_is_registered(
    store: AdapterStore, tmp_path: Path
) -> None:
    with pytest.raises(AdapterError, match="no manifest"):
        registered(store, tmp_path, OF, base_sha256="short")
    assert not store.all()
    with pytest.raises(AdapterError, match="cannot be read"):
        store.register(tmp_path / "nothing.gguf", draft(OF))
