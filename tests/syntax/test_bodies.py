"""Which places are empty bodies, in every language that has bodies: whole and broken text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.syntax.bodies import Body, body_at, may_be_body
from lsp_server.syntax.body_rules import RULES
from lsp_server.syntax.languages import LANGUAGES, language_for
from lsp_server.syntax.tree import parse
from lsp_server.text import split_lines
from lsp_server.types import Position

FUNCTIONS = {
    "python": [
        "def f(x):█",
        "def f(x):\n    █\n",
        "def f(x):\n    █\n\ndef g():\n    pass\n",
        "class A:\n    def f(\n        self,\n        x: int,\n    ) -> None:\n        █\n",
        'def f(x):\n    """Say what."""\n    █\n',
        'def f(x):\n    """Say what.\n\n    And more: here\n    """\n\n    █\n\nx = 1\n',
        "async def f(x):  # noqa: X\n    # Then do it.\n    █\n",
        "class A:\n    @property\n    def f(self):\n        █\n\n    def g(self): ...\n",
        "x = foo(1,\ndef f(a, b):\n    █\n",
        "def outer():\n    def f(a):\n        █\n    return f\n",
    ],
    "javascript": [
        "function f(x) {\n  █\n}\n",
        "function f(x) {█}",
        "function f(x) { █ }",
        "function f(x) {█",
        "const f = async (a) => {\n  █\n};\n",
        "class A {\n  m(x) {\n    █\n  }\n\n  n() {}\n}\n",
        "class A {\n  m(x) {\n    █\n\n  n() {}\n}\n",
        "export default function App() {\n  // Sort it.\n  █\n}\n",
    ],
    "typescript": [
        "export function f(x: number): string {\n  █\n}\n",
        "class A {\n  private async m(x: T<U>): Promise<void> {\n    █\n  }\n}\n",
    ],
    "tsx": ["const App: FC<P> = ({ a }) => {\n  █\n};\n"],
    "go": [
        "package a\n\nfunc f(x int) (string, error) {\n\t█\n}\n",
        "package a\n\nfunc (a *A) f() {\n\t█\n\nfunc g() {\n}\n",
        "package a\n\nfunc f() {█}\n",
    ],
    "rust": [
        "pub fn f<T>(x: T) -> Result<T, E>\nwhere\n    T: Clone,\n{\n    █\n}\n",
        "impl A {\n    fn f(&self) -> &'static str {\n        █\n    }\n}\n",
    ],
    "java": [
        "class A {\n    @Override\n    public int f(List<A> x) throws E {\n        █\n    }\n}\n",
        "class A {\n    A(int x) {\n        █\n    }\n}\n",
        "class A {\n    int f() {\n        █\n\n    int g() {\n        return 1;\n    }\n}\n",
    ],
    "c": ["int f(int a)\n{\n    █\n}\n", "static void f(void) {█}\n"],
    "cpp": [
        "A::A(int x)\n    : x_(x) {\n  █\n}\n",
        "template <typename T>\nT f(const T& a) const {\n  █\n}\n",
        "auto f = [&](int x) {\n  █\n};\n",
    ],
    "csharp": [
        "class A\n{\n    public int F(int x)\n    {\n        █\n    }\n}\n",
        "class A {\n    int X { get {█} }\n}\n",
    ],
    "ruby": [
        "def f(x)\n  █\nend\n",
        "class A\n  def self.f(x)\n    █\n  end\nend\n",
        "class A\n  def f\n    █\n\n  def g\n  end\nend\n",
    ],
    "php": [
        "<?php\nfunction f(int $x): array {\n    █\n}\n",
        "<?php\nclass A\n{\n    public function f()\n    {\n        █\n    }\n}\n",
    ],
    "lua": [
        "local function f(x)\n  █\nend\n",
        "function M.f(a, b)\n  █\n",
        "M.f = function(a)\n  █\nend\n",
    ],
    "bash": ["f() {\n  █\n}\n", "function f {\n  █\n}\n"],
    "kotlin": [
        "fun f(x: Int): Int {\n    █\n}\n",
        "class A {\n    override fun f() {\n        █\n    }\n}\n",
    ],
    "scala": ["object O {\n  def f(x: Int): Int = {\n    █\n  }\n}\n"],
    "swift": [
        "func f(x: Int) -> Int {\n    █\n}\n",
        "class A {\n    init(x: Int) {\n        █\n    }\n}\n",
    ],
}

BLOCKS = {
    "python": [
        "if x:\n    █\n",
        "if x:█",
        "if x:\n    pass\nelif y:\n    █\n",
        "if x:\n    pass\nelse:\n    █\nz = 1\n",
        "for a in b:  # all\n    █\n\nprint(a)\n",
        "while True:\n    █",
        "try:\n    f()\nexcept (A,\n        B) as e:\n    █\n",
        "with a as b:\n    # Now read.\n    █\n",
        "class A:\n    █\n",
        'class A:\n    """What it is."""\n\n    █\n',
        "match x:\n    case [1, _]:\n        █\n",
        "y = (1,\nfor a in b:\n    █\n",
    ],
    "javascript": [
        "if (x) {\n  █\n}\n",
        "if (x) {\n  y();\n} else {\n  █\n}\n",
        "for (const a of b) {█",
        "items.forEach((item) => {\n  █\n});\n",
        "try {\n  f();\n} catch (e) {\n  █\n}\n",
        "class A {\n  █\n}\n",
        "function f() {\n  if (x) {\n    █\n  return 1;\n}\n",
        "function f() {\n  for (;;) {\n    █\n}\n",
    ],
    "typescript": ["interface A {\n  █\n}\n", "enum E {\n  █\n}\n"],
    "tsx": ["while (x) {\n  █\n}\n"],
    "go": [
        "package a\n\nfunc f() {\n\tif err != nil {\n\t\t█\n\t}\n\treturn x\n}\n",
        "package a\n\nfunc f() {\n\tfor i := range x {\n\t\t█\n}\n",
        "package a\n\ntype S struct {\n\t█\n}\n",
        "package a\n\ntype I interface {\n\t█\n}\n",
    ],
    "rust": [
        "fn g() {\n    match x {\n        █\n    }\n}\n",
        "fn g() {\n    if let Some(x) = y {\n        █\n    } else {\n        z();\n    }\n}\n",
        "struct A {\n    █\n}\n",
        "impl Display for A {\n    █\n}\n",
    ],
    "java": [
        "class A {\n    void f() {\n        for (A a : b) {\n            █\n        }\n    }\n}\n",
        "class A {\n    █\n}\n",
        "class A {\n    void f() {\n        a.b(x -> {\n            █\n        });\n    }\n}\n",
    ],
    "c": ["int f() {\n    while (1)\n    {\n        █\n    }\n}\n", "struct s {\n    █\n};\n"],
    "cpp": ["namespace n {\n█\n}\n", "class A {\n  █\n};\n", "void g() { for (auto a : b) {█} }"],
    "csharp": [
        "class A {\n  void F() {\n    foreach (var a in b)\n    {\n      █\n    }\n  }\n}\n",
        "enum E {\n    █\n}\n",
    ],
    "ruby": [
        "if x\n  █\nend\n",
        "a.each do |x|\n  █\nend\n",
        "a.map { |x|\n  █\n}\n",
        "class A < B\n  █\nend\n",
        "begin\n  f\nrescue E => e\n  █\nend\n",
        "if x\n  a\nelse\n  █\nend\n",
        "case x\nwhen 1\n  █\nend\n",
    ],
    "php": ["<?php\nforeach ($a as $b) {\n    █\n}\n", "<?php\nclass A {\n    █\n}\n"],
    "lua": [
        "for i = 1, 2 do\n  █\nend\n",
        "if x then\n  █\nelse\n  y()\nend\n",
        "if x then\n  y()\nelse\n  █\nend\n",
        "repeat\n  █\nuntil x\n",
        "repeat\n  █\n",
    ],
    "bash": [
        "if x; then\n  █\nfi\n",
        "for a in b; do\n  █\ndone\n",
        "if x; then\n  y\nelse\n  █\nfi\n",
        "while read -r x; do\n  █\n",
        "if x\nthen\n  █\nfi\n",
    ],
    "kotlin": [
        "fun f() {\n    for (a in b) {\n        █\n    }\n}\n",
        "fun f() {\n    a.map { x ->\n        █\n    }\n}\n",
        "fun f() {\n    when (x) {\n        █\n    }\n}\n",
    ],
    "scala": [
        "object O {\n  for (a <- b) {\n    █\n  }\n}\n",
        "object O {\n  x match {\n    █\n  }\n}\n",
    ],
    "swift": [
        "for a in b {\n    █\n}\n",
        "func f() {\n    guard let a = b else {\n        █\n    }\n}\n",
        "if x {\n    █\n} else {\n    y()\n}\n",
    ],
    "css": [".a > b {\n  █\n}\n", "@media x {\n  █\n}\n"],
}

NEITHER = {
    "python": [
        "x = 1\n█\n",
        "if x:\n    y = 1\n    █\n",
        "def f():\n    █\n    return 1\n",
        "def f():\n    return 1\n    █\n",
        "x = {\n    █\n}\n",
        'x = {"a":█}\n',
        "x = y[1:█",
        "f = lambda x:█",
        '"""\nif x:\n    █\n"""\n',
        '"""Doc.\n\ndef f():\n    █\n',
        "# if x:\n█\n",
        "def f(x):\n█\n",
        "def f(█):\n    pass\n",
        "def f(x):█ return 1\n",
        "if x:\n    pass\n█\n",
        "def f():\n    x = [\n        █\n    ]\n",
        "x: int = 1\n█",
        "s = 'if x:█",
    ],
    "javascript": [
        "const x = {\n  █\n};\n",
        "foo({\n  █\n});\n",
        "return {█}",
        "if (x) {\n  █\n  y();\n}\n",
        "function f() {\n  y();\n  █\n}\n",
        "`\nif (x) {\n  █\n`\n",
        "/*\nif (x) {\n  █\n*/\n",
        "import {█} from 'a';\n",
        "switch (x) {\n  case 1: {█ y(); }\n}\n",
    ],
    "go": ["package a\n\nvar x = []int{\n\t█\n}\n", "package a\n\nvar x = A{█}\n"],
    "rust": ["fn g() {\n    let a = A {\n        █\n    };\n}\n", "use a::{█};\n"],
    "java": ["class A {\n    int[] x = {\n        █\n    };\n}\n"],
    "c": ["int a[] = {\n    █\n};\n"],
    "ruby": ["x = {\n  █\n}\n", "x = 1 if y\n█\n", "def f = 1\n█\n"],
    "lua": ["x = {\n  █\n}\n"],
    "bash": ["x=${█}\n", "echo {█\n", "f() {\n  x\n  █\n}\n"],
    "csharp": ["class A { void F() { var x = new B {█}; } }\n"],
    "json": ['{\n  "a": {\n    █\n  }\n}\n'],
    "yaml": ["a:\n  █\n"],
    "toml": ["[a]\n█\n"],
    "html": ["<p>{█</p>\n"],
    "markdown": ["If x:\n    █\n"],
    "sql": ["select a from b\n█\n"],
}


def ask(language: str, text: str) -> Body | None:
    place, row = text.split("█"), text.split("█")[0]
    lines = split_lines("".join(place))
    above = split_lines(row)
    tree = parse(LANGUAGES[language], lines)
    assert tree is not None
    return tree.body_at(Position(len(above) - 1, len(above[-1])))


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(language, text) for language, texts in table.items() for text in texts]


@pytest.mark.parametrize(("language", "text"), cases(FUNCTIONS))
def test_a_function_is_to_be_written(language: str, text: str) -> None:
    body = ask(language, text)
    assert body is not None
    assert body.is_function


@pytest.mark.parametrize(("language", "text"), cases(BLOCKS))
def test_a_block_is_to_be_written(language: str, text: str) -> None:
    body = ask(language, text)
    assert body is not None
    assert not body.is_function


@pytest.mark.parametrize(("language", "text"), cases(NEITHER))
def test_nothing_of_the_kind(language: str, text: str) -> None:
    assert ask(language, text) is None


def test_every_language_with_bodies_has_a_row_and_cases() -> None:
    without = {"html", "json", "markdown", "sql", "toml", "yaml"}
    assert set(RULES) == set(LANGUAGES) - without
    assert set(FUNCTIONS) == set(RULES) - {"css"}
    assert set(BLOCKS) == set(RULES)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("python", "class A:\n    def f(\n            a):\n        █", (4, "", False)),
        ("javascript", "  if (x) {\n    █\n  }\n", (2, "}", True)),
        ("javascript", "  if (x) {\n    █\n  y();\n", (2, "}", False)),
        ("javascript", "function f() {\n  if (x) {\n    █\n}\n", (2, "}", False)),
        ("cpp", "A::A()\n    : x(1) {\n  █\n}\n", (0, "}", True)),
        ("go", "package a\n\nfunc f() {\n\tif x {\n\t\t█\n\t}\n}\n", (4, "}", True)),
        ("bash", "for a in b; do\n  █\n", (0, "done", False)),
        ("lua", "if x then\n  █\n", (0, "end", False)),
        ("ruby", "a.map { |x|\n  █\n}\n", (0, "}", True)),
    ],
)
def test_where_it_ends(language: str, text: str, expected: tuple[int, str, bool]) -> None:
    body = ask(language, text)
    assert body is not None
    assert (body.indentation, body.closer, body.is_closed) == expected


def test_code_in_other_text_has_bodies_too() -> None:
    body = ask("markdown", "# A\n\n```python\ndef f(x):\n    █\n```\n")
    assert body is not None
    assert body.is_function
    assert ask("html", "<script>\nif (x) {\n  █\n}\n</script>\n") is not None


@pytest.mark.parametrize(
    ("text", "is_function"),
    [
        ("void f(int a) {\n  █\n}\n", True),
        ("int f(int a) {█}\n", True),
        ("for (var a in b) {\n  █\n}\n", False),
        ("class A {\n  █\n}\n", False),
        ("var x = {\n  █\n};\n", None),
        ("f({\n  █\n});\n", None),
    ],
)
def test_a_language_without_grammar_is_judged_by_its_lines(
    text: str, is_function: bool | None
) -> None:
    lines = split_lines(text.replace("█", ""))
    above = split_lines(text.split("█")[0])
    place = Position(len(above) - 1, len(above[-1]))
    assert language_for("dart", "a.dart") is None
    body = body_at(lines, place, None, lambda _: None)
    assert (body and body.is_function) == is_function


@pytest.mark.parametrize("piece", ["# ", "if x: ", ") ", "{ ", "function (", "class ", '"'])
def test_long_lines_are_no_headers(piece: str) -> None:
    lines = (piece * 20_000 + "'\n", "    \n")
    for language in (None, *(LANGUAGES[name] for name in RULES)):
        assert not may_be_body(lines, Position(1, 4), language)
        assert not may_be_body(lines, Position(0, len(lines[0]) - 1), language)


TOKENS = st.sampled_from(
    ["def f():", "if x:", "\n", "    ", "\t", "{", "}", "(", ")", '"""', "# ", "else:", "x = 1",
     "fn f() {", "function f() {", "end", "do", "then", "=> {", "case 1:", '"', "é", "/*", "*/"]
)  # fmt: skip


@given(st.lists(TOKENS, max_size=25), st.integers(0, 400), st.sampled_from(sorted(RULES)))
def test_any_text_is_judged(pieces: list[str], at: int, name: str) -> None:
    text = "".join(pieces)
    lines = split_lines(text)
    above = split_lines(text[:at])
    place = Position(len(above) - 1, len(above[-1]))
    tree = parse(LANGUAGES[name], lines)
    assert tree is not None
    body = tree.body_at(place)
    if body is not None:
        assert may_be_body(lines, place, LANGUAGES[name])
        assert not lines[place.line][place.column :].strip(" \t\r\n)]};,")
