"""Adapters in a whole session: two folders, two adapters, one model that stays loaded."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from lsp_server.catalogue.adapter_store import AdapterStore
from lsp_server.catalogue.repositories import identify
from lsp_server.catalogue.store import ModelStore
from lsp_server.config.paths import Paths
from lsp_server.inference.inspection import describe_model
from tests.adapters import registered, repository
from tests.engine.tiny import write_tiny_model
from tests.server.editor import Editor, editor, plain, write_script

SCRIPTED = hashlib.sha256(b"scripted").hexdigest()
WHOLE = {"completion": {"time_budget": 0, "show": "all"}, "engine": {"ahead": "off"}}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return repository(tmp_path / "one"), repository(tmp_path / "two")


def chosen(paths: Paths, folder: Path, base: str = SCRIPTED, *, seed: int = 0, **more: Any) -> str:
    """Train and use an adapter for a folder; return its digest."""
    store, work = AdapterStore(paths), folder.parent
    digest = registered(store, work, identify(folder), seed=seed, base_sha256=base, **more).sha256
    store.use(digest, folder)
    return digest


async def asks(session: Editor, folder: Path, name: str = "b.py") -> str:
    """Open a file of a folder and return what is suggested there."""
    uri = (folder / name).as_uri()
    position = session.open("x = █", uri)
    (item,) = await session.ask(position, uri)
    session.client.text_document_did_close(
        lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri))
    )
    return str(item.insert_text)


async def until(session: Editor, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait for a status; what does not come is an error that shows the last one."""
    try:
        async with asyncio.timeout(60):
            while not fits(session.statuses[-1]):
                session.changed.clear()
                await session.changed.wait()
    except TimeoutError as exc:
        raise AssertionError(session.statuses[-1]) from exc
    return session.statuses[-1]


def script(tmp_path: Path, *digests: str) -> Path:
    """Answer with the number of the adapter that is over the model, else with `plain`."""
    rules = [
        {"answer": f"adapter{n}()", "adapter": f"{digest}/adapter.gguf"}
        for n, digest in enumerate(digests)
    ]
    return write_script(tmp_path, *rules, {"answer": "plain()"})


async def test_two_folders_of_one_server_have_their_own_adapters(
    folders: tuple[Path, Path], paths: Paths, tmp_path: Path
) -> None:
    one, two = folders
    digests = [chosen(paths, one, seed=0), chosen(paths, two, seed=1)]
    file = script(tmp_path, *digests)
    async with editor(script=file, folders=folders, options=WHOLE) as session:
        await until(session, lambda status: len(status["adapters"]) == 2)
        for _ in range(2):
            assert await asks(session, one) == "adapter0()"
            assert await asks(session, two) == "adapter1()"
        assert await asks(session, tmp_path / "elsewhere") == "plain()"
        status = session.statuses[-1]
        assert status["adapter"] == "mine@1"
        assert [row["folder"] for row in status["adapters"]] == [str(one), str(two)]
        statistics = await session.request("fimbul/statistics")
        assert statistics is not None
        assert statistics["adapters"] == status["adapters"]
        # What the command line chooses is noticed, and nothing is loaded anew for it.
        AdapterStore(paths).off(one)
        await until(session, lambda status: status["adapters"][0]["state"] == "off")
        assert await asks(session, one) == "plain()"
        assert await asks(session, two) == "adapter1()"
        AdapterStore(paths).rollback(one)
        await until(session, lambda status: status["adapters"][0]["state"] == "in-use")
        assert await asks(session, one) == "adapter0()"
        states = [status["state"] for status in session.statuses]
        assert "loading" not in states[states.index("ready") :]
        assert session.messages == []


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("base", "was made for tiny"),
        ("repository", "is for the repository two"),
        ("settings of a workspace", ""),
        ("gone", "There is no adapter"),
    ],
)
async def test_what_does_not_fit_is_said_once_and_suggestions_go_on(
    how: str, said: str, folders: tuple[Path, Path], paths: Paths, tmp_path: Path
) -> None:
    one, two = folders
    store = AdapterStore(paths)
    if how == "base":
        digest = chosen(paths, one, "f" * 64)
    elif how == "repository":
        digest = registered(store, tmp_path, identify(two), base_sha256=SCRIPTED).sha256
        store.use(digest, one)
    elif how == "gone":
        digest = chosen(paths, one)
        (store.get(digest).path).unlink()
    else:
        # A workspace can name none: it is told so, and nothing is used.
        digest = registered(store, tmp_path, identify(one), base_sha256=SCRIPTED).sha256
        text = f'[engine]\nadapter = "{store.get(digest).path}"\nadapter_keys = ["a"]\n'
        (one / ".fimbul.toml").write_text(text)
        said = "engine.adapter may not be set there"
    file = script(tmp_path, digest)
    async with editor(script=file, folders=[one], options=WHOLE) as session:
        if how != "settings of a workspace":
            # A model does not wait for a disk that is slow, so what is chosen may come later.
            await until(session, lambda status: bool(status["adapters"]))
        for name in ("b.py", "c.py"):
            assert await asks(session, one, name) == "plain()"
        (message,) = session.messages
        assert said in message
        assert session.statuses[-1]["adapter"] == ""


async def test_an_editor_lists_uses_and_switches_off(
    folders: tuple[Path, Path], paths: Paths, tmp_path: Path
) -> None:
    one, two = folders
    store = AdapterStore(paths)
    digests = [
        registered(store, tmp_path, identify(of), seed=n, base_sha256=SCRIPTED).sha256
        for n, of in enumerate((one, one, two))
    ]
    file = script(tmp_path, *digests)

    async def runs(**asked: Any) -> dict[str, Any] | None:
        params = lsp.ExecuteCommandParams("fimbul.adapters", [asked])
        answer = plain(await session.client.workspace_execute_command_async(params))
        assert answer is None or isinstance(answer, dict)
        return answer

    async with editor(script=file, folders=[one], options=WHOLE) as session:
        found = await runs(action="list")
        assert found is not None
        assert [row["name"] for row in found["adapters"]] == ["mine@1", "mine@1", "mine@2"]
        assert sum(bool(row["message"]) for row in found["adapters"]) == 1
        uri = (one / "a.py").as_uri()
        for action, digest, answer in (
            ("use", digests[0], "adapter0()"),
            ("use", digests[1], "adapter1()"),
            ("rollback", "", "adapter0()"),
            ("off", "", "plain()"),
        ):
            assert await runs(action=action, id=digest, uri=uri) is not None
            assert await asks(session, one) == answer
        assert session.messages == []
        assert await runs(action="use", id=digests[2]) is None
        assert "is for the repository two" in session.messages[-1]
        assert await asks(session, one) == "plain()"


@pytest.mark.engine
async def test_llama_cpp_changes_adapters_between_two_folders(
    folders: tuple[Path, Path], paths: Paths, tmp_path: Path
) -> None:
    file = write_tiny_model(tmp_path / "tiny.gguf")

    def add() -> str:
        found = ModelStore(paths).add(
            file, name="mine", family="qwen2.5-coder", fim_tokens={},
            description=describe_model(file), copy=False,
        )  # fmt: skip
        return found.sha256

    base = await asyncio.to_thread(add)
    one, two = folders
    chosen(paths, one, base)
    # Its halves are those of a wider model, which only llama.cpp finds out.
    store = AdapterStore(paths)
    wrong = registered(store, tmp_path, identify(two), seed=1, base_sha256=base, width=64)
    store.use(wrong.sha256, two)
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.user_file.write_text('[engine]\nmodel = "mine"\n')
    async with editor("--engine", "llama", folders=folders, options=WHOLE) as session:
        await until(session, lambda status: len(status["adapters"]) == 2)
        for folder in (tmp_path / "none", one, two, one):
            uri = (folder / "b.py").as_uri()
            position = session.open("value = [n for n in range(3)]\nx = █", uri)
            kind = lsp.InlineCompletionTriggerKind.Invoked
            await session.ask(position, uri, kind=kind)
            outcome = await session.request("fimbul/lastOutcome", uri=uri)
            assert outcome is not None
            assert outcome["reason"] != "engine-failed"
        rows = await session.request("fimbul/statistics")
        assert rows is not None
        assert [row["state"] for row in rows["adapters"]] == ["in-use", "refused"]
        (message,) = session.messages
        assert "cannot be used as an adapter" in message
        assert "Suggestions go on without it" in message
