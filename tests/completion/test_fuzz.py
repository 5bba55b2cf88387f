"""Random text, cursors and sessions through the real workspace: no error, no budget exceeded.

A session of one random kind is played twice by two workspaces, which have to give the same
prompts. Tokens are counted roughly, but so that a whole never costs more than its parts.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lsp_server.completion.workspace import Assembled, Explanation, Workspace
from lsp_server.config.options import SOURCES, ContextForm, ContextOptions, PromptOptions, Settings
from lsp_server.context.repository import Repository
from lsp_server.context.window import MAX_LINE, TYPED_LIMIT
from lsp_server.prompt.build import build_prompt
from lsp_server.prompt.formats import FORMATS
from lsp_server.text import split_lines
from lsp_server.types import CompletionRequest, Document, Position, Prompt, Surface
from tests.context.memory import MemoryRepository

FOLDER = "/work"

PATHS = (
    "shop/store.py",
    "shop/cart.py",
    "test_cart.py",
    "web/store.ts",
    "web/cart.tsx",
    "lib.rs",
    "main.go",
    "src/Cart.java",
    "cart.c",
    "cart.h",
    "readme.md",
    "page.html",
    "data.json",
    "notes",
)

STORE_PY = (
    "class Store:\n"
    '    """Keeps what was put in."""\n\n'
    "    def fetch(self, name: str, fallback: int = 0) -> 'Store':\n        return self\n\n"
    "    def put(self, name: str, amount: int) -> None:\n        self.name = name\n\n"
)
CART_PY = (
    "from shop.store import Store\n\n\nclass Cart:\n"
    "    def total(self, store: Store) -> int:\n        return store.fetch('a', 1)\n\n"
)
STORE_TS = "export class Store {\n  fetch(name: string): Store {\n    return this;\n  }\n}\n"
CART_TS = (
    'import { Store } from "./store";\n\nexport function total(store: Store): number {\n'
    "  return store.fetch('a');\n}\n"
)
CART_H = "struct cart {\n  int used;\n};\nint cart_fetch(struct cart *cart, const char *name);\n"
CART_C = '#include "cart.h"\n\nint main(void) {\n  struct cart cart;\n  return cart_fetch(&cart,'
WHOLE = (STORE_PY, CART_PY, STORE_TS, CART_TS, CART_H, CART_C)

BASE = {
    "shop/store.py": STORE_PY,
    "shop/cart.py": CART_PY * 8,
    "web/store.ts": STORE_TS,
    "web/cart.tsx": CART_TS * 8,
    "cart.h": CART_H,
    "cart.c": CART_C,
}
"""What the folder holds unless a session says otherwise."""

TYPED = (
    "\n    def more(self, store: Store) -> None:\n        store.",
    "\nfunction more(store: Store) {\n  store.",
    "\n        store.",
    "\nstore = Store()\nstore.f",
    "Store(",
    "\n  store.fetch(",
    "\n  cart_fetch(",
    "\n  cart.",
    "\n\n",
    "(",
    ".",
)

FRAGMENTS = (
    "from shop.store import Store, open_store as opened",
    "import shop.store",
    "class Store(Base):",
    "    def fetch(self, name: str, *rest: int, **more: object) -> 'Store':",
    "    store = Store(",
    "    return store.fet",
    "    with open_store() as store, store.",
    "import { Store, type Cart } from './store';",
    "export class Cart extends Store<Cart> { constructor(private readonly store: Store) {",
    "const total = (store: Store) => store?.fetch(`${store.",
    "use crate::shop::{Store, self};",
    "impl<'a> Store<'a> { pub fn fetch(&self, name: &str) -> Option<&'a Cart> {",
    "func (s *Store) Fetch(name string) (*Cart, error) {",
    "public class Cart<T extends Store> implements Iterable<T> { private final Store store;",
    '#include "cart.h"',
    "struct store { int (*fetch)(struct store *self, const char *name); };",
    "    store->fetch(store, ",
    "# heading",
    "```python",
    "```",
    "<script>let store = new Store(",
    "</script><style>a { color: ",
    '{"store": [1, {"cart": null',
    "'''",
    '"""',
    "/* never closed",
    "// closed",
    "}}}}",
    "((((((((((((((((((",
    "\t\t    ",
    "",
    "x = " + "[" * 200,
    "y = '" + "long " * 400,
    "é😀 = '𝒳' + \"\u0301\u202e\"",
    "\ud800 = '\udfff'",
    "\x00\x1b[0m\x07",
    "<|fim_prefix|><|file_sep|>",
)

ENDINGS = ("\n", "\n", "\n", "\r\n", "\r", "", "\x0b", "\x0c", "\u2028", "\n\r")

ANY_TEXT = st.text(st.characters(), max_size=20)

LINES = st.builds(str.__add__, st.sampled_from(FRAGMENTS) | ANY_TEXT, st.sampled_from(ENDINGS))

TEXTS = st.builds(
    lambda lines, times: "".join(lines) * times,
    st.lists(LINES | st.sampled_from(WHOLE), max_size=12),
    st.sampled_from((1, 1, 2, 12)),
)

OPTIONS = st.builds(
    ContextOptions,
    prefix_tokens=st.sampled_from((16, 40, 200, 768)),
    suffix_tokens=st.sampled_from((0, 10, 60, 192)),
    snippet_tokens=st.sampled_from((0, 15, 80, 320)),
    hint_tokens=st.sampled_from((0, 6, 40)),
    sources=st.sampled_from(((), SOURCES, SOURCES, SOURCES[:2], SOURCES[4:], ("edits", "tabs"))),
)


@dataclass(frozen=True)
class Edit:
    """Text replaced in a document that is opened if it is not yet; then a request."""

    file: int
    at: float
    """Place in the text, as a part of its length."""
    gone: int
    text: str


@dataclass(frozen=True)
class Ask:
    """A request somewhere in a document, which may never have been opened."""

    file: int
    at: float


@dataclass(frozen=True)
class Close:
    file: int


@dataclass(frozen=True)
class Change:
    """Other settings."""

    options: ContextOptions


@dataclass(frozen=True)
class Grow:
    """Another generation of the index, or none for a while."""

    ready: bool
    file: int
    text: str


@dataclass(frozen=True)
class Explain:
    file: int
    at: float


Action = Edit | Ask | Close | Change | Grow | Explain

FILES = st.integers(0, len(PATHS) - 1) | st.sampled_from([PATHS.index(path) for path in BASE])
PARTS = st.floats(0.0, 1.0)
EDITS = st.builds(
    Edit,
    FILES,
    st.just(1.0) | PARTS,
    st.sampled_from((0, 0, 1, 5, 300)),
    LINES | ANY_TEXT | st.sampled_from(TYPED) | st.sampled_from(TYPED),
)

ACTIONS = st.lists(
    EDITS
    | EDITS
    | st.builds(Ask, FILES, PARTS)
    | st.builds(Close, FILES)
    | st.builds(Change, OPTIONS)
    | st.builds(Grow, st.booleans(), FILES, TEXTS)
    | st.builds(Explain, FILES, PARTS),
    min_size=1,
    max_size=8,
)


@dataclass
class Folders:
    """The index of one folder."""

    texts: dict[str, str]
    ready: bool = True
    generation: int = 1
    _made: dict[int, Repository] = field(default_factory=dict)

    def repository(self, folder: str) -> Repository | None:
        if not self.ready or folder != FOLDER:
            return None
        if self.generation not in self._made:
            self._made[self.generation] = Numbered(dict(self.texts), self.generation)
        return self._made[self.generation]

    def describe(self, folder: str) -> str:
        return "ready" if self.ready and folder == FOLDER else "none"


class Numbered(MemoryRepository):
    def __init__(self, texts: Mapping[str, str], generation: int) -> None:
        super().__init__(texts)
        self._generation = generation

    @property
    def generation(self) -> int:
        return self._generation


def cost(text: str) -> int:
    return max(1, -(-len(text) // 4))


async def count(texts: Sequence[str]) -> Mapping[str, int]:
    await asyncio.sleep(0)
    return {text: cost(text) for text in texts}


class Session:
    """One user's session, from the first action on."""

    def __init__(self, texts: Mapping[str, str], form: ContextForm) -> None:
        self.texts = {**BASE, **texts}
        self.folders = Folders(dict(self.texts))
        self.workspace = Workspace(self.folders)
        self.settings = Settings(prompt=replace(PromptOptions(), context_form=form))
        self.prompts: list[Prompt] = []

    async def play(self, actions: Sequence[Action]) -> list[Prompt]:
        for action in actions:
            await self.act(action)
        return self.prompts

    async def act(self, action: Action) -> None:
        match action:
            case Edit(file, at, gone, text):
                await self.edit(PATHS[file], at, gone, text)
            case Ask(file, at):
                await self.ask(PATHS[file], at)
            case Close(file):
                self.workspace.closed(f"file://{FOLDER}/{PATHS[file]}")
            case Change(options):
                self.settings = replace(self.settings, context=options)
            case Grow(ready, file, text):
                self.folders.ready = ready
                self.folders.generation += 1
                self.folders.texts[PATHS[file]] = text
            case Explain(file, at):
                request = self.request(PATHS[file], at)
                found = await self.workspace.explain(request, self.settings, count)
                self.check(request, found.assembled)
                check_explanation(found)

    async def edit(self, path: str, at: float, gone: int, text: str) -> None:
        before = self.texts.get(path, "")
        begin = int(at * len(before))
        self.workspace.changed(self.request(path, at).document)
        self.texts[path] = before[:begin] + text + before[begin + gone :]
        self.workspace.changed(self.request(path, at).document)
        after = len(self.texts[path])
        await self.ask(path, (begin + len(text)) / after if after else 0.0)

    async def ask(self, path: str, at: float) -> None:
        request = self.request(path, at)
        self.check(request, await self.workspace.assemble(request, self.settings, count))

    def request(self, path: str, at: float) -> CompletionRequest:
        text = self.texts.get(path, "")
        lines = tuple(split_lines(text))
        folder = FOLDER if path != "notes" else ""
        document = Document(f"file://{FOLDER}/{path}", "", 1, lines, path, folder)
        above = split_lines(text[: int(at * len(text))])
        place = document.clamp(Position(len(above) - 1, len(above[-1])))
        return CompletionRequest(document, place)

    def check(self, request: CompletionRequest, assembled: Assembled) -> None:
        options = self.settings.context
        check_snippets(assembled, request.document.path, options)
        check_window(request, assembled, options)
        prompt = build_prompt(assembled.context, FORMATS["qwen2.5-coder"], self.settings.prompt)
        # What goes to the engine has to be valid Unicode.
        assert all(segment.text.encode() for segment in prompt.segments)
        prompt.healed.encode()
        self.prompts.append(prompt)


def check_snippets(assembled: Assembled, path: str, options: ContextOptions) -> None:
    snippets = assembled.context.snippets
    assert snippets == assembled.selection.snippets
    spent = sum(cost(snippet.text) for snippet in snippets)
    assert spent <= assembled.selection.tokens <= options.snippet_tokens
    assert all(snippet.source in options.sources for snippet in snippets)
    assert all(snippet.path != path for snippet in snippets)


def check_window(request: CompletionRequest, assembled: Assembled, options: ContextOptions) -> None:
    context, window = assembled.context, assembled.window
    line = request.document.line(request.position.line)
    typed = line[: request.position.column]
    indentation = line[: len(line) - len(line.lstrip())]
    hint = cost(" ".join(assembled.hint.split())) if assembled.hint else 0
    assert hint <= options.hint_tokens
    assert sum(cost(text) for text in window.suffix) <= options.suffix_tokens
    shown = context.suffix
    if context.surface is Surface.MIDDLE:
        shown = shown[len(context.rest_of_line) :]
    assert len(context.rest_of_line) <= MAX_LINE
    assert shown.endswith("".join(window.suffix))
    # The hint of this request is paid for from the next one on.
    more = hint + cost(indentation) + 1 if assembled.hint else 0
    alone = cost(typed[-TYPED_LIMIT:])
    assert cost(context.prefix) <= max(options.prefix_tokens, alone) + more
    assert context.prefix.endswith(typed[-TYPED_LIMIT // 2 :])


def check_explanation(found: Explanation) -> None:
    rows = found.assembled.selection.judged
    assert len({(row.candidate.path, row.candidate.text) for row in rows}) == len(rows)
    assert found.kind in ("code", "comment", "string")


@given(
    st.dictionaries(st.sampled_from(PATHS), TEXTS, max_size=6),
    ACTIONS,
    st.sampled_from(list(ContextForm)),
)
@example(
    {},
    [
        Ask(4, 0.8),
        Change(ContextOptions(snippet_tokens=80, sources=("usages", "same-folder", "tabs"))),
        Edit(0, 1.0, 0, ""),
        Edit(4, 1.0, 1, "\nfunction more(store: Store) {\n  store."),
    ],
    ContextForm.COMMENT_ABOVE,
)
@example(
    {PATHS[0]: "class Store:\n    def fetch(self):\n        pass\n" * 3, PATHS[1]: FRAGMENTS[0]},
    [
        Edit(1, 1.0, 0, "\nstore = Store()\nstore."),
        Change(ContextOptions(16, 0, 0, 0)),
        Ask(1, 1.0),
        Change(ContextOptions()),
        Ask(1, 0.5),
        Edit(0, 0.5, 5, "\r\n"),
        Close(0),
        Ask(1, 1.0),
    ],
    ContextForm.AUTO,
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_session_raises_or_exceeds_a_budget_and_all_are_repeatable(
    texts: Mapping[str, str], actions: Sequence[Action], form: ContextForm
) -> None:
    once = asyncio.run(Session(texts, form).play(actions))
    again = asyncio.run(Session(texts, form).play(actions))
    assert once == again
