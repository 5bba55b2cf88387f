"""What the server makes of the files of workspace folders, over real pipes.

The scripted engine tells by its answer what the prompt held. Waits are generous, since indexing
runs at the lowest priority; nothing here says how long something takes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from lsprotocol import types as lsp

from lsp_server.config.paths import Paths
from tests.server.editor import Editor, editor, write_script

PATIENCE = 120.0
"""Seconds until something that has to happen counts as not happening."""

PAUSE = 0.05
"""Seconds between two looks."""

STORE = "class Store:\n    def fetch_it(self, name: str) -> int:\n        return len(name)\n"
CART = "from store import Store\n\n\ndef total(store: Store) -> int:\n    return store.█\n"
NOTHING = {"answer": "nothing"}


def sees(text: str, answer: str = "seen") -> dict[str, str]:
    """A rule that tells when a text stands in the prompt."""
    return {"contains": text, "answer": answer}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(tmp_path / "shop", {"store.py": STORE})


async def index_of(session: Editor) -> dict[str, Any]:
    statistics = await session.request("fimbul/statistics")
    assert statistics is not None
    index: dict[str, Any] = statistics["index"]
    return index


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await happened():
            await asyncio.sleep(PAUSE)


WHOLE = {"context": {"cold_tokens": 0}}
"""Has the first prompt be a whole one, too, so that what is missing in it is nowhere."""


async def indexed(session: Editor, state: str = "ready") -> dict[str, Any]:
    async def is_there() -> bool:
        return bool((await index_of(session))["state"] == state)

    await until(is_there)
    return await index_of(session)


async def look(session: Editor, file: Path, text: str = CART) -> str:
    """Open a document, ask at its cursor, close it again; return the answer."""
    uri = file.as_uri()
    position = session.open(text, uri)
    items = await session.ask(position, uri)
    session.client.text_document_did_close(
        lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri))
    )
    return str(items[0].insert_text) if items else await session.reason(uri)


async def until_seen(session: Editor, file: Path, wanted: str, text: str = CART) -> None:
    async def is_seen() -> bool:
        return await look(session, file, text) == wanted

    await until(is_seen)


def index_processes() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if "lsp_server.completion.indexing" in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


async def test_definitions_of_other_files_reach_the_prompt(shop: Path, tmp_path: Path) -> None:
    script = write_script(tmp_path, sees("def fetch_it(self, name: str) -> int"), NOTHING)
    options = {"context": {"hint_tokens": 40, "cold_tokens": 0}}
    async with editor(script=script, folders=[shop], options=options) as session:
        await indexed(session)
        file = shop / "cart.py"
        assert await look(session, file) == "seen"
        outcome = await session.request("fimbul/lastOutcome", uri=file.as_uri())
        assert outcome is not None
        assert outcome["contextTokens"] > 0
        assert outcome["sources"]
        assert outcome["hint"]


async def test_the_file_under_completion_does_not_leak_from_disk(
    shop: Path, tmp_path: Path
) -> None:
    answer = "store.fetch_it(the_right_answer)\n"
    write(shop, {"cart.py": CART.replace("store.█\n", answer), "store.py": STORE})
    script = write_script(tmp_path, sees("the_right_answer", "leak"), sees("fetch_it"), NOTHING)
    async with editor(script=script, folders=[shop], options=WHOLE) as session:
        await indexed(session)
        for typed in ("store.█", "store.fetch_it(█", "the_right█", "█"):
            text = CART.replace("store.█", typed)
            assert await look(session, shop / "cart.py", text) == "seen"


async def test_what_may_not_be_read_never_reaches_the_prompt(tmp_path: Path) -> None:
    hidden = "class {}:\n    def hidden_{}(self) -> None:\n        pass\n"
    text = (
        "from store import Store\nfrom ignored import Ignored\nfrom private import Private\n"
        "from keys import Keys\n\n\ndef total(store: Store, ignored: Ignored, private: Private):\n"
        "    Private, Ignored, Keys, HIDDEN_ENV\n    private.█\n"
    )
    folder = write(
        tmp_path / "shop",
        {
            "store.py": STORE,
            ".git/HEAD": "ref: refs/heads/main\n",
            ".gitignore": "ignored.py\n",
            ".fimbulignore": "private.py\n",
            "ignored.py": hidden.format("Ignored", "by_git"),
            "private.py": hidden.format("Private", "by_its_owner"),
            ".env": "HIDDEN_ENV=hidden_in_the_environment\n",
            ".ssh/keys.py": hidden.format("Keys", "in_a_secret_folder"),
        },
    )
    script = write_script(
        tmp_path,
        *(sees(f"hidden_{which}", which) for which in ("by_git", "by_its_owner", "in_")),
        sees("class Store"),
        NOTHING,
    )
    async with editor(script=script, folders=[folder], options=WHOLE) as session:
        await indexed(session)
        for cursor in ("private.█", "ignored.█", "Private(█", "HIDDEN_ENV█", "█"):
            assert await look(session, folder / "cart.py", text.replace("private.█", cursor)) == (
                "seen"
            )


async def test_unsaved_text_of_another_tab_wins(shop: Path, tmp_path: Path) -> None:
    script = write_script(
        tmp_path, sees("fetch_it", "disk"), sees("unsaved_name", "tab"), sees("typed_name", "typed")
    )
    async with editor(script=script, folders=[shop], options=WHOLE) as session:
        await indexed(session)
        assert await look(session, shop / "cart.py") == "disk"
        tab = (shop / "store.py").as_uri()
        session.open(STORE.replace("fetch_it", "unsaved_name"), tab)
        assert await look(session, shop / "cart.py") == "tab"
        begin = len("    def ")
        where = lsp.Position(1, begin), lsp.Position(1, begin + len("unsaved_name"))
        session.change("typed_name", *where, uri=tab)
        assert await look(session, shop / "cart.py") == "typed"
        session.client.text_document_did_close(
            lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(tab))
        )
        assert await look(session, shop / "cart.py") == "disk"


async def test_a_saved_file_is_read_again(shop: Path, tmp_path: Path) -> None:
    script = write_script(tmp_path, sees("saved_name", "after"), sees("fetch_it", "before"))
    async with editor(script=script, folders=[shop], options=WHOLE) as session:
        await indexed(session)
        assert await look(session, shop / "cart.py") == "before"
        write(shop, {"store.py": STORE.replace("fetch_it", "saved_name")})
        saved = lsp.TextDocumentIdentifier((shop / "store.py").as_uri())
        session.client.text_document_did_save(lsp.DidSaveTextDocumentParams(saved))
        await until_seen(session, shop / "cart.py", "after")


async def test_files_that_other_programs_make_and_delete_are_noticed(
    shop: Path, tmp_path: Path
) -> None:
    script = write_script(tmp_path, sees("class Made"), NOTHING)
    text = CART.replace("store", "made").replace("Store", "Made")
    async with editor(script=script, folders=[shop], options=WHOLE) as session:
        await indexed(session)
        assert await look(session, shop / "cart.py", text) == "nothing"
        made = shop / "made.py"
        for kind, seen in (
            (lsp.FileChangeType.Created, "seen"),
            (lsp.FileChangeType.Deleted, "nothing"),
        ):
            if kind is lsp.FileChangeType.Created:
                write(shop, {"made.py": STORE.replace("Store", "Made")})
            else:
                made.unlink()
            event = lsp.FileEvent(made.as_uri(), kind)
            session.client.workspace_did_change_watched_files(
                lsp.DidChangeWatchedFilesParams([event])
            )
            await until_seen(session, shop / "cart.py", seen, text)


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")])
async def test_folders_do_not_see_each_other(names: tuple[str, str], tmp_path: Path) -> None:
    for name in names:
        write(tmp_path / name, {"store.py": STORE.replace("fetch_it", f"of_{name}")})
    # The first rule that fits decides, so either order hides what came of the other folder once.
    script = write_script(tmp_path, *(sees(f"of_{name}", name) for name in names))
    folders = [tmp_path / name for name in names]
    async with editor(script=script, folders=folders, options=WHOLE) as session:
        assert (await indexed(session))["files"] == 2
        for folder in folders:
            assert await look(session, folder / "cart.py") == folder.name


async def test_a_folder_comes_and_goes_while_the_server_runs(shop: Path, tmp_path: Path) -> None:
    late = write(tmp_path / "late", {"store.py": STORE.replace("fetch_it", "of_late")})
    script = write_script(tmp_path, sees("of_late"), NOTHING)
    async with editor(script=script, folders=[shop], options=WHOLE) as session:
        await indexed(session)
        assert await look(session, late / "cart.py") == "nothing"
        folder = lsp.WorkspaceFolder(late.as_uri(), late.name)
        for added, removed, seen, files in (
            ([folder], [], "seen", 2),
            ([], [folder], "nothing", 1),
        ):
            event = lsp.WorkspaceFoldersChangeEvent(added, removed)
            session.client.workspace_did_change_workspace_folders(
                lsp.DidChangeWorkspaceFoldersParams(event)
            )
            await until_seen(session, late / "cart.py", seen)
            assert (await indexed(session))["files"] == files


async def test_without_an_index_the_lines_are_all_there_is(shop: Path, tmp_path: Path) -> None:
    script = write_script(tmp_path, sees("class Store"), NOTHING)
    off = {"context": {"index": False, "cold_tokens": 0}}
    async with editor(script=script, folders=[shop], options=off) as session:
        assert await look(session, shop / "cart.py") == "nothing"
        assert (await index_of(session))["state"] == "off"
        assert not index_processes()


async def test_a_workspace_may_leave_out_sources(shop: Path, tmp_path: Path) -> None:
    write(shop, {".fimbul.toml": "[context]\nsources = ['edits']\n"})
    script = write_script(tmp_path, sees("class Store"), NOTHING)
    async with editor(script=script, folders=[shop], options=WHOLE) as session:
        await indexed(session)
        assert await look(session, shop / "cart.py") == "nothing"


async def test_status_and_statistics_say_how_the_index_is(shop: Path) -> None:
    async with editor(folders=[shop]) as session:
        found = await indexed(session)
        assert found["state"] == "ready"
        assert (found["files"], found["message"]) == (1, "")
        assert found["leftOut"] == {}
        await until_status(session, "ready")


async def until_status(session: Editor, state: str) -> None:
    async def is_said() -> bool:
        return any(status["index"]["state"] == state for status in session.statuses)

    await until(is_said)


async def test_the_index_process_ends_with_the_server(shop: Path) -> None:
    async with editor(folders=[shop]) as session:
        await indexed(session)
        (process,) = index_processes()

    async def is_gone() -> bool:
        return not process.is_running()

    await until(is_gone)


async def test_an_index_process_that_is_killed_is_started_again(shop: Path, tmp_path: Path) -> None:
    script = write_script(tmp_path, sees("saved_name", "after"), sees("fetch_it", "before"))
    async with editor(script=script, folders=[shop], options=WHOLE) as session:
        await indexed(session)
        (process,) = index_processes()
        process.kill()
        assert await look(session, shop / "cart.py") == "before"

        async def is_new() -> bool:
            return [one.pid for one in index_processes()] not in ([], [process.pid])

        await until(is_new)
        write(shop, {"store.py": STORE.replace("fetch_it", "saved_name")})
        saved = lsp.TextDocumentIdentifier((shop / "store.py").as_uri())
        session.client.text_document_did_save(lsp.DidSaveTextDocumentParams(saved))
        await until_seen(session, shop / "cart.py", "after")
        assert not session.messages


async def test_a_cache_that_cannot_be_written_is_said_once(
    shop: Path, tmp_path: Path, paths: Paths
) -> None:
    paths.cache.parent.mkdir(parents=True, exist_ok=True)
    paths.cache.write_text("a file where a folder should be")
    script = write_script(tmp_path, NOTHING)
    async with editor(script=script, folders=[shop], options=WHOLE) as session:
        failed = await indexed(session, "failed")
        assert failed["message"]
        assert await look(session, shop / "cart.py") == "nothing"
        await until_status(session, "failed")
        assert len(session.messages) == 1
        assert failed["message"] in session.messages[0]
