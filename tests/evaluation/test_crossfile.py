import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from fimbul_models.corpus.packages import Package
from fimbul_models.corpus.projects import Project, ProjectFile
from fimbul_models.errors import RecipeError
from fimbul_models.evaluation.crossfile import (
    CrossFileRecipe,
    cut_items,
    find_cross_places,
    find_natural_places,
    read_recipe,
)
from fimbul_models.evaluation.items import Item, read_items, write_items
from fimbul_models.evaluation.linking import link
from fimbul_models.evaluation.tokens import LANGUAGES
from lsp_server.syntax.languages import language_of_path
from lsp_server.text import split_lines

RECIPES = Path(__file__).parents[2] / "models" / "recipes"

PYTHON = {
    "pack/models.py": (
        "from dataclasses import dataclass\n\n\n@dataclass\nclass Order:\n"
        "    customer_name: str\n    total: int = 0\n\n"
        "    def total_price(self, tax: float) -> float:\n        return self.total * tax\n\n\n"
        "class SpecialOrder(Order):\n    pass\n\n\ndef load_orders(path):\n    return []\n"
    ),
    "pack/__init__.py": "from .models import Order as Order\n",
    "pack/other.py": "def write_report(text): ...\n",
}
SCRIPT = {
    "src/store.ts": (
        "export class Store {\n  size = 0\n  readEntry(key: string): number { return 1 }\n}\n"
        "export function openStore(path: string): Store { return new Store() }\n"
    ),
    "src/index.ts": "export * from './store'\n",
}
GO = {
    "internal/store/store.go": (
        "package store\n\ntype Store struct {\n\tSize int\n}\n\n"
        "func Open(path string) *Store { return nil }\n\n"
        "func (s *Store) ReadEntry(key string) int { return 1 }\n"
    ),
    "cmd/other.go": "package cmd\n\nfunc runOther(name string) int { return 1 }\n",
}
RUST = {
    "src/store.rs": (
        "pub struct Store {\n    pub size: usize,\n}\n\nimpl Store {\n"
        "    pub fn read_entry(&self, key: &str) -> u8 { 1 }\n}\n"
    ),
}
JAVA = {
    "src/a/b/Store.java": (
        "package a.b;\n\npublic class Store {\n    public int readEntry(String key) {\n"
        "        return 1;\n    }\n}\n"
    ),
}
C = {
    "store.h": "struct store { int entry_size; };\nint store_read(struct store *store, int key);\n",
    "store.c": '#include "store.h"\n\nint store_read(struct store *store, int key) { return 1; }\n',
}
OTHERS = {"py": PYTHON, "ts": SCRIPT, "js": SCRIPT, "go": GO, "rs": RUST, "java": JAVA, "c": C}


def project_of(files: dict[str, str], name: str = "demo") -> Project:
    found = []
    for path, text in sorted(files.items()):
        language = language_of_path(path)
        assert language is not None
        found.append(ProjectFile(path, text, language.name, is_own="test" not in path))
    return Project(name, tuple(found))


def places(path: str, text: str) -> list[str]:
    """Return what is found in the file at `path` beside `OTHERS`, in the order of the text."""
    others = OTHERS[path.rpartition(".")[2]]
    found = find_cross_places(link(project_of({**others, path: text}), LANGUAGES))
    lines = split_lines(text)
    return [
        f"{place.kind}: "
        + lines[place.line][: place.column].lstrip()
        + "█"
        + lines[place.line][place.column :].rstrip("\n")
        + f" [{place.found[0].path}]"
        for place in found
        if place.file.path == path and place.kind != "in-word"
    ]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (
            "pack/use.py",
            "from .models import Order\n\norder = Order(1)\nprint(order.total_price(2))\n",
            [
                "other: order = █Order(1) [pack/models.py]",
                "after-dot: print(order.█total_price(2)) [pack/models.py]",
            ],
        ),
        (
            "pack/use.py",
            "from pack import Order\n\n\ndef show(order: Order, more):\n"
            "    return more(customer_name=order.customer_name)\n",
            [
                "other: def show(order: █Order, more): [pack/models.py]",
                "after-dot: return more(customer_name=order.█customer_name) [pack/models.py]",
            ],
        ),
        (
            "pack/use.py",
            "from . import models\n\nmodels.load_orders(__file__)\n",
            ["after-dot: models.█load_orders(__file__) [pack/models.py]"],
        ),
        (
            "pack/use.py",
            "from .models import SpecialOrder\n\nx = SpecialOrder(customer_name=str())\n"
            "x.total_price(1)\n",
            [
                "other: x = █SpecialOrder(customer_name=str()) [pack/models.py]",
                "after-paren: x = SpecialOrder(█customer_name=str()) [pack/models.py]",
                "after-dot: x.█total_price(1) [pack/models.py]",
            ],
        ),
        (
            "pack/use.py",
            "from .models import Order\n\n\nclass Mine(Order):\n    def run(self):\n"
            "        return self.total_price(1)\n",
            [
                "after-paren: class Mine(█Order): [pack/models.py]",
                "after-dot: return self.█total_price(1) [pack/models.py]",
            ],
        ),
        # What comes from elsewhere is not ours, whatever it is called.
        ("pack/use.py", "import pandas\n\npandas.load_orders(1)\npandas.x.total_price(1)\n", []),
        ("pack/use.py", "from elsewhere import load_orders\n\nload_orders(1)\n", []),
        ("pack/use.py", "from wire import Order\n\nOrder(customer_name=1)\n", []),
        ("pack/use.py", "import wire\n\nwire.Order(customer_name=1)\n", []),
        # Nothing is taken from a file that defines the name itself.
        ("pack/use.py", "def load_orders(x): ...\n\n\nload_orders(1)\n", []),
        # A receiver without a type, and a name that may mean anything.
        ("pack/use.py", "def run(thing):\n    return thing.total\n", []),
        # The type is known and lacks the member.
        (
            "pack/use.py",
            "from .models import Order\n\n\nclass Own: ...\n\n\nx = Own()\nx.total_price(1)\n",
            [],
        ),
        # An import says nothing around it.
        ("pack/use.py", "from .models import load_orders\n", []),
        # A string that nobody can know.
        (
            "pack/use.py",
            "from .models import load_orders\n\nload_orders('some/path/that/is/new')\n",
            [],
        ),
        ("pack/use.py", "from .models import load_orders\n\nload_orders(unheard_of)\n", []),
        (
            "pack/use.py",
            "from .models import load_orders\n\n# See load_orders.\nx = ['load_orders', 1]\n",
            [
                "in-comment: # See loa█d_orders. [pack/models.py]",
                "in-string: x = ['load_or█ders', 1] [pack/models.py]",
            ],
        ),
        (
            "src/use.ts",
            "import { openStore } from './store'\n\nconst store = openStore('a')\n"
            "store.readEntry('a')\n",
            [
                "other: const store = █openStore('a') [src/store.ts]",
                "after-dot: store.█readEntry('a') [src/store.ts]",
            ],
        ),
        (
            "src/use.ts",
            "import { Store as S } from '.'\n\nconst s = new S()\nlog(s.readEntry('a'))\n",
            ["after-dot: log(s.█readEntry('a')) [src/store.ts]"],
        ),
        (
            "src/use.js",
            "const { openStore } = require('./store')\n\nopenStore('a')\n",
            ["line-start: █openStore('a') [src/store.ts]"],
        ),
        ("src/use.ts", "import { openStore } from 'store'\n\nopenStore('a')\n", []),
        (
            "cmd/use.go",
            'package cmd\n\nimport "example.org/a/b/internal/store"\n\nfunc run() {\n'
            '\ts := store.Open("a")\n\ts.ReadEntry("a")\n\trunOther("a")\n}\n',
            [
                'after-dot: s := store.█Open("a") [internal/store/store.go]',
                'after-dot: s.█ReadEntry("a") [internal/store/store.go]',
                'line-start: █runOther("a") [cmd/other.go]',
            ],
        ),
        (
            "src/use.rs",
            "use crate::store::Store;\n\nfn run(store: &Store) -> u8 {\n"
            '    store.read_entry("a")\n}\n',
            [
                "other: fn run(store: &█Store) -> u8 { [src/store.rs]",
                'after-dot: store.█read_entry("a") [src/store.rs]',
            ],
        ),
        (
            "src/a/c/Use.java",
            "package a.c;\n\nimport a.b.Store;\n\nclass Use {\n    int run(Store store) {\n"
            '        return store.readEntry("a");\n    }\n}\n',
            [
                "after-paren: int run(█Store store) { [src/a/b/Store.java]",
                'after-dot: return store.█readEntry("a"); [src/a/b/Store.java]',
            ],
        ),
        (
            "use.c",
            '#include "store.h"\n\nint run(struct store *store) {\n'
            "    return store_read(store, store->entry_size);\n}\n",
            [
                "other: return █store_read(store, store->entry_size); [store.c]",
                "after-dot: return store_read(store, store->█entry_size); [store.h]",
            ],
        ),
    ],
)  # fmt: skip
def test_only_what_another_file_defines_is_found(path: str, text: str, expected: list[str]) -> None:
    padded = text + "\n" * 20
    assert places(path, padded) == expected


def test_names_are_also_cut_inside() -> None:
    text = "from .models import load_orders\n\nload_orders(1)\n" + "\n" * 20
    found = find_cross_places(link(project_of({**PYTHON, "pack/use.py": text}), LANGUAGES))
    columns = [place.column for place in found if place.kind == "in-word"]
    assert len(columns) == 1
    assert 2 <= columns[0] <= len("load_orders") - 2


def test_a_name_that_many_files_define_says_nothing() -> None:
    use = {"pack/use.py": "from .models import load_orders\n\nload_orders(1)\n" + "\n" * 20}
    copies = {f"pack/copy{n}.py": "def load_orders(path): ...\n" for n in range(3)}
    for number, expected in ((2, 2), (3, 0)):
        more = dict(list(copies.items())[:number])
        found = find_cross_places(link(project_of({**PYTHON, **use, **more}), LANGUAGES))
        assert len([place for place in found if place.file.path == "pack/use.py"]) == expected


def recipe_of(**changes: object) -> CrossFileRecipe:
    recipe = CrossFileRecipe(
        name="trial",
        seed=1,
        cross_items=12,
        natural_items=12,
        items_per_file=3,
        shares={"python": 0.5, "typescript": 0.5},
        kinds={"after-dot": 0.5, "in-word": 0.5},
        packages=(),
    )
    values = {name: getattr(recipe, name) for name in recipe.__struct_fields__}
    return CrossFileRecipe(**{**values, **changes})


def projects() -> list[Project]:
    python, script = dict(PYTHON), dict(SCRIPT)
    for number in range(6):
        python[f"pack/use{number}.py"] = "from .models import Order\n\n\n" + "".join(
            f"def run_{number}_{n}(order: Order):\n    x_{number}_{n} = order.total_price({n})\n"
            f"    return order.customer_name + x_{number}_{n}\n"
            for n in range(3)
        )
        script[f"src/use{number}.ts"] = "import { Store } from './store'\n" + "".join(
            f"export function run{number}x{n}(store: Store) {{\n"
            f"  const a{number}x{n} = store.readEntry('a')\n  return a{number}x{n}\n}}\n"
            for n in range(3)
        )
    return [project_of(python, "one"), project_of(script, "two")]


def test_items_hold_the_whole_document() -> None:
    texts = {(p.name, file.path): file.text for p in projects() for file in p.files}
    items = cut_items(projects(), recipe_of())
    assert len(items) == 24
    assert len({item.task_id for item in items}) == 24
    for item in items:
        assert item.prefix + item.answer + item.suffix == texts[item.project, item.path]
        assert item.suffix.startswith("\n")
        place = item.task_id.rsplit(":", 2)[1:]
        assert item.prefix.count("\n") + 1 == int(place[0])
        assert len(split_lines(item.prefix)[-1]) + 1 == int(place[1])


def test_languages_kinds_and_files_get_their_share() -> None:
    items = cut_items(projects(), recipe_of())
    cross = [item for item in items if item.kind.startswith("cross/")]
    assert Counter(item.language for item in cross) == {"python": 6, "typescript": 6}
    assert Counter(item.kind for item in cross) == {"cross/after-dot": 6, "cross/in-word": 6}
    per_file = Counter((item.kind.split("/")[0], item.path) for item in items)
    assert max(per_file.values()) <= 3
    lines = [split_lines(item.prefix)[-1] + item.answer for item in cross]
    assert len(set(lines)) == len(lines)


def test_definitions_are_told_with_their_types() -> None:
    items = cut_items(projects(), recipe_of(kinds={"after-dot": 0.5, "other": 0.5}))
    told = {(item.identifier, item.definition_path, item.definition) for item in items}
    assert (
        "total_price",
        "pack/models.py",
        "class Order\n    def total_price(self, tax: float) -> float",
    ) in told
    assert (
        "Order",
        "pack/models.py",
        "class Order\n    customer_name: str\n    total: int = 0\n"
        "    def total_price(self, tax: float) -> float",
    ) in told
    natural = [item for item in items if item.kind.startswith("natural/")]
    assert {(item.identifier, item.definition) for item in natural} == {("", "")}


def test_what_one_language_lacks_another_one_gives() -> None:
    items = cut_items(projects(), recipe_of(shares={"python": 0.5, "rust": 0.5}))
    cross = [item for item in items if item.kind.startswith("cross/")]
    assert len(cross) == 12
    assert "typescript" in {item.language for item in cross}


def test_the_seed_decides_the_items() -> None:
    assert cut_items(projects(), recipe_of()) == cut_items(projects(), recipe_of())
    assert cut_items(projects(), recipe_of()) != cut_items(projects(), recipe_of(seed=2))


def test_an_answer_that_another_file_gives_away_is_left_out() -> None:
    one, two = projects()
    text = next(file.text for file in one.files if file.path == "pack/use0.py")
    copy = ProjectFile("tests/test_copy.py", text, "python", is_own=False)
    leaky = dataclasses.replace(one, files=(*one.files, copy))
    recipe = recipe_of(cross_items=1000, natural_items=1000)
    before = {item.path for item in cut_items([one, two], recipe)}
    after = {item.path for item in cut_items([leaky, two], recipe)}
    assert before - after == {"pack/use0.py"}


@pytest.mark.parametrize(
    "change",
    [
        {"pack/test_use.py": "from .models import load_orders\n\nload_orders(1)\n" + "\n" * 20},
    ],
)
def test_tests_are_never_cut(change: dict[str, str]) -> None:
    links = link(project_of({**PYTHON, **change}), LANGUAGES)
    paths = {place.file.path for place in (*find_cross_places(links), *find_natural_places(links))}
    assert not paths & change.keys()


def test_natural_places_are_tokens_of_code() -> None:
    text = "# A comment\nvalue = call(1)  # more\n'''a\nb'''\n"
    links = link(project_of({"a.py": text}), LANGUAGES)
    assert [(p.line, p.column, p.kind) for p in find_natural_places(links)] == [
        (1, 0, "line-start"),
        (1, 6, "other"),
        (1, 8, "other"),
        (1, 12, "other"),
        (1, 13, "after-paren"),
        (1, 14, "other"),
        (2, 0, "line-start"),
    ]


def test_items_survive_their_file(tmp_path: Path) -> None:
    items = cut_items(projects(), recipe_of())
    write_items(tmp_path / "items.jsonl.gz", items)
    assert read_items(tmp_path / "items.jsonl.gz") == items
    old = Item("t", "python", "a.py", "a", "b", "c", "line-start")
    assert (old.project, old.definition, old.definition_path, old.identifier) == ("",) * 4


def test_the_shipped_recipe_pins_permissive_packages() -> None:
    recipe = read_recipe(RECIPES / "cross-file.toml")
    permissive = {"MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "MIT OR Apache-2.0"}
    assert {package.licence for package in recipe.packages} <= permissive
    assert all(len(package.sha256) == 64 for package in recipe.packages)
    assert len({package.name for package in recipe.packages}) == len(recipe.packages) >= 20
    assert sum(recipe.shares.values()) == pytest.approx(1)
    assert sum(recipe.kinds.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "change",
    ["shares = {klingon = 1.0}", "kinds = {after-tea = 1.0}", "surprise = 1", "seed = 'x'", "= 1"],
)
def test_a_recipe_that_does_not_fit_is_explained(tmp_path: Path, change: str) -> None:
    values = {
        "name": "name = 'a'", "seed": "seed = 1", "cross_items": "cross_items = 1",
        "natural_items": "natural_items = 1", "items_per_file": "items_per_file = 1",
        "shares": "shares = {python = 1.0}", "kinds": "kinds = {other = 1.0}",
        "packages": "packages = []",
    }  # fmt: skip
    path = tmp_path / "recipe.toml"
    path.write_text("\n".join(values.values()))
    assert read_recipe(path).seed == 1
    values[change.split(" ")[0]] = change
    path.write_text("\n".join(values.values()))
    with pytest.raises(RecipeError, match=r"recipe\.toml cannot be used"):
        read_recipe(path)


def test_packages_of_a_recipe_say_where_they_are_from(tmp_path: Path) -> None:
    recipe = read_recipe(RECIPES / "cross-file.toml")
    origins = Counter(package.origin.value for package in recipe.packages)
    assert origins == {"wheel": 8, "npm": 5, "debian": 8}
    assert isinstance(recipe.packages[0], Package)
