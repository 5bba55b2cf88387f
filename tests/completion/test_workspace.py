"""What is chosen from other files, when it is chosen anew, and when it stays."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.completion.workspace import Assembled, Workspace
from lsp_server.config.options import (
    CompletionOptions,
    ContextOptions,
    PrivacyOptions,
    Settings,
    Symbols,
)
from lsp_server.context.fusion import Verdict
from lsp_server.context.repository import Repository
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Document, Position, Rejection
from tests.context.memory import MemoryRepository

FILES = {
    "shop/__init__.py": "",
    "shop/store.py": (
        "class Store:\n"
        "    def get(self, name: str, default: int = 0) -> int:\n"
        "        return default\n" + "\n" * 20 + "    def put(self, name: str) -> None:\n"
        "        pass\n"
    ),
    "shop/cart.py": "SECRET_ANSWER = 42\n",
}
CART = "from shop.store import Store\n\n\ndef total(store: Store) -> int:\n    return store.█\n"


class Folders:
    """The index of one folder, which can be missing and can grow."""

    def __init__(self, files: Mapping[str, str] | None = None) -> None:
        self.files = dict(FILES if files is None else files)
        self.ready = True
        self.grown = 1

    def repository(self, folder: str) -> Repository | None:
        return Grown(self.files, self.grown) if self.ready and folder == "/shop" else None

    def describe(self, folder: str) -> str:
        return "ready" if self.ready else "scanning"


class Grown(MemoryRepository):
    def __init__(self, files: Mapping[str, str], generation: int) -> None:
        super().__init__(files)
        self._generation = generation

    @property
    def generation(self) -> int:
        return self._generation


async def count(texts: Sequence[str]) -> Mapping[str, int]:
    return {text: max(1, len(text) // 4) for text in texts}


def request(marked: str, path: str = "shop/cart.py") -> CompletionRequest:
    before, _, after = marked.partition("█")
    lines = split_lines(before)
    document = Document(
        f"file:///shop/{path}", "python", 1, tuple(split_lines(before + after)), path, "/shop"
    )
    return CompletionRequest(document, Position(len(lines) - 1, len(lines[-1])))


async def ask(
    workspace: Workspace, marked: str, path: str = "shop/cart.py", settings: Settings | None = None
) -> Assembled:
    asked = request(marked, path)
    workspace.changed(asked.document)
    return await workspace.assemble(asked, settings or options(), count)


def options(**values: object) -> Settings:
    """Settings in which the comment above the line is switched on."""
    known = {"hint_tokens": 40, **values}
    return Settings(context=replace(ContextOptions(), **known))  # type: ignore[arg-type]


async def test_imported_definitions_come_in_front_and_members_above_the_line() -> None:
    assembled = await ask(Workspace(Folders()), CART)
    assert [snippet.path for snippet in assembled.context.snippets] == ["shop/store.py"]
    assert "def get(self, name: str" in assembled.context.snippets[0].text
    assert assembled.context.repository == "shop"


async def test_the_file_under_completion_never_comes_from_the_index() -> None:
    assembled = await ask(Workspace(Folders()), "x = SECRET█\n")
    explained = await Workspace(Folders()).explain(request("x = SECRET█\n"), Settings(), count)
    for found in (assembled.selection.judged, explained.assembled.selection.judged):
        assert all(row.candidate.path != "shop/cart.py" for row in found)


async def test_a_file_that_is_off_is_looked_at_no_more() -> None:
    workspace, hands_off = Workspace(Folders()), PrivacyOptions(off_paths=("store.py",))
    assert (await ask(workspace, CART)).context.snippets
    for marked in (CART, CART.replace("store.█", "store.g█")):
        off = await ask(workspace, marked, settings=replace(options(), privacy=hands_off))
        assert not off.context.snippets
        assert not off.hint
    explained = await workspace.explain(request(CART), replace(options(), privacy=hands_off), count)
    judged = explained.assembled.selection.judged
    assert all(row.candidate.path != "shop/store.py" for row in judged)
    assert (await ask(workspace, CART)).context.snippets


async def test_neither_open_nor_edited_files_that_are_off_are_shown() -> None:
    folders = Folders({"a.py": "", "b.py": ""})
    workspace = Workspace(folders)
    hands_off = replace(options(), privacy=PrivacyOptions(off_paths=("/b.py",)))
    text = "def transfer_amount(source, target):\n    return target - source\n"
    marked = "def transfer_amount_again(source, target):\n    transfer_amount█\n"
    for settings, shown in ((options(), True), (hands_off, False)):
        await ask(workspace, "█" + text, "b.py", settings)
        await ask(workspace, "# edited\n█" + text, "b.py", settings)
        assembled = await ask(workspace, marked, "a.py", settings)
        assert any(row.candidate.path == "b.py" for row in assembled.selection.judged) is shown


async def test_a_file_that_git_ignores_is_seen_alone_and_by_nobody(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("cart.py\n")
    text = "def transfer_amount(source, target):\n    return target - source\n"
    marked = "def transfer_amount_again(source, target):\n    transfer_amount█\n"

    class Folder(Folders):
        def repository(self, folder: str) -> Repository | None:
            return super().repository("/shop" if folder == str(tmp_path) else "")

    def here(marked: str, path: str) -> CompletionRequest:
        asked = request(marked, path)
        uri, folder = (tmp_path / path).as_uri(), str(tmp_path)
        return replace(asked, document=replace(asked.document, uri=uri, folder=folder))

    workspace, other = Workspace(Folder()), here("█" + text, "cart.py")
    for document in (other.document, here(marked, "b.py").document):
        workspace.opened(document)
    await workspace.assemble(other, options(), count)
    seen = await workspace.assemble(here(marked, "b.py"), options(), count)
    assert all(row.candidate.path != "cart.py" for row in seen.selection.judged)
    ignored = await workspace.assemble(here(CART, "cart.py"), options(), count)
    assert ignored.selection.judged == ()
    (tmp_path / ".gitignore").unlink()
    workspace.files_changed([str(tmp_path / ".gitignore")])
    assert (await workspace.assemble(here(CART, "cart.py"), options(), count)).selection.judged


async def test_typing_keeps_the_choice() -> None:
    workspace = Workspace(Folders())
    first = await ask(workspace, CART)
    for typed in ("store.g", "store.get", "store.get(", "store.get('a')\n    "):
        again = await ask(workspace, CART.replace("store.█", f"{typed}█"))
        assert again.context.snippets == first.context.snippets


async def test_an_index_that_becomes_ready_is_used_at_once() -> None:
    folders = Folders()
    folders.ready = False
    workspace = Workspace(folders)
    assert not (await ask(workspace, CART)).context.snippets
    folders.ready = True
    assert (await ask(workspace, CART)).context.snippets


async def test_other_files_count_anew_only_when_the_user_comes_back() -> None:
    folders = Folders()
    workspace = Workspace(folders)
    first = await ask(workspace, CART)
    folders.files["shop/store.py"] = FILES["shop/store.py"].replace("put", "place")
    folders.grown += 1
    assert (await ask(workspace, CART)).context.snippets == first.context.snippets
    await ask(workspace, "x = 1█\n", "shop/other.py")
    back = await ask(workspace, CART)
    assert any("place" in snippet.text for snippet in back.context.snippets)


async def test_unsaved_text_of_another_tab_takes_the_place_of_its_file() -> None:
    workspace = Workspace(Folders())
    changed = FILES["shop/store.py"].replace("def get", "def fetch") + "█"
    workspace.opened(request(changed, "shop/store.py").document)
    assembled = await ask(workspace, CART)
    assert "fetch" in assembled.context.snippets[-1].text
    workspace.closed("file:///shop/shop/store.py")
    workspace.closed("file:///shop/shop/cart.py")
    assert "fetch" not in (await ask(workspace, CART)).context.snippets[-1].text


async def test_the_same_history_gives_the_same_context() -> None:
    async def session() -> list[Assembled]:
        workspace = Workspace(Folders())
        texts = (CART, CART.replace("█", "get(█"), CART.replace("█", "get(1)\n    x█"))
        return [await ask(workspace, text) for text in texts]

    one, other = await session(), await session()
    assert [item.context for item in one] == [item.context for item in other]


@pytest.mark.parametrize("setting", [{"sources": ()}, {"snippet_tokens": 0}])
async def test_what_is_switched_off_is_not_asked(setting: dict[str, object]) -> None:
    workspace = Workspace(Folders())
    assert (await ask(workspace, CART)).context.snippets
    off = await ask(workspace, CART, settings=options(**setting))
    assert not off.context.snippets


async def test_explain_shows_what_sources_that_are_off_would_find() -> None:
    settings = options(sources=("twin",))
    explained = await Workspace(Folders()).explain(request(CART), settings, count)
    rows = explained.assembled.selection.judged
    assert {row.verdict for row in rows} == {Verdict.SWITCHED_OFF}
    assert "imports" in {source for row in rows for source in row.sources}
    assert not explained.assembled.context.snippets
    assert (explained.language, explained.kind, explained.enclosing) == (
        "python",
        "code",
        ("total",),
    )


async def test_a_document_without_folder_or_grammar_still_has_its_lines() -> None:
    document = Document("untitled:1", "klingon", 1, ("bIjatlh 'e' yImev\n", "yI"), "", "")
    asked = CompletionRequest(document, Position(1, 2))
    assembled = await Workspace(Folders()).assemble(asked, Settings(), count)
    assert assembled.context.prefix == "bIjatlh 'e' yImev\nyI"
    assert not assembled.context.snippets


async def test_members_are_looked_for_only_where_the_option_says_so() -> None:
    assert (await ask(Workspace(Folders()), CART)).members == ()
    favoured = replace(options(), completion=CompletionOptions(symbols=Symbols.FAVOUR))
    assert "get" in (await ask(Workspace(Folders()), CART, settings=favoured)).members
    assert (await ask(Workspace(Folders()), "x = 1█\n", settings=favoured)).members == ()


async def test_documents_may_be_opened_while_others_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace = Workspace(Folders())
    for name in ("store", "other"):
        workspace.opened(request("value = 1\n█", f"shop/{name}.py").document)
    withheld = workspace.secrecy.withheld
    numbers = itertools.count()

    async def open_and_look(document: Document) -> Rejection | None:
        workspace.opened(request("new = 1\n█", f"shop/new{next(numbers)}.py").document)
        return await withheld(document)

    monkeypatch.setattr(workspace.secrecy, "withheld", open_and_look)
    await ask(workspace, CART)
    assert next(numbers) >= 2
