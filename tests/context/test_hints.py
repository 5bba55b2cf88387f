"""The comment above the current line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.context.filenames import FileNames
from lsp_server.context.hints import Hint, Part, hint_at, members_at, render, texts_to_count
from lsp_server.context.overlay import Overlay
from lsp_server.syntax.languages import LANGUAGES
from tests.context.memory import MemoryRepository, place_in

TEXTS = {
    "shop/__init__.py": "from .client import Client, connect as helper\nfrom .other import *\n",
    "shop/client.py": (
        "class Base:\n    def close(self): ...\n    def _drop(self, a): ...\n"
        "class Client(Base):\n"
        "    def __init__(self, url: str, timeout: float = 1.0, *, retry=True): ...\n"
        "    def _hidden(self): ...\n"
        "    def get(self, key: str, default: 'Item | None' = None) -> 'Item': ...\n"
        "    def put(self, key, value): ...\n"
        "    def get_all(self): ...\n"
        "    url: str\n"
        "class Point:\n    x: int\n    y: int = 0\n"
        "def connect(url: str, retries: int = 3) -> Client: ...\n"
        "def plain(): ...\n"
        "def now() -> Client: ...\n"
    ),
    "src/store.ts": (
        "export class Store {\n  constructor(private url: string, size = 1) {}\n"
        "  put(key: string, value?: number): void {}\n  get size(): number { return 1 }\n}\n"
    ),
    "src/store.rs": (
        "pub struct Store { pub size: u8 }\nimpl Store {\n    pub fn new(size: u8) -> Self { }\n"
        "    pub fn get(&self, key: &str) -> Option<u8> { }\n}\n"
    ),
    "src/lib.rs": "pub mod store;\n",
    "store/store.go": (
        "package store\n\ntype Store struct {\n\tSize int\n}\n\n"
        "func (s *Store) Get(ctx context.Context, key string) (int, error) { }\n"
    ),
    "src/Store.java": (
        "class Store {\n  public Store(String url) { }\n"
        "  public int get(String key, int n) { }\n}\n"
    ),
}
PYTHON = "from shop.client import Client, Point, connect, plain, now\nimport shop.client as sc\n"

CASES = [
    ("main.py", "c = Client()\nc.█",
     "# Client: get(key, default), url, put(key, value), get_all(), close(), _hidden(), _drop(a)"),
    ("main.py", "c = Client()\nc.pu█", "# Client: put(key, value)"),
    ("main.py", "c = Client()\nc.ge█", "# Client: get(key, default), get_all()"),
    ("main.py", "c = Client()\nc.get(█",
     "# Client.get(key: str, default: 'Item | None' = None) -> 'Item'"),
    ("main.py", "c = Client()\nc.get(c.█",
     "# Client: get(key, default), get_all(), url, put(key, value), close(), _hidden(), _drop(a)"),
    ("main.py", "c = Client()\nc.get(\n    1,\n    █",
     "# Client.get(key: str, default: 'Item | None' = None) -> 'Item'"),
    ("main.py", "Client(█", "# Client(url: str, timeout: float = 1.0, retry=True)"),
    ("main.py", "Point(█", "# Point(x: int, y: int = 0)"),
    ("main.py", "connect(█", "# connect(url: str, retries: int = 3) -> Client"),
    ("main.py", "connect(x.y█", "# connect(url: str, retries: int = 3) -> Client"),
    ("main.py", "plain(█", None),
    ("main.py", "now(█", "# now() -> Client"),
    ("main.py", "sc.co█", "# sc: connect(url, retries)"),
    ("main.py", "import shop\nshop.█", "# shop: Client, helper"),
    ("main.py", "import shop\nshop.h█", "# shop: helper"),
    ("main.py", "x.█", None),
    ("main.py", "x█", None),
    ("main.py", "# c.█", None),
    ("main.py", "print(█", None),
    ("src/main.ts", "import { Store } from './store';\nconst s = new Store();\ns.█",
     "// Store: size(), put(key, value), url"),
    ("src/main.ts", "import { Store } from './store';\nconst s = new Store(█",
     "// Store(private url: string, size = 1)"),
    ("src/main.rs", "use crate::store::Store;\nfn f(s: Store) {\n    s.█\n}",
     "// Store: get(key), size"),
    ("src/main.rs", "use crate::store::Store;\nfn f() {\n    Store::new(█\n}",
     "// Store.new(size: u8) -> Self"),
    ("main.go", "package main\n\nimport \"x.org/store\"\n\nfunc f(s *store.Store) {\n\ts.█\n}",
     "// Store: Get(ctx, key), Size"),
    ("src/Main.java", "class Main {\n  void f(Store s) {\n    s.get(█\n  }\n}",
     "// Store.get(String key, int n) -> int"),
    ("src/Main.java", "class Main {\n  void f() {\n    new Store(█\n  }\n}",
     "// Store(String url)"),
]  # fmt: skip


def count_words(text: str) -> int:
    return len(text.split())


def hint_for(path: str, text: str, visible: range = range(0)) -> Hint | None:
    repository = MemoryRepository(TEXTS, without=[path])
    return hint_at(place_in(path, text), repository, FileNames(repository.paths()), visible)


@pytest.mark.parametrize(
    ("path", "text", "expected"), CASES, ids=[f"{row[0]}: {row[1]}" for row in CASES]
)
def test_hint(path: str, text: str, expected: str | None) -> None:
    prefix = PYTHON if path == "main.py" else ""
    hint = hint_for(path, prefix + text)
    marks = ("# " if path.endswith(".py") else "// ", "")
    written = render(hint, marks, count_words, 100) if hint else None
    assert written == expected


RANKED = {
    "box.py": (
        "import os\nfrom json import dumps\n"
        "class Box:\n    size: int\n    KINDS = ('a', 'b')\n"
        "    def open_lid(self): ...\n    def read_page(self): ...\n    def close_lid(self): ...\n"
        "    def _dust(self): ...\n    @classmethod\n    def of_paper(cls, paper): ...\n"
    ),
    "user.py": "b.close_lid()\n",
    "other.py": "b.close_lid()\nb.open_lid()\n",
    "kit/__init__.py": "from json import dumps\nfrom .tools import saw\n",
    "kit/tools.py": "def saw(): ...\n",
    "api/api.go": "package api\n\nfunc helper() { }\n\nfunc Open() { }\n",
    "api/api_test.go": "package api\n\nfunc Fake() { }\n",
}


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.py", "from box import Box\n\n\n\ndef f(b: Box):\n    b.█",
         "Box: close_lid(), open_lid(), size, KINDS, read_page(), of_paper(paper), _dust()"),
        ("a.py", "from box import Box\n\ndef f(b: Box):\n    page = b.█",
         "Box: read_page(), close_lid(), open_lid(), size, KINDS, of_paper(paper), _dust()"),
        ("a.py", "from box import Box\n\nx = Box.█",
         "Box: KINDS, of_paper(paper), close_lid(), open_lid(), size, read_page(), _dust()"),
        ("a.py", "from box import Box\n\nclass C(Box):\n    def f(self):\n        dust = self.█",
         "C: f(), _dust(), close_lid(), open_lid(), size, KINDS, read_page(), of_paper(paper)"),
        ("a.py", "import kit\n\nkit.█", "kit: saw"),
        ("main.go", 'package main\n\nimport "x.org/api"\n\nfunc f() {\n\tapi.█\n}',
         "api: Open()"),
        ("api/more.go", "package api\n\nfunc f(s Open) {\n\ts.█\n}", None),
    ],
)  # fmt: skip
def test_likeliest_first(path: str, text: str, expected: str | None) -> None:
    repository = MemoryRepository(RANKED, without=[path])
    hint = hint_at(place_in(path, text), repository, FileNames(repository.paths()))
    assert (render(hint, ("", ""), count_words, 100) if hint else None) == expected


def test_own_file_does_not_count() -> None:
    """What stands in the document at other places must not decide, least of all the answer."""
    text = "from box import Box\n\n\n\ndef f(b: Box):\n    b.█"
    own = {**RANKED, "a.py": "read_page read_page\n" * 9}
    repository = Overlay(MemoryRepository(own), {}, "a.py")
    hint = hint_at(place_in("a.py", text), repository, FileNames(repository.paths()))
    assert hint is not None
    first = [part.short for part in hint.parts][:3]
    assert first == ["close_lid()", "open_lid()", "size"]


OWN = "class A:\n    def one(self): ...\n    def two(self): ...\n\n    def f(self):\n        self.█"


@pytest.mark.parametrize(
    ("visible", "expected"),
    [(range(0), "A: one(), two(), f()"), (range(2, 6), "A: one()"), (range(6), None)],
)
def test_nothing_that_is_in_view(visible: range, expected: str | None) -> None:
    hint = hint_for("main.py", OWN, visible)
    assert (render(hint, ("", ""), count_words, 100) if hint else None) == expected


def test_called_function_in_view() -> None:
    text = "def near(a, b): ...\n\nnear(█"
    assert hint_for("main.py", text, range(2)) is None
    assert hint_for("main.py", text) == Hint("near(", (Part("a", "a"), Part("b", "b")), ")")


MEMBERS = Hint("C: ", (Part("get()", "get(key)"), Part("put()", "put(a, b)"), Part("url", "url")))
CALL = Hint("get(", (Part("key", "key: str"), Part("n", "n: int = 1")), ") -> int")


@pytest.mark.parametrize(
    ("hint", "budget", "expected"),
    [
        (MEMBERS, 40, "# C: get(key), put(a, b), url"),
        (MEMBERS, 30, "# C: get(key), put(), url"),
        (MEMBERS, 24, "# C: get(), put(), url"),
        (MEMBERS, 19, "# C: get(), put()"),
        (MEMBERS, 15, "# C: get(key)"),
        (MEMBERS, 8, ""),
        (CALL, 40, "# get(key: str, n: int = 1) -> int"),
        (CALL, 31, "# get(key: str, n) -> int"),
        (CALL, 24, "# get(key, n) -> int"),
        (CALL, 20, "# get(key"),
        (CALL, 0, ""),
    ],
)
def test_render_keeps_to_the_budget(hint: Hint, budget: int, expected: str) -> None:
    assert render(hint, ("# ", ""), len, budget) == expected


def test_counts_nothing_but_the_texts_it_named() -> None:
    for hint in (MEMBERS, CALL):
        known = {text: len(text) for text in texts_to_count(hint, ("/* ", " */"))}
        assert render(hint, ("/* ", " */"), known.__getitem__, 60).endswith(" */")


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(
        alphabet=st.sampled_from("aAbcClientself.:>-()[]{}<>,;=&*?!'\"`|\\/#@$ \n\t\r\x0cé\ud800"),
        max_size=120,
    ),
    tail=st.sampled_from(["", ".", "c.", "(", "Client(", "self.", "::", "->"]),
    language=st.sampled_from(sorted(LANGUAGES)),
    budget=st.integers(0, 60),
)
def test_random_text_never_raises(text: str, tail: str, language: str, budget: int) -> None:
    path = f"main{(LANGUAGES[language].endings or ('.txt',))[0]}"
    hint = hint_for(path, f"{PYTHON if language == 'python' else ''}{text}{tail}█")
    if hint:
        written = render(hint, ("# ", ""), len, budget)
        assert len(written) <= budget
        assert "\n" not in written
    assert hint == hint_for(path, f"{PYTHON if language == 'python' else ''}{text}{tail}█")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c = Client()\nc.█", ["_drop", "_hidden", "close", "get", "get_all", "put", "url"]),
        ("c = Client()\nc.pu█", ["put"]),
        ("c = Client()\nc.get(█", []),
        ("c = unknown()\nc.█", []),
        ("c█", []),
    ],
)
def test_members_are_all_that_may_stand_behind_the_dot(text: str, expected: list[str]) -> None:
    repository = MemoryRepository(TEXTS)
    place = place_in("main.py", PYTHON + text)
    found = members_at(place, repository, FileNames(repository.paths()))
    assert sorted(found) == expected
