"""Which class the expression at the cursor has: many short texts, and traps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.context.filenames import FileNames
from lsp_server.context.receiver import Types
from lsp_server.syntax.languages import LANGUAGES
from tests.context.memory import MemoryRepository, place_in

PYTHON = {
    "shop/__init__.py": "from .client import Client\n",
    "shop/base.py": (
        "class Base:\n    root: 'Store'\n    def close(self) -> None: ...\n"
        "    def again(self) -> 'Self': ...\n"
    ),
    "shop/client.py": (
        "from __future__ import annotations\n"
        "from .base import Base\n"
        "from .store import Store, make_store\n"
        "import shop.store as st\n"
        "class Client(Base):\n"
        "    def __init__(self, store: Store, other=None):\n"
        "        self.store = store\n"
        "        self.spare = Store()\n"
        "        self.made = make_store()\n"
        "        self.other = other\n"
        "        self.items: dict[str, Item] = {}\n"
        "    def get(self, key: str) -> Item | None: ...\n"
        "    async def fetch(self) -> list[Item]: ...\n"
        "    @property\n"
        "    def item(self) -> Item: ...\n"
        "    def __enter__(self) -> Session: ...\n"
        "class Item:\n    name: str\n    client: Client\n"
        "class Session:\n    def run(self): ...\n"
        "CLIENT = Client(Store())\n"
        "def connect(url: str) -> Client: ...\n"
        "def several(): ...\n"
    ),
    "shop/store.py": (
        "class Store:\n    def put(self, a, b): ...\n"
        "    @classmethod\n    def open(cls) -> 'Store': ...\n"
        "def make_store() -> Store: ...\n"
        "class Color(Enum):\n    RED = 1\n    def darker(self) -> 'Color': ...\n"
    ),
    "shop/alone.py": "class Lonely:\n    pass\n",
    "a/twice.py": "class Twice:\n    pass\n",
    "b/twice.py": "class Twice:\n    pass\n",
    "shop/session.py": "class Response:\n    pass\n",
}
IMPORT = (
    "from shop import Client\nfrom shop.client import connect, Item, CLIENT\nimport shop.store\n"
)

PYTHON_CASES = [
    # Where a name comes from.
    ("def f(c: Client):\n    c.█", "Client"),
    ("def f(c: 'Client | None' = None):\n    c.█", "Client"),
    ("def f(c: Optional[Client]):\n    c.█", "Client"),
    ("def f(\n    a,\n    c: Client,\n):\n    c.█", "Client"),
    ("c = Client(1)\nc.█", "Client"),
    ("c = Client(\n    1,\n)\nc.█", "Client"),
    ("c: Client = make()\nc.█", "Client"),
    ("c = connect('a')\nc.█", "Client"),
    ("def f():\n    c = connect('a').get('b')\n    c.█", "Item"),
    ("Client(1).█", "Client"),
    ("Client.█", "Client"),
    ("with connect('a') as c:\n    c.█", "Session"),
    ("with open('x') as g, connect('a') as c:\n    c.█", "Session"),
    ("def f(cs: list[Client]):\n    for c in cs:\n        c.█", "Client"),
    ("def f(cs: list[Client]):\n    for i, c in enumerate(cs):\n        c.█", "Client"),
    ("def f(cs: dict[str, Client]):\n    for k, c in cs.items():\n        c.█", "Client"),
    ("def f(cs: dict[str, Client]):\n    for c in cs.values():\n        c.█", "Client"),
    ("def f(cs: list[Client]):\n    return [c.█", None),
    ("def f(cs: list[Client]):\n    cs[0].█", "Client"),
    ("def f(cs: dict[str, list[Client]]):\n    cs['a'][0].█", "Client"),
    ("def f(cs: dict[str, Client]):\n    cs.get('a').█", "Client"),
    ("async def f(c: Client):\n    for i in await c.fetch():\n        i.█", "Item"),
    ("async def f(c: Client):\n    (await c.fetch())[0].█", "Item"),
    ("CLIENT.█", "Client"),
    ("if (c := Client()):\n    c.█", "Client"),
    ("x = Lonely()\nx.█", "Lonely"),
    ("c = Client\nc.█", "Client"),
    ("def f(x):\n    if isinstance(x, Client):\n        x.█", "Client"),
    ("def f(x):\n    if isinstance(x, Client) and x.█", "Client"),
    ("def f(x: Item):\n    assert isinstance(x, Client)\n    x.█", "Client"),
    ("def f(x: Item):\n    if isinstance(x, Client):\n        pass\n    x.█", "Item"),
    ("def f(x: Item):\n    if not isinstance(x, Client):\n        x.█", "Item"),
    ("def f(x: Item):\n    if a or isinstance(x, Client):\n        x.█", "Item"),
    # Members and chains.
    ("def f(c: Client):\n    c.store.█", "Store"),
    ("def f(c: Client):\n    c.spare.█", "Store"),
    ("def f(c: Client):\n    c.made.█", "Store"),
    ("def f(c: Client):\n    c.root.█", "Store"),
    ("def f(c: Client):\n    c.item.█", "Item"),
    ("def f(c: Client):\n    c.item.client.store.█", "Store"),
    ("def f(c: Client):\n    c.items['a'].█", "Item"),
    ("def f(c: Client):\n    c.again().█", "Client"),
    ("shop.store.Store().█", "Store"),
    ("shop.store.make_store().█", "Store"),
    ("x = shop.store.Store.open()\nx.█", "Store"),
    ("from shop.store import Color\nColor.RED.█", "Color"),
    # The class around.
    ("class A:\n    def f(self):\n        self.█", "A"),
    ("class A(Client):\n    def f(self):\n        self.store.█", "Store"),
    ("class A(Client):\n    def f(self):\n        super().█", "Client"),
    ("class A:\n    def __init__(self, c: Client):\n        self.c = c\n"
     "    def f(self):\n        self.c.█", "Client"),
    ("class A:\n    def __init__(self):\n        self.c = Client(1)\n\n"
     "    def f(self):\n        self.c.store.█", "Store"),
    ("class A:\n    c: Client\n    @classmethod\n    def f(cls):\n        cls().c.█", "Client"),
    ("class A:\n    def b(self) -> Client: ...\n    def f(self):\n        x = self.b()\n"
     "        x.█", "Client"),
    # Traps.
    ("def f(c: list[Client]):\n    c.█", None),
    ("def f(c: dict[str, Client]):\n    c.█", None),
    ("def f(c: Client):\n    c = other()\n    c.█", None),
    ("def f(c: Client):\n    a, c = pair()\n    c.█", None),
    ("def f(c: Client):\n    for c in things:\n        c.█", None),
    ("def f(c: Client | Item):\n    c.█", None),
    ("def f(c: Client):\n    c.unknown.█", None),
    ("def f(c: Client):\n    c.other.█", None),
    ("def f(c: Client):\n    c.close().█", None),
    ("def g():\n    c = Client(1)\n\ndef f(c):\n    c.█", None),
    ("def g():\n    c = Client(1)\n\nc.█", None),
    ("c = a + Client(1)\nc.█", None),
    ("c = Client(1) or None\nc.█", None),
    ("c = Client(1) if a else 2\nc.█", None),
    ("run(\n    c=Client(1),\n)\nc.█", None),
    ("x = {'c': Client}\nc.█", None),
    ("# c = Client(1)\nc.█", None),
    ("s = 'c = Client(1)'\nc.█", None),
    ("from requests import Client\nc = Client()\nc.█", None),
    ("from requests import Response\nResponse().█", None),
    ("Twice().█", None),
    ("several().█", None),
    ("def f(a):\n    lambda c: c.█", None),
    ("c = c\nc.█", None),
    ("a = b\nb = a\nb.█", None),
    ("self.█", None),
]  # fmt: skip


def class_at(path: str, text: str, texts: dict[str, str], prefix: str = "") -> str | None:
    repository = MemoryRepository(texts, without=[path])
    files = FileNames(repository.paths(), repository.name)
    found = Types(place_in(path, prefix + text), repository, files).receiver()
    return found.definition.name if found else None


@pytest.mark.parametrize(("text", "expected"), PYTHON_CASES, ids=[row[0] for row in PYTHON_CASES])
def test_python(text: str, expected: str | None) -> None:
    prefix = "" if text.startswith("from requests") else IMPORT
    assert class_at("main.py", text, PYTHON, prefix) == expected


SCRIPT = {
    "src/index.ts": "export * from './client';\nexport { Store as Shelf } from './store';\n",
    "src/client.ts": (
        "import { Store } from './store';\n"
        "export interface Item { name: string; owner: Client; }\n"
        "export class Client extends Base {\n"
        "  private items: Map<string, Item> = new Map();\n"
        "  spare = new Store();\n"
        "  constructor(private readonly store: Store, other: Store) { this.second = other; }\n"
        "  async get(key: string): Promise<Item | undefined> { return undefined }\n"
        "  get first(): Item { return this.items[0] }\n"
        "  list(): Item[] { return [] }\n"
        "  self(): this { return this }\n"
        "}\n"
        "class Base { root: Store; }\n"
        "export const connect = (url: string): Client => new Client(url);\n"
        "export type Alias = Client;\n"
    ),
    "src/store.ts": "export class Store { put(a: string, b = 1): void {} }\n",
}
SCRIPT_IMPORT = (
    "import { Client, connect, Item, Shelf, Alias } from '.';\nimport * as all from './store';\n"
)
SCRIPT_CASES = [
    ("const c = new Client(1);\nc.█", "Client"),
    ("function f(c: Client) {\n  c.█\n}", "Client"),
    ("const f = (c: Client) => c.█", "Client"),
    ("let c: Client | undefined;\nc?.█", "Client"),
    ("const c = connect('a');\nc.store.█", "Store"),
    ("async function f(c: Client) {\n  const i = await c.get('a');\n  i.█\n}", "Item"),
    ("async function f(c: Client) {\n  (await c.get('a')).owner.█\n}", "Client"),
    ("function f(c: Client) {\n  c.first.owner.█\n}", "Client"),
    ("function f(c: Client) {\n  c.second.█\n}", "Store"),
    ("function f(c: Client) {\n  c.spare.█\n}", "Store"),
    ("function f(c: Client) {\n  c.root.█\n}", "Store"),
    ("function f(c: Client) {\n  c.list()[0].█\n}", "Item"),
    ("function f(c: Client) {\n  for (const i of c.list()) {\n    i.█\n  }\n}", "Item"),
    ("function f(c: Client) {\n  c.list().forEach((i) => i.█", "Item"),
    ("function f(c: Client) {\n  c.list().filter(Boolean).map(i => {\n    i.█", "Item"),
    ("function f(c: Client) {\n  c.self()\n    .self()\n    .█", "Client"),
    ("const s = new all.Store();\ns.█", "Store"),
    ("const s = new Shelf();\ns.█", "Store"),
    ("let a: Alias;\na.█", "Client"),
    ("const c = x as Client;\nc.█", "Client"),
    ("function f(x: Item) {\n  if (x instanceof Client) {\n    x.█\n  }\n}", "Client"),
    ("class A {\n  c: Client;\n  f() {\n    this.c.█\n  }\n}", "Client"),
    ("class A {\n  constructor(private c: Client) {}\n  f() {\n    this.c.█\n  }\n}", "Client"),
    ("function f(m: Map<string, Client>) {\n  m.get('a')!.█", "Client"),
    # Traps.
    ("function f(c: Promise<Client>) {\n  c.█\n}", None),
    ("function f(c: Client) {\n  c.get('a').█\n}", None),
    ("function f(c: Client[]) {\n  c.█\n}", None),
    ("function f(c: Client) {\n  const { c } = other;\n  c.█\n}", None),
    ("const o = { c: Client };\nc.█", None),
    ("const c = a ? new Client() : 1;\nc.█", None),
    ("items.map((c) => c.█", None),
    ("function g() {\n  const c = new Client();\n}\nc.█", None),
    ("import { Client } from 'other';\nconst c = new Client();\nc.█", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SCRIPT_CASES, ids=[row[0] for row in SCRIPT_CASES])
def test_typescript(text: str, expected: str | None) -> None:
    prefix = "" if "'other'" in text else SCRIPT_IMPORT
    assert class_at("src/main.ts", text, SCRIPT, prefix) == expected


GO = {
    "store/store.go": (
        "package store\n\ntype Store struct {\n\tItems map[string]*Item\n\tList []Item\n}\n\n"
        "type Item struct {\n\tName string\n\tOwner *Store\n}\n\n"
        "func New(n int) (*Store, error) { return nil, nil }\n"
    ),
    "store/more.go": "package store\n\nfunc (s *Store) Get(key string) (*Item, bool) { }\n",
    "helper.go": 'package main\n\nimport "x.org/store"\n\n'
    "type App struct {\n\tstore *store.Store\n}\n\n"
    "func build() *App { }\n",
}
GO_IMPORT = 'package main\n\nimport "github.com/me/repo/store"\n\n'
GO_CASES = [
    ("func f(s *store.Store) {\n\ts.█\n}", "Store"),
    ("func f() {\n\ts, err := store.New(1)\n\ts.█\n}", "Store"),
    ("func f(s *store.Store) {\n\ti, ok := s.Get(\"a\")\n\ti.Owner.█\n}", "Store"),
    ("func f(s *store.Store) {\n\tfor _, i := range s.List {\n\t\ti.█\n\t}\n}", "Item"),
    ("func f(s *store.Store) {\n\tfor _, i := range s.Items {\n\t\ti.█\n\t}\n}", "Item"),
    ("func f() {\n\ts := &store.Store{}\n\ts.█\n}", "Store"),
    ("func f() {\n\tvar s store.Store\n\ts.█\n}", "Store"),
    ("func f() {\n\ta := build()\n\ta.store.█\n}", "Store"),
    ("func (a *App) f() {\n\ta.store.█\n}", "Store"),
    ("func (a *App) f() {\n\ta.█\n}", "App"),
    ("func f(a, b *App) {\n\ta.█\n}", "App"),
    ("func f(x any) {\n\tx.(*App).█\n}", "App"),
    # Traps.
    ("func f() {\n\ts, err := store.New(1)\n\terr.█\n}", None),
    ("func f(s *store.Store) {\n\ts.List.█\n}", None),
    ("func f() {\n\ts := other()\n\ts.█\n}", None),
    ("func g(s *store.Store) {\n}\n\nfunc f(s int) {\n\ts.█\n}", None),
    ("func f(s *other.Store) {\n\ts.█\n}", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), GO_CASES, ids=[row[0] for row in GO_CASES])
def test_go(text: str, expected: str | None) -> None:
    assert class_at("main.go", text, GO, GO_IMPORT) == expected


RUST = {
    "src/lib.rs": "pub mod store;\npub use store::Store;\n",
    "src/store.rs": (
        "use std::sync::Arc;\n"
        "pub struct Store { pub item: Item, shared: Arc<Item>, list: Vec<Item> }\n"
        "impl Store {\n    pub fn new(n: u8) -> Self { }\n"
        "    pub fn open(n: u8) -> Result<Self, Error> { }\n"
        "    pub fn get(&self, key: &str) -> Option<Item> { }\n"
        "    pub fn locked(&self) -> Arc<Mutex<Item>> { }\n}\n"
        "pub struct Item { pub name: String }\nimpl Item { pub fn store(&self) -> &Store { } }\n"
        "pub enum Kind { A, B }\n"
    ),
}
RUST_IMPORT = "use crate::store::{Item, Kind};\nuse crate::Store;\n\n"
RUST_CASES = [
    ("fn f(s: &Store) {\n    s.█\n}", "Store"),
    ("fn f(s: &mut Store) {\n    s.item.█\n}", "Item"),
    ("fn f(s: Store) {\n    s.shared.█\n}", "Item"),
    ("fn f() {\n    let s = Store::new(1);\n    s.█\n}", "Store"),
    ("fn f() -> R {\n    let s = Store::open(1)?;\n    s.█\n}", "Store"),
    ("fn f() {\n    let s = Store::open(1).unwrap();\n    s.█\n}", "Store"),
    ("fn f(s: Store) {\n    if let Some(i) = s.get(1) {\n        1\n    }\n    s.█\n}", "Store"),
    ("fn f(s: Store) {\n    if let Some(i) = s.get(1) {\n        i.█\n    }\n}", "Item"),
    ("fn f(s: Store) {\n    s.get(1).unwrap().store().█\n}", "Store"),
    ("fn f(s: Store) {\n    s.locked().lock().unwrap().█\n}", "Item"),
    ("fn f(s: Store) {\n    for i in s.list.iter() {\n        i.█\n    }\n}", "Item"),
    ("fn f(s: Option<Arc<Store>>) {\n    s.unwrap().clone().█\n}", "Store"),
    ("fn f() {\n    Store::█\n}", "Store"),
    ("fn f() {\n    crate::store::Store::█\n}", "Store"),
    ("fn f() {\n    let s = Store { n: 1 };\n    s.█\n}", "Store"),
    ("struct A { s: Store }\nimpl A {\n    fn f(&self) {\n        self.s.█\n    }\n}", "Store"),
    ("struct A { s: Store }\nimpl A {\n    fn f(&self) {\n        Self::█\n    }\n}", "A"),
    # Traps.
    ("fn f(s: Option<Store>) {\n    s.█\n}", None),
    ("fn f(s: Vec<Store>) {\n    s.█\n}", None),
    ("fn f(s: &Store) {\n    s.get(1).█\n}", None),
    ("fn f(s: &Store) {\n    let s = other();\n    s.█\n}", None),
    ("fn f(s: &Store) {\n    let (s, t) = pair();\n    s.█\n}", None),
    ("use serde::Store;\nfn f(s: serde::Store) {\n    s.█\n}", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), RUST_CASES, ids=[row[0] for row in RUST_CASES])
def test_rust(text: str, expected: str | None) -> None:
    prefix = "" if "serde" in text else RUST_IMPORT
    assert class_at("src/main.rs", text, RUST, prefix) == expected


OTHERS: dict[str, tuple[str, dict[str, str], str, list[tuple[str, str | None]]]] = {
    "java": (
        "src/org/shop/Main.java",
        {
            "src/org/shop/Client.java": (
                "package org.shop;\nimport org.shop.core.Store;\n"
                "public class Client extends Base {\n"
                "  private final Store store;\n  public Client(Store store) { }\n"
                "  public Store getStore() { }\n  public Optional<Store> find(String key) { }\n"
                "  public List<Store> all() { }\n  public static Client of(int n) { }\n}\n"
            ),
            "src/org/shop/core/Store.java": (
                "package org.shop.core;\npublic class Store {\n  public void put(int a) { }\n}\n"
            ),
        },
        "package org.shop;\nimport org.shop.core.Store;\n\nclass Main {\n  private Client client;\n"
        "  void f(Client given, Store[] many) {\n    ",
        [
            ("given.█", "Client"),
            ("client.getStore().█", "Store"),
            ("this.client.█", "Client"),
            ("this.█", "Main"),
            ("Client c = other();\n    c.█", "Client"),
            ("var c = new Client(null);\n    c.█", "Client"),
            ("var c = Client.of(1);\n    c.store.█", "Store"),
            ("for (Store s : given.all()) {\n      s.█", "Store"),
            ("for (var s : given.all()) {\n      s.█", "Store"),
            ("given.all().get(0).█", "Store"),
            ("given.find(1).get().█", "Store"),
            ("((Store) x).█", "Store"),
            ("many[0].█", "Store"),
            ("many.█", None),
            ("given.all().█", None),
            ("given.find(1).█", None),
            ("List<Client> c = x;\n    c.█", None),
            ("var c = x ? given : 1;\n    c.█", None),
            ("unknown.█", None),
        ],
    ),
    "cpp": (
        "src/main.cpp",
        {
            "src/client.hpp": (
                "#include \"store.hpp\"\nclass Client : public Base {\n public:\n"
                "  Store* store();\n"
                "  std::unique_ptr<Store> owned;\n  std::vector<Store> list;\n};\n"
                "Client* make_client(int a);\n"
            ),
            "src/store.hpp": "struct Store {\n  void put(int a);\n};\n",
        },
        "#include \"client.hpp\"\n\nvoid f(Client& c, const std::shared_ptr<Store>& s) {\n  ",
        [
            ("c.█", "Client"),
            ("c.store()->█", "Store"),
            ("c.owned->█", "Store"),
            ("s->█", "Store"),
            ("auto x = make_client(1);\n  x->█", "Client"),
            ("Client x(1);\n  x.█", "Client"),
            ("Client* x = nullptr;\n  x->█", "Client"),
            ("auto* x = new Client();\n  x->█", "Client"),
            ("for (const auto& x : c.list) {\n    x.█", "Store"),
            ("Client::█", "Client"),
            ("s.█", None),
            ("c.list.█", None),
            ("return x.█", None),
        ],
    ),
    "csharp": (
        "src/Main.cs",
        {
            "src/Client.cs": (
                "namespace Shop {\n  public class Client {\n    private readonly Store _store;\n"
                "    public Store Store { get; set; }\n"
                "    public async Task<Store> Get(string key) { }\n"
                "    public IEnumerable<Store> All() { }\n  }\n}\n"
            ),
            "src/Store.cs": "namespace Shop {\n  public class Store { void Put() { } }\n}\n",
        },
        "namespace Shop {\n  class Main {\n    private Client _client;\n"
        "    void F(Client c) {\n      ",
        [
            ("c.█", "Client"),
            ("_client.Store.█", "Store"),
            ("var s = await c.Get(1);\n      s.█", "Store"),
            ("foreach (var s in c.All()) {\n        s.█", "Store"),
            ("var x = new Client();\n      x.█", "Client"),
            ("if (o is Store s) s.█", "Store"),
            ("c.Get(1).█", None),
            ("c.All().█", None),
        ],
    ),
    "kotlin": (
        "src/Main.kt",
        {
            "src/Client.kt": (
                "package shop\nclass Client(val store: Store) {\n"
                "  fun get(key: String): Store? { }\n"
                "  fun all(): List<Store> { }\n}\nclass Store {\n  fun put() { }\n}\n"
            )
        },
        "package shop\nclass Main(private val client: Client) {\n  fun f(c: Client) {\n    ",
        [
            ("c.█", "Client"),
            ("client.store.█", "Store"),
            ("val x = Client(1)\n    x.█", "Client"),
            ("val x = c.get(1)\n    x?.█", "Store"),
            ("c.get(1)!!.█", "Store"),
            ("for (x in c.all()) {\n      x.█", "Store"),
            ("c.all().█", None),
            ("val x = if (a) c else d\n    x.█", None),
        ],
    ),
    "php": (
        "src/Main.php",
        {
            "src/Client.php": (
                "<?php\nnamespace Shop;\nclass Client {\n  private Store $store;\n"
                "  public function __construct(private Store $second) { }\n"
                "  public function get(string $key): ?Store { }\n"
                "  public static function make(): self { }\n}\n"
            ),
            "src/Store.php": "<?php\nnamespace Shop;\nclass Store {\n  function put() { }\n}\n",
        },
        "<?php\nnamespace Shop;\nclass Main {\n  private Client $client;\n"
        "  public function f(Client $c) {\n    ",
        [
            ("$c->█", "Client"),
            ("$this->client->get(1)->█", "Store"),
            ("$this->client->second->█", "Store"),
            ("$x = new Client();\n    $x->█", "Client"),
            ("Client::█", "Client"),
            ("$x = Client::make();\n    $x->█", "Client"),
            ("$x = $a + 1;\n    $x->█", None),
        ],
    ),
    "ruby": (
        "lib/main.rb",
        {"lib/store.rb": "class Store\n  def put(a)\n  end\nend\n"},
        "class Main\n  def f(a)\n    ",
        [
            ("s = Store.new\n    s.█", "Store"),
            ("self.█", "Main"),
            ("Store.█", "Store"),
            ("s, t = pair\n    s.█", None),
            ("s = other\n    s.█", None),
        ],
    ),
    "swift": (
        "Sources/main.swift",
        {
            "Sources/Client.swift": (
                "class Client {\n  let store: Store\n  func get(_ key: String) -> Store? { }\n}\n"
                "struct Store {\n  func put() { }\n}\n"
            )
        },
        "class Main {\n  let client: Client\n  func f(c: Client, many: [Store]) {\n    ",
        [
            ("c.█", "Client"),
            ("client.store.█", "Store"),
            ("let x = Client()\n    x.█", "Client"),
            ("if let x = c.get(1) {\n      x.█", "Store"),
            ("guard let x = c.get(1) else { return }\n    x.█", "Store"),
            ("for x in many {\n      x.█", "Store"),
            ("many.█", None),
        ],
    ),
    "scala": (
        "src/Main.scala",
        {
            "src/Client.scala": (
                "package shop\nclass Client(val store: Store) {\n"
                "  def get(key: String): Store = { }\n}\n"
                "class Store {\n  def put() { }\n}\n"
            )
        },
        "package shop\nclass Main {\n  def f(c: Client, many: List[Store]) = {\n    ",
        [
            ("c.█", "Client"),
            ("c.store.█", "Store"),
            ("val x = new Client(1)\n    x.█", "Client"),
            ("val x = c.get(1)\n    x.█", "Store"),
            ("for (x <- many) {\n      x.█", "Store"),
            ("many.█", None),
        ],
    ),
    "lua": (
        "main.lua",
        {"shop.lua": "local M = {}\nfunction M.get(key) end\nreturn M\n"},
        "local shop = require('shop')\n",
        [("local x = 1\nx.█", None), ("shop.█", None)],
    ),
}  # fmt: skip
OTHER_CASES = [
    (language, text, expected) for language, row in OTHERS.items() for text, expected in row[3]
]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    OTHER_CASES,
    ids=[f"{row[0]}: {row[1]}" for row in OTHER_CASES],
)
def test_other_languages(language: str, text: str, expected: str | None) -> None:
    path, texts, prefix, _ = OTHERS[language]
    if language != "lua":
        opened = (prefix + text).count("{") - (prefix + text).count("}")
        text += (
            "\n    other()\n  end\nend\n"
            if language == "ruby"
            else "\n    other();" + "\n}" * opened
        )
    assert class_at(path, text, texts, prefix) == expected


MEMBERS = [
    ("def f(c: Client):\n    c.█",
     "__init__ store spare made other items get fetch item __enter__ root close again"),
    ("class B(A): pass\nclass A(B):\n    x = 1\n    def f(self):\n        self.█", "x f"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MEMBERS)
def test_members_own_first_and_cycles_end(text: str, expected: str) -> None:
    repository = MemoryRepository(PYTHON)
    types = Types(place_in("main.py", IMPORT + text), repository, FileNames(repository.paths()))
    found = types.receiver()
    assert found
    assert [item.definition.name for item in types.members(found)] == expected.split()


CALLEES = [
    ("def f(c: Client):\n    c.get(█", "Client.get"),
    ("Client(█", "Client"),
    ("connect(1, █", "connect"),
    ("shop.store.make_store(█", "make_store"),
    ("class A(Client):\n    def f(self):\n        super().close(█", "Base.close"),
    ("def f(c: list[Client]):\n    c.get(█", None),
    ("print(█", None),
]


@pytest.mark.parametrize(("text", "expected"), CALLEES)
def test_callee(text: str, expected: str | None) -> None:
    repository = MemoryRepository(PYTHON)
    files = FileNames(repository.paths())
    found = Types(place_in("main.py", IMPORT + text), repository, files).callee()
    name = (
        ".".join(filter(None, (found.definition.container, found.definition.name)))
        if found
        else None
    )
    assert name == expected


def test_bases_of_the_class_around() -> None:
    repository = MemoryRepository(PYTHON)
    place = place_in("main.py", IMPORT + "class A(Client, Other):\n    def f(self):\n        █")
    found = Types(place, repository, FileNames(repository.paths())).bases()
    assert [item.definition.name for item in found] == ["Client"]


def test_type_name_of_an_expression() -> None:
    repository = MemoryRepository(PYTHON)
    place = place_in("main.py", IMPORT + "c = Client(1)\n█")
    types = Types(place, repository, FileNames(repository.paths()))
    assert types.type_name_of("c.store") == "Store"
    assert types.type_name_of("c + 1") == ""


def test_few_questions_to_the_repository() -> None:
    repository = MemoryRepository(PYTHON)
    text = IMPORT + "def f(c: Client):\n    x = c.item.client.store\n    x.put(c.get(1).█"
    place = place_in("main.py", text)
    types = Types(place, repository, FileNames(repository.paths()))
    repository.questions.clear()
    found = types.receiver()
    types.callee()
    assert found
    types.members(found)
    assert len(repository.questions) <= 15


WORDS = (
    "self this super c Client Store . -> :: ?. ( ) [ ] { } < > , : ; = := => & * ? ! ' \" ` | \\ /"
    " # @ $ def class fn func let const var for in of as with if import from return new await"
    " enumerate lambda map[ []*Foo ${ {{ }} \n \n\n \t 1 é 名 \r \x0c \ud800 \0"
)
PIECES = st.sampled_from(WORDS.split(" "))


@settings(max_examples=300, deadline=None)
@given(
    pieces=st.lists(PIECES | st.text(max_size=4), max_size=40),
    glue=st.sampled_from(["", " "]),
    language=st.sampled_from(sorted(LANGUAGES)),
)
def test_random_text_never_raises(pieces: list[str], glue: str, language: str) -> None:
    ending = (LANGUAGES[language].endings or (".txt",))[0]
    repository = MemoryRepository(PYTHON)
    place = place_in(f"main{ending}", glue.join(pieces) + "█")
    types = Types(place, repository, FileNames(repository.paths()))
    found = types.receiver()
    if found:
        types.members(found)
    types.callee()
    types.bases()
