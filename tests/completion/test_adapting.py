"""Which adapter holds in which folder, and which is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.catalogue import adapters, signing
from lsp_server.catalogue.adapter_store import AdapterStore
from lsp_server.catalogue.repositories import identify
from lsp_server.completion.adapting import Adapters, AdapterState, choose
from lsp_server.completion.answering import ServedModel
from lsp_server.completion.pipeline import Pipeline
from lsp_server.config.options import EngineOptions, PolicyOptions, Settings
from lsp_server.config.paths import Paths
from lsp_server.inference.engine import ModelFile
from lsp_server.prompt.formats import FORMATS
from lsp_server.types import (
    NO_ADAPTER,
    Adapter,
    Completion,
    CompletionRequest,
    Document,
    Position,
)
from tests.adapters import BASE, registered, repository
from tests.completion.engines import Engine

MODEL = ModelFile("tiny", Path("tiny.gguf"), BASE)


@pytest.fixture
def store(paths: Paths) -> AdapterStore:
    return AdapterStore(paths)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return repository(tmp_path / "mine")


def document(folder: Path, path: str = "a.py", text: str = "x = ") -> Document:
    return Document((folder / path).as_uri(), "python", 1, (text,), path, str(folder))


def test_what_was_chosen_holds_in_its_folder_at_its_weight(
    store: AdapterStore, folder: Path, tmp_path: Path
) -> None:
    assert choose(store, folder, MODEL, Settings()).state is AdapterState.DEFAULT
    manifest = registered(store, tmp_path, identify(folder), percent=80)
    store.use(manifest.sha256, folder)
    choice = choose(store, folder, MODEL, Settings())
    path = store.get(manifest.sha256).path
    assert choice.state is AdapterState.IN_USE
    assert choice.adapter == Adapter(str(path), 0.8, "mine@1")
    assert choose(store, tmp_path, MODEL, Settings()).state is AdapterState.DEFAULT
    store.off(folder)
    assert choose(store, folder, MODEL, Settings()).adapter == NO_ADAPTER


def test_everywhere_is_every_clone_of_its_repository(
    store: AdapterStore, folder: Path, tmp_path: Path
) -> None:
    other = repository(tmp_path / "other")
    store.use(registered(store, tmp_path, identify(folder)).sha256, None)
    found = [choose(store, one, MODEL, Settings()).state for one in (folder, other)]
    assert found == [AdapterState.IN_USE, AdapterState.DEFAULT]
    store.off(folder)
    assert choose(store, folder, MODEL, Settings()).state is AdapterState.OFF


def signed(store: AdapterStore, digest: str, folder: Path) -> str:
    """Make an adapter one that came from elsewhere; return the public key."""
    stored, key = store.get(digest), signing.make_key(folder / "key.pem")
    file = folder / "mine.fimbul"
    adapters.pack(stored.path, stored.text, signing.sign(stored.text, key), file)
    store.remove(digest)
    store.add(adapters.unpack(file))
    return signing.public_text(key)


Change = Callable[[Settings], tuple[ModelFile | None, Settings]]
REFUSED: dict[str, tuple[Change, str]] = {
    "another base": (
        lambda settings: (replace(MODEL, name="big", digest="f" * 64), settings),
        "was made for tiny .* and the model here is big",
    ),
    "no model": (lambda settings: (None, settings), "and the model here is none"),
    "a policy that lists others": (
        lambda settings: (
            MODEL,
            replace(settings, policy=PolicyOptions(allowed_adapters=("sha256:" + "0" * 64,))),
        ),
        "policy of this machine does not allow the adapter mine@1",
    ),
    "a key that is trusted no more": (
        lambda settings: (MODEL, replace(settings, engine=EngineOptions())),
        "not trusted here",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_with_a_sentence(
    name: str, store: AdapterStore, folder: Path, tmp_path: Path
) -> None:
    digest = registered(store, tmp_path, identify(folder)).sha256
    key = signed(store, digest, tmp_path)
    store.use(digest, folder)
    settings = Settings(engine=replace(EngineOptions(), adapter_keys=(key,)))
    assert choose(store, folder, MODEL, settings).state is AdapterState.IN_USE
    change, message = REFUSED[name]
    choice = choose(store, folder, *change(settings))
    assert (choice.state, choice.adapter) == (AdapterState.REFUSED, NO_ADAPTER)
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(choice.why)


def test_a_policy_may_list_it_by_digest(store: AdapterStore, folder: Path, tmp_path: Path) -> None:
    digest = registered(store, tmp_path, identify(folder)).sha256
    store.use(digest, folder)
    policy = PolicyOptions(allowed_adapters=(f"sha256:{digest}",))
    choice = choose(store, folder, MODEL, Settings(policy=policy))
    assert choice.state is AdapterState.IN_USE


def test_another_repository_put_in_the_place_of_the_folder_gets_nothing(
    store: AdapterStore, folder: Path, tmp_path: Path
) -> None:
    store.use(registered(store, tmp_path, identify(folder)).sha256, folder)
    folder.rename(tmp_path / "moved")
    repository(folder)
    choice = choose(store, folder, MODEL, Settings())
    assert choice.state is AdapterState.REFUSED
    assert "is for the repository mine, of which" in choice.why


def test_weights_that_were_changed_are_not_used(
    store: AdapterStore, folder: Path, tmp_path: Path
) -> None:
    digest = registered(store, tmp_path, identify(folder)).sha256
    store.use(digest, folder)
    path = store.get(digest).path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    choice = choose(store, folder, MODEL, Settings())
    assert (choice.state, choice.adapter) == (AdapterState.REFUSED, NO_ADAPTER)


def test_choices_that_cannot_be_read_are_said_and_nothing_is_used(
    store: AdapterStore, folder: Path, paths: Paths, tmp_path: Path
) -> None:
    registered(store, tmp_path, identify(folder))
    store.uses_file.write_text("rubbish")
    said: list[str] = []
    found = Adapters(paths, said.append)
    found.take(found.look([str(folder)], MODEL, Settings()))
    assert found.of(document(folder)) is None
    assert len(said) == 1
    assert "fimbul adapters use" in said[0]


def test_each_folder_has_its_own_and_what_does_not_fit_is_said_once(
    store: AdapterStore, paths: Paths, tmp_path: Path
) -> None:
    folders = [repository(tmp_path / "work" / name) for name in ("one", "two", "three")]
    for seed, folder in enumerate(folders[:2]):
        digest = registered(store, tmp_path, identify(folder), seed=seed).sha256
        store.use(digest, folder)
    third = registered(store, tmp_path, identify(folders[2]), seed=3, base_sha256="f" * 64)
    store.use(third.sha256, folders[2])
    said: list[str] = []
    found = Adapters(paths, said.append)
    # The folder above holds all of them, as somebody may have opened it.
    for work in ([str(folder) for folder in folders], [str(tmp_path / "work")]):
        assert found.take(found.look(work, MODEL, Settings()))
        assert not found.take(found.look(work, MODEL, Settings())), "nothing is new"
        root = Path(work[0]) if len(work) == 1 else None
        titles = []
        for folder in folders:
            asked = document(root, f"{folder.name}/a.py") if root else document(folder)
            adapter = found.of(asked)
            assert adapter is not None
            titles.append(adapter.title)
        assert titles == ["mine@1", "mine@1", ""]
        paths_used = {row["folder"]: row["state"] for row in found.as_json()}
        assert paths_used[str(folders[2])] == "refused"
    assert len(said) == 1
    assert found.of(document(tmp_path)) is None


def test_what_is_chosen_meanwhile_is_noticed(
    store: AdapterStore, folder: Path, paths: Paths, tmp_path: Path
) -> None:
    found = Adapters(paths)
    folders = [str(folder)]
    assert not found.take(found.look(folders, MODEL, Settings()))
    store.use(registered(store, tmp_path, identify(folder)).sha256, folder)
    assert found.take(found.look(folders, MODEL, Settings()))
    assert found.of(document(folder)) is not None
    (row,) = found.as_json()
    assert (row["name"], row["state"]) == ("mine@1", "in-use")
    (row,) = found.as_json({found.of(document(folder)).path})  # type: ignore[union-attr]
    assert row["state"] == "refused"
    store.off(folder)
    assert found.take(found.look(folders, MODEL, Settings()))
    assert found.of(document(folder)) == NO_ADAPTER


async def test_a_suggestion_made_under_another_adapter_is_not_given_again() -> None:
    engine = Engine(answers={"x = ": "1"})
    pipeline = Pipeline(engine, Settings())
    pipeline.serve(ServedModel("tiny", FORMATS["qwen2.5-coder"]))
    request = CompletionRequest(document(Path("/work")), Position(0, 4))
    asked: list[Adapter | None] = []
    adapters_by_turn = [None, NO_ADAPTER, Adapter("/a.gguf"), Adapter("/a.gguf", 0.5)]
    for adapter in adapters_by_turn:
        pipeline.adapt(lambda _document, adapter=adapter: adapter)  # type: ignore[misc]
        for _ in range(2):
            assert isinstance(await pipeline.complete(request), Completion)
        asked.append(engine.calls[-1].prompt.adapter)
    assert asked == adapters_by_turn
    assert len(engine.calls) == len(adapters_by_turn), "the second time nothing was asked"
